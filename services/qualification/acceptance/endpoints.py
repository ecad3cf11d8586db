"""HTTP paths of the acceptance test and the screen: parse, authorise, call, answer. Those of
hand-overs are in `endpoints_conversions`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response

from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import list_answer
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.qualification.acceptance import (
    endpoints_conversions,
    schemas,
    schemas_screens,
    service,
    service_retest,
    service_screen,
)
from services.qualification.acceptance.errors import AssessmentNotFoundError
from services.qualification.leads.errors import LeadMergedError, LeadNotFoundError
from services.qualification.opportunities.errors import OpportunityUnknownError

router = APIRouter(
    route_class=ServiceRoute, tags=["acceptance"], responses=problems(*COMMON_ERRORS)
)
router.include_router(endpoints_conversions.router)

LeadId = Annotated[UUID, Path(description="The lead's id.")]
OpportunityId = Annotated[
    UUID, Path(description="The opportunity's id, also before pipeline has opened it.")
]
AssessmentId = Annotated[UUID, Path(description="The test's id.")]
_ONE = {"model": schemas.Assessment}
_COLUMNS = list(schemas.Assessment.model_fields)


@router.post(
    "/leads/{lead_id}/assessments",
    status_code=201,
    responses={201: _ONE, **problems(LeadNotFoundError, LeadMergedError)},
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
async def list_lead_assessments(
    request: Request,
    lead_id: LeadId,
    principal: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """Every test of the lead, oldest first; the last binding one counts."""
    rows = await service.list_of_lead(session, principal, lead_id, page)
    tests, next_cursor = page.cut(rows, lambda made: [str(made.id)])
    return list_answer(
        request, [schemas.assessment_json(made) for made in tests], next_cursor, _COLUMNS
    )


@router.post(
    "/opportunities/{opportunity_id}/assessments",
    status_code=201,
    responses={201: _ONE, **problems(OpportunityUnknownError)},
)
async def assess_opportunity(
    opportunity_id: OpportunityId,
    body: schemas.AssessmentCreate,
    principal: Caller,
    session: Write,
) -> Response:
    """The test again, of an opportunity: what is left out comes from it and, criterion by
    criterion, from its last test or that of its lead. While the last one does not accept, the
    opportunity stays at stage 0."""
    made = await service.assess_opportunity(session, principal, opportunity_id, body)
    return json_answer(schemas.assessment_json(made), 201)


@router.get(
    "/opportunities/{opportunity_id}/assessments",
    responses={200: {"model": schemas.AssessmentPage}, **problems(OpportunityUnknownError)},
)
async def list_opportunity_assessments(
    request: Request,
    opportunity_id: OpportunityId,
    principal: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """Every test of the opportunity and of the lead it came from, oldest first; `subject` says
    which. The last binding one counts."""
    rows = await service.list_of_opportunity(session, principal, opportunity_id, page)
    tests, next_cursor = page.cut(rows, lambda made: [str(made.id)])
    return list_answer(
        request, [schemas.assessment_json(made) for made in tests], next_cursor, _COLUMNS
    )


@router.get(
    "/assessments/{assessment_id}",
    responses={200: _ONE, **problems(AssessmentNotFoundError)},
)
async def get_assessment(assessment_id: AssessmentId, principal: Caller, session: Read) -> Response:
    """One test, as it was concluded; a later policy does not change it."""
    found = await service_retest.require_assessment(session, principal, assessment_id)
    return json_answer(schemas.assessment_json(found))


@router.post(
    "/assessments/{assessment_id}/retests",
    status_code=201,
    responses={201: _ONE, **problems(AssessmentNotFoundError, LeadMergedError)},
)
async def retest(
    assessment_id: AssessmentId,
    principal: Caller,
    session: Write,
    body: Annotated[schemas.RetestCreate | None, Body()] = None,
) -> Response:
    """The stored evidence under the policy in force, or under the version named, as a new test
    with what came out differently. It counts where it repeats the last test under the policy in
    force; otherwise it is a what-if."""
    version = body.policy_version if body is not None else None
    made = await service_retest.retest(session, principal, assessment_id, version)
    return json_answer(schemas.assessment_json(made), 201)


@router.get(
    "/assessments/{assessment_id}/comparison",
    responses={200: {"model": schemas.Comparison}, **problems(AssessmentNotFoundError)},
)
async def compare_assessments(
    assessment_id: AssessmentId,
    principal: Caller,
    session: Read,
    other_id: Annotated[
        UUID | None, Query(alias="with", description="The test this one repeats by default.")
    ] = None,
) -> Response:
    """From the other test to this one: what came out differently, and which facts and settings
    differ."""
    return json_answer(
        await service_retest.compare_with(session, principal, assessment_id, other_id)
    )


@router.post(
    "/leads/{lead_id}/screens",
    status_code=201,
    responses={
        201: {"model": schemas_screens.Screen},
        **problems(LeadNotFoundError, LeadMergedError),
    },
)
async def screen_lead(
    lead_id: LeadId, body: schemas_screens.ScreenCreate, principal: Caller, session: Write
) -> Response:
    """Budget, authority, need and timeline as a first look: a count and what is still open. Advice
    only: neither the test nor the hand-over asks for it."""
    made = await service_screen.screen_lead(session, principal, lead_id, body)
    return json_answer(schemas_screens.screen_json(made), 201)


@router.get(
    "/leads/{lead_id}/screens",
    responses={200: {"model": schemas_screens.ScreenPage}, **problems(LeadNotFoundError)},
)
async def list_screens(
    request: Request,
    lead_id: LeadId,
    principal: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """Every screen of the lead, oldest first."""
    rows = await service_screen.list_screens(session, principal, lead_id, page)
    screens, next_cursor = page.cut(rows, lambda made: [str(made.id)])
    items = [schemas_screens.screen_json(made) for made in screens]
    return list_answer(request, items, next_cursor, list(schemas_screens.Screen.model_fields))
