"""Subscriptions: one by its external id, many at once, lists."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Request, Response

from services.kit.answers import if_match, record_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.batch import Batch, BatchAnswer, BatchBody, Change, same_external_id, sole
from services.kit.csv_answer import list_answer
from services.kit.db import Session
from services.kit.errors import IdMismatchError, IdTakenError, StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import ExternalId
from services.pipeline.subscriptions import repository
from services.pipeline.subscriptions.errors import SubscriptionNotFoundError
from services.pipeline.subscriptions.schemas import (
    Subscription,
    SubscriptionFilters,
    SubscriptionItem,
    SubscriptionPage,
    SubscriptionPut,
)
from services.pipeline.subscriptions.service import upsert_subscriptions

router = APIRouter(
    prefix="/subscriptions",
    route_class=ServiceRoute,
    tags=["subscriptions"],
    responses=problems(*COMMON_ERRORS),
)

WRITERS = ("admin", "integration", "sales_ops")


@router.put(
    "/by-external-id/{external_id:path}",
    response_model=Subscription,
    responses={
        201: {"model": Subscription},
        **problems(IdTakenError, IdMismatchError, StaleVersionError),
    },
)
async def put_subscription(
    external_id: ExternalId, body: SubscriptionPut, request: Request, caller: Caller, session: Write
) -> Response:
    """Creates the subscription or merges into it: an absent field is unchanged, null clears it."""
    caller.require(*WRITERS)
    same_external_id(external_id, body.external_id)
    changes = [Change.of(external_id, body)]
    stored = sole(await upsert_subscriptions(session, changes, if_match=if_match(request)))
    subscription = await _require_subscription(session, stored.id)
    return record_answer(request, dict(subscription), stored.version, stored.status)


@router.post("/batch", status_code=207, response_model=BatchAnswer)
async def post_subscriptions(
    body: BatchBody[SubscriptionItem], caller: Caller, session: Write
) -> Response:
    """Many subscriptions at once, each stored or refused by itself."""
    caller.require(*WRITERS)
    batch = Batch(body.items, SubscriptionItem)
    changes = [Change.of(item.external_id, item) for item in batch.values]
    batch.settle_all(await upsert_subscriptions(session, changes))
    return batch.answer()


@router.get("", response_model=SubscriptionPage)
async def list_subscriptions(
    request: Request,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    filters: Annotated[SubscriptionFilters, Depends()],
) -> Response:
    """Subscriptions in the order of their ids."""
    rows = await repository.list_subscriptions(session, page, filters)
    rows, cursor = page.cut(rows, lambda row: [row["id"]])
    return list_answer(
        request, [dict(row) for row in rows], cursor, list(Subscription.model_fields)
    )


@router.get(
    "/{subscription_id}", response_model=Subscription, responses=problems(SubscriptionNotFoundError)
)
async def get_subscription(subscription_id: UUID, request: Request, session: Read) -> Response:
    """One subscription; 304 when `If-None-Match` names its version."""
    subscription = await _require_subscription(session, subscription_id)
    return record_answer(request, dict(subscription), subscription["version"])


async def _require_subscription(session: Session, subscription_id: UUID) -> asyncpg.Record:
    subscription = await repository.get_subscription(session, subscription_id)
    if subscription is None:
        raise SubscriptionNotFoundError(subscription_id)
    return subscription
