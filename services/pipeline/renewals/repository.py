"""Statements behind the renewals view. Read only.

What is up is told by subscriptions, whose end no deal can push; a renewal without a subscription
counts by its renewal date, or its close date where it has none. A subscription whose renewal was
merged into another one (`duplicate_of`) comes up with that one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from uuid import UUID

import asyncpg

from services.kit.db import Session

# A deal that takes back another one's booking is no renewal of its own.
_RENEWAL = """
    o.type = 'renewal' AND o.category NOT IN ('credit', 'decommission', 'debook')
    AND o.stage <> 'unqualified'
"""

_UP = f"""
    WITH deal AS (
        SELECT o.id, o.subscription_id, o.stage,
               CASE WHEN o.stage = 'duplicate' THEN survivor.id ELSE o.id END AS deal_id
        FROM pipeline.opportunities AS o
        LEFT JOIN pipeline.opportunities AS survivor
          ON survivor.workspace_id = $1 AND o.stage = 'duplicate'
         AND survivor.external_id = o.duplicate_of AND survivor.type = 'renewal'
        WHERE o.workspace_id = $1 AND {_RENEWAL} AND o.subscription_id IS NOT NULL
          AND o.subscription_id IN (
            SELECT s.id FROM pipeline.subscriptions AS s
            WHERE s.workspace_id = $1 AND s.end_date BETWEEN $2 AND $3)
    ), ending AS (
        SELECT s.id, s.external_id, s.account_id, s.arr, s.end_date, latest.deal_id
        FROM pipeline.subscriptions AS s
        LEFT JOIN LATERAL (
            -- The renewal that stands: won before open, open before lost, then the newest.
            SELECT deal.deal_id FROM deal
            WHERE deal.subscription_id = s.id AND deal.deal_id IS NOT NULL
            ORDER BY deal.stage <> 'closed_won', deal.stage = 'closed_lost', deal.id DESC
            LIMIT 1
        ) AS latest ON true
        WHERE s.workspace_id = $1 AND s.end_date BETWEEN $2 AND $3 AND s.arr > 0
    ), up AS (
        SELECT deal_id AS opportunity_id, NULL::uuid AS subscription_id, sum(arr) AS available,
               min(end_date) AS ends_on, count(*) AS subscriptions
        FROM ending WHERE deal_id IS NOT NULL GROUP BY deal_id
        UNION ALL
        SELECT NULL, id, arr, end_date, 1 FROM ending WHERE deal_id IS NULL
        UNION ALL
        SELECT o.id, NULL, o.arr_basis, coalesce(o.renewal_date, o.close_date), 0
        FROM pipeline.opportunities AS o
        WHERE o.workspace_id = $1 AND {_RENEWAL} AND o.stage <> 'duplicate'
          AND o.subscription_id IS NULL
          AND coalesce(o.renewal_date, o.close_date) BETWEEN $2 AND $3
          AND o.id NOT IN (SELECT deal_id FROM ending WHERE deal_id IS NOT NULL)
    )
"""

_SELECT = f"""
    {_UP}
    SELECT up.opportunity_id, up.subscription_id, up.available, up.ends_on, up.subscriptions,
           o.external_id AS opportunity_external_id, o.name, o.stage, o.arr_basis, o.net_arr,
           o.amount, o.stated_net_arr, o.renewal_loss_category, o.expected_renewed_arr,
           o.close_date, o.quote_start_date, o.segment AS deal_segment, o.region AS deal_region,
           s.external_id AS subscription_external_id,
           account.external_id AS account_external_id, account.segment AS account_segment,
           account.region AS account_region, owner.external_id AS owner_external_id,
           coalesce(o.owner_id, account.owner_id) AS owner_id,
           coalesce(up.opportunity_id, up.subscription_id) AS id
    FROM up
    LEFT JOIN pipeline.opportunities AS o
      ON o.workspace_id = $1 AND o.id = up.opportunity_id
    LEFT JOIN pipeline.subscriptions AS s
      ON s.workspace_id = $1 AND s.id = up.subscription_id
    LEFT JOIN pipeline.accounts AS account
      ON account.workspace_id = $1 AND account.id = coalesce(o.account_id, s.account_id)
    LEFT JOIN workspace.users AS owner
      ON owner.workspace_id = $1 AND owner.id = coalesce(o.owner_id, account.owner_id)
"""


async def read_up(
    session: Session, first_day: date, last_day: date, owners: Iterable[UUID] | None
) -> list[asyncpg.Record]:
    """Everything that comes up between two days, by id; `owners` None is everybody's."""
    return await session.fetch(
        f"""
        {_SELECT}
        WHERE $4::uuid[] IS NULL OR coalesce(o.owner_id, account.owner_id) = ANY($4::uuid[])
        ORDER BY id
        """,
        session.workspace_id,
        first_day,
        last_day,
        None if owners is None else list(owners),
    )
