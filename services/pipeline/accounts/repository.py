"""Statements on accounts."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import asyncpg

from services.kit.db import Session
from services.kit.pagination import PageRequest
from services.kit.rows import Filters, Rows, after_id
from services.pipeline.accounts.schemas import AccountFilters
from services.pipeline.models import Account

ACCOUNTS = Rows(Account)


async def parents_above(session: Session, ids: Iterable[UUID]) -> dict[UUID, UUID | None]:
    """The parent of each of these accounts and of everything above them."""
    rows = await session.fetch(
        """
        WITH RECURSIVE above AS (
            SELECT a.id, a.parent_id FROM pipeline.accounts AS a
            WHERE a.workspace_id = $1 AND a.id = ANY($2::uuid[])
            UNION
            SELECT a.id, a.parent_id FROM above
            JOIN pipeline.accounts AS a ON a.workspace_id = $1 AND a.id = above.parent_id
        )
        SELECT id, parent_id FROM above
        """,
        session.workspace_id,
        list(ids),
    )
    return {row["id"]: row["parent_id"] for row in rows}


async def external_ids(session: Session, ids: Iterable[UUID]) -> dict[UUID, str]:
    """For sentences; an account without an external id is named by its id."""
    rows = await session.fetch(
        "SELECT id, coalesce(external_id, id::text) AS external_id FROM pipeline.accounts"
        " WHERE workspace_id = $1 AND id = ANY($2::uuid[])",
        session.workspace_id,
        list(ids),
    )
    return {row["id"]: row["external_id"] for row in rows}


async def lock_after(session: Session, after: UUID | None, limit: int) -> list[asyncpg.Record]:
    """The next accounts in id order, as far as their segment goes, locked."""
    return await session.fetch(
        """
        SELECT id, employees, segment, version FROM pipeline.accounts
        WHERE workspace_id = $1 AND ($2::uuid IS NULL OR id > $2)
        ORDER BY id LIMIT $3
        FOR NO KEY UPDATE
        """,
        session.workspace_id,
        after,
        limit,
    )


_SELECT = """
    SELECT a.id, a.external_id, a.version, a.name, a.employees, a.segment, a.vertical, a.region,
           a.route_to_market, parent.external_id AS parent_external_id,
           owner.external_id AS owner_external_id, a.created_at, a.updated_at
    FROM pipeline.accounts AS a
    LEFT JOIN pipeline.accounts AS parent
      ON parent.workspace_id = $1 AND parent.id = a.parent_id
    LEFT JOIN workspace.users AS owner ON owner.workspace_id = $1 AND owner.id = a.owner_id
"""


async def get_account(session: Session, account_id: UUID) -> asyncpg.Record | None:
    return await session.fetchrow(
        f"{_SELECT} WHERE a.workspace_id = $1 AND a.id = $2", session.workspace_id, account_id
    )


async def list_accounts(
    session: Session, page: PageRequest, filters: AccountFilters
) -> list[asyncpg.Record]:
    """In id order, one more than the page holds."""
    where = Filters("a.workspace_id = {}", session.workspace_id)
    where.where("a.id > {}", after_id(page))
    where.where("a.external_id = {}", filters.external_id)
    where.where("a.segment = {}", filters.segment)
    where.where("a.region = {}", filters.region)
    where.where("a.vertical = {}", filters.vertical)
    where.where("parent.external_id = {}", filters.parent_external_id)
    where.where("owner.external_id = {}", filters.owner_external_id)
    return await session.fetch(
        f"{_SELECT} WHERE {where} ORDER BY a.id LIMIT {page.limit + 1}", *where.values
    )
