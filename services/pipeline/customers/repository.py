"""Statements behind success plans and the list of customers. Read only, set-based by account."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import asyncpg

from services.kit.db import Session
from services.kit.rows import Filters

_ACCOUNT = """
    SELECT a.id, a.external_id, a.name, a.segment, a.region, a.owner_id,
           owner.external_id AS owner_external_id
    FROM pipeline.accounts AS a
    LEFT JOIN workspace.users AS owner ON owner.workspace_id = $1 AND owner.id = a.owner_id
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which customers; `ends` are the days between which an active subscription has to end."""

    today: date
    owners: Collection[UUID] | None = None
    segment: str | None = None
    region: str | None = None
    account_external_id: str | None = None
    ends: tuple[date, date] | None = None


async def customers_after(
    session: Session, wanted: Wanted, after: UUID | None, limit: int
) -> list[asyncpg.Record]:
    """The next accounts, in id order, with a subscription that runs today."""
    where = Filters("a.workspace_id = {}", session.workspace_id)
    where.require(
        """EXISTS (
            SELECT FROM pipeline.subscriptions AS s
            WHERE s.workspace_id = $1 AND s.account_id = a.id
              AND {}::date BETWEEN s.start_date AND s.end_date
              AND s.end_date BETWEEN $3 AND $4)""",
        wanted.today,
    )
    first, last = wanted.ends or (wanted.today, date.max)
    where.values += [max(first, wanted.today), last]
    where.where("a.id > {}", after)
    where.where("a.segment = {}", wanted.segment)
    where.where("a.region = {}", wanted.region)
    where.where("a.external_id = {}", wanted.account_external_id)
    if wanted.owners is not None:
        where.require("a.owner_id = ANY({}::uuid[])", list(wanted.owners))
    return await session.fetch(
        f"{_ACCOUNT} WHERE {where} ORDER BY a.id LIMIT {limit}", *where.values
    )


async def active_subscriptions(
    session: Session, account_ids: Collection[UUID], today: date
) -> list[asyncpg.Record]:
    """The first to end first."""
    return await session.fetch(
        """
        SELECT s.id, s.external_id, s.account_id, s.start_date, s.end_date, s.arr, s.currency,
               s.seats, s.tier, s.usage
        FROM pipeline.subscriptions AS s
        WHERE s.workspace_id = $1 AND s.account_id = ANY($2::uuid[])
          AND $3::date BETWEEN s.start_date AND s.end_date
        ORDER BY s.end_date, s.id
        """,
        session.workspace_id,
        list(account_ids),
        today,
    )


async def champions(session: Session, account_ids: Collection[UUID]) -> list[asyncpg.Record]:
    """Everybody who is or was one."""
    return await session.fetch(
        """
        SELECT c.id, c.external_id, c.account_id, c.name, c.title, c.left_at
        FROM pipeline.contacts AS c
        WHERE c.workspace_id = $1 AND c.account_id = ANY($2::uuid[]) AND c.champion
        ORDER BY c.id
        """,
        session.workspace_id,
        list(account_ids),
    )


async def open_suggestions(session: Session, account_ids: Collection[UUID]) -> dict[UUID, int]:
    """How many suggestions wait for a decision, by account."""
    rows = await session.fetch(
        """
        SELECT s.account_id, count(*) AS count
        FROM pipeline.subscriptions AS s
        JOIN pipeline.suggestions AS g
          ON g.workspace_id = $1 AND g.subscription_id = s.id AND g.state = 'open'
        WHERE s.workspace_id = $1 AND s.account_id = ANY($2::uuid[])
        GROUP BY s.account_id
        """,
        session.workspace_id,
        list(account_ids),
    )
    return {row["account_id"]: row["count"] for row in rows}
