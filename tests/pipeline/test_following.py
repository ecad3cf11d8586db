"""Followers of the feed: called with what changed, exactly once, whatever dies or fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.kit.db import WriteSession
from services.kit.ids import new_id
from services.pipeline import following
from services.pipeline.followers.runner import REST_S, Runner
from tests.client import Api
from tests.forecast.crashing import CrashError, crashing
from tests.pipeline.deals import company, deal, patch

NAME = following.HYGIENE
NOON = datetime(2026, 6, 17, 19, 0, tzinfo=UTC)
ClockAt = Callable[[datetime], AbstractContextManager[None]]


class Seen:
    """A follower that remembers what it was called with, outside of the transaction, and notes it
    in the transaction as well."""

    def __init__(self) -> None:
        self.calls: list[list[UUID]] = []
        self.due: dict[UUID, datetime] = {}
        self.poison: set[UUID] = set()

    async def __call__(self, session: WriteSession, ids: Sequence[UUID]) -> Mapping[UUID, datetime]:
        if self.poison & set(ids):
            raise ValueError("this one cannot be worked out")
        self.calls.append(sorted(ids))
        return {id_: at for id_, at in self.due.items() if id_ in ids}

    def all(self) -> list[UUID]:
        return sorted(id_ for call in self.calls for id_ in call)


async def follow(api: Api, seen: Seen) -> int:
    return await following.run(api.database(), {NAME: seen}, api.workspace_id)


async def state(api: Api) -> Any:
    async with api.database().read(api.workspace_id) as session:
        return await session.fetchrow(
            "SELECT position, swept_through, failures, last_error, retry_at"
            " FROM pipeline.followers WHERE workspace_id = $1 AND name = $2",
            api.workspace_id,
            NAME,
        )


async def started(api: Api, count: int = 2) -> tuple[Seen, list[Any]]:
    """Deals that are followed already."""
    await company(api)
    deals = [await deal(api, f"O{number}") for number in range(count)]
    await api.settle()
    seen = Seen()
    await follow(api, seen)
    seen.calls.clear()
    return seen, deals


async def test_begins_with_every_opportunity_and_goes_on_with_those_that_change(api: Api) -> None:
    await company(api)
    deals = [await deal(api, f"O{number}") for number in range(3)]
    await api.settle()
    seen = Seen()

    await follow(api, seen)
    assert seen.all() == sorted(UUID(each["id"]) for each in deals)

    seen.calls.clear()
    await patch(api, deals[1], next_step="Call")
    await follow(api, seen)
    assert seen.calls == []  # Not posted yet: the feed is what is followed.
    await api.settle()
    await follow(api, seen)
    assert seen.calls == [[UUID(deals[1]["id"])]]
    assert await follow(api, seen) == 0


async def test_many_versions_of_one_are_one_call(api: Api) -> None:
    seen, deals = await started(api)
    for number in range(5):
        await patch(api, deals[0], next_step=f"Call {number}")
    await api.settle()
    await follow(api, seen)
    assert seen.calls == [[UUID(deals[0]["id"])]]


async def test_asked_for_without_a_version(api: Api) -> None:
    seen, deals = await started(api)
    wanted = UUID(deals[1]["id"])
    async with api.database().write(api.workspace_id) as session:
        await following.recheck(session, [wanted, wanted], [NAME])
    await follow(api, seen)
    assert seen.calls == [[wanted]]
    assert await follow(api, seen) == 0


async def test_a_rolled_back_request_is_none(api: Api) -> None:
    seen, deals = await started(api)

    async def die() -> None:
        async with api.database().write(api.workspace_id) as session:
            await following.recheck(session, [UUID(deals[0]["id"])], [NAME])
            raise CrashError

    with pytest.raises(CrashError):
        await die()
    assert await follow(api, seen) == 0


async def test_comes_back_when_it_said(api: Api, clock_at: ClockAt) -> None:
    with clock_at(NOON):
        await company(api)
        first = UUID((await deal(api))["id"])
        await api.settle()
        seen = Seen()
        seen.due = {first: NOON + timedelta(hours=2)}
        await follow(api, seen)
        assert len(seen.calls) == 1
    with clock_at(NOON + timedelta(hours=2) - timedelta(microseconds=1)):
        assert await follow(api, seen) == 0
    with clock_at(NOON + timedelta(hours=2)):
        seen.due = {}
        await follow(api, seen)
        assert seen.calls == [[first], [first]]
        assert await follow(api, seen) == 0


async def test_a_new_policy_is_a_full_pass(api: Api) -> None:
    seen, deals = await started(api, 3)
    await api.call(
        "POST", "/pipeline/v1/policies", json={"name": "ours", "settings": {"lost.details_min": 5}}
    )
    await api.settle()
    await follow(api, seen)
    assert set(seen.all()) == {UUID(each["id"]) for each in deals}
    assert (await state(api))["swept_through"] is None


async def test_a_full_pass_goes_on_in_pieces(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, deals = await started(api, 7)
    monkeypatch.setattr(following, "BATCH_MAX", 3)
    async with api.database().write(api.workspace_id) as session:
        await following.sweep(session, NAME)
    await follow(api, seen)
    assert [len(call) for call in seen.calls] == [3, 3, 1]
    assert seen.all() == sorted(UUID(each["id"]) for each in deals)


async def test_killed_anywhere_it_misses_nothing_and_repeats_nothing(api: Api) -> None:
    """Dies at each statement of a batch in turn; what is noted in the transaction is there once."""
    _, deals = await started(api, 3)

    async def note(session: WriteSession, ids: Sequence[UUID]) -> Mapping[UUID, datetime]:
        await session.execute(
            "UPDATE pipeline.opportunities SET next_step = coalesce(next_step, '') || 'x'"
            " WHERE workspace_id = $1 AND id = ANY($2::uuid[])",
            session.workspace_id,
            list(ids),
        )
        return {}

    counted = crashing(api.database())
    for number in range(1, 40):
        for each in deals:
            await patch(api, each, next_step=f"{number} ")
        await api.settle()
        dying = crashing(api.database(), number)
        done = False
        try:
            while await following.follow_once(dying, api.workspace_id, NAME, note):
                pass
            done = dying.pool.statements < number
        except CrashError:
            pass
        while await following.follow_once(counted, api.workspace_id, NAME, note):
            pass
        await forgive(api, note)
        async with api.database().read(api.workspace_id) as session:
            steps = await session.fetch(
                "SELECT next_step FROM pipeline.opportunities WHERE workspace_id = $1",
                api.workspace_id,
            )
        assert {row["next_step"] for row in steps} == {f"{number} x"}, number
        if done:
            assert number > 8
            return
    pytest.fail("a batch has more statements than were tried")


async def forgive(api: Api, follow_: following.Follow) -> None:
    """Lets a follower that counted a failure try again at once."""
    async with api.database().write(api.workspace_id) as session:
        await session.execute(
            "UPDATE pipeline.followers SET retry_at = NULL WHERE workspace_id = $1",
            api.workspace_id,
        )
    while await following.follow_once(api.database(), api.workspace_id, NAME, follow_):
        pass


async def test_one_that_always_fails_holds_up_no_other(api: Api, clock_at: ClockAt) -> None:
    seen, deals = await started(api, 3)
    bad = UUID(deals[1]["id"])
    seen.poison = {bad}
    for each in deals:
        await patch(api, each, next_step="Call")
    await api.settle()
    now = datetime.now(UTC)
    for turn in range(20):
        with clock_at(now + timedelta(seconds=2 * turn)):
            await follow(api, seen)
    assert set(seen.all()) == {UUID(each["id"]) for each in deals} - {bad}
    found = await state(api)
    assert found["failures"] == 0
    # Its next change is looked at like any other's.
    seen.poison, seen.calls = set(), []
    await patch(api, deals[1], next_step="Write")
    await api.settle()
    await follow(api, seen)
    assert seen.calls == [[bad]]


async def test_finds_who_is_behind_over_all_workspaces(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every workspace of the tests before this one is behind too.
    monkeypatch.setattr(following, "_FOUND_MAX", 1_000_000)

    async def behind() -> set[UUID]:
        async with api.database().read(None) as session:
            return {id_ for id_, _ in await following.find_behind(session, [NAME])}

    seen, deals = await started(api)
    assert api.workspace_id not in await behind()
    await patch(api, deals[0], next_step="Call")
    assert api.workspace_id not in await behind()
    await api.settle()
    assert api.workspace_id in await behind()
    await follow(api, seen)
    assert api.workspace_id not in await behind()
    async with api.database().write(api.workspace_id) as session:
        await following.recheck(session, [UUID(deals[0]["id"])], [NAME])
    assert api.workspace_id in await behind()


async def test_one_that_fails_among_many_is_found_soon(api: Api, clock_at: ClockAt) -> None:
    seen, _ = await started(api)
    ids = [new_id() for _ in range(following.BATCH_MAX)]
    seen.poison = {ids[len(ids) // 2]}
    async with api.database().write(api.workspace_id) as session:
        await following.recheck(session, ids, [NAME])
    now = datetime.now(UTC)
    for turn in range(30):
        with clock_at(now + timedelta(seconds=2 * turn)):
            await follow(api, seen)
    assert seen.all() == sorted(set(ids) - seen.poison)


async def test_only_the_one_that_failed_is_passed_over(api: Api, clock_at: ClockAt) -> None:
    """Another that is asked for meanwhile comes up before it."""
    seen, deals = await started(api)
    bad, innocent = UUID(deals[0]["id"]), UUID(deals[1]["id"])
    seen.poison = {bad}
    await patch(api, deals[0], next_step="Call")
    await api.settle()
    now, turn = datetime.now(UTC), 0
    while turn < 20 and ((await state(api))["failures"] < 8):
        with clock_at(now + timedelta(seconds=2 * turn)):
            await follow(api, seen)
        turn += 1
    async with api.database().write(api.workspace_id) as session:
        await following.recheck(session, [innocent], [NAME])
    for late in range(turn, turn + 20):
        with clock_at(now + timedelta(seconds=2 * late)):
            await follow(api, seen)
    assert seen.all() == [innocent]
    assert (await state(api))["last_error"] is None


async def test_a_look_at_nothing_writes_nothing(api: Api) -> None:
    seen, _ = await started(api)

    async def row() -> Any:
        async with api.database().read(api.workspace_id) as session:
            return await session.fetchval(
                "SELECT xmin FROM pipeline.followers WHERE workspace_id = $1 AND name = $2",
                api.workspace_id,
                NAME,
            )

    before = await row()
    assert await follow(api, seen) == 0
    assert await row() == before


async def test_rings_that_come_together_are_one_look(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A follower does not run after each batch of the ledger under a steady load."""
    looks = await looks_of_a_runner(monkeypatch, api, lambda _: following.Look(True))
    runner, running = looks.runner, looks.running
    for _ in range(50):
        runner.ring(api.workspace_id)
        await asyncio.sleep(0.01)
    await asyncio.sleep(2 * REST_S)
    running.cancel()
    assert 2 <= looks.at.count(api.workspace_id) <= 5


async def test_a_company_with_much_to_do_holds_up_no_other(
    api: Api, other_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, other = api.workspace_id, other_api.workspace_id
    looks = await looks_of_a_runner(
        monkeypatch, api, lambda workspace_id: following.Look(True, workspace_id == busy)
    )
    monkeypatch.setattr("services.pipeline.followers.runner._TURN_S", 0.1)
    looks.runner.ring(busy)
    await asyncio.sleep(0.05)
    looks.runner.ring(other)
    for _ in range(100):
        if other in looks.at:
            break
        await asyncio.sleep(0.05)
    looks.running.cancel()
    assert other in looks.at
    assert looks.at.count(busy) > 1


@dataclass
class Looks:
    """A runner whose looks only take a moment, and where it looked."""

    runner: Runner
    running: asyncio.Task[None]
    at: list[UUID]


async def looks_of_a_runner(
    monkeypatch: pytest.MonkeyPatch, api: Api, tell: Callable[[UUID], following.Look]
) -> Looks:
    at: list[UUID] = []

    async def look(_: Any, workspace_id: UUID, *__: Any) -> following.Look:
        at.append(workspace_id)
        await asyncio.sleep(0.01)
        return tell(workspace_id)

    async def find_behind(*_: Any) -> list[Any]:
        return []

    monkeypatch.setattr(following, "look", look)
    monkeypatch.setattr(following, "find_behind", find_behind)
    runner = Runner(api.database(), NAME, Seen())
    running = asyncio.create_task(runner.run())
    await asyncio.sleep(0.05)
    return Looks(runner, running, at)
