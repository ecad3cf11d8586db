"""Statements for what people say about findings: a snooze, and that they looked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.pipeline.hygiene.domain import Moment
from services.pipeline.opportunities.stages import STAGE


async def find_opportunities(session: Session, ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """In id order."""
    return await session.fetch(
        """
        SELECT o.id, o.owner_id, o.stage, o.created_at, o.opened_on
        FROM pipeline.opportunities AS o
        WHERE o.workspace_id = $1 AND o.id = ANY($2::uuid[]) ORDER BY o.id
        """,
        session.workspace_id,
        list(ids),
    )


async def get_state(session: Session, opportunity_id: UUID) -> asyncpg.Record | None:
    return await session.fetchrow(
        """
        SELECT is_open, review_from, reviewed_at, reviewed_by FROM pipeline.hygiene_states
        WHERE workspace_id = $1 AND opportunity_id = $2
        """,
        session.workspace_id,
        opportunity_id,
    )


async def snooze(
    session: WriteSession,
    opportunity_id: UUID,
    rule: str,
    *,
    until: datetime,
    reason: str,
    actor: str,
    at: datetime,
) -> bool:
    done = await session.execute(
        """
        UPDATE pipeline.hygiene_findings
        SET snoozed_until = $4, snooze_reason = $5, snoozed_by = $6, snoozed_at = $7
        WHERE workspace_id = $1 AND opportunity_id = $2 AND rule = $3
        """,
        session.workspace_id,
        opportunity_id,
        rule,
        until,
        reason,
        actor,
        at,
    )
    return done == "UPDATE 1"


async def wake(session: WriteSession, opportunity_id: UUID, rule: str) -> bool:
    done = await session.execute(
        """
        UPDATE pipeline.hygiene_findings
        SET snoozed_until = NULL, snooze_reason = NULL, snoozed_by = NULL, snoozed_at = NULL
        WHERE workspace_id = $1 AND opportunity_id = $2 AND rule = $3 AND snoozed_until IS NOT NULL
        """,
        session.workspace_id,
        opportunity_id,
        rule,
    )
    return done == "UPDATE 1"


async def review(
    session: WriteSession,
    rows: Sequence[Mapping[str, Any]],
    *,
    actor: str,
    note: str | None,
    at: Moment,
) -> None:
    """Also of those hygiene has not met yet."""
    await session.execute(
        """
        INSERT INTO pipeline.hygiene_states (workspace_id, opportunity_id, owner_id, opened_on,
            is_open, review_from, reviewed_at, reviewed_by, review_note)
        SELECT $1, r.id, r.owner_id, r.opened_on, r.is_open, $6, $6, $7, $8
        FROM unnest($2::uuid[], $3::uuid[], $4::date[], $5::bool[])
            AS r (id, owner_id, opened_on, is_open)
        ON CONFLICT (workspace_id, opportunity_id) DO UPDATE
        SET review_from = excluded.review_from, reviewed_at = excluded.reviewed_at,
            reviewed_by = excluded.reviewed_by, review_note = excluded.review_note
        """,
        session.workspace_id,
        [row["id"] for row in rows],
        [row["owner_id"] for row in rows],
        [row["opened_on"] or at.day(row["created_at"]) for row in rows],
        [STAGE[row["stage"]].is_open for row in rows],
        at.now,
        actor,
        note,
    )
