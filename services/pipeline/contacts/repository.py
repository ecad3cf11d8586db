"""Statements on contacts."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from services.kit.db import Session
from services.kit.pagination import PageRequest
from services.kit.rows import Filters, Rows, after_id
from services.pipeline.contacts.schemas import ContactFilters
from services.pipeline.models import Contact

CONTACTS = Rows(Contact)

_SELECT = """
    SELECT c.id, c.external_id, c.version, c.name, account.external_id AS account_external_id,
           c.email, c.title, c.persona, c.buying_role, c.champion, c.left_at, c.created_at,
           c.updated_at
    FROM pipeline.contacts AS c
    LEFT JOIN pipeline.accounts AS account
      ON account.workspace_id = $1 AND account.id = c.account_id
"""


async def get_contact(session: Session, contact_id: UUID) -> asyncpg.Record | None:
    return await session.fetchrow(
        f"{_SELECT} WHERE c.workspace_id = $1 AND c.id = $2", session.workspace_id, contact_id
    )


async def list_contacts(
    session: Session, page: PageRequest, filters: ContactFilters
) -> list[asyncpg.Record]:
    """In id order, one more than the page holds."""
    where = Filters("c.workspace_id = {}", session.workspace_id)
    where.where("c.id > {}", after_id(page))
    where.where("c.external_id = {}", filters.external_id)
    where.where("account.external_id = {}", filters.account_external_id)
    where.where("c.persona = {}", filters.persona)
    where.where("c.buying_role = {}", filters.buying_role)
    where.where("c.champion = {}", filters.champion)
    return await session.fetch(
        f"{_SELECT} WHERE {where} ORDER BY c.id LIMIT {page.limit + 1}", *where.values
    )
