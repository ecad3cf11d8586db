"""What pipeline tells the readers of figures about its records: what an opportunity is called, and
what one of its versions said.

A published interface like `events` and `views`. Owns no rule; where figures come from is `views`'.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.kit.db import Session


class OpportunityName(NamedTuple):
    """How an opportunity is recognised."""

    external_id: str | None
    name: str
    account_external_id: str | None
    account_name: str | None


class ToldEvent(NamedTuple):
    """One version: what it changed, who told it and why."""

    kind: str
    actor: str
    reason: str | None
    changes: dict[str, Any]
    previous: dict[str, Any]
    occurred_at: datetime
    recorded_at: datetime


async def name_opportunities(
    session: Session, opportunity_ids: Collection[UUID]
) -> dict[UUID, OpportunityName]:
    """As they are called now."""
    rows = await session.fetch(
        """
        SELECT o.id, o.external_id, o.name, a.external_id AS account_external_id,
            a.name AS account_name
        FROM pipeline.opportunities o
        LEFT JOIN pipeline.accounts a ON a.workspace_id = $1 AND a.id = o.account_id
        WHERE o.workspace_id = $1 AND o.id = ANY($2::uuid[])
        """,
        session.workspace_id,
        list(opportunity_ids),
    )
    return {row[0]: OpportunityName(*row[1:]) for row in rows}


async def read_told(
    session: Session, versions: Collection[tuple[UUID, int]]
) -> dict[tuple[UUID, int], ToldEvent]:
    """The events of these versions of opportunities."""
    wanted = list(versions)
    rows = await session.fetch(
        """
        SELECT e.opportunity_id, e.version, e.kind, e.actor, e.reason, e.changes, e.previous,
            e.occurred_at, e.recorded_at
        FROM unnest($2::uuid[], $3::int[]) AS wanted (opportunity_id, version)
        JOIN pipeline.opportunity_events e
            ON e.workspace_id = $1 AND e.opportunity_id = wanted.opportunity_id
            AND e.version = wanted.version
        WHERE e.workspace_id = $1
        """,
        session.workspace_id,
        [opportunity_id for opportunity_id, _ in wanted],
        [version for _, version in wanted],
    )
    return {(row[0], row[1]): ToldEvent(*row[2:]) for row in rows}
