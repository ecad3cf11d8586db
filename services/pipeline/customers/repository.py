"""Statements behind success plans and the list of customers. Read only, set-based by account."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final
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


_CHAMPION: Final = """
    FROM pipeline.contacts AS c WHERE c.workspace_id = $1 AND c.account_id = a.id AND c.champion
"""
_STAYS: Final = f"{_CHAMPION} AND (c.left_at IS NULL OR c.left_at > $2)"
_RUNS: Final = """
    FROM pipeline.subscriptions AS s
    WHERE s.workspace_id = $1 AND s.account_id = a.id AND $2 BETWEEN s.start_date AND s.end_date
"""
_MEASURED: Final = f"EXISTS (SELECT {_RUNS} AND s.usage IS NOT NULL)"

# Who may fit what is judged afterwards: nobody is left out who does. $2 is today.
CANDIDATES: Final[Mapping[str, str]] = {
    "category": f"""(EXISTS (SELECT {_RUNS} AND EXISTS (
            SELECT FROM pipeline.subscription_changes AS h
            WHERE h.workspace_id = $1 AND h.subscription_id = s.id))
        OR EXISTS (SELECT FROM pipeline.subscriptions AS p
            WHERE p.workspace_id = $1 AND p.account_id = a.id AND p.end_date < $2))""",
    "band": _MEASURED,
    "use_red": _MEASURED,
    "no_champion": f"NOT EXISTS (SELECT {_STAYS})",
    "single_champion": f"(SELECT count(*) {_STAYS}) = 1",
    "champion_left": f"EXISTS (SELECT {_CHAMPION} AND c.left_at <= $2)",
    "onboarding_overdue": """EXISTS (
        SELECT FROM pipeline.subscriptions AS s
        JOIN pipeline.onboardings AS n ON n.workspace_id = $1 AND n.subscription_id = s.id
        WHERE s.workspace_id = $1 AND s.account_id = a.id AND n.completed_at IS NULL
          AND n.next_due_on < $2)""",
    "suggestion_open": """EXISTS (
        SELECT FROM pipeline.subscriptions AS s
        JOIN pipeline.suggestions AS g
          ON g.workspace_id = $1 AND g.subscription_id = s.id AND g.state = 'open'
        WHERE s.workspace_id = $1 AND s.account_id = a.id)""",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which customers. `ends` are the days between which an active subscription has to end;
    `judged` names what will be judged, for which candidates suffice."""

    today: date
    owners: Collection[UUID] | None = None
    segment: str | None = None
    region: str | None = None
    account_external_id: str | None = None
    ends: tuple[date, date] | None = None
    judged: Collection[str] = ()


async def customers_after(
    session: Session, wanted: Wanted, after: UUID | None, limit: int
) -> list[asyncpg.Record]:
    """The next accounts, in id order, with a subscription that runs today."""
    first, last = wanted.ends or (wanted.today, date.max)
    where = Filters("a.workspace_id = {}", session.workspace_id)
    where.values += [wanted.today, last]
    where.require(
        f"EXISTS (SELECT {_RUNS} AND s.end_date <= $3 AND s.end_date >= {{}})",
        max(first, wanted.today),
    )
    where.where("a.id > {}", after)
    where.where("a.segment = {}", wanted.segment)
    where.where("a.region = {}", wanted.region)
    where.where("a.external_id = {}", wanted.account_external_id)
    if wanted.owners is not None:
        where.require("a.owner_id = ANY({}::uuid[])", list(wanted.owners))
    judged = "".join(f" AND {CANDIDATES[name]}" for name in wanted.judged if name in CANDIDATES)
    return await session.fetch(
        f"{_ACCOUNT} WHERE {where}{judged} ORDER BY a.id LIMIT {limit}", *where.values
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
