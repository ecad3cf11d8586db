"""HTTP paths of hand-overs: of leads, from contacts, and the list of all."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Path, Request, Response

from services.kit.answers import json_answer
from services.kit.app import problems
from services.kit.csv_answer import list_answer
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.qualification.acceptance import schemas_conversions as schemas
from services.qualification.acceptance import service_convert
from services.qualification.acceptance.errors import (
    ContactNotConvertibleError,
    ContactUnknownError,
    ConversionNotFoundError,
    LeadNotConvertibleError,
    OpportunityIdTakenError,
)
from services.qualification.leads.errors import LeadMergedError, LeadNotFoundError

router = APIRouter(route_class=ServiceRoute)

LeadId = Annotated[UUID, Path(description="The lead's id.")]
_ONE = {"model": schemas.Conversion}


@router.post(
    "/leads/{lead_id}/conversion",
    status_code=202,
    responses={202: _ONE, **problems(LeadNotFoundError, LeadMergedError, LeadNotConvertibleError)},
)
async def convert_lead(
    lead_id: LeadId,
    principal: Caller,
    session: Write,
    body: Annotated[schemas.ConversionCreate | None, Body()] = None,
) -> Response:
    """Hands the lead over: the answer names the opportunity, which pipeline opens at stage 0 a
    moment later, with the contact and, where it is not there yet, the account. Asking again gives
    the same id and changes nothing, unless pipeline refused. The lead shows how far it is."""
    deal = body or schemas.ConversionCreate()
    conversion = await service_convert.convert_lead(session, principal, lead_id, deal)
    return json_answer(schemas.conversion_json(conversion), 202)


@router.get(
    "/leads/{lead_id}/conversion",
    responses={200: _ONE, **problems(LeadNotFoundError, ConversionNotFoundError)},
)
async def get_lead_conversion(lead_id: LeadId, principal: Caller, session: Read) -> Response:
    """How far the hand-over of the lead is, and who gave it to whom."""
    conversion = await service_convert.conversion_of_lead(session, principal, lead_id)
    return json_answer(schemas.conversion_json(conversion))


@router.post(
    "/conversions",
    status_code=202,
    responses={
        202: _ONE,
        **problems(ContactUnknownError, ContactNotConvertibleError, OpportunityIdTakenError),
    },
)
async def convert_contact(
    body: schemas.ContactConversionCreate, principal: Caller, session: Write
) -> Response:
    """An opportunity straight from a contact: tests what is sent, keeps the test and asks pipeline
    to open it at stage 0. Where more than Timing is missing it is refused, and nothing is kept."""
    conversion = await service_convert.convert_contact(session, principal, body)
    return json_answer(schemas.conversion_json(conversion), 202)


@router.get("/conversions", responses={200: {"model": schemas.ConversionPage}})
async def list_conversions(
    request: Request,
    principal: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    state: schemas.State | None = None,
) -> Response:
    """Hand-overs in the order in which they were asked for, with their states and reasons. A
    salesperson's key sees what it gave or got."""
    rows = await service_convert.list_conversions(session, principal, page, state)
    conversions, next_cursor = page.cut(rows, lambda row: [str(row.opportunity_id)])
    items = [schemas.conversion_json(row) for row in conversions]
    return list_answer(request, items, next_cursor, list(schemas.Conversion.model_fields))
