"""Requests per second and key, shared by all processes through Redis.

A process leases a share of the second's budget at a time, so that most requests cost no round
trip. When Redis cannot answer, the process limits by itself: the limit never fails a request.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.kit import clock
from services.kit.errors import RateLimitedError

WINDOW_S = 1
_TRACKED_MAX = 10_000


@dataclass(slots=True)
class _Window:
    """One second of one key in this process; `unleased` is what no process had taken when this one
    last asked."""

    second: int
    unleased: int = 0
    granted: int = 0
    used: int = 0
    exhausted: bool = False


class RateLimiter:
    """Fixed one-second windows; `share` is how much of the budget a process takes at once."""

    def __init__(self, redis: Redis | None, per_second: int, prefix: str = "leadline:rate") -> None:
        self._redis = redis
        self._limit = per_second
        self._share = max(1, per_second // 10)
        self._prefix = prefix
        self._windows: dict[UUID, _Window] = {}

    async def take(self, key_id: UUID) -> dict[str, str]:
        """The RateLimit headers of the answer. Raises RateLimitedError when the second is spent."""
        second = int(clock.now().timestamp())
        window = self._windows.get(key_id)
        if window is None or window.second != second:
            if len(self._windows) >= _TRACKED_MAX:
                self._windows.clear()
            window = self._windows[key_id] = _Window(second)
        if window.used >= window.granted and not window.exhausted:
            await self._lease(key_id, window)
        if window.used >= window.granted:
            raise RateLimitedError(
                f"More than {self._limit} requests in one second with this key.",
                headers={"Retry-After": str(WINDOW_S), **self._headers(0)},
            )
        window.used += 1
        return self._headers(window.unleased + window.granted - window.used)

    async def _lease(self, key_id: UUID, window: _Window) -> None:
        if self._redis is None:
            window.granted = self._limit
            return
        name = f"{self._prefix}:{key_id}:{window.second}"
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.incrby(name, self._share)
                pipe.expire(name, 3 * WINDOW_S)
                total = int((await pipe.execute())[0])
        except (RedisError, OSError, TimeoutError):
            window.granted = self._limit
            return
        window.granted += max(0, min(self._share, self._limit - (total - self._share)))
        window.unleased = max(0, self._limit - total)
        window.exhausted = window.unleased == 0

    def _headers(self, remaining: int) -> dict[str, str]:
        return {
            "RateLimit": f'"default";r={remaining};t={WINDOW_S}',
            "RateLimit-Policy": f'"default";q={self._limit};w={WINDOW_S}',
        }
