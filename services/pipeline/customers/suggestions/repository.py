"""Statements on suggestions, and on what they rest on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.pagination import PageRequest
from services.kit.rows import Filters, Rows, after_id
from services.pipeline.customers.models import Suggestion
from services.pipeline.customers.suggestions.domain import KINDS
from services.pipeline.opportunities.stages import OPEN_STAGES

SUGGESTIONS: Final = Rows(Suggestion)

_SELECT: Final = """
    SELECT g.id, g.version, g.kind, g.value, g.state, g.evidence, g.policy_version, g.reason,
           g.decided_by, g.decided_at, g.created_at, g.updated_at, g.opportunity_id,
           o.external_id AS opportunity_external_id, s.id AS subscription_id,
           s.external_id AS subscription_external_id, a.id AS account_id, a.name AS account_name,
           a.external_id AS account_external_id,
           coalesce(o.owner_id, a.owner_id) AS owner_id, owner.external_id AS owner_external_id
    FROM pipeline.suggestions AS g
    JOIN pipeline.subscriptions AS s ON s.workspace_id = $1 AND s.id = g.subscription_id
    JOIN pipeline.accounts AS a ON a.workspace_id = $1 AND a.id = s.account_id
    LEFT JOIN pipeline.opportunities AS o ON o.workspace_id = $1 AND o.id = g.opportunity_id
    LEFT JOIN workspace.users AS owner
      ON owner.workspace_id = $1 AND owner.id = coalesce(o.owner_id, a.owner_id)
"""


async def get_suggestion(session: Session, suggestion_id: UUID) -> asyncpg.Record | None:
    return await session.fetchrow(
        f"{_SELECT} WHERE g.workspace_id = $1 AND g.id = $2", session.workspace_id, suggestion_id
    )


async def lock(session: WriteSession, suggestion_id: UUID) -> asyncpg.Record | None:
    return await session.fetchrow(
        f"{_SELECT} WHERE g.workspace_id = $1 AND g.id = $2 FOR NO KEY UPDATE OF g",
        session.workspace_id,
        suggestion_id,
    )


async def list_suggestions(
    session: Session,
    page: PageRequest,
    owners: Collection[UUID] | None,
    filters: Mapping[str, Any],
) -> list[asyncpg.Record]:
    """In id order, one more than the page holds."""
    where = Filters("g.workspace_id = {}", session.workspace_id)
    where.where("g.id > {}", after_id(page))
    where.where("g.state = {}", filters["state"])
    where.where("g.kind = {}", filters["kind"])
    where.where("a.external_id = {}", filters["account_external_id"])
    if owners is not None:
        where.require("coalesce(o.owner_id, a.owner_id) = ANY({}::uuid[])", list(owners))
    return await session.fetch(
        f"{_SELECT} WHERE {where} ORDER BY g.id LIMIT {page.limit + 1}", *where.values
    )


async def lock_subscriptions(
    session: WriteSession, subscription_ids: Collection[UUID]
) -> list[asyncpg.Record]:
    """With what can be made of a suggestion: the renewal that is open, and whether an add-on is."""
    return await session.fetch(
        """
        SELECT s.id, s.account_id, s.start_date, s.end_date, s.seats, s.tier,
            renewal.id AS renewal_id, renewal.renewal_loss_category,
            EXISTS (
                SELECT FROM pipeline.opportunities AS o
                WHERE o.workspace_id = $1 AND o.subscription_id = s.id AND o.type = 'add_on'
                  AND o.stage = ANY($3::text[])
            ) AS is_growing
        FROM pipeline.subscriptions AS s
        LEFT JOIN LATERAL (
            (SELECT o.id, o.renewal_loss_category FROM pipeline.opportunities AS o
             WHERE o.workspace_id = $1 AND o.subscription_id = s.id AND o.type = 'renewal'
               AND o.stage = ANY($3::text[])
             ORDER BY o.id DESC LIMIT 1)
            UNION ALL
            (SELECT o.id, o.renewal_loss_category FROM pipeline.opportunities AS o
             WHERE o.workspace_id = $1 AND o.account_id = s.account_id
               AND o.subscription_id IS NULL AND o.type = 'renewal' AND o.stage = ANY($3::text[])
             ORDER BY o.id DESC LIMIT 1)
            LIMIT 1
        ) AS renewal ON true
        WHERE s.workspace_id = $1 AND s.id = ANY($2::uuid[])
        ORDER BY s.id FOR NO KEY UPDATE OF s
        """,
        session.workspace_id,
        list(subscription_ids),
        list(OPEN_STAGES),
    )


async def features_elsewhere(
    session: Session, subscription_ids: Collection[UUID]
) -> dict[UUID, frozenset[str]]:
    """What is used of the other subscriptions of the same account, as each shows it."""
    rows = await session.fetch(
        """
        SELECT s.id, array_agg(DISTINCT feature.key) AS names
        FROM pipeline.subscriptions AS s
        JOIN pipeline.subscriptions AS p
          ON p.workspace_id = $1 AND p.account_id = s.account_id AND p.id <> s.id
        CROSS JOIN LATERAL jsonb_each_text(
            CASE WHEN jsonb_typeof(p.usage -> 'features') = 'object' THEN p.usage -> 'features'
                 ELSE '{}'::jsonb END) AS feature
        WHERE s.workspace_id = $1 AND s.id = ANY($2::uuid[]) AND feature.value <> '0'
        GROUP BY s.id
        """,
        session.workspace_id,
        list(subscription_ids),
    )
    return {row["id"]: frozenset(row["names"]) for row in rows}


async def lock_last_of(
    session: WriteSession, subscription_ids: Collection[UUID]
) -> dict[tuple[UUID, str], dict[str, Any]]:
    """The last suggestion of each kind about each of these subscriptions, locked: whoever decides on
    one meanwhile is waited for, and what was decided is seen."""
    rows = await session.fetch(
        f"""
        SELECT {", ".join(f"last.{name}" for name in SUGGESTIONS.columns)}
        FROM unnest($2::uuid[]) AS wanted (id)
        CROSS JOIN unnest($3::text[]) AS kinds (kind)
        JOIN LATERAL (
            SELECT {", ".join(f"g.{name}" for name in SUGGESTIONS.columns)}
            FROM pipeline.suggestions AS g
            WHERE g.workspace_id = $1 AND g.subscription_id = wanted.id AND g.kind = kinds.kind
            ORDER BY g.id DESC LIMIT 1 FOR NO KEY UPDATE
        ) AS last ON true
        """,
        session.workspace_id,
        list(subscription_ids),
        list(KINDS),
    )
    return {(row["subscription_id"], row["kind"]): dict(row) for row in rows}


async def insert(session: WriteSession, rows: Sequence[Mapping[str, Any]]) -> None:
    await SUGGESTIONS.insert(session, rows)


async def update(session: WriteSession, rows: Sequence[Mapping[str, Any]]) -> None:
    await SUGGESTIONS.update(session, rows)


async def subscriptions_to_look_at(
    session: Session, opportunity_ids: Collection[UUID]
) -> list[asyncpg.Record]:
    """By opportunity, the subscriptions with readings that these renewals and add-ons are about,
    and those that a suggestion says they were about."""
    return await session.fetch(
        """
        SELECT found.opportunity_id, s.id, s.start_date, s.end_date
        FROM (
            SELECT o.id AS opportunity_id, o.subscription_id
            FROM pipeline.opportunities AS o
            WHERE o.workspace_id = $1 AND o.id = ANY($2::uuid[])
              AND o.type IN ('renewal', 'add_on') AND o.subscription_id IS NOT NULL
            UNION
            SELECT o.id, p.id
            FROM pipeline.opportunities AS o
            JOIN pipeline.subscriptions AS p
              ON p.workspace_id = $1 AND p.account_id = o.account_id
            WHERE o.workspace_id = $1 AND o.id = ANY($2::uuid[]) AND o.type = 'renewal'
              AND o.subscription_id IS NULL
            UNION
            SELECT g.opportunity_id, g.subscription_id
            FROM pipeline.suggestions AS g
            WHERE g.workspace_id = $1 AND g.opportunity_id = ANY($2::uuid[])
        ) AS found
        JOIN pipeline.subscriptions AS s
          ON s.workspace_id = $1 AND s.id = found.subscription_id
        WHERE EXISTS (SELECT FROM pipeline.usage_readings AS r
                      WHERE r.workspace_id = $1 AND r.subscription_id = s.id)
        """,
        session.workspace_id,
        list(opportunity_ids),
    )
