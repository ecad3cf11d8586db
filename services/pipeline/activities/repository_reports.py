"""Statements behind reports: one for each, whatever the number of opportunities or users."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

import asyncpg

from services.kit.db import Session
from services.pipeline.activities.domain import LIVE_KINDS
from services.pipeline.activities.follow_up import APPOINTMENT, BIT, CONNECT
from services.pipeline.activities.models import CONTACT, OPEN_OBJECTION
from services.pipeline.activities.periods import Period
from services.pipeline.opportunities.stages import OPEN_STAGES

Users = Sequence[UUID] | None
"""Whose; None is everybody's."""

_BODY_READ: Final = 2000
_KEYS: Final = {
    "kind": "a.kind",
    "user": "a.user_id::text",
    "day": "((a.occurred_at AT TIME ZONE $5::text)::date)::text",
    None: "NULL::text",
}


def _of(users: Users, column: str, place: int) -> str:
    """A condition that an index answers: no `OR` with the case of everybody."""
    name = f"${place}::uuid[]"
    return f"{name} IS NULL" if users is None else f"{column} = ANY({name})"


async def read_steps(session: Session, opportunity_id: UUID) -> list[asyncpg.Record]:
    """What was done for the follow-up of one opportunity since the last connect, and all of it
    where there was none."""
    return await session.fetch(
        """
        SELECT a.id, a.kind, a.occurred_at, a.steps FROM pipeline.activities AS a
        WHERE a.workspace_id = $1 AND a.opportunity_id = $2 AND a.steps <> 0
          AND a.occurred_at >= coalesce(
              (SELECT max(c.occurred_at) FROM pipeline.activities AS c
               WHERE c.workspace_id = $1 AND c.opportunity_id = $2 AND c.steps & $3::int <> 0),
              '-infinity')
        ORDER BY a.occurred_at, a.id
        """,
        session.workspace_id,
        opportunity_id,
        BIT[CONNECT],
    )


async def read_open_points(session: Session, opportunity_id: UUID) -> list[asyncpg.Record]:
    """Objections that are open, and break-up mails."""
    return await session.fetch(
        """
        SELECT id, kind, occurred_at, subject, details FROM pipeline.activities
        WHERE workspace_id = $1 AND opportunity_id = $2 AND state = 'done'
          AND (kind = 'breakup_email' OR (kind = 'objection' AND details->>'state' = 'open'))
        ORDER BY occurred_at, id
        """,
        session.workspace_id,
        opportunity_id,
    )


async def read_follow_ups(session: Session, owners: Users) -> list[asyncpg.Record]:
    """For every open opportunity of these owners: its last connect, and when each step was first
    taken since. Passes over each one's activities, by an index that has all of it."""
    return await session.fetch(
        f"""
        SELECT o.id, o.external_id, o.name, o.stage, o.owner_id, o.created_at,
               account.external_id AS account_external_id,
               owner.external_id AS owner_external_id,
               every.connected_at, every.last_at, every.broken_up_at, objections.open_objections,
               since.steps, since.documented_at, since.appointment_at
        FROM pipeline.opportunities AS o
        JOIN workspace.users AS owner ON owner.workspace_id = $1 AND owner.id = o.owner_id
        LEFT JOIN pipeline.accounts AS account
          ON account.workspace_id = $1 AND account.id = o.account_id
        LEFT JOIN LATERAL (
            SELECT max(a.occurred_at) FILTER (WHERE a.steps & $4::int <> 0) AS connected_at,
                   max(a.occurred_at) FILTER (WHERE a.state = 'done') AS last_at,
                   max(a.occurred_at) FILTER (WHERE a.kind = 'breakup_email'
                                                AND a.state = 'done') AS broken_up_at
            FROM pipeline.activities AS a
            WHERE a.workspace_id = $1 AND a.opportunity_id = o.id
        ) AS every ON true
        LEFT JOIN LATERAL (
            SELECT bit_or(b.steps)::int AS steps,
                   min(b.occurred_at) FILTER (WHERE b.steps & $5::int <> 0) AS documented_at,
                   min(b.occurred_at) FILTER (WHERE b.steps & $6::int <> 0) AS appointment_at
            FROM pipeline.activities AS b
            WHERE b.workspace_id = $1 AND b.opportunity_id = o.id
              AND b.occurred_at >= every.connected_at
        ) AS since ON true
        LEFT JOIN LATERAL (
            SELECT count(*) AS open_objections FROM pipeline.activities AS a
            WHERE a.workspace_id = $1 AND a.opportunity_id = o.id AND {OPEN_OBJECTION}
        ) AS objections ON true
        WHERE o.workspace_id = $1 AND o.stage = ANY($2::text[])
          AND {_of(owners, "o.owner_id", 3)}
        """,
        session.workspace_id,
        list(OPEN_STAGES),
        owners,
        BIT[CONNECT],
        BIT["follow_up_documentation"],
        BIT[APPOINTMENT],
    )


async def read_qualification_calls(
    session: Session, users: Users, period: Period
) -> list[asyncpg.Record]:
    """What was held, preparations left out. `is_customer`: the account had a subscription on that
    day; `is_first`: nobody had held one with this account, or opportunity, before."""
    return await session.fetch(
        f"""
        SELECT a.user_id, a.subject, left(a.body, $6::int) AS body, a.purpose,
               a.account_id IS NOT NULL AND EXISTS (
                   SELECT FROM pipeline.subscriptions AS s
                   WHERE s.workspace_id = $1 AND s.account_id = a.account_id
                     AND s.start_date <= (a.occurred_at AT TIME ZONE $5::text)::date
                     AND s.end_date >= (a.occurred_at AT TIME ZONE $5::text)::date
               ) AS is_customer,
               NOT EXISTS (
                   SELECT FROM pipeline.activities AS before
                   WHERE before.workspace_id = $1 AND before.account_id = a.account_id
                     AND before.is_qualification AND before.state = 'done'
                     AND before.kind = ANY($7::text[]) AND NOT before.is_preparation
                     AND (before.occurred_at, before.id) < (a.occurred_at, a.id)
               ) AND NOT EXISTS (
                   SELECT FROM pipeline.activities AS before
                   WHERE before.workspace_id = $1 AND before.opportunity_id = a.opportunity_id
                     AND before.is_qualification AND before.state = 'done'
                     AND before.kind = ANY($7::text[]) AND NOT before.is_preparation
                     AND (before.occurred_at, before.id) < (a.occurred_at, a.id)
               ) AS is_first
        FROM pipeline.activities AS a
        WHERE a.workspace_id = $1 AND a.is_qualification
          AND a.occurred_at >= $3 AND a.occurred_at < $4
          AND {_of(users, "a.user_id", 2)}
          AND a.state = 'done' AND a.kind = ANY($7::text[]) AND NOT a.is_preparation
        """,
        session.workspace_id,
        users,
        period.begins,
        period.ends,
        period.timezone,
        _BODY_READ,
        list(LIVE_KINDS),
    )


async def read_customers(
    session: Session, owners: Users, period: Period, day: date
) -> list[asyncpg.Record]:
    """By owner, how many accounts have a subscription on the day, and with how many of them there
    was a contact in the period. An account without an owner is its opportunities' latest owner's."""
    return await session.fetch(
        f"""
        WITH customers AS (
            SELECT c.id, coalesce(c.owner_id, (
                       SELECT o.owner_id FROM pipeline.opportunities AS o
                       WHERE o.workspace_id = $1 AND o.account_id = c.id
                       ORDER BY o.id DESC LIMIT 1)) AS owner_id
            FROM pipeline.accounts AS c
            WHERE c.workspace_id = $1
              AND ({_of(owners, "c.owner_id", 2)} OR c.owner_id IS NULL)
              AND EXISTS (SELECT FROM pipeline.subscriptions AS s
                          WHERE s.workspace_id = $1 AND s.account_id = c.id
                            AND s.start_date <= $5 AND s.end_date >= $5)
        )
        SELECT k.owner_id, count(*) AS accounts,
               count(*) FILTER (WHERE EXISTS (
                   SELECT FROM pipeline.activities AS a
                   WHERE a.workspace_id = $1 AND a.account_id = k.id
                     AND a.occurred_at >= $3 AND a.occurred_at < $4 AND {CONTACT}
               )) AS contacted
        FROM customers AS k
        WHERE {_of(owners, "k.owner_id", 2)}
        GROUP BY k.owner_id
        """,
        session.workspace_id,
        owners,
        period.begins,
        period.ends,
        day,
    )


async def read_counts(
    session: Session, users: Users, period: Period, group_by: str | None
) -> list[asyncpg.Record]:
    """By group and kind: how many were done, missed, are planned; objections that are handled."""
    zone = [period.timezone] if group_by == "day" else []
    return await session.fetch(
        f"""
        SELECT {_KEYS[group_by]} AS key, a.kind,
               count(*) FILTER (WHERE a.state = 'done') AS done,
               count(*) FILTER (WHERE a.state = 'no_show') AS no_shows,
               count(*) FILTER (WHERE a.state = 'planned') AS planned,
               count(*) FILTER (WHERE a.kind = 'objection' AND a.state = 'done'
                                  AND a.details->>'state' = 'handled') AS handled
        FROM pipeline.activities AS a
        WHERE a.workspace_id = $1 AND a.occurred_at >= $3 AND a.occurred_at < $4
          AND {_of(users, "a.user_id", 2)}
        GROUP BY 1, 2
        """,
        session.workspace_id,
        users,
        period.begins,
        period.ends,
        *zone,
    )
