"""Statements on measurements of use."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.pagination import PageRequest
from services.kit.rows import Rows
from services.pipeline.customers.models import UsageReading

READINGS: Final = Rows(UsageReading)
_COLUMNS: Final = (
    "id, subscription_id, measured_on, active_users, seats_used, features, tier, recorded_at"
)


async def on_days(
    session: Session, keys: Collection[tuple[UUID, date]]
) -> dict[tuple[UUID, date], dict[str, Any]]:
    """The readings of these subscriptions on these days."""
    wanted = list(keys)
    rows = await session.fetch(
        f"""
        SELECT {", ".join(f"r.{name.strip()}" for name in _COLUMNS.split(","))}
        FROM unnest($2::uuid[], $3::date[]) AS wanted (subscription_id, measured_on)
        JOIN pipeline.usage_readings AS r
          ON r.workspace_id = $1 AND r.subscription_id = wanted.subscription_id
         AND r.measured_on = wanted.measured_on
        WHERE r.workspace_id = $1
        """,
        session.workspace_id,
        [id_ for id_, _ in wanted],
        [day for _, day in wanted],
    )
    return {(row["subscription_id"], row["measured_on"]): dict(row) for row in rows}


async def insert(session: WriteSession, rows: Sequence[dict[str, Any]]) -> None:
    await READINGS.insert(session, rows)


async def last_days(session: Session, subscription_ids: Collection[UUID]) -> dict[UUID, date]:
    """The last day each of them was measured on."""
    rows = await session.fetch(
        """
        SELECT subscription_id, max(measured_on) FROM pipeline.usage_readings
        WHERE workspace_id = $1 AND subscription_id = ANY($2::uuid[])
        GROUP BY subscription_id
        """,
        session.workspace_id,
        list(subscription_ids),
    )
    return {row[0]: row[1] for row in rows}


async def recent(
    session: Session, subscription_ids: Collection[UUID], days: int
) -> dict[UUID, list[asyncpg.Record]]:
    """The readings of each in so many days up to its last one, the newest first."""
    rows = await session.fetch(
        """
        SELECT r.subscription_id, r.measured_on, r.active_users, r.seats_used, r.features
        FROM unnest($2::uuid[]) AS wanted (id)
        JOIN LATERAL (
            SELECT max(l.measured_on) AS measured_on FROM pipeline.usage_readings AS l
            WHERE l.workspace_id = $1 AND l.subscription_id = wanted.id
        ) AS last ON true
        JOIN pipeline.usage_readings AS r
          ON r.workspace_id = $1 AND r.subscription_id = wanted.id
         AND r.measured_on >= last.measured_on - $3::int
        WHERE r.workspace_id = $1
        ORDER BY r.subscription_id, r.measured_on DESC
        """,
        session.workspace_id,
        list(subscription_ids),
        days,
    )
    found: dict[UUID, list[asyncpg.Record]] = {}
    for row in rows:
        found.setdefault(row["subscription_id"], []).append(row)
    return found


async def list_readings(
    session: Session, subscription_id: UUID, page: PageRequest
) -> list[asyncpg.Record]:
    """The newest first, one more than the page holds."""
    return await session.fetch(
        f"""
        SELECT {_COLUMNS} FROM pipeline.usage_readings
        WHERE workspace_id = $1 AND subscription_id = $2
          AND ($3::date IS NULL OR measured_on < $3)
        ORDER BY measured_on DESC LIMIT $4
        """,
        session.workspace_id,
        subscription_id,
        _before(page),
        page.limit + 1,
    )


def _before(page: PageRequest) -> date | None:
    if page.after is None:
        return None
    try:
        return date.fromisoformat(page.after[0])
    except (ValueError, TypeError) as error:
        raise InvalidPayloadError.one(
            "query/cursor", "invalid_cursor", "is the cursor of another list"
        ) from error
