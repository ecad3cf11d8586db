"""HTTP paths of nurture: parse, authorise, call, answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response

from services.kit.answers import if_match, record_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import list_answer
from services.kit.errors import StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.qualification.leads.errors import LeadMergedError, LeadNotFoundError
from services.qualification.nurture import schemas, service
from services.qualification.nurture.errors import NurtureActivityNotFoundError

router = APIRouter(route_class=ServiceRoute, tags=["nurture"], responses=problems(*COMMON_ERRORS))

LeadId = Annotated[UUID, Path(description="The lead's id.")]
_ONE = {"model": schemas.NurtureActivity}


def _shown(model: type[schemas.NurtureActivity], row: Mapping[str, Any], today: date) -> Any:
    is_due = row["done_at"] is None and row["planned_on"] <= today
    return {name: is_due if name == "is_due" else row[name] for name in model.model_fields}


@router.post(
    "/leads/{lead_id}/nurture-activities",
    status_code=201,
    responses={201: _ONE, **problems(LeadNotFoundError, LeadMergedError)},
)
async def plan_activity(
    request: Request,
    lead_id: LeadId,
    body: schemas.NurtureCreate,
    principal: Caller,
    session: Write,
) -> Response:
    """Plans something for a lead that may need us later."""
    row = await service.plan(session, principal, lead_id, body.stated())
    shown = _shown(schemas.NurtureActivity, row, await service.today(session))
    return record_answer(request, shown, row["version"], 201)


@router.get(
    "/leads/{lead_id}/nurture-activities",
    responses={200: {"model": schemas.NurturePage}, **problems(LeadNotFoundError)},
)
async def list_activities(
    request: Request,
    lead_id: LeadId,
    principal: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """What was and is planned for the lead, in the order it was planned."""
    rows = await service.list_of_lead(session, principal, lead_id, page)
    rows, next_cursor = page.cut(rows, lambda row: [str(row["id"])])
    day = await service.today(session)
    items = [_shown(schemas.NurtureActivity, row, day) for row in rows]
    return list_answer(request, items, next_cursor, list(schemas.NurtureActivity.model_fields))


@router.get(
    "/leads/{lead_id}/nurture-activities/{activity_id}",
    responses={200: _ONE, **problems(LeadNotFoundError, NurtureActivityNotFoundError)},
)
async def get_activity(
    request: Request, lead_id: LeadId, activity_id: UUID, principal: Caller, session: Read
) -> Response:
    """One activity."""
    row = await service.read(session, principal, lead_id, activity_id)
    shown = _shown(schemas.NurtureActivity, row, await service.today(session))
    return record_answer(request, shown, row["version"])


@router.patch(
    "/leads/{lead_id}/nurture-activities/{activity_id}",
    responses={
        200: _ONE,
        **problems(
            LeadNotFoundError, NurtureActivityNotFoundError, LeadMergedError, StaleVersionError
        ),
    },
)
async def change_activity(
    request: Request,
    lead_id: LeadId,
    activity_id: UUID,
    body: schemas.NurtureUpdate,
    principal: Caller,
    session: Write,
) -> Response:
    """Changes what is sent; `done_at` says that it is done."""
    row = await service.change(
        session, principal, lead_id, activity_id, body.stated(), if_match=if_match(request)
    )
    shown = _shown(schemas.NurtureActivity, row, await service.today(session))
    return record_answer(request, shown, row["version"])


@router.get("/nurture-activities", responses={200: {"model": schemas.PlannedPage}})
async def list_planned(
    request: Request,
    principal: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    filters: Annotated[schemas.PlannedFilters, Depends()],
) -> Response:
    """What is still to be done for the leads the caller may see, the earliest day first."""
    rows = await service.list_planned(session, principal, page, filters)
    rows, next_cursor = page.cut(rows, lambda row: [row["planned_on"], str(row["id"])])
    day = await service.today(session)
    items = [_shown(schemas.PlannedActivity, row, day) for row in rows]
    return list_answer(request, items, next_cursor, list(schemas.PlannedActivity.model_fields))
