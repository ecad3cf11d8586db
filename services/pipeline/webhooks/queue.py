"""Statements of sending: who has something to send, what it is, and what became of it.

A webhook is sent to by one process at a time, which holds its lease; that keeps the order of each
subject. A lease that ran out is another's to take, and then what the first one reports is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.ids import new_id
from services.pipeline.webhooks.domain import (
    ACTIVE,
    FAILURES_TO_HOLD,
    FIGURES_CHANGED,
    PENDING,
    event_type,
    message_id,
    wants,
)

WAITING_MAX: Final = 1000
"""While so many deliveries wait for another attempt, nothing new is taken out of the feed."""


_FIRST_OF_ITS_SUBJECT: Final = f"""NOT EXISTS (
    SELECT FROM pipeline.webhook_deliveries AS earlier
    WHERE earlier.workspace_id = $1 AND earlier.webhook_id = d.webhook_id
      AND earlier.state = '{PENDING}' AND earlier.subject_id = d.subject_id
      AND earlier.sequence < d.sequence)"""


class Waiting(NamedTuple):
    """A message that is to be sent."""

    webhook_id: UUID
    message_id: str
    event_type: str
    sequence: int
    subject_id: UUID | None
    due_at: datetime


async def workspaces_with_webhooks(session: Session, after: UUID, limit: int) -> list[UUID]:
    """By id from `after` on. Only the worker's role sees more than its own."""
    rows = await session.fetch(
        f"""
        SELECT DISTINCT workspace_id FROM pipeline.webhooks
        WHERE state = '{ACTIVE}' AND workspace_id > $1 ORDER BY workspace_id LIMIT $2
        """,
        after,
        limit,
    )
    return [row["workspace_id"] for row in rows]


async def webhooks_with_work(session: Session, now: datetime) -> list[UUID]:
    """Active webhooks that nobody is sending to and that have something due."""
    rows = await session.fetch(
        f"""
        SELECT w.id FROM pipeline.webhooks AS w
        WHERE w.workspace_id = $1 AND w.state = '{ACTIVE}'
          AND (w.lease_until IS NULL OR w.lease_until <= $2)
          AND (
            (w.failures < {FAILURES_TO_HOLD} AND EXISTS (
                SELECT FROM pipeline.feed AS f
                WHERE f.workspace_id = $1 AND f.sequence > w.position))
            OR w.probe_at <= $2
            OR EXISTS (
                SELECT FROM pipeline.webhook_deliveries AS d
                WHERE d.workspace_id = $1 AND d.webhook_id = w.id AND d.state = '{PENDING}'
                  AND d.due_at <= $2 AND {_FIRST_OF_ITS_SUBJECT})
            OR ((w.event_types = '{{}}' OR '{FIGURES_CHANGED}' = ANY(w.event_types))
                AND (w.figures_due_at IS NULL OR w.figures_due_at <= $2) AND EXISTS (
                SELECT FROM pipeline.feed AS f
                WHERE f.workspace_id = $1 AND f.sequence > w.figures_position))
          )
        """,
        session.workspace_id,
        now,
    )
    return [row["id"] for row in rows]


async def claim(
    session: WriteSession, webhook_id: UUID, token: UUID, now: datetime, until: datetime
) -> asyncpg.Record | None:
    """Takes the lease; None where another has it or the webhook is not active."""
    return await session.fetchrow(
        f"""
        UPDATE pipeline.webhooks SET lease_token = $3, lease_until = $4
        WHERE workspace_id = $1 AND id = $2 AND state = '{ACTIVE}'
          AND (lease_until IS NULL OR lease_until <= $5)
        RETURNING id, url, event_types, secret, previous_secret, previous_secret_until, position,
                  figures_position, figures_attempts, figures_due_at, failures, probe_at
        """,
        session.workspace_id,
        webhook_id,
        token,
        until,
        now,
    )


async def due_deliveries(
    session: Session, webhook_id: UUID, now: datetime, limit: int
) -> list[asyncpg.Record]:
    """What is due and has nothing older of its subject before it, in the order of the feed."""
    return await session.fetch(
        f"""
        SELECT d.id, d.message_id, d.event_type, d.sequence, d.subject_id, d.attempts, d.created_at
        FROM pipeline.webhook_deliveries AS d
        WHERE d.workspace_id = $1 AND d.webhook_id = $2 AND d.state = '{PENDING}'
          AND d.due_at <= $3 AND {_FIRST_OF_ITS_SUBJECT}
        ORDER BY d.sequence, d.id LIMIT $4
        """,
        session.workspace_id,
        webhook_id,
        now,
        limit,
    )


async def oldest_delivery(session: Session, webhook_id: UUID) -> list[asyncpg.Record]:
    """The first one that waits, due or not."""
    return await session.fetch(
        f"""
        SELECT id, message_id, event_type, sequence, subject_id, attempts, created_at
        FROM pipeline.webhook_deliveries
        WHERE workspace_id = $1 AND webhook_id = $2 AND state = '{PENDING}'
        ORDER BY sequence, id LIMIT 1
        """,
        session.workspace_id,
        webhook_id,
    )


async def waiting_subjects(session: Session, webhook_id: UUID) -> tuple[int, set[UUID]]:
    """How many deliveries wait, and whom they are about."""
    rows = await session.fetch(
        f"""
        SELECT subject_id, count(*) AS waiting FROM pipeline.webhook_deliveries
        WHERE workspace_id = $1 AND webhook_id = $2 AND state = '{PENDING}'
        GROUP BY subject_id
        """,
        session.workspace_id,
        webhook_id,
    )
    subjects = {row["subject_id"] for row in rows if row["subject_id"] is not None}
    return sum(row["waiting"] for row in rows), subjects


async def enqueue(session: WriteSession, rows: Sequence[Waiting], now: datetime) -> int:
    """Messages that are due. One that was settled before is due again, with its log."""
    if not rows:
        return 0
    await session.execute(
        f"""
        INSERT INTO pipeline.webhook_deliveries (workspace_id, id, webhook_id, message_id,
            event_type, sequence, subject_id, state, attempts, due_at, history, created_at)
        SELECT w.id, u.id, u.webhook_id, u.message_id, u.event_type, u.sequence, u.subject_id,
               '{PENDING}', 0, u.due_at, '[]'::jsonb, $9
        FROM workspace.workspaces AS w, unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[],
            $6::bigint[], $7::uuid[], $8::timestamptz[])
            AS u (id, webhook_id, message_id, event_type, sequence, subject_id, due_at)
        WHERE w.id = $1
        ON CONFLICT (workspace_id, webhook_id, message_id)
        DO UPDATE SET state = '{PENDING}', attempts = 0, due_at = excluded.due_at,
            settled_at = NULL
        """,
        session.workspace_id,
        [new_id() for _ in rows],
        *(list(column) for column in zip(*rows, strict=True)),
        now,
    )
    return len(rows)


async def enqueue_stretch(
    session: WriteSession,
    webhook_id: UUID,
    event_types: list[str],
    first: int,
    last: int,
    now: datetime,
) -> int:
    """Entries of the feed from `first` to `last` that the webhook wants and has been past; what is
    behind its position will be sent anyway."""
    rows = await session.fetch(
        """
        SELECT f.sequence, f.kind, f.subject_id, f.version FROM pipeline.feed AS f
        JOIN pipeline.webhooks AS w ON w.workspace_id = $1 AND w.id = $2
        WHERE f.workspace_id = $1 AND f.sequence BETWEEN $3 AND $4 AND f.sequence <= w.position
        ORDER BY f.sequence
        """,
        session.workspace_id,
        webhook_id,
        first,
        last,
    )
    named = [(row, event_type(row["kind"], row["version"])) for row in rows]
    wanted = [
        Waiting(
            webhook_id,
            message_id(webhook_id, row["sequence"]),
            name,
            row["sequence"],
            row["subject_id"],
            now,
        )
        for row, name in named
        if wants(event_types, name)
    ]
    return await enqueue(session, wanted, now)


async def settle(
    session: WriteSession, webhook_id: UUID, token: UUID, values: dict[str, Any]
) -> bool:
    """Writes the webhook's own state and gives the lease back; False where it was lost."""
    names = list(values)
    settings = ", ".join(f"{name} = ${place}" for place, name in enumerate(names, start=4))
    found = await session.fetchval(
        f"UPDATE pipeline.webhooks SET lease_token = NULL, lease_until = NULL, {settings}"
        " WHERE workspace_id = $1 AND id = $2 AND lease_token = $3 RETURNING id",
        session.workspace_id,
        webhook_id,
        token,
        *values.values(),
    )
    return found is not None


async def write_results(session: WriteSession, results: Sequence[dict[str, Any]]) -> None:
    """What became of each message: a row is made, or the one there is goes on; `attempt` (None: it
    was not tried) is added to its history."""
    if not results:
        return
    await session.execute(
        """
        INSERT INTO pipeline.webhook_deliveries AS d (workspace_id, id, webhook_id, message_id,
            event_type, sequence, subject_id, state, attempts, due_at, history, created_at,
            settled_at)
        SELECT w.id, r.id, r.webhook_id, r.message_id, r.event_type, r.sequence, r.subject_id,
               r.state, r.attempts, r.due_at, r.history, r.created_at, r.settled_at
        FROM workspace.workspaces AS w, jsonb_to_recordset($2::jsonb) AS r (id uuid,
            webhook_id uuid, message_id text, event_type text, sequence bigint, subject_id uuid,
            state text, attempts smallint, due_at timestamptz, history jsonb,
            created_at timestamptz, settled_at timestamptz)
        WHERE w.id = $1
        ON CONFLICT (workspace_id, webhook_id, message_id)
        DO UPDATE SET state = excluded.state, attempts = excluded.attempts,
            due_at = excluded.due_at, history = d.history || excluded.history,
            settled_at = excluded.settled_at
        """,
        session.workspace_id,
        list(results),
    )


async def make_waiting_due(session: WriteSession, webhook_id: UUID, now: datetime) -> None:
    """The receiver is well again: nothing has to wait for its hour."""
    await session.execute(
        f"""
        UPDATE pipeline.webhook_deliveries SET due_at = $3
        WHERE workspace_id = $1 AND webhook_id = $2 AND state = '{PENDING}' AND due_at > $3
        """,
        session.workspace_id,
        webhook_id,
        now,
    )


async def forget_settled(session: WriteSession, before: datetime, limit: int) -> int:
    """Takes settled deliveries out of the log, so many at a time."""
    tag = await session.execute(
        """
        DELETE FROM pipeline.webhook_deliveries
        WHERE workspace_id = $1 AND id IN (
            SELECT id FROM pipeline.webhook_deliveries
            WHERE workspace_id = $1 AND settled_at < $2 ORDER BY settled_at LIMIT $3)
        """,
        session.workspace_id,
        before,
        limit,
    )
    return int(tag.split()[-1])
