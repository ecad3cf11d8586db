"""HTTP paths of the acceptance test and of conversion: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response

from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import list_answer
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.qualification.acceptance import schemas, service
from services.qualification.acceptance.errors import LeadNotConvertibleError
from services.qualification.leads.errors import LeadNotFoundError
from services.qualification.leads.schemas import Conversion

router = APIRouter(
    route_class=ServiceRoute, tags=["acceptance"], responses=problems(*COMMON_ERRORS)
)

LeadId = Annotated[UUID, Path(description="The lead's id.")]


@router.post(
    "/leads/{lead_id}/assessments",
    status_code=201,
    responses={201: {"model": schemas.Assessment}, **problems(LeadNotFoundError)},
)
async def assess_lead(
    lead_id: LeadId, body: schemas.AssessmentCreate, principal: Caller, session: Write
) -> Response:
    """The acceptance test on what is known: a verdict and every reason, kept with the version of
    the policy that gave it. It changes nothing about the lead."""
    made = await service.assess_lead(session, principal, lead_id, body)
    return json_answer(schemas.assessment_json(made), 201)


@router.get(
    "/leads/{lead_id}/assessments",
    responses={200: {"model": schemas.AssessmentPage}, **problems(LeadNotFoundError)},
)
async def list_assessments(
    request: Request,
    lead_id: LeadId,
    principal: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """Every test of the lead, oldest first; the last one counts."""
    rows = await service.list_assessments(session, principal, lead_id, page)
    tests, next_cursor = page.cut(rows, lambda made: [str(made.id)])
    items = [schemas.assessment_json(made) for made in tests]
    return list_answer(request, items, next_cursor, list(schemas.Assessment.model_fields))


@router.post(
    "/leads/{lead_id}/conversion",
    status_code=202,
    responses={
        202: {"model": Conversion},
        **problems(LeadNotFoundError, LeadNotConvertibleError),
    },
)
async def convert_lead(lead_id: LeadId, principal: Caller, session: Write) -> Response:
    """Hands the lead over: the answer names the opportunity, which pipeline opens at stage 0 a
    moment later. Asking again gives the same id. The lead shows how far it is."""
    conversion = await service.convert_lead(session, principal, lead_id)
    content = {
        "opportunity_id": conversion.opportunity_id,
        "state": conversion.state,
        "reason": conversion.reason,
    }
    return json_answer(content, 202)
