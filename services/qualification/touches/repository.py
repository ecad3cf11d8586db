"""Statements on touches, and on what a lead keeps of them. Whoever writes holds the lead's lock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.pagination import PageRequest
from services.kit.rows import Filters, Rows
from services.qualification.touches.domain import Contact
from services.qualification.touches.models import Touch
from services.qualification.touches.seen import SEEN

TOUCHES = Rows(Touch)
_COLUMNS = ", ".join(f"t.{name}" for name in TOUCHES.columns)
# What was sent before is a repetition, whenever it was told of.
_SHOWN = f"""
    SELECT {_COLUMNS}, l.external_id AS lead_external_id, u.external_id AS user_external_id,
           t.direction = 'outbound' AND t.resource_id IS NOT NULL AND EXISTS (
               SELECT 1 FROM qualification.touches AS earlier
               WHERE earlier.workspace_id = $1 AND earlier.lead_id = t.lead_id
                 AND earlier.direction = 'outbound' AND earlier.resource_id = t.resource_id
                 AND (earlier.occurred_at, earlier.id) < (t.occurred_at, t.id)
           ) AS repeated_resource
    FROM qualification.touches AS t
    JOIN qualification.leads AS l ON l.workspace_id = $1 AND l.id = t.lead_id
    LEFT JOIN workspace.users AS u ON u.workspace_id = $1 AND u.id = t.user_id
"""


async def get_touch(session: Session, touch_id: UUID) -> dict[str, Any]:
    """One that was just stored or found."""
    row = await session.fetchrow(
        f"{_SHOWN} WHERE t.workspace_id = $1 AND t.id = $2", session.workspace_id, touch_id
    )
    assert row is not None
    return dict(row)


async def list_touches(
    session: Session, lead_id: UUID, page: PageRequest, after: tuple[datetime, UUID] | None
) -> list[asyncpg.Record]:
    """Up to one more than the page holds, in the order in which they happened."""
    where = Filters("t.workspace_id = {}", session.workspace_id)
    where.require("t.lead_id = {}", lead_id)
    if after is not None:
        where.require("t.occurred_at >= {}", after[0])
        place = len(where.values)
        where.require(f"(t.occurred_at, t.id) > (${place}, {{}})", after[1])
    return await session.fetch(
        f"{_SHOWN} WHERE {where} ORDER BY t.occurred_at, t.id LIMIT {page.limit + 1}",
        *where.values,
    )


async def known_touches(
    session: Session, named: Iterable[tuple[UUID, str]]
) -> dict[tuple[UUID, str], UUID]:
    """By lead and external id, those that are stored already."""
    wanted = list(named)
    if not wanted:
        return {}
    rows = await session.fetch(
        """
        SELECT t.lead_id, t.external_id, t.id FROM qualification.touches AS t
        JOIN unnest($2::uuid[], $3::text[]) AS asked (lead_id, external_id)
          ON asked.lead_id = t.lead_id AND asked.external_id = t.external_id
        WHERE t.workspace_id = $1
        """,
        session.workspace_id,
        [lead_id for lead_id, _ in wanted],
        [external_id for _, external_id in wanted],
    )
    return {(row["lead_id"], row["external_id"]): row["id"] for row in rows}


async def resources_sent(session: Session, lead_id: UUID) -> frozenset[UUID]:
    """What the lead has got, ever."""
    rows = await session.fetch(
        """
        SELECT DISTINCT resource_id FROM qualification.touches
        WHERE workspace_id = $1 AND lead_id = $2 AND direction = 'outbound'
          AND resource_id IS NOT NULL
        """,
        session.workspace_id,
        lead_id,
    )
    return frozenset(row["resource_id"] for row in rows)


@dataclass(slots=True)
class Past:
    """What is stored of a lead's sequence."""

    begun_anew_at: datetime | None = None
    taken_up_at: datetime | None = None
    touches: list[Contact] = field(default_factory=list)


async def pasts(session: Session, lead_ids: Iterable[UUID]) -> dict[UUID, Past]:
    """Of each lead; two statements however many there are."""
    wanted = list(lead_ids)
    found = {lead_id: Past() for lead_id in wanted}
    touches = await session.fetch(
        """
        SELECT lead_id, occurred_at, channel, direction, resource_external_id
        FROM qualification.touches
        WHERE workspace_id = $1 AND lead_id = ANY($2::uuid[])
        ORDER BY occurred_at, id
        """,
        session.workspace_id,
        wanted,
    )
    for row in touches:
        contact = Contact(
            row["occurred_at"], row["channel"], row["direction"], row["resource_external_id"]
        )
        found[row["lead_id"]].touches.append(contact)
    for row in await _begins(session, wanted):
        past = found[row["lead_id"]]
        past.begun_anew_at, past.taken_up_at = row["begun_anew_at"], row["taken_up_at"]
    return found


async def _begins(session: Session, lead_ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """A new sign of interest or a return begins a sequence anew; it is taken up since then. What
    came after the lead got its status did not begin anything: it is a merged twin's history."""
    return await session.fetch(
        """
        WITH moves AS (
            SELECT m.lead_id, m.from_status, m.to_status, m.occurred_at
            FROM qualification.lead_moves AS m
            JOIN qualification.leads AS l ON l.workspace_id = $1 AND l.id = m.lead_id
            WHERE m.workspace_id = $1 AND m.lead_id = ANY($2::uuid[])
              AND m.from_status IS DISTINCT FROM m.to_status AND m.occurred_at <= l.status_since
        ), anew AS (
            SELECT lead_id, max(occurred_at) FILTER (
                WHERE (to_status IN ('mql', 'pql')
                       AND coalesce(from_status, '') NOT IN ('mql', 'pql'))
                   OR (to_status = 'accepted'
                       AND from_status IN ('recycle', 'disqualified', 'qualifying'))
            ) AS begun_anew_at
            FROM moves GROUP BY lead_id
        )
        SELECT m.lead_id, a.begun_anew_at,
               min(m.occurred_at) FILTER (
                   WHERE m.to_status = 'accepted'
                     AND m.occurred_at >= coalesce(a.begun_anew_at, m.occurred_at)
               ) AS taken_up_at
        FROM moves AS m JOIN anew AS a ON a.lead_id = m.lead_id
        GROUP BY m.lead_id, a.begun_anew_at
        """,
        session.workspace_id,
        lead_ids,
    )


async def keep_next_touch(
    session: WriteSession, days: Mapping[UUID, date | None], *, is_new_version: bool
) -> None:
    """When the next touch of each lead is due: a new version, unless this write made one."""
    await session.execute(
        """
        UPDATE qualification.leads AS l
        SET next_touch_on = wanted.day, version = l.version + $4
        FROM unnest($2::uuid[], $3::date[]) AS wanted (id, day)
        WHERE l.workspace_id = $1 AND l.id = wanted.id
          AND l.next_touch_on IS DISTINCT FROM wanted.day
        """,
        session.workspace_id,
        list(days),
        list(days.values()),
        int(is_new_version),
    )


async def list_due(
    session: Session,
    page: PageRequest,
    *,
    on: date,
    user_id: UUID | None,
    holder_id: UUID | None,
    after: tuple[date, UUID] | None,
) -> list[asyncpg.Record]:
    """Leads whose next touch is due by that day, longest due first."""
    where = Filters("l.workspace_id = {}", session.workspace_id)
    where.require("l.next_touch_on <= {}", on)
    where.where("(l.sdr_id = {0} OR l.owner_id = {0})", user_id)
    where.where(SEEN, holder_id)
    if after is not None:
        where.require("l.next_touch_on >= {}", after[0])
        place = len(where.values)
        where.require(f"(l.next_touch_on, l.id) > (${place}, {{}})", after[1])
    # A person's leads are few: found first, by who holds them, and then put in order.
    materialized = "NOT" if user_id is None and holder_id is None else ""
    return await session.fetch(
        f"""
        WITH due AS {materialized} MATERIALIZED (
            SELECT l.id, l.next_touch_on FROM qualification.leads AS l
            WHERE {where} AND l.merged_into_id IS NULL
        )
        SELECT l.id AS lead_id, l.external_id AS lead_external_id, l.name, l.company, l.email,
               l.phone, l.region, l.status, l.score, l.next_touch_on, l.last_touch_at,
               sdr.external_id AS sdr_external_id, owner.external_id AS owner_external_id
        FROM (
            SELECT id FROM due ORDER BY next_touch_on, id LIMIT {page.limit + 1}
        ) AS page
        JOIN qualification.leads AS l ON l.workspace_id = $1 AND l.id = page.id
        LEFT JOIN workspace.users AS sdr ON sdr.workspace_id = $1 AND sdr.id = l.sdr_id
        LEFT JOIN workspace.users AS owner ON owner.workspace_id = $1 AND owner.id = l.owner_id
        ORDER BY l.next_touch_on, l.id
        """,
        *where.values,
    )
