"""Statements on subscriptions."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from services.kit.db import Session
from services.kit.pagination import PageRequest
from services.kit.rows import Filters, Rows, after_id
from services.pipeline.models import Subscription
from services.pipeline.subscriptions.schemas import SubscriptionFilters

SUBSCRIPTIONS = Rows(Subscription)

_SELECT = """
    SELECT s.id, s.external_id, s.version, account.external_id AS account_external_id,
           s.start_date, s.end_date, s.arr, s.currency, s.seats, s.tier, s.usage, s.created_at,
           s.updated_at
    FROM pipeline.subscriptions AS s
    LEFT JOIN pipeline.accounts AS account
      ON account.workspace_id = $1 AND account.id = s.account_id
"""


async def get_subscription(session: Session, subscription_id: UUID) -> asyncpg.Record | None:
    return await session.fetchrow(
        f"{_SELECT} WHERE s.workspace_id = $1 AND s.id = $2",
        session.workspace_id,
        subscription_id,
    )


async def list_subscriptions(
    session: Session, page: PageRequest, filters: SubscriptionFilters
) -> list[asyncpg.Record]:
    """In id order, one more than the page holds."""
    where = Filters("s.workspace_id = {}", session.workspace_id)
    where.where("s.id > {}", after_id(page))
    where.where("s.external_id = {}", filters.external_id)
    where.where("account.external_id = {}", filters.account_external_id)
    where.where("s.tier = {}", filters.tier)
    where.where("s.end_date >= {}", filters.end_date_from)
    where.where("s.end_date <= {}", filters.end_date_to)
    return await session.fetch(
        f"{_SELECT} WHERE {where} ORDER BY s.id LIMIT {page.limit + 1}", *where.values
    )
