"""The ARR basis of an open renewal is the ARR of its subscription, and follows it: an add-on in
mid-term raises what there is to lose. A basis somebody stated otherwise is left alone.

Published: `follow_arr`, for who writes subscriptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

from services.kit.db import WriteSession
from services.kit.errors import ServiceError
from services.pipeline.opportunities.access import SYSTEM
from services.pipeline.opportunities.service_batch import upsert_many
from services.pipeline.opportunities.stages import OPEN_STAGES


async def follow_arr(session: WriteSession, changed: Mapping[UUID, tuple[Decimal, Decimal]]) -> int:
    """Subscriptions whose ARR was the first amount and is now the second; how many renewals
    followed. Call it in the transaction that changed them."""
    if not changed:
        return 0
    rows = await session.fetch(
        """
        SELECT o.id, wanted.arr FROM unnest($2::uuid[], $3::numeric[], $4::numeric[])
            AS wanted (subscription_id, previous, arr)
        JOIN pipeline.opportunities AS o
          ON o.workspace_id = $1 AND o.subscription_id = wanted.subscription_id
         AND o.arr_basis = wanted.previous
        WHERE o.workspace_id = $1 AND o.type = 'renewal' AND o.category = 'standard'
          AND o.stage = ANY($5::text[])
          AND (o.expected_renewed_arr IS NULL OR o.expected_renewed_arr <= wanted.arr)
        ORDER BY o.id
        """,
        session.workspace_id,
        list(changed),
        [previous for previous, _ in changed.values()],
        [arr for _, arr in changed.values()],
        list(OPEN_STAGES),
    )
    outcomes = await upsert_many(
        session,
        SYSTEM,
        [{"id": row["id"], "arr_basis": row["arr"]} for row in rows],
        reason="The subscription it renews has another ARR",
    )
    for outcome in outcomes:
        if isinstance(outcome, ServiceError):
            raise outcome
    return len(outcomes)
