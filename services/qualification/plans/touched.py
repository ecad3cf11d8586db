"""Which command plans were written in, or tell of another meeting, since somebody looked: read
only, in the caller's session, in the order it happened."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.kit.db import Session


class Touched(NamedTuple):
    """`mark` tells this state of the plan from every other."""

    opportunity_id: UUID
    at: datetime
    mark: str


async def plans_touched_since(
    session: Session, after: datetime, *, limit: int = 1000
) -> list[Touched]:
    """Those touched after `after`, the earliest first. Who commits late is not seen at once, so
    the caller looks some time back and passes over what it has seen."""
    rows = await session.fetch(
        """
        SELECT t.opportunity_id, max(t.at) AS at,
               max(t.version) || '/' || coalesce(max(t.met_at)::text, '') AS mark
        FROM (
            (SELECT p.opportunity_id, p.touched_at AS at, p.version, p.met_at
             FROM qualification.command_plans AS p
             WHERE p.workspace_id = $1 AND p.touched_at > $2
             ORDER BY p.touched_at LIMIT $3)
            UNION ALL
            (SELECT p.opportunity_id, p.met_at, p.version, p.met_at
             FROM qualification.command_plans AS p
             WHERE p.workspace_id = $1 AND p.met_at > $2
             ORDER BY p.met_at LIMIT $3)
        ) AS t
        GROUP BY t.opportunity_id
        ORDER BY at, t.opportunity_id
        """,
        session.workspace_id,
        after,
        limit,
    )
    return [Touched(row["opportunity_id"], row["at"], row["mark"]) for row in rows]
