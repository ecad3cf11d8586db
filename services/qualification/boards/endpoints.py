"""HTTP paths of boards: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import csv_response, wants_csv
from services.kit.http import Caller, Read, ServiceRoute
from services.kit.schemas import Day
from services.qualification.boards import schemas, service, team
from services.qualification.boards.errors import OutOfReachError, PersonUnknownError
from services.qualification.boards.funnel.endpoints import router as funnel
from services.qualification.boards.service import Asked

router = APIRouter(route_class=ServiceRoute, tags=["boards"], responses=problems(*COMMON_ERRORS))

ITEMS_DEFAULT = 20
ITEMS_MAX = 200

_REFUSALS = problems(PersonUnknownError, OutOfReachError)
Reference = Annotated[
    str | None,
    Query(
        alias="user_id",
        max_length=255,
        description="A user's id or external id: that person and everybody below; one's own where "
        "nobody is named.",
    ),
]
On = Annotated[
    Day | None, Query(description="The day in the company's time zone; today if left out.")
]
Limit = Annotated[int, Query(ge=1, le=ITEMS_MAX, description="Items of each section.")]


@router.get("/boards/sdr", responses={200: {"model": schemas.SdrBoard}, **_REFUSALS})
async def read_sdr_board(
    request: Request,
    principal: Caller,
    session: Read,
    user_id: Reference = None,
    on: On = None,
    limit: Limit = ITEMS_DEFAULT,
    section: schemas.SdrSection | None = None,
) -> Response:
    """What somebody who qualifies leads has to do on a day: each thing once in its section, why it
    is there and what to do next. As CSV a row an item."""
    board = await service.sdr_board(session, principal, Asked(user_id, on, limit, section))
    return _board_answer(request, board)


@router.get("/boards/ae", responses={200: {"model": schemas.AeBoard}, **_REFUSALS})
async def read_ae_board(
    request: Request,
    principal: Caller,
    session: Read,
    user_id: Reference = None,
    on: On = None,
    limit: Limit = ITEMS_DEFAULT,
    section: schemas.AeSection | None = None,
) -> Response:
    """What a salesperson has to do on a day: accept, qualify, bring up to date, prepare."""
    board = await service.ae_board(session, principal, Asked(user_id, on, limit, section))
    return _board_answer(request, board)


@router.get("/boards/team", responses={200: {"model": schemas.Team}, **_REFUSALS})
async def read_team_board(
    request: Request,
    principal: Caller,
    session: Read,
    user_id: Reference = None,
    on: On = None,
) -> Response:
    """How much everybody below a person has in each section, and how many of their leads were
    answered in time. As CSV a row a person, and one for all."""
    board = await team.team_board(session, principal, user_id, on)
    return csv_response(schemas.team_rows(board)) if wants_csv(request) else json_answer(board)


def _board_answer(request: Request, board: dict[str, Any]) -> Response:
    if not wants_csv(request):
        return json_answer(board)
    columns = ["section", *schemas.BoardItem.model_fields]
    return csv_response(schemas.board_rows(board), columns)


router.include_router(funnel)
