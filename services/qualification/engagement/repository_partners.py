"""Statements on partners and on how far recruiting them came."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.pagination import PageRequest
from services.kit.rows import ConcurrentInsertError, Filters, Rows, after_id
from services.qualification.engagement.models import EngagementPartner, EngagementPartnerMove
from services.qualification.engagement.schemas_partners import PartnerFilters

PARTNERS = Rows(EngagementPartner)
MOVES = Rows(EngagementPartnerMove)

_SELECT = """
    SELECT p.id, p.version, p.name, p.kind, p.state, p.state_since, p.next_step,
           p.next_step_date, p.activity_id, a.external_id AS activity_external_id, p.created_at,
           p.updated_at
    FROM qualification.engagement_partners AS p
    JOIN qualification.engagement_activities AS a
      ON a.workspace_id = $1 AND a.id = p.activity_id
"""


def name_key(name: str) -> str:
    """What two spellings of one name have in common."""
    return " ".join(name.split()).casefold()


async def get_partner(session: Session, partner_id: UUID) -> asyncpg.Record | None:
    return await session.fetchrow(
        f"{_SELECT} WHERE p.workspace_id = $1 AND p.id = $2", session.workspace_id, partner_id
    )


async def list_partners(
    session: Session, page: PageRequest, filters: PartnerFilters
) -> list[asyncpg.Record]:
    """In id order, one more than the page holds."""
    where = Filters("p.workspace_id = {}", session.workspace_id)
    where.where("p.id > {}", after_id(page))
    where.where("p.kind = {}", filters.kind)
    where.where("p.state = {}", filters.state)
    where.where("a.external_id = {}", filters.activity_external_id)
    where.where("p.name_key = {}", None if filters.name is None else name_key(filters.name))
    return await session.fetch(
        f"{_SELECT} WHERE {where} ORDER BY p.id LIMIT {page.limit + 1}", *where.values
    )


async def lock_partner(session: WriteSession, partner_id: UUID) -> dict[str, Any] | None:
    """The row as stored, kept from change until the transaction ends."""
    return await _lock(session, "id = $2", partner_id)


async def lock_partner_named(session: WriteSession, kind: str, name: str) -> dict[str, Any] | None:
    return await _lock(session, "kind = $2 AND name_key = $3", kind, name_key(name))


async def _lock(session: WriteSession, condition: str, *values: object) -> dict[str, Any] | None:
    row = await session.fetchrow(
        f"SELECT {', '.join(PARTNERS.columns)} FROM qualification.engagement_partners"
        f" WHERE workspace_id = $1 AND {condition} FOR NO KEY UPDATE",
        session.workspace_id,
        *values,
    )
    return None if row is None else dict(row)


async def update_partner(session: WriteSession, row: dict[str, Any]) -> None:
    """The row must be locked. Who takes the new name at the same moment comes first."""
    try:
        await PARTNERS.update(session, [row])
    except asyncpg.UniqueViolationError as error:
        raise ConcurrentInsertError(str(error)) from error


async def list_moves(session: Session, partner_id: UUID, page: PageRequest) -> list[asyncpg.Record]:
    """In the order they were recorded, one more than the page holds."""
    where = Filters("m.workspace_id = {}", session.workspace_id)
    where.require("m.partner_id = {}", partner_id)
    where.where("m.id > {}", after_id(page))
    return await session.fetch(
        f"""
        SELECT m.id, m.from_state, m.to_state, m.next_step,
               a.external_id AS activity_external_id, m.actor, m.occurred_at, m.recorded_at
        FROM qualification.engagement_partner_moves AS m
        LEFT JOIN qualification.engagement_activities AS a
          ON a.workspace_id = $1 AND a.id = m.activity_id
        WHERE {where} ORDER BY m.id LIMIT {page.limit + 1}
        """,
        *where.values,
    )
