"""Statements behind the life cycle: what an account's deals and subscriptions are. Read only."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Final
from uuid import UUID

import asyncpg

from services.kit.db import Session
from services.kit.rows import Filters
from services.pipeline.customers.life_cycle.domain import LOST, RENEWAL_DEAL, SALE, WAITING, WON
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


async def running_from(session: Session, today: date) -> list[asyncpg.Record]:
    """Of all accounts, what has not ended, as far as the phase goes."""
    return await session.fetch(
        """
        SELECT s.account_id, s.start_date, s.end_date, s.arr,
               n.id IS NOT NULL AND n.completed_at IS NULL AS is_onboarding
        FROM pipeline.subscriptions AS s
        LEFT JOIN pipeline.onboardings AS n
          ON n.workspace_id = $1 AND n.subscription_id = s.id
        WHERE s.workspace_id = $1 AND s.end_date >= $2
        """,
        session.workspace_id,
        today,
    )


async def accounts_with_deals(
    session: Session, owners: Collection[UUID] | None, segment: str | None, region: str | None
) -> list[asyncpg.Record]:
    """Every account, and of which kinds it has deals that decide."""
    where = Filters("a.workspace_id = {}", session.workspace_id)
    where.values.append(list(OPEN_STAGES))
    where.where("a.segment = {}", segment)
    where.where("a.region = {}", region)
    if owners is not None:
        where.require("a.owner_id = ANY({}::uuid[])", list(owners))
    flags = ", ".join(f"bool_or({_IS[kind]}) AS {kind}" for kind in (RENEWAL_DEAL, SALE, WON))
    return await session.fetch(
        f"""
        SELECT a.id, deals.{RENEWAL_DEAL}, deals.{SALE}, deals.{WON},
               EXISTS (SELECT FROM pipeline.subscriptions AS s
                       WHERE s.workspace_id = $1 AND s.account_id = a.id) AS has_subscribed
        FROM pipeline.accounts AS a
        LEFT JOIN (
            SELECT o.account_id, {flags}
            FROM pipeline.opportunities AS o
            WHERE o.workspace_id = $1 AND o.stage = ANY($2::text[] || '{{closed_won}}'::text[])
            GROUP BY o.account_id
        ) AS deals ON deals.account_id = a.id
        WHERE {where}
        """,
        *where.values,
    )
