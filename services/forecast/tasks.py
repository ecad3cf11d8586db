"""What the worker does for one workspace, in which order, until nothing is due.

Hand-overs make opportunities, opportunities and the rest of the outbox become figures, and a
policy that has come into force makes new versions, which become figures again.
"""

from __future__ import annotations

import asyncio
from uuid import UUID

from services.forecast.recompute import post_batch
from services.kit import clock
from services.kit.db import Database
from services.pipeline import events as pipeline

_PAUSE_S = 0.005


async def settle(database: Database, workspace_id: UUID) -> int:
    """Works until nothing is due in the workspace; failing events are tried until they are parked.
    How many events were posted. For commands and tests; the worker goes by what is rung."""
    posted = 0
    while True:
        result = await post_batch(database, workspace_id, retry_failed=True)
        if result is not None:
            posted += result.posted
            continue
        async with database.read(workspace_id) as session:
            if not await pipeline.has_work(session, clock.now()):
                return posted
        # Somebody else is posting.
        await asyncio.sleep(_PAUSE_S)
