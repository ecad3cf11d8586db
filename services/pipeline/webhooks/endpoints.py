"""HTTP paths of webhooks: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from services.kit.answers import if_match, json_answer, record_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import list_answer
from services.kit.errors import StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.pipeline.webhooks import repository, schemas, service
from services.pipeline.webhooks.errors import (
    TooManyWebhooksError,
    WebhookDisabledError,
    WebhookNotFoundError,
)

router = APIRouter(
    prefix="/webhooks",
    route_class=ServiceRoute,
    tags=["webhooks"],
    responses=problems(*COMMON_ERRORS),
)

# A webhook is told everything, so it takes a role that may read everything and set things up.
MANAGERS = ("admin", "integration", "sales_ops")
_SECRET = {"model": schemas.WebhookWithSecret}


@router.post("", status_code=201, responses={201: _SECRET, **problems(TooManyWebhooksError)})
async def create_webhook(
    request: Request, body: schemas.WebhookCreate, caller: Caller, session: Write
) -> Response:
    """Subscribes an address. The answer holds the secret its messages are signed with, once."""
    caller.require(*MANAGERS)
    webhook_id = await service.create(session, body)
    row = await service.require(session, webhook_id)
    return record_answer(request, schemas.webhook_json(row, with_secret=True), row["version"], 201)


@router.get("", response_model=schemas.WebhookPage)
async def list_webhooks(
    request: Request,
    caller: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """Every webhook with how far it is, oldest first."""
    caller.require(*MANAGERS)
    rows, cursor = page.cut(
        await repository.list_webhooks(session, page), lambda row: [str(row["id"])]
    )
    items = [schemas.webhook_json(row) for row in rows]
    return list_answer(request, items, cursor, list(schemas.Webhook.model_fields))


@router.get(
    "/{webhook_id}", response_model=schemas.Webhook, responses=problems(WebhookNotFoundError)
)
async def get_webhook(
    webhook_id: UUID, request: Request, caller: Caller, session: Read
) -> Response:
    """One webhook. How far it is changes without a new version, so it carries no ETag."""
    caller.require(*MANAGERS)
    return json_answer(schemas.webhook_json(await service.require(session, webhook_id)))


@router.patch(
    "/{webhook_id}",
    response_model=schemas.Webhook,
    responses=problems(WebhookNotFoundError, StaleVersionError),
)
async def change_webhook(
    webhook_id: UUID,
    body: schemas.WebhookUpdate,
    request: Request,
    caller: Caller,
    session: Write,
) -> Response:
    """Changes what is sent. Activated again it goes on from where it stopped."""
    caller.require(*MANAGERS)
    await service.change(session, webhook_id, body.stated(), if_match(request))
    row = await service.require(session, webhook_id)
    return record_answer(request, schemas.webhook_json(row), row["version"])


@router.delete("/{webhook_id}", status_code=204, responses=problems(WebhookNotFoundError))
async def delete_webhook(webhook_id: UUID, caller: Caller, session: Write) -> Response:
    """Removes it with its log."""
    caller.require(*MANAGERS)
    await service.delete(session, webhook_id)
    return Response(status_code=204)


@router.post(
    "/{webhook_id}/rotations",
    status_code=201,
    responses={201: _SECRET, **problems(WebhookNotFoundError)},
)
async def rotate_secret(
    webhook_id: UUID, body: schemas.Rotation, request: Request, caller: Caller, session: Write
) -> Response:
    """A new secret; for `overlap_hours` messages carry a signature by the old one too."""
    caller.require(*MANAGERS)
    await service.rotate(session, webhook_id, body.overlap_hours)
    row = await service.require(session, webhook_id)
    return record_answer(request, schemas.webhook_json(row, with_secret=True), row["version"], 201)


@router.get(
    "/{webhook_id}/deliveries",
    response_model=schemas.DeliveryPage,
    responses=problems(WebhookNotFoundError),
)
async def list_deliveries(
    webhook_id: UUID,
    request: Request,
    caller: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    state: Literal["pending", "delivered", "failed"] | None = None,
    event_type: schemas.EventType | None = None,
    subject_id: UUID | None = None,
) -> Response:
    """The log, newest first: every message with every scheduled attempt."""
    caller.require(*MANAGERS)
    await service.require(session, webhook_id)
    rows, cursor = page.cut(
        await repository.list_deliveries(
            session, webhook_id, page, state=state, event_type=event_type, subject_id=subject_id
        ),
        lambda row: [str(row["id"])],
    )
    items = [dict(row) for row in rows]
    return list_answer(request, items, cursor, list(schemas.Delivery.model_fields))


@router.post(
    "/{webhook_id}/replays",
    status_code=202,
    responses={
        202: {"model": schemas.Replayed},
        **problems(WebhookNotFoundError, WebhookDisabledError),
    },
)
async def replay(
    webhook_id: UUID, body: schemas.Replay, caller: Caller, session: Write
) -> Response:
    """Sends again, under the message ids of the first time."""
    caller.require(*MANAGERS)
    return json_answer({"deliveries": await service.replay(session, webhook_id, body)}, 202)


@router.post(
    "/{webhook_id}/tests",
    status_code=202,
    responses={
        202: {"model": schemas.Replayed},
        **problems(WebhookNotFoundError, WebhookDisabledError),
    },
)
async def send_test(webhook_id: UUID, caller: Caller, session: Write) -> Response:
    """Sends one message of the type `webhook.test`; the log says how it went."""
    caller.require(*MANAGERS)
    await service.test(session, webhook_id)
    return json_answer({"deliveries": 1}, 202)
