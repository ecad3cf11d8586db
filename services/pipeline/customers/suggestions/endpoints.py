"""HTTP paths of suggestions: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.kit.answers import if_match, record_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import list_answer
from services.kit.errors import StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import ExternalId
from services.pipeline.customers.suggestions import schemas, service
from services.pipeline.customers.suggestions.errors import (
    AccountWithoutOwnerError,
    SuggestionDecidedError,
    SuggestionNotFoundError,
)
from services.pipeline.opportunities.access import EVERYTHING, sight
from services.pipeline.opportunities.errors import OpportunityClosedError, OpportunityNotFoundError

router = APIRouter(
    prefix="/suggestions",
    route_class=ServiceRoute,
    tags=["customers"],
    responses=problems(*COMMON_ERRORS),
)
_COLUMNS = list(schemas.Suggestion.model_fields)


def _told(row: Any) -> dict[str, Any]:
    return {name: row[name] for name in _COLUMNS}


@router.get("", response_model=schemas.SuggestionPage)
async def list_suggestions(
    request: Request,
    caller: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    kind: schemas.Kind | None = None,
    state: schemas.State | None = None,
    user_id: Annotated[str | None, Query(max_length=255)] = None,
    account_external_id: Annotated[ExternalId | None, Query()] = None,
) -> Response:
    """What use suggests for renewals at risk and for growth, within the caller's reach."""
    filters = {"kind": kind, "state": state, "account_external_id": account_external_id}
    rows = await service.find(session, caller, user_id, page, filters)
    rows, cursor = page.cut(rows, lambda row: [row["id"]])
    return list_answer(request, [_told(row) for row in rows], cursor, _COLUMNS)


@router.get(
    "/{suggestion_id}",
    response_model=schemas.Suggestion,
    responses=problems(SuggestionNotFoundError),
)
async def get_suggestion(
    suggestion_id: UUID, request: Request, caller: Caller, session: Read
) -> Response:
    """One suggestion with its evidence."""
    found = await service.require(session, await sight(session, caller), suggestion_id)
    return record_answer(request, _told(found), found["version"], rests_on_more=True)


@router.post(
    "/{suggestion_id}/decision",
    response_model=schemas.Suggestion,
    responses=problems(
        SuggestionNotFoundError,
        SuggestionDecidedError,
        AccountWithoutOwnerError,
        OpportunityNotFoundError,
        OpportunityClosedError,
        StaleVersionError,
    ),
)
async def decide(
    suggestion_id: UUID,
    body: schemas.Decision,
    request: Request,
    caller: Caller,
    session: Write,
) -> Response:
    """Accepting sets the renewal's loss category, or opens an add-on opportunity at stage 0 for the
    account's owner; dismissing keeps it from being raised again while nothing changes."""
    await service.decide(
        session,
        caller,
        suggestion_id,
        accept=body.decision == "accept",
        reason=body.reason,
        if_match=if_match(request),
    )
    found = await service.require(session, EVERYTHING, suggestion_id)
    return record_answer(request, _told(found), found["version"])
