"""Statements behind the life cycle: what an account's deals and subscriptions are. Read only."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Final
from uuid import UUID

import asyncpg

from services.kit.db import Session
from services.kit.rows import Filters
from services.pipeline.customers.life_cycle.domain import (
    FULFIL,
    LOST,
    RENEW,
    RENEWAL_DEAL,
    SALE,
    SUPPORT,
    WAITING,
    WON,
    Borders,
)
from services.pipeline.customers.models import WORKED_ON
from services.pipeline.opportunities.stages import OPEN_STAGES

# What a deal is to the life cycle; $2 is the open stages.
_IS: Final = {
    RENEWAL_DEAL: """o.stage = ANY($2::text[]) AND o.stage <> 'pending_acceptance'
        AND o.type = 'renewal'""",
    SALE: """o.stage = ANY($2::text[]) AND o.stage <> 'pending_acceptance'
        AND o.type IN ('new_business', 'add_on')""",
    WAITING: "o.stage = 'pending_acceptance'",
    LOST: "o.stage = 'closed_lost'",
    WON: "o.stage = 'closed_won'",
}
RANKED: Final = (SUPPORT, FULFIL, RENEW)
"""Phases of subscriptions: of several, the last one here is the account's."""
_RANK: Final = {phase: rank for rank, phase in enumerate(RANKED)}
_CASE: Final = " ".join(f"WHEN {clause} THEN '{name}'" for name, clause in _IS.items())


async def deals_of(session: Session, account_id: UUID) -> list[asyncpg.Record]:
    """Of each kind the first there is; of those that ended, the last."""
    return await session.fetch(
        f"""
        SELECT DISTINCT ON (kind) d.kind, d.id, d.external_id, d.accepted_on, d.entered_at
        FROM (
            SELECT o.id, o.external_id, o.sales_accepted_date AS accepted_on,
                   o.stage_entered_at AS entered_at, CASE {_CASE} END AS kind
            FROM pipeline.opportunities AS o
            WHERE o.workspace_id = $1 AND o.account_id = $3
        ) AS d
        WHERE d.kind IS NOT NULL
        ORDER BY d.kind, CASE WHEN d.kind IN ('{LOST}', '{WON}') THEN d.entered_at END DESC NULLS LAST,
                 d.entered_at, d.id
        """,
        session.workspace_id,
        list(OPEN_STAGES),
        account_id,
    )


async def subscriptions_of(session: Session, account_id: UUID) -> list[asyncpg.Record]:
    """All an account ever had, with how far their onboarding is."""
    return await session.fetch(
        """
        SELECT s.id, s.external_id, s.start_date, s.end_date, s.created_at,
               n.id IS NOT NULL AS has_onboarding, n.completed_at
        FROM pipeline.subscriptions AS s
        LEFT JOIN pipeline.onboardings AS n
          ON n.workspace_id = $1 AND n.subscription_id = s.id
        WHERE s.workspace_id = $1 AND s.account_id = $2
        """,
        session.workspace_id,
        account_id,
    )


async def count_accounts(
    session: Session,
    today: date,
    borders: Borders,
    owners: Collection[UUID] | None,
    segment: str | None,
    region: str | None,
) -> list[asyncpg.Record]:
    """All accounts by what decides their phase: the phase of their subscriptions as a rank (see
    RANKED), and of which kinds they have deals. `won` is told where nothing was ever bought. Both
    sides are read in the order of their accounts, from indexes alone."""
    where = Filters("a.workspace_id = {}", session.workspace_id)
    where.values += [today, *borders]
    where.where("a.segment = {}", segment)
    where.where("a.region = {}", region)
    if owners is not None:
        where.require("a.owner_id = ANY({}::uuid[])", list(owners))
    return await session.fetch(
        f"""
        SELECT bought.rank, sold.{RENEWAL_DEAL}, sold.{SALE},
               CASE WHEN bought.account_id IS NULL THEN (
                   SELECT true FROM pipeline.opportunities AS o
                   WHERE o.workspace_id = $1 AND o.account_id = a.id AND {_IS[WON]} LIMIT 1)
               END AS {WON},
               count(*) AS accounts, coalesce(sum(bought.arr), 0) AS arr
        FROM pipeline.accounts AS a
        LEFT JOIN (
            SELECT s.account_id,
                   max(CASE WHEN s.end_date < $2 THEN NULL
                            WHEN s.start_date > $2 THEN {_RANK[FULFIL]}
                            WHEN s.end_date < $3 THEN {_RANK[RENEW]}
                            WHEN s.start_date >= $4 AND s.end_date >= $5 THEN {_RANK[FULFIL]}
                            WHEN s.id IN (
                                SELECT n.subscription_id FROM pipeline.onboardings AS n
                                WHERE n.workspace_id = $1 AND n.completed_at IS NULL
                            ) THEN {_RANK[FULFIL]}
                            ELSE {_RANK[SUPPORT]} END) AS rank,
                   sum(s.arr) FILTER (WHERE $2 BETWEEN s.start_date AND s.end_date) AS arr
            FROM pipeline.subscriptions AS s
            WHERE s.workspace_id = $1
            GROUP BY s.account_id
        ) AS bought ON bought.account_id = a.id
        LEFT JOIN (
            SELECT o.account_id, bool_or(o.type = 'renewal') AS {RENEWAL_DEAL},
                   bool_or(o.type IN ('new_business', 'add_on')) AS {SALE}
            FROM pipeline.opportunities AS o
            WHERE o.workspace_id = $1 AND {WORKED_ON}
            GROUP BY o.account_id
        ) AS sold ON sold.account_id = a.id
        WHERE {where}
        GROUP BY 1, 2, 3, 4
        """,
        *where.values,
    )
