"""The worker's part of following: when which workspace is looked at. A ring after each batch of the
ledger starts a look at once; a sweep finds lost rings and what has become due."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final
from uuid import UUID

import asyncpg

from services.kit.db import TRANSIENT, Database, is_transient
from services.kit.logging import get_logger
from services.pipeline import following
from services.pipeline.following import Follow

log = get_logger(__name__)

SWEEP_S: Final = 1.0
_IN_A_ROW_MAX: Final = 20


class Runner:
    """One follower over all workspaces, until cancelled. Each has a runner of its own, so that a
    full pass of one does not hold up the others."""

    def __init__(self, database: Database, name: str, follow: Follow) -> None:
        self._database = database
        self._name = name
        self._follow = follow
        self._rung: set[UUID] = set()
        self._wanted = asyncio.Event()

    def ring(self, workspace_id: UUID) -> None:
        """Something was posted in it."""
        self._rung.add(workspace_id)
        self._wanted.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        next_sweep = 0.0
        while True:
            if loop.time() >= next_sweep:
                next_sweep = loop.time() + SWEEP_S
                async with self._database.read(None) as session:
                    behind = await following.find_behind(session, [self._name])
                self._rung.update(workspace_id for workspace_id, _ in behind)
            rung, self._rung = self._rung, set()
            self._wanted.clear()
            for workspace_id in rung:
                await self._work(workspace_id)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), max(0.01, next_sweep - loop.time()))

    async def _work(self, workspace_id: UUID) -> None:
        """A turn has an end, so that one workspace cannot keep the others waiting."""
        try:
            for _ in range(_IN_A_ROW_MAX):
                if not await following.follow_once(
                    self._database, workspace_id, self._name, self._follow
                ):
                    return
        except (*TRANSIENT, asyncpg.InterfaceError) as error:
            if not is_transient(error):
                raise
            log.warning("follower_interrupted", follower=self._name, error=repr(error))
        else:
            self.ring(workspace_id)
