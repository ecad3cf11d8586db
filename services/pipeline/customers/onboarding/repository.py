"""Statements on onboardings."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.pagination import PageRequest
from services.kit.rows import Filters, Rows
from services.pipeline.customers.models import Onboarding

ONBOARDINGS: Final = Rows(Onboarding)

_SELECT: Final = """
    SELECT n.id, n.version, s.id AS subscription_id, s.external_id AS subscription_external_id,
           a.external_id AS account_external_id, owner.external_id AS owner_external_id,
           n.started_on, n.steps, n.trainings, n.first_value_on, n.adoption_done_on, n.next_due_on,
           n.completed_at, n.policy_version, n.created_at, n.updated_at
    FROM pipeline.onboardings AS n
    JOIN pipeline.subscriptions AS s ON s.workspace_id = $1 AND s.id = n.subscription_id
    JOIN pipeline.accounts AS a ON a.workspace_id = $1 AND a.id = s.account_id
    LEFT JOIN workspace.users AS owner ON owner.workspace_id = $1 AND owner.id = a.owner_id
"""


async def get_onboarding(session: Session, subscription_id: UUID) -> asyncpg.Record | None:
    return await session.fetchrow(
        f"{_SELECT} WHERE n.workspace_id = $1 AND n.subscription_id = $2",
        session.workspace_id,
        subscription_id,
    )


async def lock_of(
    session: WriteSession, subscription_ids: Collection[UUID]
) -> dict[UUID, dict[str, Any]]:
    """The onboardings of these subscriptions, locked, by subscription."""
    rows = await session.fetch(
        f"SELECT {', '.join(ONBOARDINGS.columns)} FROM pipeline.onboardings"
        " WHERE workspace_id = $1 AND subscription_id = ANY($2::uuid[])"
        " ORDER BY id FOR NO KEY UPDATE",
        session.workspace_id,
        list(subscription_ids),
    )
    return {row["subscription_id"]: dict(row) for row in rows}


async def insert(session: WriteSession, rows: Sequence[Mapping[str, Any]]) -> None:
    await ONBOARDINGS.insert(session, rows)


async def update(session: WriteSession, rows: Sequence[Mapping[str, Any]]) -> None:
    await ONBOARDINGS.update(session, rows)


async def continuing(
    session: Session, subscription_ids: Collection[UUID], within_days: int
) -> set[UUID]:
    """Those that go on from one of their account's that ended shortly before."""
    rows = await session.fetch(
        """
        SELECT s.id FROM pipeline.subscriptions AS s
        WHERE s.workspace_id = $1 AND s.id = ANY($2::uuid[]) AND EXISTS (
            SELECT FROM pipeline.subscriptions AS p
            WHERE p.workspace_id = $1 AND p.account_id = s.account_id AND p.id <> s.id
              AND p.end_date <= s.start_date AND p.end_date >= s.start_date - $3::int)
        """,
        session.workspace_id,
        list(subscription_ids),
        within_days,
    )
    return {row["id"] for row in rows}


async def list_open(
    session: Session, page: PageRequest, owners: Collection[UUID] | None, segment: str | None
) -> list[asyncpg.Record]:
    """The first due first, one more than the page holds."""
    where = Filters("n.workspace_id = {}", session.workspace_id)
    if page.after is not None:
        day, id_ = _after(page)
        where.require("n.next_due_on >= {}::date", day)
        # The same day again: of that one, only what comes after.
        where.require("(n.next_due_on > $2::date OR n.id > {}::uuid)", id_)
    if owners is not None:
        where.require("a.owner_id = ANY({}::uuid[])", list(owners))
    where.where("a.segment = {}", segment)
    return await session.fetch(
        f"{_SELECT} WHERE {where} AND n.completed_at IS NULL"
        f" ORDER BY n.next_due_on, n.id LIMIT {page.limit + 1}",
        *where.values,
    )


def _after(page: PageRequest) -> tuple[date, UUID]:
    try:
        day, id_ = page.after or []
        return date.fromisoformat(day), UUID(id_)
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidPayloadError.one(
            "query/cursor", "invalid_cursor", "is the cursor of another list"
        ) from error


async def open_of_accounts(session: Session, account_ids: Collection[UUID]) -> dict[UUID, date]:
    """When the next step of each open onboarding of these accounts is due, by subscription."""
    rows = await session.fetch(
        """
        SELECT n.subscription_id, n.next_due_on
        FROM pipeline.subscriptions AS s
        JOIN pipeline.onboardings AS n ON n.workspace_id = $1 AND n.subscription_id = s.id
        WHERE s.workspace_id = $1 AND s.account_id = ANY($2::uuid[]) AND n.completed_at IS NULL
        """,
        session.workspace_id,
        list(account_ids),
    )
    return {row[0]: row[1] for row in rows}
