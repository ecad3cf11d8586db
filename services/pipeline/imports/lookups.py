"""Statements on the records an import may meet: who is named, what is known already."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from services.kit.db import Session


async def names_found(
    session: Session, table: str, names: Iterable[str], *, by_name: bool
) -> dict[str, list[str]]:
    """External ids of a table's records, by the text that names them. Names are compared without
    case; two records of one name are both given."""
    condition = "lower(t.name) = lower(asked)" if by_name else "t.external_id = asked"
    rows = await session.fetch(
        f"""
        SELECT asked, t.external_id FROM unnest($2::text[]) AS asked
        JOIN {table} AS t ON t.workspace_id = $1 AND {condition}
        WHERE t.external_id IS NOT NULL
        """,
        session.workspace_id,
        list(names),
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["asked"], []).append(row["external_id"])
    return found


async def latest_versions(session: Session, external_ids: Iterable[str]) -> dict[str, datetime]:
    """When the current version of each opportunity happened."""
    rows = await session.fetch(
        """
        SELECT external_id, occurred_at FROM pipeline.opportunities
        WHERE workspace_id = $1 AND external_id = ANY($2::text[])
        """,
        session.workspace_id,
        list(external_ids),
    )
    return {row["external_id"]: row["occurred_at"] for row in rows}


async def told_instants(session: Session, external_ids: Iterable[str]) -> set[tuple[str, datetime]]:
    """Every instant a version of these opportunities was told of."""
    rows = await session.fetch(
        """
        SELECT o.external_id, e.occurred_at FROM pipeline.opportunities AS o
        JOIN pipeline.opportunity_events AS e
          ON e.workspace_id = $1 AND e.opportunity_id = o.id
        WHERE o.workspace_id = $1 AND o.external_id = ANY($2::text[])
        """,
        session.workspace_id,
        list(external_ids),
    )
    return {(row["external_id"], row["occurred_at"]) for row in rows}
