"""A worker that dies at any statement, and a change that comes between deciding and locking."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest

from services.forecast.audits.service import audit
from services.pipeline import following
from services.pipeline.staleness import follower, repository
from tests.client import Api
from tests.forecast.crashing import crashing
from tests.pipeline.deals import findings, get, history, patch
from tests.pipeline.staleness.clock_book import START, Clock, begin, day, small, told


async def follow_once(api: Api, database: Any) -> bool:
    return await following.follow_once(
        database, api.workspace_id, following.CLOCKS, follower.follow
    )


async def forget_failures(api: Api) -> None:
    """A process that is killed counts no failure."""
    async with api.database().write(api.workspace_id) as session:
        await session.execute(
            "UPDATE pipeline.followers SET failures = 0, retry_at = NULL WHERE workspace_id = $1",
            api.workspace_id,
        )


@pytest.mark.parametrize("after", [False, True])
async def test_a_worker_killed_at_any_statement_repeats_nothing(
    api: Api, clock_at: Clock, after: bool
) -> None:
    await begin(api, clock_at, autoclose__mode="close", notices__marketing_users=["zoe"])
    with clock_at(START):
        first = await small(api, "O1")
        second = await small(api, "O2")
        await api.follow()
    for number, stage in [(7, "discovery"), (15, "closed_lost")]:
        with clock_at(day(number)):
            at = 0
            while True:
                at += 1
                database = crashing(api.database(), at, after=after)
                with suppress(Exception):
                    await follow_once(api, database)
                await forget_failures(api)
                if database.pool.statements < at:
                    break
            # BEGIN to COMMIT, each statement of a batch with something to do.
            assert at > 15
            await api.follow()
            for opportunity in (first, second):
                assert (await get(api, opportunity))["stage"] == stage
    kinds = [kind for kind, _ in await told(api)]
    assert kinds.count("stale_warning") == 4
    assert kinds.count("stale_auto_closed") == 6
    for opportunity in (first, second):
        versions = await history(api, opportunity)
        assert [each["kind"] for each in versions if each["actor"] == "system"] == ["transitioned"]
        rules = [rule for _, rule in await findings(api, opportunity)]
        assert rules.count("stale_warning") == 1
    page = await api.call("GET", "/pipeline/v1/changes?limit=1000")
    notices = [entry["notice"]["kind"] for entry in page["items"] if entry["notice"]]
    assert len([kind for kind in notices if kind.startswith("stale_")]) == 10
    report = await audit(api.database(), api.workspace_id)
    assert report.differences == []


async def test_a_change_between_deciding_and_locking_wins(
    api: Api, clock_at: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begin(api, clock_at, autoclose__mode="close")
    with clock_at(START):
        opportunity = await small(api)
        await api.follow()
    with clock_at(day(7)):
        await api.follow()
    lock_open, met = repository.lock_open, []

    async def lock_late(session: Any, ids: Any) -> list[UUID]:
        if not met:
            met.append(list(ids))
            await patch(api, opportunity, next_step="They called back")
        return await lock_open(session, ids)

    monkeypatch.setattr(repository, "lock_open", lock_late)
    with clock_at(day(15)):
        await api.follow()
        assert met == [[UUID(opportunity["id"])]]
        assert (await get(api, opportunity))["stage"] == "discovery"
        assert await told(api, "stale_auto_closed") == []
    with clock_at(day(30)):
        await api.follow()
        assert (await get(api, opportunity))["stage"] == "discovery"
    with clock_at(day(31)):
        await api.follow()
        assert (await get(api, opportunity))["stage"] == "closed_lost"


async def test_two_workers_close_once(api: Api, clock_at: Clock) -> None:
    await begin(api, clock_at, autoclose__mode="close")
    with clock_at(START):
        opportunity = await small(api)
        await api.follow()
    for number in (7, 15):
        with clock_at(day(number)):
            await asyncio.gather(*(follow_once(api, api.database()) for _ in range(4)))
            await api.follow()
    assert len(await told(api)) == 4
    versions = await history(api, opportunity)
    assert [each["actor"] for each in versions].count("system") == 1
