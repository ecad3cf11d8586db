"""What the worker does for one workspace, and in which order.

Hand-overs make opportunities, opportunities and the rest of the outbox become figures, and a
policy that has come into force makes new versions, which become figures again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from services.forecast.recompute import BatchResult, post_batch
from services.handover import hand_over
from services.kit import clock
from services.kit.db import Database
from services.kit.settings import get_settings
from services.pipeline import events as pipeline
from services.pipeline.tasks import apply_policies
from services.workspace.outbox import KIND_POLICY

_PAUSE_S = 0.005


class WorkspaceWork:
    """One piece of one workspace's work at a time; says whether there is more."""

    def __init__(
        self, database: Database, on_posted: Callable[[UUID], None] = lambda _: None
    ) -> None:
        self._database = database
        self._on_posted = on_posted
        # Workspaces in which a policy may be waiting to be applied.
        self._changing: set[UUID] = set()

    def policy_is_due(self, workspace_id: UUID) -> None:
        self._changing.add(workspace_id)

    async def __call__(self, workspace_id: UUID, retry_failed: bool) -> bool:
        result = await post_batch(self._database, workspace_id, retry_failed=retry_failed)
        if result is not None:
            self._on_posted(workspace_id)
            if KIND_POLICY in result.kinds:
                self._changing.add(workspace_id)
        if _is_full(result):
            return True
        has_more = await hand_over(self._database, workspace_id) > 0
        if workspace_id in self._changing:
            if await apply_policies(self._database, workspace_id):
                return True
            self._changing.discard(workspace_id)
        return has_more


def _is_full(result: BatchResult | None) -> bool:
    """Whether a batch took all it may, so that more is likely to be due."""
    return result is not None and result.claimed >= get_settings().worker_batch_events_max


async def settle(
    database: Database, workspace_id: UUID, *, recorded_by: datetime | None = None
) -> int:
    """Works until nothing is due in the workspace; failing events are tried until they are parked.
    How many events were posted. For commands and tests; the worker goes by what is rung.

    `recorded_by` leaves what was recorded later to the worker, so that it ends while others write.
    """
    posted = 0
    while True:
        handed_over = await hand_over(database, workspace_id)
        result = await post_batch(database, workspace_id, retry_failed=True)
        if result is not None:
            posted += result.posted
            if recorded_by is None:
                continue
        elif handed_over or await apply_policies(database, workspace_id):
            continue
        async with database.read(workspace_id) as session:
            if not await pipeline.has_work(session, clock.now(), recorded_by):
                return posted
        # Somebody else may be posting.
        await asyncio.sleep(_PAUSE_S)
