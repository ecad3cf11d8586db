"""Waking those who wait: in this process at once, in others through Redis, never needing it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from services.kit.wakes import Wake, Wakes
from tests.client import Api

NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture
async def pair(api: Api) -> AsyncIterator[tuple[Wakes, Wakes]]:
    """Two processes' wakes on one channel."""
    url = os.environ["LEADLINE_REDIS_URL"]
    both = tuple(Wakes(url, f"test:{api.workspace_id}", 1.0) for _ in range(2))
    yield both
    for wakes in both:
        await wakes.close()


async def seconds_until_woken(wakes: Wakes, topic: str, tell: Wakes) -> float:
    with wakes.waiting(topic) as wake:
        # Listening begins with the first waiter; a wake before that is what polling is for.
        for _ in range(100):
            tell.tell("hello")
            await asyncio.sleep(0.02)
            if wakes is tell or wakes._listening is not None:
                break
        await asyncio.sleep(0.2)
        await wake.wait(0)
        now = asyncio.get_running_loop().time
        began = now()
        tell.tell(topic)
        await wake.wait(5)
        return now() - began


async def test_another_process_wakes(pair: tuple[Wakes, Wakes]) -> None:
    here, there = pair
    assert await seconds_until_woken(here, "a", tell=there) < 1


async def test_the_same_process_needs_no_redis() -> None:
    for url in (None, NOBODY):
        wakes = Wakes(url, "test", 0.1)
        assert await seconds_until_woken(wakes, "a", tell=wakes) < 0.1
        await wakes.close()


async def test_only_its_topic_wakes(pair: tuple[Wakes, Wakes]) -> None:
    here, _ = pair
    with here.waiting("a") as wake:
        here.tell("b")
        waiting = asyncio.ensure_future(wake.wait(60))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        here.tell("a")
        await asyncio.wait_for(waiting, 5)


async def test_a_wake_while_busy_is_kept() -> None:
    wakes = Wakes(None, "test", 0.1)
    with wakes.waiting("a") as wake:
        wakes.tell("a")
        await asyncio.wait_for(wake.wait(60), 1)
        # And spent: the next wait lasts.
        waiting = asyncio.ensure_future(wake.wait(60))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        waiting.cancel()


async def test_nobody_waits_for_ever_for_nothing() -> None:
    wakes = Wakes(None, "test", 0.1)
    with wakes.waiting("a") as wake:
        await asyncio.wait_for(wake.wait(0.01), 1)
    assert not wakes._waiting


async def test_hears_again_after_redis_hung_up(pair: tuple[Wakes, Wakes]) -> None:
    here, there = pair
    async with Redis.from_url(os.environ["LEADLINE_REDIS_URL"]) as redis:
        with here.waiting("a") as wake:
            assert await until_woken(wake, there, "a", 5)
            (listener,) = [
                client for client in await redis.client_list() if client["name"] == here._channel
            ]
            await redis.client_kill_filter(_id=listener["id"])
            assert await until_woken(wake, there, "a", 10)


async def until_woken(wake: Wake, tell: Wakes, topic: str, seconds: float) -> bool:
    """Tells again and again, since nothing is kept for who does not listen yet."""
    now = asyncio.get_running_loop().time
    ends_at = now() + seconds
    while now() < ends_at:
        tell.tell(topic)
        began = now()
        await wake.wait(0.2)
        if now() - began < 0.19:
            return True
    return False
