"""HTTP paths of activities: parse, authorise, call, answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from services.kit.answers import if_match, record_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.batch import Batch, BatchAnswer, BatchBody, Stored, same_external_id, sole
from services.kit.csv_answer import list_answer
from services.kit.db import Session
from services.kit.errors import IdMismatchError, IdTakenError, StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import ExternalId
from services.pipeline.accounts.errors import AccountNotFoundError
from services.pipeline.accounts.repository import get_account
from services.pipeline.activities import schemas, service
from services.pipeline.activities.endpoints_reports import router as reports
from services.pipeline.activities.errors import (
    ActivityExternalIdTakenError,
    ActivityHappenedError,
    ActivityNotFoundError,
)
from services.pipeline.activities.listing import Wanted, after_instant, list_rows, told
from services.pipeline.activities.periods import begins_at, ends_at
from services.pipeline.activities.service import Statement
from services.pipeline.opportunities import service as opportunities
from services.pipeline.opportunities.access import EVERYTHING, Sight, sight, writer
from services.pipeline.opportunities.errors import OpportunityNotFoundError
from services.workspace.users.reach import find_subtree
from services.workspace.workspaces.repository import get_workspace

router = APIRouter(
    route_class=ServiceRoute,
    tags=["activities"],
    responses=problems(*COMMON_ERRORS),
)
# First, since its paths would be taken for ids.
router.include_router(reports)

Page = Annotated[PageRequest, Depends(page_request)]
_COLUMNS = list(schemas.Activity.model_fields)
_CREATED: dict[int | str, dict[str, Any]] = {
    200: {"model": schemas.Activity, "description": "It was logged before."},
    201: {"model": schemas.Activity},
}


@router.post(
    "/opportunities/{opportunity_id}/activities",
    status_code=201,
    responses={
        **_CREATED,
        **problems(OpportunityNotFoundError, ActivityExternalIdTakenError, IdTakenError),
    },
)
async def create_on_opportunity(
    opportunity_id: UUID,
    body: schemas.ActivityCreate,
    request: Request,
    caller: Caller,
    session: Write,
) -> Response:
    """Logs or plans something about the opportunity. The first thing done about a renewal at stage
    0 moves it on; a `buyer_stage` becomes the opportunity's."""
    actor = await writer(session, caller)
    await opportunities.require(session, await sight(session, caller), opportunity_id)
    stated = {**body.stated(), "opportunity_id": opportunity_id}
    outcomes = await service.record(
        session, actor, [Statement(stated, body.external_id)], only_create=True
    )
    return await _answer(request, session, sole(outcomes))


@router.get(
    "/opportunities/{opportunity_id}/activities",
    response_model=schemas.ActivityPage,
    responses=problems(OpportunityNotFoundError),
)
async def list_of_opportunity(
    opportunity_id: UUID,
    request: Request,
    caller: Caller,
    session: Read,
    page: Page,
    filters: Annotated[schemas.OwnFilters, Depends()],
) -> Response:
    """What was done or is planned about the opportunity, newest first."""
    await opportunities.require(session, await sight(session, caller), opportunity_id)
    wanted = Wanted(opportunity_id=opportunity_id, **await _own(session, filters))
    return await _page(request, session, EVERYTHING, wanted, page)


@router.post(
    "/accounts/{account_id}/activities",
    status_code=201,
    responses={
        **_CREATED,
        **problems(AccountNotFoundError, ActivityExternalIdTakenError, IdTakenError),
    },
)
async def create_on_account(
    account_id: UUID,
    body: schemas.ActivityCreate,
    request: Request,
    caller: Caller,
    session: Write,
) -> Response:
    """Logs or plans something with the account that is about none of its opportunities."""
    actor = await writer(session, caller)
    await _require_account(session, account_id)
    stated = {**body.stated(), "account_id": account_id}
    outcomes = await service.record(
        session, actor, [Statement(stated, body.external_id)], only_create=True
    )
    return await _answer(request, session, sole(outcomes))


@router.get(
    "/accounts/{account_id}/activities",
    response_model=schemas.ActivityPage,
    responses=problems(AccountNotFoundError),
)
async def list_of_account(
    account_id: UUID,
    request: Request,
    caller: Caller,
    session: Read,
    page: Page,
    filters: Annotated[schemas.OwnFilters, Depends()],
) -> Response:
    """What was done or is planned with the account and about those of its opportunities that the
    caller sees, newest first."""
    await _require_account(session, account_id)
    wanted = Wanted(account_id=account_id, **await _own(session, filters))
    return await _page(request, session, await sight(session, caller), wanted, page)


@router.get("/activities", response_model=schemas.ActivityPage)
async def list_activities(
    request: Request,
    caller: Caller,
    session: Read,
    page: Page,
    filters: Annotated[schemas.ActivityFilters, Depends()],
) -> Response:
    """Activities the caller sees, newest first."""
    seen = await sight(session, caller)
    users = None if filters.user_id is None else await find_subtree(session, filters.user_id)
    wanted = Wanted(
        external_id=filters.external_id,
        users=None if users is None else list(users),
        opportunity_id=filters.opportunity_id,
        opportunity_external_id=filters.opportunity_external_id,
        account_external_id=filters.account_external_id,
        **await _own(session, filters),
    )
    return await _page(request, session, seen, wanted, page)


@router.post("/activities/batch", status_code=207, response_model=BatchAnswer)
async def post_activities(
    body: BatchBody[schemas.ActivityItem], caller: Caller, session: Write
) -> Response:
    """Up to 1,000 activities at once, each stored, merged or refused by itself."""
    actor = await writer(session, caller)
    batch = Batch(body.items, schemas.ActivityItem)
    statements = [Statement(item.stated(), item.external_id) for item in batch.values]
    batch.settle_all(await service.record(session, actor, statements))
    return batch.answer()


@router.put(
    "/activities/by-external-id/{external_id:path}",
    response_model=schemas.Activity,
    responses={
        201: {"model": schemas.Activity},
        **problems(ActivityHappenedError, IdTakenError, IdMismatchError, StaleVersionError),
    },
)
async def put_activity(
    external_id: ExternalId,
    body: schemas.ActivityPut,
    request: Request,
    caller: Caller,
    session: Write,
) -> Response:
    """Creates the activity or merges into it: an absent field is unchanged, null clears it. Stated
    to be planned by an integration, one that happened stays as it is."""
    same_external_id(external_id, body.external_id)
    actor = await writer(session, caller)
    outcomes = await service.record(
        session, actor, [Statement(body.stated(), external_id)], if_match=if_match(request)
    )
    return await _answer(request, session, sole(outcomes))


@router.get(
    "/activities/{activity_id}",
    response_model=schemas.Activity,
    responses={304: {"description": "Not modified"}, **problems(ActivityNotFoundError)},
)
async def get_activity(
    activity_id: UUID, request: Request, caller: Caller, session: Read
) -> Response:
    """One activity, with its version in the ETag."""
    row = await _require(session, await sight(session, caller), activity_id)
    return record_answer(request, told(row), row["version"], rests_on_more=True)


@router.patch(
    "/activities/{activity_id}",
    response_model=schemas.Activity,
    responses=problems(
        ActivityNotFoundError, ActivityHappenedError, IdMismatchError, StaleVersionError
    ),
)
async def update_activity(
    activity_id: UUID,
    body: schemas.ActivityUpdate,
    request: Request,
    caller: Caller,
    session: Write,
) -> Response:
    """Changes what is sent and nothing else. What was planned becomes done, a no-show or cancelled;
    what happened is not planned again."""
    actor = await writer(session, caller)
    await _require(session, await sight(session, caller), activity_id)
    outcomes = await service.change(
        session, actor, activity_id, body.stated(), if_match=if_match(request)
    )
    return await _answer(request, session, sole(outcomes))


async def _own(session: Session, filters: schemas.OwnFilters) -> dict[str, Any]:
    zone = (await get_workspace(session)).timezone
    return {
        "kind": filters.kind,
        "state": filters.state,
        "begins": None if filters.first is None else begins_at(filters.first, zone),
        "ends": None if filters.last is None else ends_at(filters.last, zone),
        "is_qualification": filters.qualification,
    }


async def _page(
    request: Request, session: Session, seen: Sight, wanted: Wanted, page: PageRequest
) -> Response:
    rows = await list_rows(session, seen, wanted, page.limit + 1, after_instant(page))
    rows, cursor = page.cut(rows, lambda row: [row["occurred_at"].isoformat(), str(row["id"])])
    return list_answer(request, [told(row) for row in rows], cursor, _COLUMNS)


async def _require(session: Session, seen: Sight, activity_id: UUID) -> Mapping[str, Any]:
    for row in await list_rows(session, seen, Wanted(id=activity_id), 1, None):
        return row
    raise ActivityNotFoundError(activity_id)


async def _require_account(session: Session, account_id: UUID) -> None:
    if await get_account(session, account_id) is None:
        raise AccountNotFoundError(account_id)


async def _answer(request: Request, session: Session, stored: Stored) -> Response:
    row = await _require(session, EVERYTHING, stored.id)
    return record_answer(request, told(row), stored.version, stored.status, rests_on_more=True)
