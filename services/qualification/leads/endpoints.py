"""HTTP paths of leads: parse, authorise, call, answer."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response

from services.kit.answers import if_match, record_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.batch import Batch, BatchAnswer, BatchBody, same_external_id, sole
from services.kit.csv_answer import list_answer
from services.kit.errors import StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import ExternalId
from services.qualification.leads import listing, schemas, service
from services.qualification.leads.errors import (
    LeadExistsError,
    LeadMergedError,
    LeadNotFoundError,
    LeadStatusError,
)
from services.qualification.leads.record import Lead

router = APIRouter(route_class=ServiceRoute, tags=["leads"], responses=problems(*COMMON_ERRORS))

LeadId = Annotated[UUID, Path(description="The lead's id.")]
_ONE = {"model": schemas.Lead}


@router.post(
    "/leads", status_code=201, responses={201: _ONE, **problems(LeadExistsError, LeadStatusError)}
)
async def create_lead(
    request: Request, body: schemas.LeadCreate, principal: Caller, session: Write
) -> Response:
    """A new lead. Who may only see its own leads holds what it creates."""
    lead = await service.create_lead(session, principal, body.stated())
    return _lead_answer(request, lead, 201)


@router.get("/leads", responses={200: {"model": schemas.LeadPage}})
async def list_leads(
    request: Request,
    principal: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    filters: Annotated[schemas.LeadFilters, Depends()],
) -> Response:
    """Leads, oldest first or (`order=score`) best score first; filters combine. A salesperson's
    key sees the leads that are its own. Merged leads are left out unless they are asked for."""
    principal.require(*service.READERS)
    query = await service.make_query(session, principal, asdict(filters))
    rows = [] if query is None else await service.list_leads(session, page, query)
    leads, next_cursor = page.cut(rows, query.key_of if query is not None else None)
    items = [schemas.lead_json(lead) for lead in leads]
    return list_answer(request, items, next_cursor, list(schemas.Lead.model_fields))


@router.post("/leads/batch", status_code=207, responses={207: {"model": BatchAnswer}})
async def upsert_leads(
    body: BatchBody[schemas.LeadItem], principal: Caller, session: Write
) -> Response:
    """Creates or merges each lead by its `external_id`; a bad item does not fail the others."""
    batch = Batch(body.items, schemas.LeadItem)
    batch.settle_all(
        await service.upsert(session, principal, [item.stated() for item in batch.values])
    )
    return batch.answer()


@router.put(
    "/leads/by-external-id/{external_id:path}",
    responses={200: _ONE, 201: _ONE, **problems(LeadStatusError, StaleVersionError)},
)
async def put_lead(
    request: Request,
    external_id: ExternalId,
    body: schemas.LeadUpsert,
    principal: Caller,
    session: Write,
) -> Response:
    """Creates the lead (201) or merges into it (200): an absent field is unchanged, null clears."""
    same_external_id(external_id, body.external_id)
    values = {**body.stated(), "external_id": external_id}
    stored = sole(await service.upsert(session, principal, [values], if_match=if_match(request)))
    lead = await service.read_back(session, stored.id)
    return _lead_answer(request, lead, stored.status)


@router.get("/leads/{lead_id}", responses={200: _ONE, **problems(LeadNotFoundError)})
async def get_lead(request: Request, lead_id: LeadId, principal: Caller, session: Read) -> Response:
    """One lead, with how far its hand-over is."""
    principal.require(*service.READERS)
    lead = await service.require_lead(session, principal, lead_id)
    return _lead_answer(request, lead)


@router.patch(
    "/leads/{lead_id}",
    responses={
        200: _ONE,
        **problems(LeadNotFoundError, LeadStatusError, LeadMergedError, StaleVersionError),
    },
)
async def change_lead(
    request: Request,
    lead_id: LeadId,
    body: schemas.LeadUpdate,
    principal: Caller,
    session: Write,
) -> Response:
    """Changes what is sent. A move of status that the life cycle does not have is a 409."""
    lead = await service.change_lead(
        session, principal, lead_id, body.stated(), if_match=if_match(request)
    )
    return _lead_answer(request, lead)


@router.get(
    "/leads/{lead_id}/moves",
    responses={200: {"model": schemas.MovePage}, **problems(LeadNotFoundError)},
)
async def list_moves(
    request: Request,
    lead_id: LeadId,
    principal: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """Everything that changed the lead's status or holders, oldest record first."""
    principal.require(*service.READERS)
    await service.require_lead(session, principal, lead_id)
    rows = await listing.list_moves(session, lead_id, page)
    moves, next_cursor = page.cut(rows, lambda row: [str(row["id"])])
    items = [dict(move) for move in moves]
    return list_answer(request, items, next_cursor, list(schemas.Move.model_fields))


def _lead_answer(request: Request, lead: Lead, status: int = 200) -> Response:
    # How far a hand-over is shows in the lead, but is not a version of it.
    is_handed_over = lead.opportunity_id is not None
    return record_answer(
        request, schemas.lead_json(lead), lead.version, status, rests_on_more=is_handed_over
    )
