"""Statements of clocks: what they go by, set-based; how they stand; leave to renew late."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.ids import new_id
from services.pipeline.opportunities.stages import OPEN_STAGES

_MEETING_KINDS: Final = ("meeting", "calendar", "demo", "call")


async def read_deals(session: Session, ids: Collection[UUID]) -> list[asyncpg.Record]:
    """Of these opportunities, what they themselves say."""
    return await session.fetch(
        """
        SELECT o.id, o.external_id, o.version, o.name, o.stage, o.type, o.category, o.segment,
               o.region, o.owner_id, o.sdr_id, o.account_id, o.created_at,
               coalesce(o.renewal_date, s.end_date) AS renewal_on,
               o.renewal_loss_category = 'commit'
                   AND coalesce(o.expected_renewed_arr, 0) = 0 AS is_expected_lost
        FROM pipeline.opportunities AS o
        LEFT JOIN pipeline.subscriptions AS s
          ON s.workspace_id = $1 AND s.id = o.subscription_id
        WHERE o.workspace_id = $1 AND o.id = ANY($2::uuid[])
        """,
        session.workspace_id,
        list(ids),
    )


async def lock_open(session: WriteSession, ids: Collection[UUID]) -> list[UUID]:
    """Those that are still open, locked until the transaction ends, in the order of ids."""
    rows = await session.fetch(
        """
        SELECT id FROM pipeline.opportunities
        WHERE workspace_id = $1 AND id = ANY($2::uuid[]) AND stage = ANY($3::text[])
        ORDER BY id FOR NO KEY UPDATE
        """,
        session.workspace_id,
        list(ids),
        list(OPEN_STAGES),
    )
    return [row["id"] for row in rows]


async def read_moves(session: Session, ids: Collection[UUID]) -> dict[UUID, asyncpg.Record]:
    """When each was last told to be at another stage or to have another next step."""
    if not ids:
        return {}
    rows = await session.fetch(
        """
        SELECT opportunity_id, max(recorded_at) FILTER (WHERE changes ? 'stage') AS stage_at,
               max(recorded_at) FILTER (
                   WHERE changes ?| ARRAY['next_step', 'next_step_date']) AS next_step_at
        FROM pipeline.opportunity_events
        WHERE workspace_id = $1 AND opportunity_id = ANY($2::uuid[])
        GROUP BY opportunity_id
        """,
        session.workspace_id,
        list(ids),
    )
    return {row["opportunity_id"]: row for row in rows}


async def read_last_activities(
    session: Session, ids: Collection[UUID], at: datetime
) -> dict[UUID, datetime]:
    """When something was last done about each."""
    if not ids:
        return {}
    rows = await session.fetch(
        """
        SELECT wanted.id, last.occurred_at
        FROM unnest($2::uuid[]) AS wanted (id) CROSS JOIN LATERAL (
            SELECT a.occurred_at FROM pipeline.activities AS a
            WHERE a.workspace_id = $1 AND a.opportunity_id = wanted.id AND a.state = 'done'
              AND a.occurred_at <= $3
            ORDER BY a.occurred_at DESC LIMIT 1) AS last
        """,
        session.workspace_id,
        list(ids),
        at,
    )
    return {row["id"]: row["occurred_at"] for row in rows}


async def read_meetings(session: Session, ids: Collection[UUID]) -> list[asyncpg.Record]:
    """Meetings logged as activities; what qualification knows of is its own."""
    if not ids:
        return []
    return await session.fetch(
        """
        SELECT opportunity_id, occurred_at, state, is_qualification FROM pipeline.activities
        WHERE workspace_id = $1 AND opportunity_id = ANY($2::uuid[]) AND kind = ANY($3::text[])
          AND state <> 'cancelled'
        """,
        session.workspace_id,
        list(ids),
        list(_MEETING_KINDS),
    )


async def read_stays(session: Session, ids: Collection[UUID]) -> dict[UUID, asyncpg.Record]:
    """The last stay in stage 0 of each that was there, and what came after it."""
    if not ids:
        return {}
    rows = await session.fetch(
        """
        SELECT DISTINCT ON (at_0.opportunity_id) at_0.opportunity_id, at_0.entered_at,
               at_0.recorded_at, after.entered_at AS left_at, after.stage AS to_stage,
               after.recorded_at AS left_recorded_at
        FROM pipeline.stage_visits AS at_0
        LEFT JOIN LATERAL (
            SELECT v.entered_at, v.stage, v.recorded_at FROM pipeline.stage_visits AS v
            WHERE v.workspace_id = $1 AND v.opportunity_id = at_0.opportunity_id
              AND v.version > at_0.version
            ORDER BY v.version LIMIT 1) AS after ON true
        WHERE at_0.workspace_id = $1 AND at_0.opportunity_id = ANY($2::uuid[])
          AND at_0.stage = 'pending_acceptance'
        ORDER BY at_0.opportunity_id, at_0.version DESC
        """,
        session.workspace_id,
        list(ids),
    )
    return {row["opportunity_id"]: row for row in rows}


async def read_extensions(session: Session, ids: Collection[UUID]) -> dict[UUID, asyncpg.Record]:
    """The last leave to renew late of each that has one."""
    if not ids:
        return {}
    rows = await session.fetch(
        """
        SELECT DISTINCT ON (opportunity_id) opportunity_id, new_date, granted_at
        FROM pipeline.late_renewals
        WHERE workspace_id = $1 AND opportunity_id = ANY($2::uuid[])
        ORDER BY opportunity_id, id DESC
        """,
        session.workspace_id,
        list(ids),
    )
    return {row["opportunity_id"]: row for row in rows}


async def add_extension(session: WriteSession, row: Mapping[str, Any]) -> None:
    await session.execute(
        """
        INSERT INTO pipeline.late_renewals (workspace_id, id, opportunity_id, reason, impact,
            new_date, actor, granted_at, policy_version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        session.workspace_id,
        row["id"],
        row["opportunity_id"],
        row["reason"],
        row["impact"],
        row["new_date"],
        row["actor"],
        row["granted_at"],
        row["policy_version"],
    )


async def list_extensions(session: Session, opportunity_id: UUID) -> list[asyncpg.Record]:
    """Of one renewal, the newest first."""
    return await session.fetch(
        """
        SELECT id, opportunity_id, reason, impact, new_date, actor, granted_at, policy_version
        FROM pipeline.late_renewals WHERE workspace_id = $1 AND opportunity_id = $2
        ORDER BY id DESC
        """,
        session.workspace_id,
        opportunity_id,
    )


_COLUMNS: Final = (
    "opportunity_id", "kind", "run", "started_at", "done", "due_at", "deadline_at", "ended_at",
    "outcome", "minutes", "policy_version",
)  # fmt: skip
_SELECTED: Final = ", ".join(_COLUMNS)
_TYPES: Final = """
    opportunity_id uuid, kind text, run text, started_at timestamptz, done jsonb,
    due_at timestamptz, deadline_at timestamptz, ended_at timestamptz, outcome text,
    minutes bigint, policy_version integer
"""


async def read_clocks(
    session: Session, ids: Collection[UUID]
) -> dict[tuple[UUID, str], dict[str, Any]]:
    """As they were last worked out, by opportunity and kind."""
    rows = await session.fetch(
        f"SELECT {_SELECTED} FROM pipeline.clocks"
        " WHERE workspace_id = $1 AND opportunity_id = ANY($2::uuid[])",
        session.workspace_id,
        list(ids),
    )
    return {(row["opportunity_id"], row["kind"]): dict(row) for row in rows}


async def put_clocks(session: WriteSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Only the follower writes here, holding its own row, so nobody waits."""
    if not rows:
        return
    values = ", ".join(f"r.{name}" for name in _COLUMNS)
    settings = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[2:])
    await session.execute(
        f"""
        INSERT INTO pipeline.clocks (workspace_id, {_SELECTED})
        SELECT $1::uuid, {values} FROM json_to_recordset($2::json) AS r ({_TYPES})
        ON CONFLICT (workspace_id, opportunity_id, kind) DO UPDATE SET {settings}
        """,
        session.workspace_id,
        list(rows),
    )


async def delete_clocks(session: WriteSession, keys: Collection[tuple[UUID, str]]) -> None:
    if not keys:
        return
    await session.execute(
        """
        DELETE FROM pipeline.clocks AS c
        USING unnest($2::uuid[], $3::text[]) AS gone (opportunity_id, kind)
        WHERE c.workspace_id = $1 AND c.opportunity_id = gone.opportunity_id
          AND c.kind = gone.kind
        """,
        session.workspace_id,
        [id_ for id_, _ in keys],
        [kind for _, kind in keys],
    )


async def list_due(
    session: Session,
    *,
    until: datetime,
    owners: Collection[UUID] | None,
    sdr_id: UUID | None,
    kind: str | None,
    after: tuple[datetime, UUID, str] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Clocks with something to do by `until`, the soonest first; `owners` None is everybody's."""
    due_at, opportunity_id, after_kind = after or (None, None, None)
    return await session.fetch(
        """
        SELECT c.opportunity_id, c.kind, c.due_at, o.external_id, o.name, o.stage, o.segment,
               owner.external_id AS owner_external_id
        FROM pipeline.clocks AS c
        JOIN pipeline.opportunities AS o ON o.workspace_id = $1 AND o.id = c.opportunity_id
        JOIN workspace.users AS owner ON owner.workspace_id = $1 AND owner.id = o.owner_id
        WHERE c.workspace_id = $1 AND c.due_at <= $2
          AND ($3::uuid[] IS NULL OR o.owner_id = ANY($3::uuid[]) OR o.sdr_id = $4)
          AND ($5::text IS NULL OR c.kind = $5)
          AND ($6::timestamptz IS NULL
               OR (c.due_at, c.opportunity_id, c.kind) > ($6, $7::uuid, $8::text))
        ORDER BY c.due_at, c.opportunity_id, c.kind LIMIT $9
        """,
        session.workspace_id,
        until,
        None if owners is None else list(owners),
        sdr_id,
        kind,
        due_at,
        opportunity_id,
        after_kind,
        limit,
    )


async def read_acceptances(
    session: Session,
    start: datetime,
    end: datetime,
    owners: Collection[UUID] | None,
    now: datetime,
) -> list[asyncpg.Record]:
    """How many acceptances that began in a period have which outcome, and the minutes of those
    that were answered. One that is open is missed once its deadline is past."""
    return await session.fetch(
        """
        SELECT told.outcome, count(*) AS count, array_agg(told.minutes) AS minutes
        FROM (
            SELECT CASE WHEN c.outcome IS NOT NULL THEN c.outcome
                        WHEN c.deadline_at <= $5 THEN 'overdue' ELSE 'open' END AS outcome,
                   c.minutes
            FROM pipeline.clocks AS c
            JOIN pipeline.opportunities AS o ON o.workspace_id = $1 AND o.id = c.opportunity_id
            WHERE c.workspace_id = $1 AND c.kind = 'acceptance' AND c.started_at >= $2
              AND c.started_at < $3
              AND ($4::uuid[] IS NULL OR o.owner_id = ANY($4::uuid[]))) AS told
        GROUP BY told.outcome
        """,
        session.workspace_id,
        start,
        end,
        None if owners is None else list(owners),
        now,
    )


async def insert_findings(
    session: WriteSession, found: Sequence[tuple[UUID, int, str, str]], at: datetime
) -> None:
    """Of (opportunity, version, rule, sentence)."""
    if not found:
        return
    await session.execute(
        """
        INSERT INTO pipeline.findings (workspace_id, id, opportunity_id, version, rule, message,
            actor, found_at)
        SELECT $1, f.id, f.opportunity_id, f.version, f.rule, f.message, 'system', $2
        FROM unnest($3::uuid[], $4::uuid[], $5::int[], $6::text[], $7::text[])
            AS f (id, opportunity_id, version, rule, message)
        """,
        session.workspace_id,
        at,
        [new_id() for _ in found],
        [each[0] for each in found],
        [each[1] for each in found],
        [each[2] for each in found],
        [each[3] for each in found],
    )


async def ids_named(session: Session, external_ids: Collection[str]) -> list[UUID]:
    """The users of these external ids, where there are such."""
    if not external_ids:
        return []
    rows = await session.fetch(
        "SELECT id FROM workspace.users"
        " WHERE workspace_id = $1 AND external_id = ANY($2::text[]) ORDER BY external_id",
        session.workspace_id,
        list(external_ids),
    )
    return [row["id"] for row in rows]
