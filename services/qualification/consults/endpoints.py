"""HTTP paths of consults: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import list_answer, wants_csv
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.qualification.consults import schemas, service
from services.qualification.opportunities.errors import (
    OpportunityNotYoursError,
    OpportunityUnknownError,
)
from services.qualification.plans.scope import OutOfReachError, UserUnknownError

router = APIRouter(route_class=ServiceRoute, tags=["consults"], responses=problems(*COMMON_ERRORS))

OpportunityId = Annotated[UUID, Path(description="The opportunity's id.")]


@router.post(
    "/opportunities/{opportunity_id}/consults",
    status_code=201,
    responses={
        201: {"model": schemas.Consult},
        **problems(OpportunityUnknownError, OpportunityNotYoursError),
    },
)
async def record_consult(
    opportunity_id: OpportunityId, body: schemas.ConsultCreate, caller: Caller, session: Write
) -> Response:
    """Records an opportunity consult: the summary, the team's questions and critiques, and what
    came of it."""
    return json_answer(await service.record(session, caller, opportunity_id, body.stated()), 201)


@router.get(
    "/opportunities/{opportunity_id}/consults",
    responses={200: {"model": schemas.ConsultPage}, **problems(OpportunityUnknownError)},
)
async def list_consults(
    request: Request,
    opportunity_id: OpportunityId,
    caller: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """The opportunity's consults in the order they were recorded."""
    rows = await service.list_consults(session, caller, opportunity_id, page)
    items, cursor = page.cut(rows, lambda row: [row["id"]])
    return list_answer(request, items, cursor, list(schemas.Consult.model_fields))


@router.get(
    "/consults/coverage",
    responses={
        200: {"model": schemas.Coverage}, **problems(UserUnknownError, OutOfReachError),
    },
)  # fmt: skip
async def get_coverage(
    request: Request,
    caller: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    user_id: Annotated[
        str | None,
        Query(max_length=300, description="A user's id or external id: that user and all below."),
    ] = None,
) -> Response:
    """The share of large, late deals that had a consult lately, by number and by Net ARR, and the
    deals that had none, a page at a time. As CSV: those deals."""
    content = await service.coverage(session, caller, user_id, page)
    if wants_csv(request):
        columns = list(schemas.LackingDeal.model_fields)
        return list_answer(request, content["lacking"], content["next_cursor"], columns)
    return json_answer(content)
