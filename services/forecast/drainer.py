"""Works on the workspaces that were rung for, a few at a time, never the same one twice at once.

A ring that comes while its workspace is being worked on is not lost: the workspace is looked at
again. A workspace with a long backlog goes to the end of the queue after each batch, so that it
holds up nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from uuid import UUID

from services.forecast.contained import Contained
from services.forecast.telemetry import JOB_FAILURES
from services.kit.logging import get_logger

log = get_logger(__name__)

Work: TypeAlias = Callable[[UUID, bool], Awaitable[bool]]
"""One piece of a workspace's work; the flag says whether failed events get another try. True when
there is more."""


class Drainer:
    """Rings go in, work is done by `run` until it is cancelled."""

    def __init__(self, work: Work, *, concurrency: int) -> None:
        self._work = work
        self._concurrency = concurrency
        self._queue: asyncio.Queue[UUID] = asyncio.Queue()
        # Workspaces in the queue, and whether their failed events get another try.
        self._waiting: dict[UUID, bool] = {}
        self._running: set[UUID] = set()
        self._again: dict[UUID, bool] = {}

    def ring(self, workspace_id: UUID, *, retry_failed: bool = False) -> None:
        """Wants the workspace looked at. Any number of rings before that are one."""
        place = self._again if workspace_id in self._running else self._waiting
        if place is self._waiting and workspace_id not in place:
            self._queue.put_nowait(workspace_id)
        place[workspace_id] = place.get(workspace_id, False) or retry_failed

    @property
    def is_idle(self) -> bool:
        return not self._waiting and not self._running

    async def run(self) -> None:
        """Until cancelled; a batch that is cancelled is rolled back and stays due."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._work_on())

    async def _work_on(self) -> None:
        while True:
            workspace_id = await self._queue.get()
            retry_failed = self._waiting.pop(workspace_id)
            self._running.add(workspace_id)
            has_more = False
            try:
                with Contained() as attempt:
                    has_more = await self._work(workspace_id, retry_failed)
                if attempt.error is not None:
                    # Whatever it was, the rows are still due and the next sweep rings again.
                    JOB_FAILURES.labels("post").inc()
                    log.error(
                        "workspace_failed", workspace_id=str(workspace_id), exc_info=attempt.error
                    )
            finally:
                self._running.discard(workspace_id)
            if workspace_id in self._again:
                self.ring(workspace_id, retry_failed=self._again.pop(workspace_id))
            elif has_more:
                self.ring(workspace_id)
