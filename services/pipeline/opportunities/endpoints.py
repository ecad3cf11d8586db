"""The paths of opportunities: parse, ask for the role, call the use case, answer.

Routes are tried in order, so the busiest come first.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.kit import clock
from services.kit.answers import if_match, json_answer, record_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.batch import (
    Batch,
    BatchAnswer,
    BatchBody,
    Stored,
    same_external_id,
    sole,
)
from services.kit.csv_answer import list_answer
from services.kit.db import Session
from services.kit.errors import (
    IdMismatchError,
    IdTakenError,
    InvalidPayloadError,
    StaleVersionError,
)
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import Day, ExternalId, Instant
from services.pipeline.opportunities import (
    history,
    listing,
    reassignment,
    schemas,
    schemas_gate,
    schemas_reassignment,
    service,
)
from services.pipeline.opportunities.access import sight, writer
from services.pipeline.opportunities.booking_errors import BOOKING_ERRORS
from services.pipeline.opportunities.errors import (
    ExternalIdTakenError,
    ForecastCategoryFixedError,
    OpportunityNotFoundError,
    StageGateNotMetError,
    StageNotReachableError,
)
from services.pipeline.opportunities.service_batch import upsert_many
from services.workspace.fiscal import FiscalCalendarError, parse_key
from services.workspace.workspaces.repository import get_workspace

router = APIRouter(
    route_class=ServiceRoute,
    prefix="/opportunities",
    tags=["opportunities"],
    responses=problems(*COMMON_ERRORS),
)

_STATE_ERRORS = (
    StageNotReachableError,
    StageGateNotMetError,
    ForecastCategoryFixedError,
    *BOOKING_ERRORS,
)
_COLUMNS = list(schemas.Opportunity.model_fields)


@router.patch(
    "/{opportunity_id}",
    response_model=schemas.Opportunity,
    responses=problems(
        OpportunityNotFoundError, *_STATE_ERRORS, ExternalIdTakenError, StaleVersionError
    ),
)
async def update_opportunity(
    opportunity_id: UUID,
    body: schemas.OpportunityUpdate,
    request: Request,
    caller: Caller,
    session: Write,
) -> Response:
    """Changes what is sent and nothing else. The order of stages, their gates and closed states
    bind."""
    actor = await writer(session, caller)
    current = await service.change(
        session, actor, opportunity_id, body.stated(), if_match=if_match(request)
    )
    return record_answer(request, current.content, current.version)


@router.get(
    "/{opportunity_id}",
    response_model=schemas.Opportunity,
    responses={304: {"description": "Not modified"}, **problems(OpportunityNotFoundError)},
)
async def get_opportunity(
    opportunity_id: UUID, request: Request, caller: Caller, session: Read
) -> Response:
    """One opportunity, with its version as ETag."""
    row = await service.require(session, await sight(session, caller), opportunity_id)
    (content,) = await service.describe(session, [row])
    # From the day after its last change on, the days it counts are others than they were.
    calendar = (await get_workspace(session)).calendar
    is_of_today = calendar.local_date(row["updated_at"]) == calendar.local_date(clock.now())
    return record_answer(request, content, row["version"], rests_on_more=not is_of_today)


def list_filters(
    external_id: str | None = None,
    owner_external_id: str | None = None,
    account_external_id: str | None = None,
    stage: Annotated[list[schemas.StageName] | None, Query()] = None,
    forecast_category: schemas.ForecastCategory | None = None,
    type_: Annotated[schemas.Type | None, Query(alias="type")] = None,
    fiscal_quarter: Annotated[str | None, Query(examples=["FY27-Q2"])] = None,
    close_date_from: Day | None = None,
    close_date_to: Day | None = None,
    segment: schemas.Segment | None = None,
    region: str | None = None,
    updated_since: Instant | None = None,
    is_open: Annotated[bool | None, Query(alias="open")] = None,
) -> dict[str, Any]:
    """The filters of the list; all that are given must hold."""
    return {
        "external_id": external_id,
        "owner_external_id": owner_external_id,
        "account_external_id": account_external_id,
        "stage": stage,
        "forecast_category": forecast_category,
        "type": type_,
        "fiscal_quarter": _quarter_key(fiscal_quarter),
        "close_date_from": close_date_from,
        "close_date_to": close_date_to,
        "segment": segment,
        "region": region,
        "updated_since": updated_since,
        "open": is_open,
    }


def _quarter_key(label: str | None) -> int | None:
    if label is None:
        return None
    try:
        return parse_key(label)
    except FiscalCalendarError as error:
        raise InvalidPayloadError.one(
            "query/fiscal_quarter", "invalid_fiscal_quarter", str(error)
        ) from error


@router.post(
    "",
    status_code=201,
    response_model=schemas.Opportunity,
    responses={
        200: {"model": schemas.Opportunity},
        **problems(*_STATE_ERRORS, ExternalIdTakenError, IdTakenError, IdMismatchError),
    },
)
async def create_opportunity(
    body: schemas.OpportunityCreate, request: Request, caller: Caller, session: Write
) -> Response:
    """Opens an opportunity. The same `id` sent again with the same content answers 200 with what
    is there."""
    actor = await writer(session, caller)
    outcomes = await upsert_many(session, actor, [body.stated()], only_create=True)
    return await _stored_answer(request, session, sole(outcomes))


@router.get("", response_model=schemas.OpportunityPage)
async def list_opportunities(
    request: Request,
    caller: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    filters: Annotated[dict[str, Any], Depends(list_filters)],
) -> Response:
    """Opportunities the caller may see, the oldest first."""
    rows = await listing.list_rows(session, page, await sight(session, caller), filters)
    rows, cursor = page.cut(rows, lambda row: [row["id"]])
    return list_answer(request, await service.describe(session, rows), cursor, _COLUMNS)


@router.post("/batch", status_code=207, response_model=BatchAnswer)
async def post_opportunities(
    body: BatchBody[schemas.OpportunityWrite], caller: Caller, session: Write
) -> Response:
    """Creates or merges up to 1,000 opportunities; each is stored or refused by itself."""
    actor = await writer(session, caller)
    batch = Batch(body.items, schemas.OpportunityWrite)
    batch.settle_all(await upsert_many(session, actor, [item.stated() for item in batch.values]))
    return batch.answer()


@router.post(
    "/reassign",
    response_model=schemas_reassignment.ReassignmentAnswer,
    responses=problems(InvalidPayloadError),
)
async def reassign_opportunities(
    body: schemas_reassignment.Reassignment, caller: Caller, session: Write
) -> Response:
    """Gives many opportunities to another owner, as of `occurred_at`; one result a record."""
    actor = await writer(session, caller)
    return json_answer({"results": await reassignment.reassign(session, actor, body)})


@router.put(
    "/by-external-id/{external_id:path}",
    response_model=schemas.Opportunity,
    responses={
        201: {"model": schemas.Opportunity},
        **problems(*_STATE_ERRORS, IdTakenError, IdMismatchError, StaleVersionError),
    },
)
async def put_opportunity(
    external_id: ExternalId,
    body: schemas.OpportunityUpdate,
    request: Request,
    caller: Caller,
    session: Write,
) -> Response:
    """Creates the opportunity or merges into it: an absent field is unchanged, null clears it."""
    same_external_id(external_id, body.external_id)
    actor = await writer(session, caller)
    outcomes = await upsert_many(
        session,
        actor,
        [{**body.stated(), "external_id": external_id}],
        if_match=if_match(request),
    )
    return await _stored_answer(request, session, sole(outcomes))


@router.post(
    "/{opportunity_id}/transitions",
    response_model=schemas.Opportunity,
    responses=problems(OpportunityNotFoundError, *_STATE_ERRORS, StaleVersionError),
)
async def move_opportunity(
    opportunity_id: UUID,
    body: schemas.Transition,
    request: Request,
    caller: Caller,
    session: Write,
) -> Response:
    """Moves the opportunity to another stage, or says in `unmet` what stands against it. What a
    stage still needs may be overridden by an admin, a manager or sales operations, with a reason;
    an integration's moves are noted and not held. The order of stages cannot be overridden."""
    actor = await writer(session, caller)
    current = await service.move(session, actor, opportunity_id, body, if_match=if_match(request))
    return record_answer(request, current.content, current.version)


@router.get(
    "/{opportunity_id}/history",
    response_model=schemas.History,
    responses=problems(OpportunityNotFoundError),
)
async def get_history(
    opportunity_id: UUID,
    request: Request,
    caller: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """Every version, oldest first: what changed from what to what, who did it and when."""
    await service.require(session, await sight(session, caller), opportunity_id)
    events = await listing.list_events(session, opportunity_id, page)
    events, cursor = page.cut(events, lambda event: [event["version"]])
    return list_answer(
        request, await history.tell(session, events), cursor, list(schemas.Version.model_fields)
    )


@router.get(
    "/{opportunity_id}/stage-gate",
    response_model=schemas_gate.StageGate,
    responses=problems(OpportunityNotFoundError),
)
async def get_stage_gate(opportunity_id: UUID, caller: Caller, session: Read) -> Response:
    """Which stages can be reached from here, everything the next one is asked for with what meets
    it or how to supply it, and what stands against the others."""
    seen = await sight(session, caller)
    is_manager = caller.has("admin", "sales_ops", "manager")
    return json_answer(
        await service.stage_gate(session, seen, opportunity_id, is_manager=is_manager)
    )


async def _stored_answer(request: Request, session: Session, stored: Stored) -> Response:
    (content,) = await service.describe(session, [stored.record])
    return record_answer(request, content, stored.version, stored.status)
