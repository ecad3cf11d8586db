"""Statements that read findings: lists, sums, one opportunity's, and how fresh they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from services.kit.db import Session
from services.kit.pagination import PageRequest
from services.kit.rows import Filters, after_id
from services.pipeline import following
from services.workspace.users.reach import Sight

_SELECT: Final = """
    SELECT f.id, f.rule, f.severity, f.evidence, f.since, f.opened_at, f.policy_version,
           f.snoozed_until, f.snoozed_at, f.snoozed_by, f.snooze_reason, f.fiscal_quarter,
           f.opportunity_id, o.external_id AS opportunity_external_id, o.name AS opportunity_name,
           o.stage, o.type, o.segment, o.amount, o.net_arr, o.currency, o.close_date, f.owner_id,
           owner.external_id AS owner_external_id, owner.name AS owner_name,
           account.external_id AS account_external_id, account.name AS account_name
    FROM pipeline.hygiene_findings AS f
    JOIN pipeline.opportunities AS o ON o.workspace_id = $1 AND o.id = f.opportunity_id
    JOIN workspace.users AS owner ON owner.workspace_id = $1 AND owner.id = f.owner_id
    LEFT JOIN pipeline.accounts AS account
      ON account.workspace_id = $1 AND account.id = o.account_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which findings a list or a sum is about; None is any."""

    now: datetime
    seen: Sight
    rule: str | None = None
    severity: str | None = None
    snoozed: str = "false"
    fiscal_quarter: int | None = None
    opportunity_id: UUID | None = None
    account_id: UUID | None = None


def filters_of(session: Session, asked: Asked) -> Filters:
    where = Filters("f.workspace_id = {}", session.workspace_id)
    within(where, asked.seen)
    where.where("f.rule = {}", asked.rule)
    where.where("f.severity = {}", asked.severity)
    where.where("f.fiscal_quarter = {}", asked.fiscal_quarter)
    where.where("f.opportunity_id = {}", asked.opportunity_id)
    where.where("f.account_id = {}", asked.account_id)
    if asked.snoozed == "true":
        where.require("f.snoozed_until > {}", asked.now)
    elif asked.snoozed == "false":
        where.require("(f.snoozed_until IS NULL OR f.snoozed_until <= {})", asked.now)
    return where


def within(where: Filters, seen: Sight, owner: str = "f.owner_id") -> None:
    """Keeps a statement with opportunities as `o` to what may be seen."""
    if seen.owners is None:
        return
    if seen.sdr_id is None:
        where.require(f"{owner} = ANY({{}}::uuid[])", sorted(seen.owners))
        return
    # One parameter carries both: the SDR first, then the owners.
    where.require(
        f"({owner} = ANY(({{0}}::uuid[])[2:]) OR o.sdr_id = ({{0}}::uuid[])[1])",
        [seen.sdr_id, *sorted(seen.owners)],
    )


async def list_findings(session: Session, page: PageRequest, asked: Asked) -> list[asyncpg.Record]:
    """The earliest found first, one more than the page holds."""
    where = filters_of(session, asked)
    where.where("f.id > {}", after_id(page))
    return await session.fetch(
        f"{_SELECT} WHERE {where} ORDER BY f.id LIMIT {page.limit + 1}", *where.values
    )


_KEYS: Final = {
    "all": "''",
    "rule": "f.rule",
    "severity": "f.severity",
    "user": "f.owner_id::text",
}


async def sums(session: Session, asked: Asked, group_by: str) -> list[asyncpg.Record]:
    """How many findings and opportunities, and what these are worth, each counted once a group."""
    where = filters_of(session, asked)
    # What an SDR worked on is told by the opportunity alone.
    joined = asked.seen.sdr_id is not None
    opportunity = "JOIN pipeline.opportunities AS o ON o.workspace_id = $1 AND o.id"
    return await session.fetch(
        f"""
        SELECT g.key, sum(g.findings)::bigint AS findings, sum(g.snoozed)::bigint AS snoozed,
               count(*) AS opportunities, coalesce(sum(o.net_arr), 0) AS net_arr,
               min(g.since) AS oldest_since
        FROM (
            SELECT {_KEYS[group_by]} AS key, f.opportunity_id, count(*) AS findings,
                   count(*) FILTER (WHERE f.snoozed_until IS NOT NULL) AS snoozed,
                   min(f.since) AS since
            FROM pipeline.hygiene_findings AS f
            {f"{opportunity} = f.opportunity_id" if joined else ""}
            WHERE {where} GROUP BY 1, 2
        ) AS g
        {opportunity} = g.opportunity_id
        GROUP BY g.key ORDER BY 2 DESC, 1
        """,
        *where.values,
    )


async def per_week(
    session: Session, asked: Asked, first_day: datetime, timezone: str
) -> list[tuple[date, int, int]]:
    """How many findings began and ended in each week from then on, a week named by its Monday."""
    owners = None if asked.seen.owners is None else sorted(asked.seen.owners)
    rows = await session.fetch(
        """
        SELECT date_trunc('week', t.at AT TIME ZONE $6)::date AS week,
               sum(t.opened)::bigint AS opened, sum(t.closed)::bigint AS closed
        FROM (
            SELECT f.opened_at AS at, 1 AS opened, 0 AS closed, f.owner_id, f.rule, f.severity
            FROM pipeline.hygiene_findings AS f
            WHERE f.workspace_id = $1 AND f.opened_at >= $2
            UNION ALL
            SELECT h.opened_at, 1, 0, h.owner_id, h.rule, h.severity
            FROM pipeline.hygiene_history AS h
            WHERE h.workspace_id = $1 AND h.opened_at >= $2
            UNION ALL
            SELECT h.closed_at, 0, 1, h.owner_id, h.rule, h.severity
            FROM pipeline.hygiene_history AS h
            WHERE h.workspace_id = $1 AND h.closed_at >= $2
        ) AS t
        WHERE ($3::uuid[] IS NULL OR t.owner_id = ANY($3::uuid[]))
          AND ($4::text IS NULL OR t.rule = $4) AND ($5::text IS NULL OR t.severity = $5)
        GROUP BY 1 ORDER BY 1
        """,
        session.workspace_id,
        first_day,
        owners,
        asked.rule,
        asked.severity,
        timezone,
    )
    return [(row["week"], row["opened"], row["closed"]) for row in rows]


async def ended_of(session: Session, opportunity_id: UUID, limit: int) -> list[asyncpg.Record]:
    """The latest first."""
    return await session.fetch(
        """
        SELECT id, rule, severity, evidence, since, opened_at, closed_at
        FROM pipeline.hygiene_history
        WHERE workspace_id = $1 AND opportunity_id = $2 ORDER BY id DESC LIMIT $3
        """,
        session.workspace_id,
        opportunity_id,
        limit,
    )


async def freshness(session: Session, now: datetime) -> dict[str, Any]:
    """As of when everything that was written is judged, and how much waits. Counting stops where
    it says nothing more."""
    row = await session.fetchrow(
        """
        SELECT f.swept_through IS NOT NULL AS is_sweeping,
            (SELECT count(*) FROM (
                SELECT FROM pipeline.feed AS e
                WHERE e.workspace_id = $1 AND e.sequence > f.position LIMIT $4) AS t) AS feed,
            (SELECT min(e.posted_at) FROM (
                SELECT posted_at FROM pipeline.feed
                WHERE workspace_id = $1 AND sequence > f.position
                ORDER BY sequence LIMIT 1) AS e) AS behind_since,
            (SELECT count(*) FROM (
                SELECT FROM pipeline.rechecks AS r
                WHERE r.workspace_id = $1 AND r.follower = $2 LIMIT $4) AS t) AS rechecks,
            (SELECT count(*) FROM (
                SELECT FROM pipeline.follow_ups_due AS d
                WHERE d.workspace_id = $1 AND d.follower = $2 AND d.due_at <= $3 LIMIT $4) AS t)
                AS due,
            (SELECT min(d.due_at) FROM pipeline.follow_ups_due AS d
             WHERE d.workspace_id = $1 AND d.follower = $2 AND d.due_at <= $3) AS due_since
        FROM pipeline.followers AS f
        WHERE f.workspace_id = $1 AND f.name = $2
        """,
        session.workspace_id,
        following.HYGIENE,
        now,
        _COUNTED_MAX,
    )
    if row is None:
        return {"fresh_at": None, "pending": 0, "is_complete": False}
    behind = [each for each in (row["behind_since"], row["due_since"]) if each is not None]
    return {
        "fresh_at": min(behind, default=now),
        "pending": row["feed"] + row["rechecks"] + row["due"],
        "is_complete": not row["is_sweeping"],
    }


_COUNTED_MAX: Final = 100_000


async def find_account(session: Session, account: str) -> UUID | None:
    """By id or external id."""
    found: UUID | None = await session.fetchval(
        """
        SELECT id FROM pipeline.accounts
        WHERE workspace_id = $1 AND (external_id = $2 OR id::text = lower($2))
        ORDER BY (external_id = $2) DESC LIMIT 1
        """,
        session.workspace_id,
        account,
    )
    return found


async def reviews_due(
    session: Session,
    page: PageRequest,
    seen: Sight,
    before: datetime | None,
    after: tuple[datetime, UUID] | None,
) -> list[asyncpg.Record]:
    """Open opportunities by when somebody looked at them last, the longest ago first."""
    where = Filters("s.workspace_id = {}", session.workspace_id)
    within(where, seen, "s.owner_id")
    where.where("s.review_from < {}", before)
    where.where(
        "(s.review_from, s.opportunity_id)"
        " > (({0}::text[])[1]::timestamptz, ({0}::text[])[2]::uuid)",
        None if after is None else [after[0].isoformat(), str(after[1])],
    )
    return await session.fetch(
        f"""
        SELECT s.opportunity_id, o.external_id AS opportunity_external_id,
               o.name AS opportunity_name, o.stage, o.net_arr, o.currency, o.close_date,
               owner.external_id AS owner_external_id, owner.name AS owner_name,
               s.reviewed_at, s.reviewed_by, s.review_note AS note, s.review_from
        FROM pipeline.hygiene_states AS s
        JOIN pipeline.opportunities AS o ON o.workspace_id = $1 AND o.id = s.opportunity_id
        JOIN workspace.users AS owner ON owner.workspace_id = $1 AND owner.id = s.owner_id
        WHERE {where} AND s.is_open
        ORDER BY s.review_from, s.opportunity_id LIMIT {page.limit + 1}
        """,
        *where.values,
    )
