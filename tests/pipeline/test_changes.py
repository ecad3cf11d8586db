"""The change feed: every event once, in order, for whoever comes back when."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import Any

from tests.client import Api

CHANGES = "/pipeline/v1/changes"
OPPORTUNITIES = "/pipeline/v1/opportunities"


async def make_owner(api: Api) -> None:
    await api.call("PUT", "/pipeline/v1/users/by-external-id/ana", json={"name": "Ana"})


async def open_opportunity(api: Api, external_id: str, **fields: Any) -> Any:
    body = {
        "external_id": external_id,
        "name": external_id,
        "owner_external_id": "ana",
        "type": "new_business",
        "stage": "discovery",
        **fields,
    }
    return await api.call("POST", OPPORTUNITIES, json=body)


async def read_all(api: Api, limit: int, after: int = 0) -> list[Any]:
    found: list[Any] = []
    while True:
        page = await api.call("GET", f"{CHANGES}?after={after}&limit={limit}")
        found += page["items"]
        if page["next_after"] == page["last_sequence"]:
            return found
        after = page["next_after"]


async def test_tells_a_version_as_its_history_does(api: Api) -> None:
    await make_owner(api)
    opened = await open_opportunity(api, "o-1", amount="1000.00")
    await api.call("PATCH", f"{OPPORTUNITIES}/{opened['id']}", json={"amount": "2500.00"})
    await api.settle()
    entries = [entry for entry in await read_all(api, 100) if entry["subject_id"] == opened["id"]]
    assert [entry["version"] for entry in entries] == [1, 2]
    assert entries[1]["changes"]["amount"] == {"from": "1000.00", "to": "2500.00"}
    assert entries[1]["external_id"] == "o-1"
    history = await api.call("GET", f"{OPPORTUNITIES}/{opened['id']}/history")
    for entry, version in zip(entries, history["items"], strict=True):
        assert {name: entry[name] for name in version} == version


async def test_other_subjects_are_in_it_too(api: Api) -> None:
    await make_owner(api)
    await api.call("PUT", "/forecast/v1/quotas/FY27-Q2/ana", json={"amount": "10"})
    await api.settle()
    assert "quota" in {entry["subject"] for entry in await read_all(api, 10)}


async def test_pages_of_any_size_give_the_same_feed(api: Api) -> None:
    await make_owner(api)
    for number in range(9):
        await open_opportunity(api, f"o-{number}")
        if number % 3 == 0:
            await api.settle()
    await api.settle()
    whole = await read_all(api, 1000)
    sequences = [entry["sequence"] for entry in whole]
    assert len(sequences) >= 9
    assert sequences == sorted(set(sequences))
    for limit in (1, 2, 3, 7):
        assert await read_all(api, limit) == whole


async def test_a_reader_beside_writers_misses_nothing(api: Api) -> None:
    await make_owner(api)
    seen: list[Any] = []

    async def write() -> None:
        for number in range(20):
            await open_opportunity(api, f"o-{number}")
            await api.settle()

    async def follow(writing: asyncio.Task[None]) -> None:
        after = 0
        while True:
            was_writing = not writing.done()
            page = await api.call("GET", f"{CHANGES}?after={after}&limit=3")
            seen.extend(page["items"])
            after = page["next_after"]
            if not was_writing and after == page["last_sequence"]:
                return

    writing = asyncio.create_task(write())
    await follow(writing)
    await writing
    assert seen == await read_all(api, 1000)
    assert sum(entry["subject"] == "opportunity" for entry in seen) == 20


async def test_comes_as_csv_and_says_where_to_go_on(api: Api) -> None:
    await make_owner(api)
    await open_opportunity(api, "o-1")
    await api.settle()
    answer = await api.request("GET", f"{CHANGES}?format=csv&limit=1")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 1
    assert answer.headers["X-Next-After"] == rows[0]["sequence"]


async def test_who_sees_only_own_records_may_not_read_it(api: Api, other_api: Api) -> None:
    await make_owner(api)
    await open_opportunity(api, "o-1")
    await api.settle()
    rep = await api.client_for("rep", "ana")
    assert (await rep.request("GET", CHANGES)).status_code == 403
    analyst = await api.client_for("analyst")
    assert (await analyst.request("GET", CHANGES)).status_code == 200
    assert await read_all(other_api, 10) == []
    for query in ("after=-1", "limit=0", "limit=1001", "before=3"):
        assert (await api.request("GET", f"{CHANGES}?{query}")).status_code == 422, query
