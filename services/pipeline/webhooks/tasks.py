"""The worker's part: which webhooks are looked at and when; how one is served is `delivery`'s.

A ring after each batch of the ledger starts a look at once; a sweep looks regardless, so that a lost
ring, a retry whose hour has come or a new webhook is found within a second.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

import asyncpg

from services.kit import clock
from services.kit.db import TRANSIENT, Database, is_transient
from services.kit.ids import NIL
from services.kit.logging import get_logger
from services.kit.settings import get_settings
from services.pipeline.webhooks import queue
from services.pipeline.webhooks.delivery import Delivery

log = get_logger(__name__)

SWEEP_S: Final = 1.0
_WORKSPACES_MAX: Final = 1000
_FORGET_EVERY_S: Final = 600.0
_FORGET_AT_ONCE: Final = 5000


class Sender:
    """Serves the webhooks of every workspace, each by one task at a time, until cancelled."""

    def __init__(self, database: Database, delivery: Delivery) -> None:
        self._database = database
        self._delivery = delivery
        self._known: set[UUID] = set()
        self._rung: set[UUID] = set()
        self._wanted = asyncio.Event()
        self._running: dict[UUID, asyncio.Task[None]] = {}

    def ring(self, workspace_id: UUID) -> None:
        """Something was posted. Costs nothing where the workspace has no webhooks."""
        if workspace_id in self._known:
            self._rung.add(workspace_id)
            self._wanted.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        next_sweep, next_forgetting = 0.0, loop.time()
        try:
            while True:
                if loop.time() >= next_sweep:
                    next_sweep = loop.time() + SWEEP_S
                    await self._find_workspaces()
                    self._rung |= self._known
                if loop.time() >= next_forgetting:
                    next_forgetting = loop.time() + _FORGET_EVERY_S
                    await self._forget()
                rung, self._rung = self._rung, set()
                self._wanted.clear()
                for workspace_id in rung:
                    await self._look_at(workspace_id)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wanted.wait(), max(0.01, next_sweep - loop.time()))
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _find_workspaces(self) -> None:
        found: set[UUID] = set()
        after = NIL
        while True:
            async with self._database.read(None) as session:
                page = await queue.workspaces_with_webhooks(session, after, _WORKSPACES_MAX)
            found.update(page)
            if len(page) < _WORKSPACES_MAX:
                break
            after = page[-1]
        self._known = found

    async def _look_at(self, workspace_id: UUID) -> None:
        async with self._database.read(workspace_id) as session:
            webhooks = await queue.webhooks_with_work(session, clock.now())
        for webhook_id in webhooks:
            if webhook_id not in self._running:
                task = asyncio.create_task(self._serve(workspace_id, webhook_id))
                self._running[webhook_id] = task
                task.add_done_callback(partial(self._end, webhook_id))

    def _end(self, webhook_id: UUID, done: asyncio.Task[None]) -> None:
        self._running.pop(webhook_id, None)
        if not done.cancelled() and done.exception() is not None:
            # The lease runs out and another look begins again where the record is.
            log.error("webhook_failed", webhook_id=str(webhook_id), exc_info=done.exception())

    async def _serve(self, workspace_id: UUID, webhook_id: UUID) -> None:
        try:
            while await self._delivery.deliver(workspace_id, webhook_id):
                pass
        except (*TRANSIENT, asyncpg.InterfaceError) as error:
            if not is_transient(error):
                raise
            log.warning("webhook_interrupted", webhook_id=str(webhook_id), error=repr(error))
        else:
            # What came while the last round was sent is looked at now and not at the next sweep.
            self._rung.add(workspace_id)
            asyncio.get_running_loop().call_later(0.02, self._wanted.set)

    async def _forget(self) -> None:
        before = clock.now() - timedelta(hours=get_settings().webhook_log_keep_h)
        for workspace_id in self._known:
            async with self._database.write(workspace_id) as session:
                await queue.forget_settled(session, before, _FORGET_AT_ONCE)
