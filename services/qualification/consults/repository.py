"""Statements on consults, which are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.rows import Filters, Rows
from services.qualification.consults.models import Consult
from services.qualification.opportunities.repository import fetch_columns
from services.qualification.plans.scope import within
from services.workspace.policy_settings import OPEN_STAGES
from services.workspace.users.reach import Sight

CONSULTS = Rows(Consult)
_COLUMNS = ", ".join(CONSULTS.columns)


async def insert(session: WriteSession, row: Mapping[str, Any]) -> None:
    await CONSULTS.insert(session, [row])


async def list_consults(
    session: Session, opportunity_id: UUID, after: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """In the order they were recorded."""
    rows = await session.fetch(
        f"""
        SELECT {_COLUMNS} FROM qualification.consults
        WHERE workspace_id = $1 AND opportunity_id = $2 AND ($3::uuid IS NULL OR id > $3)
        ORDER BY id LIMIT $4
        """,
        session.workspace_id,
        opportunity_id,
        after,
        limit,
    )
    return [dict(row) for row in rows]


async def deals_with_last(session: Session, seen: Sight, from_stage: int) -> list[asyncpg.Record]:
    """Open opportunities from a stage on that bring something: id, owner, segment and Net ARR, and
    the day of the last consult."""
    where = Filters("o.workspace_id = {}", session.workspace_id)
    where.require("o.stage = ANY({}::text[])", list(OPEN_STAGES[from_stage:]))
    where.require("o.net_arr > {}", 0)
    within(where, seen)
    return await fetch_columns(
        session,
        where,
        columns="o.id, o.owner_id, o.segment, o.net_arr, last.last_held_on",
        joined="""
            LEFT JOIN LATERAL (
                SELECT max(c.held_on) AS last_held_on FROM qualification.consults AS c
                WHERE c.workspace_id = $1 AND c.opportunity_id = o.id
            ) AS last ON true
        """,
    )
