"""Statements on what subscriptions were before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from services.kit.db import Session, WriteSession
from services.pipeline.customers.domain import Bought

_INSERT: Final = """
    INSERT INTO pipeline.subscription_changes (workspace_id, subscription_id, version, changed_on,
        previous_tier, tier, previous_seats, seats, previous_arr, arr, previous_end_date, end_date,
        recorded_at)
    SELECT $1, r.* FROM json_to_recordset($2::json) AS r(subscription_id uuid, version int,
        changed_on date, previous_tier text, tier text, previous_seats bigint, seats bigint,
        previous_arr numeric, arr numeric, previous_end_date date, end_date date,
        recorded_at timestamptz)
"""


async def insert_changes(session: WriteSession, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        await session.execute(_INSERT, session.workspace_id, rows)


async def before_of(
    session: Session, subscription_ids: Collection[UUID], continuation_days: int
) -> dict[UUID, Bought]:
    """What each subscription was before its last change, else the one of its account that ended
    before it began, not longer ago than so many days."""
    ids = list(subscription_ids)
    if not ids:
        return {}
    rows = await session.fetch(
        """
        SELECT s.id, last.tier, last.seats, last.arr
        FROM pipeline.subscriptions AS s
        JOIN LATERAL (
            (SELECT c.previous_tier AS tier, c.previous_seats AS seats, c.previous_arr AS arr
             FROM pipeline.subscription_changes AS c
             WHERE c.workspace_id = $1 AND c.subscription_id = s.id
             ORDER BY c.version DESC LIMIT 1)
            UNION ALL
            (SELECT p.tier, p.seats, p.arr FROM pipeline.subscriptions AS p
             WHERE p.workspace_id = $1 AND p.account_id = s.account_id AND p.id <> s.id
               AND p.end_date <= s.start_date AND p.end_date >= s.start_date - $3::int
             ORDER BY p.end_date DESC, p.id DESC LIMIT 1)
            LIMIT 1
        ) AS last ON true
        WHERE s.workspace_id = $1 AND s.id = ANY($2::uuid[])
        """,
        session.workspace_id,
        ids,
        continuation_days,
    )
    return {row[0]: Bought(*row[1:]) for row in rows}
