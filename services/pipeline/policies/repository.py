"""What a dry run reads: open opportunities with what their category and segment follow from."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from services.kit.db import Session
from services.pipeline.opportunities.stages import OPEN_STAGES
from services.workspace.policy import Policy


async def open_opportunities(
    session: Session, after: UUID | None, limit: int
) -> list[asyncpg.Record]:
    """In id order, the next `limit`."""
    return await session.fetch(
        """
        SELECT o.id, o.external_id, o.name, o.stage, o.stated_forecast_category,
               o.forecast_category, o.segment, o.net_arr, o.close_fiscal_quarter,
               'segment' = ANY(o.stated_fields) AS states_segment, account.employees,
               owner.segment AS owner_segment
        FROM pipeline.opportunities AS o
        JOIN workspace.users AS owner ON owner.workspace_id = $1 AND owner.id = o.owner_id
        LEFT JOIN pipeline.accounts AS account
          ON account.workspace_id = $1 AND account.id = o.account_id
        WHERE o.workspace_id = $1 AND o.stage = ANY($2::text[])
          AND ($3::uuid IS NULL OR o.id > $3)
        ORDER BY o.id
        LIMIT $4
        """,
        session.workspace_id,
        list(OPEN_STAGES),
        after,
        limit,
    )


async def count_resegmented(session: Session, policy: Policy) -> int:
    """Accounts whose segment is another one under the policy."""
    rows = await session.fetch(
        """
        SELECT employees, segment, count(*) AS number FROM pipeline.accounts
        WHERE workspace_id = $1 GROUP BY employees, segment
        """,
        session.workspace_id,
    )
    return sum(
        row["number"] for row in rows if policy.segment_of(row["employees"]) != row["segment"]
    )
