"""Statements on what engagement brought: leads that name an activity, and the opportunities such
leads became."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from services.kit.db import Session
from services.kit.rows import Filters
from services.qualification.leads.domain import UNTOUCHED


class Brought(NamedTuple):
    """An opportunity, the activity that brought its lead, and when the lead came, where that was
    asked for."""

    opportunity_id: UUID
    activity: str
    came_at: datetime | None


# A lead came when its first status is dated, which an import may have told of an earlier day.
_CAME = """
    CROSS JOIN LATERAL (
        SELECT coalesce(min(m.occurred_at), l.created_at) AS at
        FROM qualification.lead_moves AS m WHERE m.workspace_id = $1 AND m.lead_id = l.id
    ) AS came
"""

# As lists of leads show them to whoever sees only its own.
_IS_HELD = f"""
    {{0}} IN (l.sdr_id, CASE WHEN l.sdr_id IS NULL
                          OR l.status NOT IN ({", ".join(f"'{name}'" for name in UNTOUCHED)})
                        THEN l.owner_id END)
"""


async def count_leads(
    session: Session,
    *,
    activity: str | None = None,
    holder_id: UUID | None = None,
    since: datetime | None = None,
    before: datetime | None = None,
) -> list[asyncpg.Record]:
    """By activity and status: how many, and how many of them were ever MQL, PQL, SQL. Merged leads
    are counted in the one they are part of."""
    where = Filters("l.workspace_id = {}", session.workspace_id)
    where.where("l.engagement_external_id = {}", activity)
    if holder_id is not None:
        where.require(_IS_HELD, holder_id)
    where.where("came.at >= {}", since)
    where.where("came.at < {}", before)
    is_dated = since is not None or before is not None
    return await session.fetch(
        f"""
        SELECT l.engagement_external_id AS activity, l.status, count(*) AS number,
               count(l.first_mql_at) AS mql, count(l.first_pql_at) AS pql, count(l.sql_at) AS sql
        FROM qualification.leads AS l {_CAME if is_dated else ""}
        WHERE {where} AND l.engagement_external_id IS NOT NULL AND l.merged_into_id IS NULL
        GROUP BY l.engagement_external_id, l.status
        """,
        *where.values,
    )


async def brought(
    session: Session,
    *,
    activity: str | None = None,
    opportunity_ids: Iterable[UUID] | None = None,
    dated: bool = False,
) -> list[Brought]:
    """Opportunities of leads that name an activity; `dated` with the instant each lead came."""
    where = Filters("l.workspace_id = {}", session.workspace_id)
    where.where("l.engagement_external_id = {}", activity)
    where.where(
        "c.opportunity_id = ANY({}::uuid[])",
        None if opportunity_ids is None else list(opportunity_ids),
    )
    rows = await session.fetch(
        f"""
        SELECT c.opportunity_id, l.engagement_external_id, {"came.at" if dated else "NULL"}
        FROM qualification.leads AS l
        JOIN qualification.conversions AS c ON c.workspace_id = $1 AND c.lead_id = l.id
        {_CAME if dated else ""}
        WHERE {where} AND l.engagement_external_id IS NOT NULL
        """,
        *where.values,
    )
    return [Brought(*row) for row in rows]


async def opportunities_of(session: Session, activity_id: UUID) -> list[UUID]:
    """Those a person named the activity for."""
    rows = await session.fetch(
        """
        SELECT opportunity_id FROM qualification.engagement_opportunities
        WHERE workspace_id = $1 AND activity_id = $2
        """,
        session.workspace_id,
        activity_id,
    )
    return [row["opportunity_id"] for row in rows]
