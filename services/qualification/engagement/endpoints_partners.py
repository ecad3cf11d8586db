"""HTTP paths of partners: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response

from services.kit.answers import if_match, record_answer
from services.kit.app import problems
from services.kit.csv_answer import list_answer
from services.kit.errors import StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.qualification.engagement import partners as service
from services.qualification.engagement import repository_partners as repository
from services.qualification.engagement.errors import (
    ActivityNotFoundError,
    PartnerNameTakenError,
    PartnerNotFoundError,
)
from services.qualification.engagement.schemas_partners import (
    Partner,
    PartnerFilters,
    PartnerMove,
    PartnerMovePage,
    PartnerPage,
    PartnerRecruited,
    PartnerUpdate,
)

router = APIRouter(route_class=ServiceRoute)

PartnerId = Annotated[UUID, Path(description="The partner's id.")]


@router.post(
    "/engagement-activities/{activity_id}/partners",
    status_code=201,
    response_model=Partner,
    responses={200: {"model": Partner}, **problems(ActivityNotFoundError)},
)
async def recruit_partner(
    activity_id: UUID, body: PartnerRecruited, request: Request, caller: Caller, session: Write
) -> Response:
    """A partner approached in the activity (201), or how far one has come that was approached
    before (200)."""
    partner_id, version, is_new = await service.recruit(session, caller, activity_id, body)
    partner = await service.require_partner(session, partner_id)
    return record_answer(request, dict(partner), version, 201 if is_new else 200)


@router.get("/partners", response_model=PartnerPage)
async def list_partners(
    request: Request,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    filters: Annotated[PartnerFilters, Depends()],
) -> Response:
    """Partners in the order in which they were first approached."""
    rows = await repository.list_partners(session, page, filters)
    rows, cursor = page.cut(rows, lambda row: [row["id"]])
    return list_answer(request, [dict(row) for row in rows], cursor, list(Partner.model_fields))


@router.get(
    "/partners/{partner_id}", response_model=Partner, responses=problems(PartnerNotFoundError)
)
async def get_partner(partner_id: PartnerId, request: Request, session: Read) -> Response:
    """One partner; 304 when `If-None-Match` names its version."""
    partner = await service.require_partner(session, partner_id)
    return record_answer(request, dict(partner), partner["version"])


@router.patch(
    "/partners/{partner_id}",
    response_model=Partner,
    responses=problems(PartnerNotFoundError, PartnerNameTakenError, StaleVersionError),
)
async def change_partner(
    partner_id: PartnerId, body: PartnerUpdate, request: Request, caller: Caller, session: Write
) -> Response:
    """Changes what is sent; every change of state stays in the history."""
    await service.change(session, caller, partner_id, body, if_match=if_match(request))
    partner = await service.require_partner(session, partner_id)
    return record_answer(request, dict(partner), partner["version"])


@router.get(
    "/partners/{partner_id}/history",
    response_model=PartnerMovePage,
    responses=problems(PartnerNotFoundError),
)
async def list_partner_history(
    partner_id: PartnerId,
    request: Request,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """Every state it went through, oldest first, and in which activity."""
    await service.require_partner(session, partner_id)
    rows = await repository.list_moves(session, partner_id, page)
    rows, cursor = page.cut(rows, lambda row: [row["id"]])
    items = [dict(row) for row in rows]
    return list_answer(request, items, cursor, list(PartnerMove.model_fields))
