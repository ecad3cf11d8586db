"""Statements on response timers. Whoever writes timers of a lead holds the lead's lock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.pagination import PageRequest
from services.kit.rows import Filters, Rows
from services.qualification.responses.domain import ANSWERING, ANSWERS, KEPT_MAX, Event, Timer
from services.qualification.responses.models import ResponseTimer
from services.qualification.touches.seen import SEEN

TIMERS = Rows(ResponseTimer)
_COLUMNS = ", ".join(f"t.{name}" for name in TIMERS.columns)


async def open_timers(session: Session, lead_ids: Iterable[UUID]) -> list[Timer]:
    """Those of the leads that still run."""
    rows = await session.fetch(
        f"""
        SELECT {_COLUMNS} FROM qualification.response_timers AS t
        WHERE t.workspace_id = $1 AND t.lead_id = ANY($2::uuid[]) AND t.stopped_at IS NULL
        ORDER BY t.started_at, t.id
        """,
        session.workspace_id,
        list(lead_ids),
    )
    return [Timer(**dict(row)) for row in rows]


async def timers_of(session: Session, lead_ids: Iterable[UUID]) -> list[Timer]:
    """All of the leads, those that ended too."""
    rows = await session.fetch(
        f"""
        SELECT {_COLUMNS} FROM qualification.response_timers AS t
        WHERE t.workspace_id = $1 AND t.lead_id = ANY($2::uuid[])
        ORDER BY t.started_at, t.id
        """,
        session.workspace_id,
        list(lead_ids),
    )
    return [Timer(**dict(row)) for row in rows]


async def store(session: WriteSession, started: Sequence[Timer], stopped: Sequence[Timer]) -> None:
    """New timers and ended ones; a lead that got a new one keeps no more than it may."""
    await TIMERS.update(session, [asdict(timer) for timer in stopped])
    if not started:
        return
    await TIMERS.insert(session, [asdict(timer) for timer in started])
    await session.execute(
        """
        DELETE FROM qualification.response_timers
        WHERE workspace_id = $1 AND id IN (
            SELECT placed.id FROM (
                SELECT id, stopped_at, row_number() OVER (
                    PARTITION BY lead_id
                    ORDER BY (stopped_at IS NULL) DESC, started_at DESC, id DESC
                ) AS place
                FROM qualification.response_timers
                WHERE workspace_id = $1 AND lead_id = ANY($2::uuid[])
            ) AS placed
            WHERE placed.place > $3 AND placed.stopped_at IS NOT NULL
        )
        """,
        session.workspace_id,
        list({timer.lead_id for timer in started}),
        KEPT_MAX,
    )


async def first_answers(session: Session, timers: Sequence[Timer]) -> dict[UUID, Event]:
    """By timer, the first answer the lead is already known to have had since its start. Only a
    wait that is told of late has one."""
    rows = await session.fetch(
        """
        SELECT asked.id, found.name, found.occurred_at, found.actor, found.responder_id
        FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[]) AS asked (id, lead_id, started_at)
        CROSS JOIN LATERAL (
            (SELECT 'touch' AS name, t.occurred_at, t.actor, t.user_id AS responder_id
             FROM qualification.touches AS t
             WHERE t.workspace_id = $1 AND t.lead_id = asked.lead_id AND t.direction = 'outbound'
               AND t.occurred_at >= asked.started_at
             ORDER BY t.occurred_at LIMIT 1)
            UNION ALL
            (SELECT m.to_status, m.occurred_at, m.actor, coalesce(m.sdr_id, m.owner_id)
             FROM qualification.lead_moves AS m
             WHERE m.workspace_id = $1 AND m.lead_id = asked.lead_id
               AND m.to_status = ANY($5::text[]) AND m.from_status IS DISTINCT FROM m.to_status
               AND m.occurred_at > asked.started_at
             ORDER BY m.occurred_at LIMIT 1)
            ORDER BY occurred_at LIMIT 1
        ) AS found
        """,
        session.workspace_id,
        [timer.id for timer in timers],
        [timer.lead_id for timer in timers],
        [timer.started_at for timer in timers],
        sorted(ANSWERING),
    )
    return {
        row["id"]: Event(row["name"], row["occurred_at"], row["actor"], row["responder_id"])
        for row in rows
    }


_SHOWN = f"""
    SELECT {_COLUMNS}, l.external_id AS lead_external_id, l.name AS lead_name,
           sdr.external_id AS sdr_external_id, owner.external_id AS owner_external_id,
           responder.external_id AS responder_external_id
    FROM {{source}} AS t
    JOIN qualification.leads AS l ON l.workspace_id = $1 AND l.id = t.lead_id
    LEFT JOIN workspace.users AS sdr ON sdr.workspace_id = $1 AND sdr.id = t.sdr_id
    LEFT JOIN workspace.users AS owner ON owner.workspace_id = $1 AND owner.id = t.owner_id
    LEFT JOIN workspace.users AS responder
      ON responder.workspace_id = $1 AND responder.id = t.responder_id
"""
# A person's timers are few: found first, by who holds them, and then put in order.
_ALL = "qualification.response_timers"
_FIRST = f"""
    WITH mine AS MATERIALIZED (
        SELECT {_COLUMNS} FROM qualification.response_timers AS t
        JOIN qualification.leads AS l ON l.workspace_id = $1 AND l.id = t.lead_id
        WHERE {{where}}
    )
"""


def _in_state(where: Filters, state: str, now: datetime) -> None:
    match state:
        case "open":
            where.require("t.stopped_at IS NULL AND t.due_at >= {}", now)
        case "overdue":
            where.require("t.stopped_at IS NULL AND t.due_at < {}", now)
        case "unanswered":
            where.require(
                "t.is_met IS NULL AND t.stopped_at IS NOT NULL AND t.started_at <= {}", now
            )
        case _:
            where.require("t.is_met = {}", state == "met")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a list of timers is narrowed to; `holder_id` are leads this user holds now."""

    now: datetime
    lead_id: UUID | None = None
    state: str | None = None
    kind: str | None = None
    user_id: UUID | None = None
    due_before: datetime | None = None
    holder_id: UUID | None = None


async def list_timers(
    session: Session, page: PageRequest, wanted: Wanted, after: tuple[datetime, UUID] | None
) -> list[asyncpg.Record]:
    """Up to one more than the page holds, by when they are due."""
    where = Filters("t.workspace_id = {}", session.workspace_id)
    where.where("t.lead_id = {}", wanted.lead_id)
    where.where("t.kind = {}", wanted.kind)
    if wanted.state is not None:
        _in_state(where, wanted.state, wanted.now)
    where.where("(t.sdr_id = {0} OR t.owner_id = {0})", wanted.user_id)
    where.where(SEEN, wanted.holder_id)
    where.where("t.due_at < {}", wanted.due_before)
    if after is not None:
        where.require("t.due_at >= {}", after[0])
        place = len(where.values)
        where.require(f"(t.due_at, t.id) > (${place}, {{}})", after[1])
    order = f"ORDER BY t.due_at, t.id LIMIT {page.limit + 1}"
    if wanted.user_id is None and wanted.holder_id is None:
        statement = f"{_SHOWN.format(source=_ALL)} WHERE {where} {order}"
    else:
        shown = _SHOWN.format(source="mine")
        statement = f"{_FIRST.format(where=where)} {shown} WHERE l.workspace_id = $1 {order}"
    return await session.fetch(statement, *where.values)


_GROUPS = {
    "sdr": "sdr.external_id",
    "region": "t.region",
    "source": "t.source",
    "kind": "t.kind",
}


async def report(
    session: Session,
    *,
    begin: datetime,
    end: datetime,
    now: datetime,
    group_by: str | None,
    holder_id: UUID | None,
) -> list[dict[str, Any]]:
    """Figures of the timers that started in the period, by group and over all (`is_total`)."""
    name = _GROUPS[group_by] if group_by is not None else "NULL::text"
    rows = await session.fetch(
        f"""
        WITH counted AS (
            SELECT {name} AS name, t.stopped_at IS NULL AS is_open,
                   t.stopped_at IS NULL AND t.due_at < $4 AS is_overdue,
                   coalesce(t.stopped_by = ANY($5::text[]), false) AS is_answered,
                   t.is_met, t.business_minutes
            FROM qualification.response_timers AS t
            LEFT JOIN workspace.users AS sdr ON sdr.workspace_id = $1 AND sdr.id = t.sdr_id
            WHERE t.workspace_id = $1 AND t.started_at >= $2 AND t.started_at < $3
              AND ($6::uuid IS NULL OR t.lead_id IN (
                  SELECT l.id FROM qualification.leads AS l
                  WHERE l.workspace_id = $1 AND {SEEN.format("$6::uuid")}
              ))
        )
        SELECT name, grouping(name) = 1 AS is_total, count(*) AS count,
               count(*) FILTER (WHERE is_answered) AS answered,
               count(*) FILTER (WHERE NOT is_open AND NOT is_answered) AS unanswered,
               count(*) FILTER (WHERE is_open) AS open,
               count(*) FILTER (WHERE is_overdue) AS overdue,
               count(*) FILTER (WHERE is_met) AS met,
               count(*) FILTER (WHERE NOT is_met) AS missed,
               percentile_disc(0.5) WITHIN GROUP (ORDER BY business_minutes)
                   FILTER (WHERE is_answered) AS median_business_minutes,
               percentile_disc(0.9) WITHIN GROUP (ORDER BY business_minutes)
                   FILTER (WHERE is_answered) AS p90_business_minutes
        FROM counted
        GROUP BY GROUPING SETS ((name), ())
        ORDER BY is_total, name
        """,
        session.workspace_id,
        begin,
        end,
        now,
        sorted(ANSWERS),
        holder_id,
    )
    return [dict(row) for row in rows]
