"""Statements on webhooks and their log, for whoever manages them. Sending has its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.pagination import PageRequest
from services.kit.rows import Filters, Rows, after_id
from services.pipeline.webhooks.domain import DELIVERED, FAILED, FIGURES_CHANGED, PENDING
from services.pipeline.webhooks.models import Webhook

WEBHOOKS = Rows(Webhook)

_SELECT = f"""
    SELECT w.id, w.version, w.url, w.description, w.event_types, w.secret, w.previous_secret,
           w.previous_secret_until, w.state, w.reason, w.position, w.failures, w.created_at,
           w.updated_at,
           (SELECT count(*) FROM pipeline.webhook_deliveries AS d
            WHERE d.workspace_id = $1 AND d.webhook_id = w.id AND d.state = '{PENDING}') AS waiting
    FROM pipeline.webhooks AS w
"""


async def get_webhook(session: Session, webhook_id: UUID) -> asyncpg.Record | None:
    return await session.fetchrow(
        f"{_SELECT} WHERE w.workspace_id = $1 AND w.id = $2", session.workspace_id, webhook_id
    )


async def lock_webhook(session: WriteSession, webhook_id: UUID) -> dict[str, Any] | None:
    """The whole row; who sends waits for the change."""
    row = await session.fetchrow(
        f"SELECT {', '.join(WEBHOOKS.columns)} FROM pipeline.webhooks"
        " WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE",
        session.workspace_id,
        webhook_id,
    )
    return None if row is None else dict(row)


async def list_webhooks(session: Session, page: PageRequest) -> list[asyncpg.Record]:
    """Oldest first, one more than the page holds."""
    where = Filters("w.workspace_id = {}", session.workspace_id)
    where.where("w.id > {}", after_id(page))
    return await session.fetch(
        f"{_SELECT} WHERE {where} ORDER BY w.id LIMIT {page.limit + 1}", *where.values
    )


async def count_webhooks(session: WriteSession) -> int:
    """With the workspace held, so that two requests cannot both be the last one."""
    await session.execute(
        "SELECT 1 FROM workspace.workspaces WHERE id = $1 FOR NO KEY UPDATE", session.workspace_id
    )
    count: int = await session.fetchval(
        "SELECT count(*) FROM pipeline.webhooks WHERE workspace_id = $1", session.workspace_id
    )
    return count


async def change_webhook(
    session: WriteSession, webhook_id: UUID, values: Mapping[str, Any]
) -> None:
    """The row must be locked."""
    await WEBHOOKS.update(session, [{"id": webhook_id, **values}], list(values))


async def delete_webhook(session: WriteSession, webhook_id: UUID) -> None:
    """With its log."""
    for statement in (
        "DELETE FROM pipeline.webhook_deliveries WHERE workspace_id = $1 AND webhook_id = $2",
        "DELETE FROM pipeline.webhooks WHERE workspace_id = $1 AND id = $2",
    ):
        await session.execute(statement, session.workspace_id, webhook_id)


async def list_deliveries(
    session: Session,
    webhook_id: UUID,
    page: PageRequest,
    *,
    state: str | None,
    event_type: str | None,
    subject_id: UUID | None,
) -> list[asyncpg.Record]:
    """Newest first, one more than the page holds."""
    where = Filters("workspace_id = {}", session.workspace_id)
    where.require("webhook_id = {}", webhook_id)
    where.where("id < {}", after_id(page))
    where.where("state = {}", state)
    where.where("event_type = {}", event_type)
    where.where("subject_id = {}", subject_id)
    return await session.fetch(
        f"""
        SELECT id, message_id, event_type, sequence, subject_id, state, attempts, due_at, history,
               created_at, settled_at
        FROM pipeline.webhook_deliveries
        WHERE {where} ORDER BY id DESC LIMIT {page.limit + 1}
        """,
        *where.values,
    )


async def make_due(
    session: WriteSession,
    webhook_id: UUID,
    now: datetime,
    *,
    delivery_ids: Sequence[UUID] | None = None,
) -> int:
    """Settled deliveries that are to be sent again: those named, or all that failed. Figures are
    not: the newest ones have been sent since, or will be."""
    where = Filters("workspace_id = {}", session.workspace_id)
    where.require("webhook_id = {}", webhook_id)
    where.require("event_type <> {}", FIGURES_CHANGED)
    if delivery_ids is None:
        where.require("state = {}", FAILED)
    else:
        where.require("id = ANY({}::uuid[])", list(delivery_ids))
        where.require("state = ANY({}::text[])", [FAILED, DELIVERED])
    place = len(where.values) + 1
    tag = await session.execute(
        f"UPDATE pipeline.webhook_deliveries SET state = '{PENDING}', attempts = 0,"
        f" due_at = ${place}, settled_at = NULL WHERE {where}",
        *where.values,
        now,
    )
    return int(tag.split()[-1])
