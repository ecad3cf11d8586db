"""Statements behind the Required 7: for everybody at once, each as of the end of the own day."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

import asyncpg

from services.kit.db import Session
from services.pipeline.opportunities.stages import OPEN_STAGES
from services.workspace.policy import Policy

# Whose day it is, and as of when it is looked at.
_DAYS: Final = "unnest($2::uuid[], $3::timestamptz[]) AS day (user_id, until)"
Days = Sequence[tuple[UUID, datetime]]


def _columns(days: Days) -> tuple[list[UUID], list[datetime]]:
    return [user_id for user_id, _ in days], [until for _, until in days]


async def people(session: Session, owners: Collection[UUID] | None) -> list[asyncpg.Record]:
    """Who sells: active reps, and who else owns something open."""
    return await session.fetch(
        """
        SELECT u.id, u.external_id, u.name, u.timezone FROM workspace.users AS u
        WHERE u.workspace_id = $1 AND u.active
          AND ($2::uuid[] IS NULL OR u.id = ANY($2::uuid[]))
          AND (u.role = 'rep' OR EXISTS (
              SELECT FROM pipeline.hygiene_states AS s
              WHERE s.workspace_id = $1 AND s.owner_id = u.id AND s.is_open))
        ORDER BY u.name, u.id
        """,
        session.workspace_id,
        None if owners is None else list(owners),
    )


async def accounts_to_rank(session: Session, days: Days, today: date) -> list[asyncpg.Record]:
    """Customers that pay, and prospects with something open."""
    return await session.fetch(
        f"""
        SELECT a.id, a.external_id, a.name, a.owner_id
        FROM {_DAYS}
        JOIN pipeline.accounts AS a ON a.workspace_id = $1 AND a.owner_id = day.user_id
        WHERE a.created_at <= day.until AND (
            EXISTS (SELECT FROM pipeline.subscriptions AS s
                    WHERE s.workspace_id = $1 AND s.account_id = a.id AND s.arr > 0
                      AND s.start_date <= $4 AND s.end_date >= $4)
            OR EXISTS (SELECT FROM pipeline.opportunities AS o
                       WHERE o.workspace_id = $1 AND o.account_id = a.id
                         AND o.stage = ANY($5::text[])))
        ORDER BY a.name, a.id
        """,
        session.workspace_id,
        *_columns(days),
        today,
        list(OPEN_STAGES),
    )


async def without_deck(session: Session, days: Days, policy: Policy) -> list[asyncpg.Record]:
    """Accepted deals above the amount of their segment without a deck of their own: neither
    attested nor logged with its address."""
    limits = policy.settings["deck_amount"]
    return await session.fetch(
        f"""
        SELECT o.id, o.external_id, o.name, o.owner_id
        FROM {_DAYS}
        JOIN pipeline.opportunities AS o ON o.workspace_id = $1 AND o.owner_id = day.user_id
        JOIN unnest($4::text[], $5::numeric[]) AS most (segment, amount)
          ON most.segment = o.segment
        LEFT JOIN pipeline.checklists AS list
          ON list.workspace_id = $1 AND list.opportunity_id = o.id
        WHERE o.stage = ANY($6::text[]) AND o.amount > most.amount AND o.created_at <= day.until
          AND NOT coalesce(list.items -> 'custom_deck' ->> 'state' IN ('done', 'not_applicable')
              AND (list.items -> 'custom_deck' ->> 'changed_at')::timestamptz <= day.until, false)
          AND NOT EXISTS (
              SELECT FROM pipeline.activities AS a
              WHERE a.workspace_id = $1 AND a.opportunity_id = o.id AND a.kind = 'documentation'
                AND a.state = 'done' AND a.details ->> 'url' IS NOT NULL
                AND a.created_at <= day.until)
        ORDER BY o.name, o.id
        """,
        session.workspace_id,
        *_columns(days),
        list(limits),
        [Decimal(str(limit)) for limit in limits.values()],
        list(OPEN_STAGES[1:]),
    )


async def without_key_information(
    session: Session, days: Days, policy: Policy, first_day: date
) -> list[asyncpg.Record]:
    """Accepted deals nobody knows the origin of, and those closed since then without the reason."""
    return await session.fetch(
        f"""
        SELECT o.id, o.external_id, o.name, o.owner_id,
            o.source_kind IS NULL AS no_source,
            o.stage = 'closed_lost' AND o.lost_reason IS NULL AS no_lost_reason,
            o.stage = 'closed_lost' AND o.lost_details IS NULL
                AND greatest(o.amount, abs(o.net_arr)) >= $5 AS no_lost_details,
            o.stage = 'closed_won' AND list.items -> 'won_reason' ->> 'state' IS DISTINCT FROM
                'done' AND o.type <> 'renewal' AS no_won_reason
        FROM {_DAYS}
        JOIN pipeline.opportunities AS o ON o.workspace_id = $1 AND o.owner_id = day.user_id
        LEFT JOIN pipeline.checklists AS list
          ON list.workspace_id = $1 AND list.opportunity_id = o.id
        WHERE o.created_at <= day.until AND (
            o.stage = ANY($6::text[])
            OR (o.stage IN ('closed_won', 'closed_lost') AND o.close_date >= $4
                AND o.stage_entered_at <= day.until))
        ORDER BY o.name, o.id
        """,
        session.workspace_id,
        *_columns(days),
        first_day,
        policy.amount("lost.details_min"),
        list(OPEN_STAGES[1:]),
    )


async def without_notes(session: Session, days: Days, count: int) -> list[asyncpg.Record]:
    """Calls and meetings of the last days that say nothing of what came of them."""
    return await session.fetch(
        f"""
        SELECT a.id, a.external_id, a.subject AS name, a.user_id AS owner_id
        FROM {_DAYS}
        JOIN pipeline.activities AS a
          ON a.workspace_id = $1 AND a.user_id = day.user_id
         AND a.occurred_at > day.until - make_interval(days => $4) AND a.occurred_at <= day.until
        WHERE a.kind IN ('call', 'meeting', 'calendar', 'demo') AND a.state = 'done'
          AND a.body IS NULL AND a.outcome IS NULL AND a.created_at <= day.until
        ORDER BY a.occurred_at, a.id
        """,
        session.workspace_id,
        *_columns(days),
        count,
    )


async def findings_at(session: Session, days: Days, rules: Collection[str]) -> list[asyncpg.Record]:
    """What stood at the end of each day: what stands still, and what has ended since."""
    return await session.fetch(
        f"""
        SELECT o.id, o.external_id, o.name, f.owner_id, f.rule
        FROM (
            SELECT f.opportunity_id, f.owner_id, f.rule FROM {_DAYS}
            JOIN pipeline.hygiene_findings AS f
              ON f.workspace_id = $1 AND f.owner_id = day.user_id
            WHERE f.rule = ANY($4::text[]) AND f.opened_at <= day.until
            UNION ALL
            SELECT h.opportunity_id, h.owner_id, h.rule FROM {_DAYS}
            JOIN pipeline.hygiene_history AS h
              ON h.workspace_id = $1 AND h.owner_id = day.user_id AND h.closed_at > day.until
            WHERE h.rule = ANY($4::text[]) AND h.opened_at <= day.until
        ) AS f
        JOIN pipeline.opportunities AS o ON o.workspace_id = $1 AND o.id = f.opportunity_id
        ORDER BY o.name, o.id, f.rule
        """,
        session.workspace_id,
        *_columns(days),
        list(rules),
    )
