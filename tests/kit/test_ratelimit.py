"""Requests per second and key: the budget is one for all processes, and the headers say what is left."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from services.kit import clock
from services.kit.errors import RateLimitedError
from services.kit.ratelimit import RateLimiter
from tests.client import Api

PER_SECOND = 50


def remaining(headers: dict[str, str]) -> int:
    return int(headers["RateLimit"].partition("r=")[2].partition(";")[0])


@pytest.fixture
async def redis(api: Api) -> AsyncIterator[Redis]:
    connected = Redis.from_url(os.environ["LEADLINE_REDIS_URL"])
    yield connected
    await connected.aclose()


async def test_says_what_is_left_of_the_whole_budget(redis: Redis) -> None:
    limiter = RateLimiter(redis, PER_SECOND)
    key, instant = uuid4(), clock.now()
    with clock.replaced(lambda: instant):
        left = [remaining(await limiter.take(key)) for _ in range(PER_SECOND)]
        assert left == list(range(PER_SECOND - 1, -1, -1))
        with pytest.raises(RateLimitedError) as refused:
            await limiter.take(key)
    assert refused.value.headers["Retry-After"] == "1"
    assert remaining(refused.value.headers) == 0


async def test_processes_share_one_budget(redis: Redis) -> None:
    limiters = [RateLimiter(redis, PER_SECOND) for _ in range(3)]
    key, instant = uuid4(), clock.now()
    taken = 0
    with clock.replaced(lambda: instant):
        while True:
            try:
                for limiter in limiters:
                    await limiter.take(key)
                    taken += 1
            except RateLimitedError:
                break
    # At the end a process may hold a share that it has not used.
    assert PER_SECOND - 3 * PER_SECOND // 10 <= taken <= PER_SECOND
