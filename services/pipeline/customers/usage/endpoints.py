"""HTTP paths of measurements of use: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.batch import Batch, BatchAnswer, BatchBody, sole
from services.kit.csv_answer import list_answer
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.pipeline.customers.lookups import require_subscription
from services.pipeline.customers.usage import repository, schemas, service
from services.pipeline.customers.usage.errors import ReadingTakenError
from services.pipeline.subscriptions.errors import SubscriptionNotFoundError

router = APIRouter(
    prefix="/subscriptions",
    route_class=ServiceRoute,
    tags=["customers"],
    responses=problems(*COMMON_ERRORS),
)

_RECORDERS = ("admin", "integration", "sales_ops")
_COLUMNS = list(schemas.Reading.model_fields)


@router.post("/usage/batch", status_code=207, response_model=BatchAnswer)
async def post_readings(
    body: BatchBody[schemas.ReadingItem], caller: Caller, session: Write
) -> Response:
    """Many measurements at once, of subscriptions by their external ids."""
    caller.require(*_RECORDERS)
    batch = Batch(body.items, schemas.ReadingItem, key=None)
    measured = [service.Measured(each.subscription_external_id, each) for each in batch.values]
    batch.settle_all(await service.record(session, caller.actor, measured))
    return batch.answer()


@router.post(
    "/{subscription_id}/usage",
    status_code=201,
    response_model=schemas.Reading,
    responses={
        200: {"model": schemas.Reading},
        **problems(SubscriptionNotFoundError, ReadingTakenError),
    },
)
async def post_reading(
    subscription_id: UUID, body: schemas.ReadingPost, caller: Caller, session: Write
) -> Response:
    """Adds a measurement. The subscription's `usage` shows the last one; suggestions about its
    renewal and growth follow."""
    caller.require(*_RECORDERS)
    subscription = await require_subscription(session, subscription_id)
    measured = [service.Measured(subscription["external_id"], body)]
    stored = sole(await service.record(session, caller.actor, measured))
    return json_answer({name: stored.record[name] for name in _COLUMNS}, stored.status)


@router.get(
    "/{subscription_id}/usage",
    response_model=schemas.ReadingPage,
    responses=problems(SubscriptionNotFoundError),
)
async def list_readings(
    subscription_id: UUID,
    request: Request,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """Every measurement of a subscription, the newest first."""
    await require_subscription(session, subscription_id)
    rows = await repository.list_readings(session, subscription_id, page)
    rows, cursor = page.cut(rows, lambda row: [row["measured_on"].isoformat()])
    return list_answer(request, [dict(row) for row in rows], cursor, _COLUMNS)
