"""What pipeline may know of ranks: read only, for many accounts at once, in the caller's session."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from services.kit.db import Session


class RankSeen(NamedTuple):
    """A ranking of an organisation that is this account."""

    account_external_id: str
    organisation_id: UUID
    rank: Decimal
    fiscal_year: int
    ranked_by_id: UUID | None
    has_reason: bool
    has_sources: bool
    ranked_at: datetime
    recorded_at: datetime


async def account_ranks_of(
    session: Session, external_ids: Collection[str], since: datetime
) -> list[RankSeen]:
    """Every ranking since then of each account, the latest first; which of them holds is the
    caller's to say."""
    if not external_ids:
        return []
    rows = await session.fetch(
        """
        SELECT o.account_external_id, o.id AS organisation_id, r.rank, r.fiscal_year,
               r.ranked_by_id, r.reason IS NOT NULL AS has_reason,
               jsonb_array_length(r.sources) > 0 AS has_sources, r.ranked_at, r.recorded_at
        FROM qualification.organisations AS o
        JOIN qualification.organisation_ranks AS r
          ON r.workspace_id = $1 AND r.organisation_id = o.id AND r.ranked_at >= $3
        WHERE o.workspace_id = $1 AND o.account_external_id = ANY($2::text[])
        ORDER BY r.ranked_at DESC, r.recorded_at DESC, r.id DESC
        """,
        session.workspace_id,
        list(external_ids),
        since,
    )
    return [RankSeen(*row.values()) for row in rows]
