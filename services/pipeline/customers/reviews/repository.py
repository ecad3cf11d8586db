"""Statements on reviews of accounts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.pagination import PageRequest
from services.kit.rows import Rows, after_id
from services.pipeline.customers.domain import Held
from services.pipeline.customers.models import AccountReview

REVIEWS: Final = Rows(AccountReview)

_SELECT: Final = """
    SELECT r.id, a.external_id AS account_external_id, r.account_id, r.subscription_id,
           s.external_id AS subscription_external_id, r.kind, r.held_on, r.looked_at, r.outcome,
           r.note, r.actor, r.recorded_at
    FROM pipeline.account_reviews AS r
    JOIN pipeline.accounts AS a ON a.workspace_id = $1 AND a.id = r.account_id
    LEFT JOIN pipeline.subscriptions AS s
      ON s.workspace_id = $1 AND s.id = r.subscription_id
"""


async def insert(session: WriteSession, row: Mapping[str, Any]) -> None:
    await REVIEWS.insert(session, [row])


async def get_review(session: Session, review_id: UUID) -> asyncpg.Record | None:
    return await session.fetchrow(
        f"{_SELECT} WHERE r.workspace_id = $1 AND r.id = $2", session.workspace_id, review_id
    )


async def list_reviews(
    session: Session, account_id: UUID, page: PageRequest
) -> list[asyncpg.Record]:
    """In the order they were recorded, one more than the page holds."""
    return await session.fetch(
        f"{_SELECT} WHERE r.workspace_id = $1 AND r.account_id = $2"
        f" AND ($3::uuid IS NULL OR r.id > $3) ORDER BY r.id LIMIT {page.limit + 1}",
        session.workspace_id,
        account_id,
        after_id(page),
    )


async def held_at(session: Session, account_ids: Collection[UUID]) -> dict[UUID, list[Held]]:
    """The reviews of these accounts, by account."""
    rows = await session.fetch(
        """
        SELECT account_id, kind, held_on, subscription_id FROM pipeline.account_reviews
        WHERE workspace_id = $1 AND account_id = ANY($2::uuid[])
        """,
        session.workspace_id,
        list(account_ids),
    )
    found: dict[UUID, list[Held]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(Held(*row[1:]))
    return found
