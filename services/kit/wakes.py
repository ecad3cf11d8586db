"""Wakes those who wait for something to change, in this process and in others.

A wake says that there is something to look at, never what: whoever waits also looks by itself now
and then, so a wake that is lost, as when Redis is down, costs a moment and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.kit.logging import get_logger

log = get_logger(__name__)

_RETRY_PAUSE_S = 1.0
_FAULTS = (RedisError, OSError, TimeoutError)


class Wake:
    """One waiter's side. A wake that comes while it is busy is kept."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def wait(self, seconds: float) -> None:
        """Until woken, `seconds` at most."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)
        self._woken.clear()


class Wakes:
    """Topics on one Redis channel: every process hears every topic and wakes those who wait for it
    there. Connects with the first waiter, or the first one to tell."""

    def __init__(self, redis_url: str | None, channel: str, timeout_s: float) -> None:
        self._url = redis_url
        self._channel = channel
        self._timeout_s = timeout_s
        self._waiting: dict[str, set[Wake]] = defaultdict(set)
        self._listening: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self._redis: Redis | None = None

    def tell(self, topic: str) -> None:
        """Something changed. Neither waits nor raises."""
        self._wake(topic)
        if self._url is None:
            return
        task = asyncio.get_running_loop().create_task(self._publish(topic))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    @contextmanager
    def waiting(self, topic: str) -> Iterator[Wake]:
        """What happens to the topic from now on wakes it."""
        wake = Wake()
        self._waiting[topic].add(wake)
        self._listen()
        try:
            yield wake
        finally:
            self._waiting[topic].discard(wake)
            if not self._waiting[topic]:
                del self._waiting[topic]

    async def close(self) -> None:
        tasks = [*self._telling, *filter(None, [self._listening])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._listening = None
        if self._redis is not None:
            await self._redis.aclose()
            self._redis = None

    def _wake(self, topic: str) -> None:
        for wake in self._waiting.get(topic, ()):
            wake.wake()

    async def _publish(self, topic: str) -> None:
        assert self._url is not None
        if self._redis is None:
            self._redis = Redis.from_url(
                self._url, socket_timeout=self._timeout_s, socket_connect_timeout=self._timeout_s
            )
        try:
            await self._redis.publish(self._channel, topic)
        except _FAULTS as error:
            log.debug("wake_not_told", error=str(error))

    def _listen(self) -> None:
        if self._url is not None and (self._listening is None or self._listening.done()):
            self._listening = asyncio.get_running_loop().create_task(self._hear())

    async def _hear(self) -> None:
        """For as long as the process lives; without Redis it tries again every second."""
        assert self._url is not None
        while True:
            redis = Redis.from_url(
                self._url, socket_connect_timeout=self._timeout_s, client_name=self._channel
            )
            try:
                async with redis.pubsub() as channel:
                    await channel.subscribe(self._channel)
                    async for message in channel.listen():
                        if message["type"] == "message":
                            self._wake(message["data"].decode())
            except _FAULTS as error:
                log.debug("wakes_not_heard", error=str(error))
            finally:
                with contextlib.suppress(*_FAULTS):
                    await redis.aclose()
            await asyncio.sleep(_RETRY_PAUSE_S)
