"""Statements on engagement activities and on the opportunities they are named for."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.pagination import PageRequest
from services.kit.rows import ConcurrentInsertError, Filters, Rows, after_id
from services.qualification.engagement.domain import Named
from services.qualification.engagement.models import EngagementActivity
from services.qualification.engagement.schemas import ActivityFilters

ACTIVITIES = Rows(EngagementActivity)

_SELECT = """
    SELECT a.id, a.external_id, a.version, a.kind, a.name, a.state, a.territory_external_id,
           owner.external_id AS owner_external_id, a.owner_id, a.starts_on, a.ends_on, a.cadence,
           a.vertical, a.organisation_external_ids, a.division_external_ids, a.partner_name,
           a.answers, a.value_messages, a.briefing_materials, a.cost, a.notes, a.created_at,
           a.updated_at
    FROM qualification.engagement_activities AS a
    LEFT JOIN workspace.users AS owner
      ON owner.workspace_id = $1 AND owner.id = a.owner_id
"""


async def get_activity(session: Session, activity_id: UUID) -> asyncpg.Record | None:
    return await session.fetchrow(
        f"{_SELECT} WHERE a.workspace_id = $1 AND a.id = $2", session.workspace_id, activity_id
    )


async def list_activities(
    session: Session, page: PageRequest, filters: ActivityFilters
) -> list[asyncpg.Record]:
    """In id order, one more than the page holds."""
    where = Filters("a.workspace_id = {}", session.workspace_id)
    where.where("a.id > {}", after_id(page))
    where.where("a.external_id = {}", filters.external_id)
    where.where("a.kind = {}", filters.kind)
    where.where("a.state = {}", filters.state)
    where.where("a.territory_external_id = {}", filters.territory_external_id)
    where.where("owner.external_id = {}", filters.owner_external_id)
    where.where("a.vertical = {}", filters.vertical)
    where.where(
        """
        a.id IN (SELECT n.activity_id FROM qualification.engagement_opportunities AS n
                 WHERE n.workspace_id = $1 AND n.opportunity_id = {})
        """,
        filters.opportunity_id,
    )
    return await session.fetch(
        f"{_SELECT} WHERE {where} ORDER BY a.id LIMIT {page.limit + 1}", *where.values
    )


async def all_activities(session: Session) -> list[asyncpg.Record]:
    """What results are grouped by."""
    return await session.fetch(
        """
        SELECT id, external_id, name, kind, territory_external_id, vertical, cost
        FROM qualification.engagement_activities WHERE workspace_id = $1
        """,
        session.workspace_id,
    )


async def under_way(session: Session, territory_external_id: str) -> dict[str, list[str]]:
    """By kind, the activities planned or running in a territory, oldest first."""
    rows = await session.fetch(
        """
        SELECT kind, external_id FROM qualification.engagement_activities
        WHERE workspace_id = $1 AND territory_external_id = $2
          AND state IN ('planned', 'running') ORDER BY id
        """,
        session.workspace_id,
        territory_external_id,
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["kind"], []).append(row["external_id"])
    return found


async def named_for(session: Session, opportunity_ids: Iterable[UUID] | None = None) -> list[Named]:
    """What people named, for these opportunities or (None) for all."""
    where = Filters("n.workspace_id = {}", session.workspace_id)
    where.where(
        "n.opportunity_id = ANY({}::uuid[])",
        None if opportunity_ids is None else list(opportunity_ids),
    )
    rows = await session.fetch(
        f"""
        SELECT n.opportunity_id, a.external_id, n.role, n.named_at
        FROM qualification.engagement_opportunities AS n
        JOIN qualification.engagement_activities AS a
          ON a.workspace_id = $1 AND a.id = n.activity_id
        WHERE {where}
        """,
        *where.values,
    )
    return [Named(*row) for row in rows]


async def find_naming(
    session: Session, activity_id: UUID, opportunity_id: UUID
) -> asyncpg.Record | None:
    return await session.fetchrow(
        """
        SELECT activity_id, opportunity_id, role, named_by, named_at
        FROM qualification.engagement_opportunities
        WHERE workspace_id = $1 AND activity_id = $2 AND opportunity_id = $3
        """,
        session.workspace_id,
        activity_id,
        opportunity_id,
    )


async def store_naming(session: WriteSession, naming: dict[str, object]) -> None:
    """New, or in the role it has now. Who names another source at the same moment comes after."""
    try:
        await session.execute(
            """
            INSERT INTO qualification.engagement_opportunities
                (workspace_id, activity_id, opportunity_id, role, named_by, named_at)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (workspace_id, activity_id, opportunity_id) DO UPDATE SET
                role = excluded.role, named_by = excluded.named_by, named_at = excluded.named_at
            """,
            session.workspace_id,
            *(naming[name] for name in
              ("activity_id", "opportunity_id", "role", "named_by", "named_at")),
        )  # fmt: skip
    except asyncpg.UniqueViolationError as error:
        raise ConcurrentInsertError(str(error)) from error


async def delete_naming(session: WriteSession, activity_id: UUID, opportunity_id: UUID) -> bool:
    """Whether there was one."""
    found = await session.fetchval(
        """
        DELETE FROM qualification.engagement_opportunities
        WHERE workspace_id = $1 AND activity_id = $2 AND opportunity_id = $3 RETURNING true
        """,
        session.workspace_id,
        activity_id,
        opportunity_id,
    )
    return bool(found)
