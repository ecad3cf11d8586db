"""The worker's part of following: when which workspace is looked at. A ring after a batch of the
ledger starts a look at once, and those that come soon after it are one; a sweep finds lost rings and
what has become due.

A look costs some twenty statements however little changed. Under a steady load, one after each batch
of each follower would cost the ledger and webhooks, which share the process, more than their own work.
"""

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
REST_S: Final = 1.0
"""Between two rounds: what is rung meanwhile is looked at together."""
_REST_SHARE: Final = 15
_REST_MAX_S: Final = 30.0
"""While the ledger is at work followers rest so much longer than they worked: figures come first."""
_TURN_S: Final = 1.0
_SWEEP_SHARE: Final = 30
_SWEEP_MAX_S: Final = 10.0


class Runner:
    """One follower over all workspaces, until cancelled. Each has a runner of its own and they take
    turns, so that a full pass of one holds up the others no longer than a turn."""

    def __init__(
        self, database: Database, name: str, follow: Follow, turn: asyncio.Lock | None = None
    ) -> None:
        """`turn` is shared by the runners of a process: one of them works at a time."""
        self._database = database
        self._name = name
        self._follow = follow
        self._turn = turn or asyncio.Lock()
        self._rung: set[UUID] = set()
        self._wanted = asyncio.Event()
        self._is_ledger_busy = False

    def ring(self, workspace_id: UUID) -> None:
        """Something was posted in it."""
        self._is_ledger_busy = True
        self._want(workspace_id)

    def _want(self, workspace_id: UUID) -> None:
        self._rung.add(workspace_id)
        self._wanted.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        next_sweep = 0.0
        while True:
            began = loop.time()
            if began >= next_sweep:
                async with self._database.read(None) as session:
                    behind = await following.find_behind(session, [self._name])
                # Among thousands of companies a sweep is dear: it is made as much less often.
                pause = _SWEEP_SHARE * (loop.time() - began)
                next_sweep = loop.time() + min(max(SWEEP_S, pause), _SWEEP_MAX_S)
                self._rung.update(workspace_id for workspace_id, _ in behind)
            rung, self._rung = self._rung, set()
            self._wanted.clear()
            self._is_ledger_busy = False
            worked = 0.0
            for workspace_id in rung:
                async with self._turn:
                    began = loop.time()
                    await self._work(workspace_id)
                    worked += loop.time() - began
            if rung:
                share = _REST_SHARE * worked if self._is_ledger_busy else 0.0
                await asyncio.sleep(min(max(REST_S, share), _REST_MAX_S))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), max(0.01, next_sweep - loop.time()))

    async def _work(self, workspace_id: UUID) -> None:
        """A turn has an end, so that one workspace cannot keep the others waiting."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + _TURN_S
        try:
            while (
                await following.look(self._database, workspace_id, self._name, self._follow)
            ).is_more:
                if loop.time() >= ends:
                    self._want(workspace_id)
                    return
        except (*TRANSIENT, asyncpg.InterfaceError) as error:
            if not is_transient(error):
                raise
            log.warning("follower_interrupted", follower=self._name, error=repr(error))
