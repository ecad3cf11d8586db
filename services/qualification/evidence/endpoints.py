"""HTTP paths of evidence: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response

from services.kit.answers import if_match, record_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import list_answer
from services.kit.errors import StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.qualification.evidence import schemas, service
from services.qualification.opportunities.errors import (
    OpportunityNotYoursError,
    OpportunityUnknownError,
)
from services.qualification.plans.stream import tell

router = APIRouter(
    prefix="/opportunities/{opportunity_id}/meddppicc",
    route_class=ServiceRoute,
    tags=["evidence"],
    responses=problems(*COMMON_ERRORS, OpportunityUnknownError, OpportunityNotYoursError),
)

OpportunityId = Annotated[UUID, Path(description="The opportunity's id.")]
_ONE = {"model": schemas.Evidence}


@router.get("", responses={200: _ONE, 304: {"description": "Not modified"}})
async def get_evidence(
    request: Request, opportunity_id: OpportunityId, caller: Caller, session: Read
) -> Response:
    """The nine elements with scores, evidence and colours, and what is missing for this stage and
    the next. Empty where nobody wrote anything."""
    content = await service.read(session, caller, opportunity_id)
    return record_answer(request, content, content["version"], rests_on_more=True)


@router.put("", responses={200: _ONE, **problems(StaleVersionError)})
async def put_evidence(
    request: Request,
    opportunity_id: OpportunityId,
    body: schemas.EvidencePut,
    caller: Caller,
    session: Write,
) -> Response:
    """Merges what is stated: an absent element or field is unchanged, null clears it."""
    stated = body.elements.stated()
    content, is_changed = await service.write(
        session, caller, opportunity_id, stated, if_match=if_match(request)
    )
    if is_changed:
        tell(request, session, opportunity_id)
    return record_answer(request, content, content["version"], rests_on_more=True)


@router.get("/history", responses={200: {"model": schemas.ElementChangePage}})
async def get_history(
    request: Request,
    opportunity_id: OpportunityId,
    caller: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """Every change of every element, oldest first: who, when, from what to what."""
    rows = await service.history(session, caller, opportunity_id, page)
    items, cursor = page.cut(rows, lambda row: [row["version"], row["element"]])
    return list_answer(request, items, cursor, list(schemas.ElementChange.model_fields))
