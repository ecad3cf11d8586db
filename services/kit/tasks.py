"""The bell: arq tells the worker which workspaces have work, as soon as a commit made some.

Nothing here is needed for correctness: the outbox row is the work and the worker sweeps for it.
This module and the worker are the only ones that know arq, so that it can be replaced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson
from arq.connections import ArqRedis, RedisSettings, create_pool
from redis.exceptions import RedisError

from services.kit.logging import get_logger
from services.kit.telemetry import BELL_FAILURES

log = get_logger(__name__)

QUEUE = "leadline:queue"
WAKE_CHANNEL = "leadline:wake"
POST_EVENTS = "post_events"
_RETRY_PAUSE_S = 1.0
_BURST_PAUSE_S = 0.02
_BATCH_MAX = 500


def serialize(job: dict[str, Any]) -> bytes:
    """arq pickles by default; JSON keeps the queue readable and harmless."""
    return orjson.dumps(job, default=str)


def deserialize(raw: bytes) -> dict[str, Any]:
    return orjson.loads(raw)


def redis_settings(url: str) -> RedisSettings:
    """Short timeouts and no retries: a bell that cannot be rung at once is not worth waiting for."""
    settings = RedisSettings.from_dsn(url)
    settings.conn_timeout = 2
    settings.conn_retries = 0
    return settings


async def connect(url: str) -> ArqRedis:
    """A pool for enqueueing with this product's serializer and queue."""
    return await create_pool(
        redis_settings(url),
        job_serializer=serialize,
        job_deserializer=deserialize,
        default_queue_name=QUEUE,
    )


class Bell:
    """Rings for workspaces without making a writer wait: rings are collected and sent by one
    background task, so a burst of commits costs one round trip."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._waiting: set[UUID] = set()
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._redis: ArqRedis | None = None

    def ring(self, workspace_id: UUID) -> None:
        """Never blocks and never raises."""
        if self._url is None:
            return
        self._waiting.add(workspace_id)
        self._wanted.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def ringer(self, workspace_id: UUID) -> Callable[[], None]:
        """`ring` as an after-commit action."""
        return lambda: self.ring(workspace_id)

    async def close(self) -> None:
        """Rings what is waiting, within a second, and disconnects."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._redis is not None:
            await self._redis.aclose()
            self._redis = None

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            batch = [self._waiting.pop() for _ in range(min(_BATCH_MAX, len(self._waiting)))]
            if not batch:
                continue
            if self._waiting:
                self._wanted.set()
            try:
                await self._send(batch)
                # The first ring of a burst goes at once, the rest of it together a moment later.
                await asyncio.sleep(_BURST_PAUSE_S)
            except (RedisError, OSError, TimeoutError) as error:
                # The sweep does this work; dropping the ring is the design, not a loss.
                BELL_FAILURES.inc()
                log.warning("bell_not_rung", error=str(error), workspaces=len(batch))
                await self._disconnect()
                await asyncio.sleep(_RETRY_PAUSE_S)

    async def _send(self, batch: list[UUID]) -> None:
        if self._redis is None:
            assert self._url is not None
            self._redis = await connect(self._url)
        # No job id: a fixed one would drop the ring while an earlier job runs.
        await self._redis.enqueue_job(POST_EVENTS, [str(workspace) for workspace in batch])
        await self._redis.publish(WAKE_CHANNEL, b"1")

    async def _disconnect(self) -> None:
        redis, self._redis = self._redis, None
        if redis is not None:
            try:
                await redis.aclose()
            except (RedisError, OSError):
                log.debug("bell_connection_lost")
