"""Command plans as server-sent events: at once, in order, missing nothing, and only to those who
may read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import orjson
import pytest

from services.gateway import SERVICES
from services.kit.auth import Principal
from services.kit.errors import UnauthorizedError
from services.kit.ids import new_id
from services.kit.settings import StreamSettings, get_settings
from services.kit.wakes import Wakes
from services.qualification.plans import stream
from tests.client import Api
from tests.pipeline import deals
from tests.qualification.plan_helpers import element, knowing, paths, scoping

BY_POLLING = StreamSettings(stream_poll_s=0.02, stream_heartbeat_s=60, stream_length_s=30)
BY_WAKES = StreamSettings(stream_poll_s=60, stream_heartbeat_s=60, stream_length_s=60)


def reader(api: Api, user_id: UUID | None = None, role: str = "admin") -> Principal:
    return Principal(api.workspace_id, new_id(), user_id, "test", frozenset([role]))


async def user_id(api: Api, external_id: str) -> UUID:
    page = await api.call("GET", f"/pipeline/v1/users?external_id={external_id}")
    return UUID(page["items"][0]["id"])


@asynccontextmanager
async def opened(
    api: Api,
    deal: Any,
    seen: int | None = None,
    *,
    settings: StreamSettings = BY_POLLING,
    principal: Principal | None = None,
    wakes: Wakes | None = None,
) -> AsyncIterator[AsyncGenerator[bytes]]:
    service = SERVICES["qualification"].state.service
    who = principal or reader(api)

    async def authenticate() -> Principal:
        return who

    frames = stream.events(
        service.database, wakes or service.wakes, authenticate, UUID(deal["id"]), settings, seen
    )
    try:
        yield frames
    finally:
        await frames.aclose()


async def next_event(frames: AsyncGenerator[bytes]) -> tuple[int, dict[str, Any]]:
    frame = await asyncio.wait_for(anext(frames), 10)
    lines = dict(line.split(": ", 1) for line in frame.decode().strip().split("\n"))
    assert lines["event"] == "plan"
    return int(lines["id"]), orjson.loads(lines["data"])


async def test_the_plan_at_once_and_then_every_save(api: Api) -> None:
    deal = await scoping(api)
    meddppicc, path = paths(deal)
    await api.call("PUT", path, json={"overview": {"why_now": "a"}})
    async with opened(api, deal) as frames:
        first_id, first = await next_event(frames)
        assert first_id == first["version"] == 1
        assert {name: value for name, value in first.items() if name != "changes"} == (
            await api.call("GET", path)
        )
        await api.call("PUT", meddppicc, json=knowing(metrics=element(2, "b")))
        second_id, second = await next_event(frames)
        assert second_id == 2
        assert second["meddppicc"]["elements"]["metrics"]["evidence"] == "b"
        assert second["overview"]["why_now"] == "a"
        assert second["changes"][0]["section"] == "meddppicc"
        async with await api.client_for("manager", "mia") as mia:
            await mia.call("PUT", path, json={"overview": {"why_now": "c"}})
        third_id, third = await next_event(frames)
        assert (third_id, third["author_name"]) == (3, "Mia")
        assert third == {**await api.call("GET", path), "changes": third["changes"]}


async def test_a_plan_nobody_wrote_is_an_event_too(api: Api) -> None:
    deal = await scoping(api)
    async with opened(api, deal) as frames:
        number, plan = await next_event(frames)
        assert (number, plan["version"], plan["changes"]) == (0, 0, [])
        await api.call("PUT", paths(deal)[1], json={"overview": {"why_now": "a"}})
        assert (await next_event(frames))[0] == 1


async def test_who_comes_back_misses_nothing(api: Api) -> None:
    deal = await scoping(api)
    _, path = paths(deal)
    for number in range(1, 121):
        await api.call("PUT", path, json={"overview": {"why_now": str(number)}})
    async with opened(api, deal, 1) as frames:
        for number in range(2, 121):
            found, plan = await next_event(frames)
            assert (found, plan["overview"]["why_now"]) == (number, str(number))
        waiting = asyncio.ensure_future(next_event(frames))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await api.call("PUT", path, json={"overview": {"why_now": "new"}})
        assert (await waiting)[0] == 121


async def test_an_id_that_never_was_begins_anew(api: Api) -> None:
    deal = await scoping(api)
    await api.call("PUT", paths(deal)[1], json={"overview": {"why_now": "a"}})
    async with opened(api, deal, 999) as frames:
        assert (await next_event(frames))[0] == 1


async def test_many_writers_are_told_in_order(api: Api) -> None:
    deal = await scoping(api)
    meddppicc, path = paths(deal)
    async with opened(api, deal) as frames:
        await next_event(frames)
        await asyncio.gather(
            *(
                api.call("PUT", path, json={"overview": {"why_now": str(number)}})
                for number in range(15)
            ),
            *(
                api.call("PUT", meddppicc, json=knowing(metrics=element(1, str(number))))
                for number in range(15)
            ),
        )
        told = [(await next_event(frames))[0] for _ in range(30)]
    assert told == list(range(1, 31))


async def test_a_save_is_told_at_once(api: Api) -> None:
    """Without polling, from the answer to the event at another client."""
    deal = await scoping(api)
    _, path = paths(deal)
    now = asyncio.get_running_loop().time
    took = []
    async with opened(api, deal, settings=BY_WAKES) as frames:
        await next_event(frames)
        for number in range(20):
            waiting = asyncio.ensure_future(next_event(frames))
            await asyncio.sleep(0.01)
            await api.call("PUT", path, json={"overview": {"why_now": str(number)}})
            answered_at = now()
            assert (await waiting)[0] == number + 1
            took.append(now() - answered_at)
    assert sorted(took)[len(took) // 2] < 0.3, took


async def test_a_save_in_another_process_is_told_at_once(api: Api) -> None:
    """The writer's process and the reader's have only Redis between them."""
    deal = await scoping(api)
    _, path = paths(deal)
    redis_url = get_settings().redis_dsn()
    elsewhere = Wakes(redis_url, "leadline:qualification:changed", 1.0)
    try:
        async with opened(api, deal, settings=BY_WAKES, wakes=elsewhere) as frames:
            await next_event(frames)
            waiting = asyncio.ensure_future(next_event(frames))
            # Listening begins with the first waiter and takes a moment.
            await asyncio.sleep(0.5)
            await api.call("PUT", path, json={"overview": {"why_now": "a"}})
            assert (await asyncio.wait_for(waiting, 2))[0] == 1
    finally:
        await elsewhere.close()


async def test_without_redis_it_is_told_by_polling(api: Api) -> None:
    deal = await scoping(api)
    _, path = paths(deal)
    nobody = Wakes("redis://127.0.0.1:1/0", "leadline:qualification:changed", 0.1)
    try:
        async with opened(api, deal, wakes=nobody) as frames:
            await next_event(frames)
            await api.call("PUT", path, json={"overview": {"why_now": "a"}})
            assert (await next_event(frames))[0] == 1
    finally:
        await nobody.close()


async def ended(frames: AsyncGenerator[bytes], within_s: float = 10) -> bool:
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(frames), within_s)
    return True


async def test_ends_for_who_loses_sight_of_the_deal(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "ACCESS_EVERY_S", 0.1)
    deal = await scoping(api)
    ana = reader(api, await user_id(api, "ana"), "rep")
    async with opened(api, deal, principal=ana) as frames:
        await next_event(frames)
        await deals.put(api, "O1", owner_external_id="ben")
        assert await ended(frames)
    async with opened(api, deal, principal=ana) as frames:
        assert await ended(frames)


async def test_tells_no_news_to_who_may_not_read_it(api: Api) -> None:
    """The check of access is as old as two seconds for a silent stream, never for one with news."""
    deal = await scoping(api)
    ana = reader(api, await user_id(api, "ana"), "rep")
    slow = StreamSettings(stream_poll_s=0.3, stream_heartbeat_s=60, stream_length_s=30)
    async with opened(api, deal, principal=ana, settings=slow) as frames:
        await next_event(frames)
        await deals.put(api, "O1", owner_external_id="ben")
        await api.call("PUT", paths(deal)[1], json={"overview": {"why_now": "secret"}})
        assert await ended(frames)


async def test_ends_when_the_key_is_revoked(api: Api) -> None:
    deal = await scoping(api)
    service = SERVICES["qualification"].state.service
    is_revoked = False

    async def authenticate() -> Principal:
        if is_revoked:
            raise UnauthorizedError("revoked")
        return reader(api)

    frames = stream.events(
        service.database, service.wakes, authenticate, UUID(deal["id"]), BY_POLLING, None
    )
    await next_event(frames)
    is_revoked = True
    assert await ended(frames)


async def test_a_silent_stream_says_that_it_is_there_and_ends(api: Api) -> None:
    deal = await scoping(api)
    settings = StreamSettings(stream_poll_s=0.01, stream_heartbeat_s=0.02, stream_length_s=0.2)
    async with opened(api, deal, 0, settings=settings) as frames:
        found = [frame async for frame in frames]
    assert found
    assert set(found) == {b": still here\n\n"}


class TestOverHttp:
    @pytest.fixture
    def brief(self, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
        monkeypatch.setenv("LEADLINE_STREAM_LENGTH_S", "0.05")
        monkeypatch.setenv("LEADLINE_STREAM_POLL_S", "0.01")
        get_settings.cache_clear()
        yield
        monkeypatch.undo()
        get_settings.cache_clear()

    async def test_events(self, api: Api, brief: None) -> None:
        deal = await scoping(api)
        _, path = paths(deal)
        await api.call("PUT", path, json={"overview": {"why_now": "a"}})
        await api.call("PUT", path, json={"overview": {"why_now": "b"}})
        answer = await api.request("GET", f"{path}/stream")
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.text.startswith("id: 2\nevent: plan\ndata: {")
        assert answer.text.count("event: plan") == 1
        resumed = await api.request("GET", f"{path}/stream", headers={"Last-Event-ID": "0"})
        assert [line for line in resumed.text.splitlines() if line.startswith("id: ")] == [
            "id: 1",
            "id: 2",
        ]

    async def test_who_may_not_read_is_refused(self, api: Api, other_api: Api, brief: None) -> None:
        _, path = paths(await scoping(api))
        async with await api.client_for("rep", "ben") as ben:
            assert (await ben.request("GET", f"{path}/stream")).status_code == 404
        assert (await other_api.request("GET", f"{path}/stream")).status_code == 404
        async with await api.client_for("analyst") as analyst:
            assert (await analyst.request("GET", f"{path}/stream")).status_code == 200

    async def test_a_full_process_refuses_another(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, path = paths(await scoping(api))
        monkeypatch.setenv("LEADLINE_STREAMS_MAX", "0")
        get_settings.cache_clear()
        try:
            answer = await api.request("GET", f"{path}/stream")
        finally:
            monkeypatch.undo()
            get_settings.cache_clear()
        assert (answer.status_code, answer.json()["code"]) == (503, "too_many_streams")
