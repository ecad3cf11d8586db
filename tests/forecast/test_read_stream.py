"""The figures as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from services.forecast import stream
from services.forecast.question import Question
from services.gateway import SERVICES
from services.kit.auth import Principal
from services.kit.db import Database
from services.kit.ids import new_id
from services.kit.settings import StreamSettings, get_settings
from services.workspace.fiscal import calendar_for
from tests.client import Api
from tests.forecast.books import change, forecast, opportunity, people, tell

QUARTER = calendar_for(2, "America/Los_Angeles").parse("FY27-Q2")
FAST = StreamSettings(stream_poll_s=0.01, stream_heartbeat_s=60, stream_length_s=30)


def opened(api: Api, seen: int | None, settings: StreamSettings = FAST) -> AsyncIterator[bytes]:
    database: Database = SERVICES["forecast"].state.service.database
    principal = Principal(api.workspace_id, new_id(), None, "test", frozenset(["admin"]))
    return stream.events(database, principal, Question(QUARTER), settings, seen)


async def next_event(frames: AsyncIterator[bytes]) -> tuple[int, dict[str, Any]]:
    frame = await asyncio.wait_for(anext(frames), 10)
    lines = dict(line.split(": ", 1) for line in frame.decode().strip().split("\n"))
    assert lines["event"] == "figures"
    return int(lines["id"]), orjson.loads(lines["data"])


async def test_every_change_is_an_event(api: Api) -> None:
    await people(api, {"ana": None})
    await tell(api, [opportunity("E1", "negotiating", amount="100")])
    frames = opened(api, None)

    first_id, first = await next_event(frames)
    assert first == await forecast(api)
    assert first_id == first["freshness"]["sequence"]

    # Another quarter's change moves the ledger, not these figures.
    await tell(api, [opportunity("E2", "negotiating", "2026-09-15", amount="5")])
    waiting = asyncio.ensure_future(next_event(frames))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await change(api, "E1", amount="250")
    second_id, second = await waiting
    assert second["gross_arr"]["commit"] == "250.00"
    assert second_id > first_id + 1
    await frames.aclose()  # type: ignore[attr-defined]


async def test_who_comes_back_is_told_only_what_is_newer(api: Api) -> None:
    await people(api, {"ana": None})
    await tell(api, [opportunity("E1", "negotiating", amount="100")])
    seen = (await forecast(api))["freshness"]["sequence"]
    frames = opened(api, seen)
    waiting = asyncio.ensure_future(next_event(frames))
    await asyncio.sleep(0.1)
    assert not waiting.done()

    await change(api, "E1", amount="7")
    _, answer = await waiting
    assert answer["gross_arr"]["commit"] == "7.00"
    await frames.aclose()  # type: ignore[attr-defined]


async def test_a_silent_stream_says_that_it_is_there_and_ends(api: Api) -> None:
    settings = StreamSettings(stream_poll_s=0.01, stream_heartbeat_s=0.02, stream_length_s=0.1)
    frames = [frame async for frame in opened(api, 0, settings)]

    assert frames
    assert set(frames) == {b": still here\n\n"}


async def test_over_http(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await people(api, {"ana": None})
    await tell(api, [opportunity("E1", "negotiating", amount="100")])
    monkeypatch.setenv("LEADLINE_STREAM_LENGTH_S", "0.05")
    monkeypatch.setenv("LEADLINE_STREAM_POLL_S", "0.01")
    get_settings.cache_clear()
    try:
        response = await api.request("GET", "/forecast/v1/forecasts/FY27-Q2/stream")
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.text.startswith("id: ")
    assert '"commit":"100.00"' in response.text


async def test_a_full_process_refuses_another(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLINE_STREAMS_MAX", "0")
    get_settings.cache_clear()
    try:
        response = await api.request("GET", "/forecast/v1/forecasts/FY27-Q2/stream")
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
    assert response.status_code == 503
    assert response.json()["code"] == "too_many_streams"


async def test_a_rep_streams_only_their_own(api: Api) -> None:
    await people(api, {"ana": None, "ben": None})
    async with await api.client_for("rep", "ana") as reader:
        response = await reader.request(
            "GET", "/forecast/v1/forecasts/FY27-Q2/stream", params={"user_id": "ben"}
        )
    assert response.status_code == 403
