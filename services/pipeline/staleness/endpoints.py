"""HTTP paths of clocks: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import figure_answer, list_answer
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, encode_cursor, page_request
from services.kit.schemas import Day
from services.pipeline.opportunities.errors import OpportunityNotFoundError
from services.pipeline.staleness import schemas, service
from services.pipeline.staleness.errors import NoOpenRenewalError

router = APIRouter(
    route_class=ServiceRoute,
    tags=["clocks"],
    responses=problems(*COMMON_ERRORS),
)

User = Annotated[
    str | None, Query(max_length=255, description="A user's id or external id, with the subtree.")
]


@router.get(
    "/opportunities/{opportunity_id}/clocks",
    response_model=schemas.Clocks,
    responses=problems(OpportunityNotFoundError),
)
async def get_clocks(opportunity_id: UUID, caller: Caller, session: Read) -> Response:
    """What runs against an opportunity: since when, when it warns and when it closes; and why
    nothing does."""
    return json_answer(await service.read_one(session, caller, opportunity_id))


@router.get("/clocks", response_model=schemas.DueClockPage)
async def list_clocks(
    request: Request,
    caller: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    within_days: Annotated[int, Query(ge=0, le=3650)] = 7,
    user_id: User = None,
    kind: schemas.Kind | None = None,
) -> Response:
    """What will warn, close or be missed within so many days, the soonest first."""
    items, place = await service.read_due(
        session, caller, page, user=user_id, within_days=within_days, kind=kind
    )
    cursor = None if place is None else encode_cursor(place)
    return list_answer(request, items, cursor, list(schemas.DueClock.model_fields))


@router.get("/clocks/acceptance", response_model=schemas.AcceptanceReport)
async def get_acceptance(
    request: Request,
    caller: Caller,
    session: Read,
    from_: Annotated[Day, Query(alias="from")],
    to: Day,
    user_id: User = None,
) -> Response:
    """How many of the acceptances that began within a period were answered in time."""
    return figure_answer(
        request, await service.read_acceptance(session, caller, from_, to, user_id)
    )


@router.post(
    "/opportunities/{opportunity_id}/renewal-exception",
    status_code=201,
    response_model=schemas.RenewalException,
    responses=problems(OpportunityNotFoundError, NoOpenRenewalError),
)
async def post_renewal_exception(
    opportunity_id: UUID, body: schemas.ExceptionPost, caller: Caller, session: Write
) -> Response:
    """Leave to win a renewal after its window, by a manager or sales operations."""
    granted = await service.grant_exception(
        session,
        caller,
        opportunity_id,
        reason=body.reason,
        impact=body.impact,
        new_date=body.new_date,
    )
    return json_answer(granted, 201)


@router.get(
    "/opportunities/{opportunity_id}/renewal-exceptions",
    response_model=schemas.RenewalExceptions,
    responses=problems(OpportunityNotFoundError),
)
async def list_renewal_exceptions(opportunity_id: UUID, caller: Caller, session: Read) -> Response:
    """Every leave to renew late, the newest first."""
    return json_answer({"items": await service.list_exceptions(session, caller, opportunity_id)})
