"""HTTP paths of the life cycle: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import csv_response, wants_csv
from services.kit.http import Read, ServiceRoute
from services.pipeline.accounts.errors import AccountNotFoundError
from services.pipeline.customers.life_cycle import schemas, service

router = APIRouter(
    route_class=ServiceRoute,
    tags=["customers"],
    responses=problems(*COMMON_ERRORS),
)
Dimension = Annotated[str | None, Query(max_length=255)]


@router.get(
    "/accounts/{account_id}/life-cycle",
    response_model=schemas.LifeCycle,
    responses=problems(AccountNotFoundError),
)
async def get_life_cycle(account_id: UUID, session: Read) -> Response:
    """In which phase an account is, since when, and which record says so."""
    return json_answer(await service.life_cycle_of(session, account_id))


@router.get("/customers/life-cycle", response_model=schemas.LifeCycleReport)
async def get_report(
    request: Request,
    session: Read,
    user_id: Annotated[
        str | None,
        Query(max_length=255, description="Accounts whose owner is in this user's subtree."),
    ] = None,
    segment: Dimension = None,
    region: Dimension = None,
) -> Response:
    """How many accounts are in each phase, and what they pay a year. As CSV a row a phase."""
    told = await service.report(session, user_id, segment, region)
    if wants_csv(request):
        return csv_response(told["phases"], list(schemas.PhaseSum.model_fields))
    return json_answer(told)
