"""HTTP paths of merges: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.kit.answers import if_match, record_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import list_answer
from services.kit.errors import FieldProblem, InvalidPayloadError, StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.qualification.leads.errors import LeadNotFoundError
from services.qualification.leads.schemas import Lead, lead_json
from services.qualification.merges import schemas, service, twins
from services.qualification.merges.errors import LeadAlreadyMergedError, LeadsBothConvertedError
from services.qualification.merges.service import Asked

router = APIRouter(route_class=ServiceRoute, tags=["merges"], responses=problems(*COMMON_ERRORS))

LeadId = Annotated[UUID, Path(description="The lead's id.")]
Page = Annotated[PageRequest, Depends(page_request)]


@router.get("/leads/duplicates", response_model=schemas.TwinGroupPage)
async def list_duplicates(
    request: Request,
    principal: Caller,
    session: Read,
    page: Page,
    by: Annotated[schemas.By, Query(description="What the leads have in common.")] = "email",
) -> Response:
    """Groups of leads that may be one person. A public mail provider is no company."""
    groups = await twins.find(session, principal, by, page)
    items = [schemas.group_json(group) for group in groups.found]
    columns = list(schemas.TwinGroup.model_fields)
    return list_answer(request, items, groups.next_cursor, columns)


@router.post(
    "/leads/{lead_id}/merge",
    responses={
        200: {"model": Lead},
        **problems(
            LeadNotFoundError, LeadAlreadyMergedError, LeadsBothConvertedError, StaleVersionError
        ),
    },
)
async def merge_leads(
    request: Request,
    lead_id: LeadId,
    body: schemas.MergeCreate,
    principal: Caller,
    session: Write,
) -> Response:
    """Makes other leads part of this one, which is the answer. What they had becomes its own; they
    leave every list and say what they are part of."""
    asked = Asked(lead_id, _distinct(lead_id, body.lead_ids), body.keep, if_match(request))
    lead = await service.merge_leads(session, principal, asked)
    return record_answer(request, lead_json(lead), lead.version)


def _distinct(survivor_id: UUID, merged_ids: list[UUID]) -> list[UUID]:
    problems_ = [
        FieldProblem(f"/lead_ids/{place}", "named_twice", "is named already, or is the survivor")
        for place, lead_id in enumerate(merged_ids)
        if lead_id == survivor_id or lead_id in merged_ids[:place]
    ]
    if problems_:
        raise InvalidPayloadError(problems_)
    return merged_ids


@router.get(
    "/leads/{lead_id}/merges",
    response_model=schemas.MergePage,
    responses=problems(LeadNotFoundError),
)
async def list_merges(
    request: Request, lead_id: LeadId, principal: Caller, session: Read, page: Page
) -> Response:
    """What became part of the lead, over any number of steps, or what it became part of."""
    rows = await service.list_merges(session, principal, lead_id, page)
    merges, cursor = page.cut(rows, lambda row: [str(row["id"])])
    return list_answer(request, merges, cursor, list(schemas.Merge.model_fields))
