"""Statements on signals, which are only ever added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.kit.db import Session
from services.kit.pagination import PageRequest
from services.kit.rows import Rows, after_id
from services.qualification.signals.domain import REQUALIFIED, RESERVED, SILENCE, Measured
from services.qualification.signals.models import Signal

SIGNALS = Rows(Signal)
_COLUMNS = ", ".join(f"s.{name}" for name in SIGNALS.columns)


async def list_signals(
    session: Session, lead_id: UUID, page: PageRequest, name: str | None
) -> list[asyncpg.Record]:
    """The lead's entries in the order they were recorded, one more than the page holds."""
    return await session.fetch(
        f"""
        SELECT {_COLUMNS} FROM qualification.signals AS s
        WHERE s.workspace_id = $1 AND s.lead_id = $2 AND ($3::uuid IS NULL OR s.id > $3)
          AND ($4::text IS NULL OR s.name = $4)
        ORDER BY s.id LIMIT $5
        """,
        session.workspace_id,
        lead_id,
        after_id(page),
        name,
        page.limit + 1,
    )


async def find_told(
    session: Session, named: Iterable[tuple[UUID, str]]
) -> dict[tuple[UUID, str], dict[str, Any]]:
    """Those of the (lead, external id) that were told before, by both."""
    pairs = list(named)
    if not pairs:
        return {}
    rows = await session.fetch(
        f"""
        SELECT {_COLUMNS} FROM unnest($2::uuid[], $3::text[]) AS told (lead_id, external_id)
        JOIN qualification.signals AS s
          ON s.workspace_id = $1 AND s.lead_id = told.lead_id AND s.external_id = told.external_id
        """,
        session.workspace_id,
        [lead_id for lead_id, _ in pairs],
        [external_id for _, external_id in pairs],
    )
    return {(row["lead_id"], row["external_id"]): dict(row) for row in rows}


async def last_measures(
    session: Session, lead_ids: Sequence[UUID], names: Iterable[str]
) -> dict[UUID, dict[str, Measured]]:
    """The last word on each measure of each lead: one row a measure, however many there are."""
    wanted = [(lead_id, name) for name in sorted(names) for lead_id in lead_ids]
    found: dict[UUID, dict[str, Measured]] = {lead_id: {} for lead_id in lead_ids}
    if not wanted:
        return found
    rows = await session.fetch(
        """
        SELECT wanted.lead_id, wanted.name, last.value, last.occurred_at
        FROM unnest($2::uuid[], $3::text[]) AS wanted (lead_id, name)
        CROSS JOIN LATERAL (
            SELECT s.value, s.occurred_at FROM qualification.signals AS s
            WHERE s.workspace_id = $1 AND s.lead_id = wanted.lead_id AND s.name = wanted.name
              AND s.value IS NOT NULL
            ORDER BY s.occurred_at DESC LIMIT 1
        ) AS last
        """,
        session.workspace_id,
        [lead_id for lead_id, _ in wanted],
        [name for _, name in wanted],
    )
    for row in rows:
        found[row["lead_id"]][row["name"]] = Measured(row["value"], row["occurred_at"])
    return found


async def last_renewal(session: Session, lead_id: UUID) -> datetime | None:
    """When the lead last fell silent, or qualified again: a period of silence begins there too."""
    return await session.fetchval(
        """
        SELECT max(occurred_at) FROM qualification.signals
        WHERE workspace_id = $1 AND lead_id = $2 AND name = ANY($3::text[])
        """,
        session.workspace_id,
        lead_id,
        [SILENCE, REQUALIFIED],
    )


async def totals(session: Session, lead_ids: Sequence[UUID]) -> dict[UUID, asyncpg.Record]:
    """From scratch: the points of each lead, and when it last did something."""
    rows = await session.fetch(
        """
        SELECT lead_id, sum(points)::int AS points,
               max(occurred_at) FILTER (WHERE name <> ALL($3::text[])) AS last_signal_at
        FROM qualification.signals
        WHERE workspace_id = $1 AND lead_id = ANY($2::uuid[])
        GROUP BY lead_id
        """,
        session.workspace_id,
        list(lead_ids),
        list(RESERVED),
    )
    return {row["lead_id"]: row for row in rows}


async def by_name(session: Session, lead_id: UUID) -> list[asyncpg.Record]:
    """What each kind of entry came to."""
    return await session.fetch(
        """
        SELECT name, count(*) AS count, sum(points)::int AS points,
               max(occurred_at) AS last_occurred_at
        FROM qualification.signals WHERE workspace_id = $1 AND lead_id = $2
        GROUP BY name ORDER BY name
        """,
        session.workspace_id,
        lead_id,
    )
