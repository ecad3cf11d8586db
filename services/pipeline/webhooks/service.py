"""Managing webhooks: make, change, rotate, replay. Sending is `delivery`'s."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from services.kit import clock
from services.kit.answers import check_version
from services.kit.db import Session, WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.ids import new_id
from services.kit.settings import get_settings
from services.pipeline.changes.repository import last_sequence
from services.pipeline.webhooks import queue, repository
from services.pipeline.webhooks.domain import ACTIVE, DISABLED, TEST, message_id
from services.pipeline.webhooks.errors import (
    TooManyWebhooksError,
    WebhookDisabledError,
    WebhookNotFoundError,
)
from services.pipeline.webhooks.schemas import Replay, WebhookCreate

_SECRET_BYTES = 32
BY_REQUEST = "by request"


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode("ascii")


async def require(session: Session, webhook_id: UUID) -> asyncpg.Record:
    """Raises WebhookNotFoundError."""
    row = await repository.get_webhook(session, webhook_id)
    if row is None:
        raise WebhookNotFoundError(webhook_id)
    return row


async def create(session: WriteSession, body: WebhookCreate) -> UUID:
    """Begins at the end of the feed, or behind `after`, which must be in the feed."""
    limit = get_settings().webhooks_max
    if await repository.count_webhooks(session) >= limit:
        raise TooManyWebhooksError(limit)
    end = await last_sequence(session)
    if body.after is not None and body.after > end:
        raise InvalidPayloadError.one(
            "/after", "sequence_unknown", f"must be at most {end}, the newest entry of the feed"
        )
    webhook_id, now = new_id(), clock.now()
    await repository.WEBHOOKS.insert(
        session,
        [
            {
                **dict.fromkeys(repository.WEBHOOKS.columns),
                "id": webhook_id,
                "version": 1,
                "url": body.url,
                "description": body.description,
                "event_types": sorted(set(body.event_types)),
                "secret": _new_secret(),
                "state": ACTIVE,
                "position": end if body.after is None else body.after,
                "figures_position": end,
                "figures_attempts": 0,
                "failures": 0,
                "created_at": now,
                "updated_at": now,
            }
        ],
    )
    return webhook_id


async def _lock(session: WriteSession, webhook_id: UUID) -> dict[str, Any]:
    row = await repository.lock_webhook(session, webhook_id)
    if row is None:
        raise WebhookNotFoundError(webhook_id)
    return row


async def change(
    session: WriteSession, webhook_id: UUID, stated: Mapping[str, Any], if_match: str | None
) -> None:
    """A PATCH. What is activated again is tried at once, from where it stopped."""
    row = await _lock(session, webhook_id)
    check_version(if_match, row["version"])
    values = dict(stated)
    if "event_types" in values:
        values["event_types"] = sorted(set(values["event_types"]))
    changed = {name: value for name, value in values.items() if row[name] != value}
    if not changed:
        return
    if changed.get("state") == ACTIVE:
        changed |= {"reason": None, "failures": 0, "probe_at": None, "figures_due_at": None}
        changed["figures_attempts"] = 0
    elif changed.get("state") == DISABLED:
        changed["reason"] = BY_REQUEST
    changed |= {"version": row["version"] + 1, "updated_at": clock.now()}
    await repository.change_webhook(session, webhook_id, changed)


async def rotate(session: WriteSession, webhook_id: UUID, overlap_hours: int) -> None:
    """The old secret signs beside the new one until the overlap is over."""
    row, now = await _lock(session, webhook_id), clock.now()
    values = {
        "secret": _new_secret(),
        "previous_secret": row["secret"] if overlap_hours else None,
        "previous_secret_until": now + timedelta(hours=overlap_hours) if overlap_hours else None,
        "version": row["version"] + 1,
        "updated_at": now,
    }
    await repository.change_webhook(session, webhook_id, values)


async def delete(session: WriteSession, webhook_id: UUID) -> None:
    await _lock(session, webhook_id)
    await repository.delete_webhook(session, webhook_id)


async def replay(session: WriteSession, webhook_id: UUID, body: Replay) -> int:
    """How many deliveries are due again, under the ids they had."""
    row, now = await _lock(session, webhook_id), clock.now()
    if row["state"] != ACTIVE:
        raise WebhookDisabledError
    if body.from_sequence is None or body.to_sequence is None:
        ids = None if body.failed else body.delivery_ids
        return await repository.make_due(session, webhook_id, now, delivery_ids=ids)
    return await queue.enqueue_stretch(
        session, webhook_id, row["event_types"], body.from_sequence, body.to_sequence, now
    )


async def test(session: WriteSession, webhook_id: UUID) -> None:
    """Makes one message of the type `webhook.test` due."""
    row, now = await _lock(session, webhook_id), clock.now()
    if row["state"] != ACTIVE:
        raise WebhookDisabledError
    part = f"_{new_id().hex}"
    await queue.enqueue(
        session,
        [queue.Waiting(webhook_id, message_id(webhook_id, 0, part), TEST, 0, None, now)],
        now,
    )
