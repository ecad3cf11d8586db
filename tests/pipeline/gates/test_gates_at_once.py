"""Moves and checklists by many at once, and moves that die half-way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.pipeline.opportunities import gates, repository
from tests.client import Api
from tests.pipeline.deals import OPPORTUNITIES, batch, company, deal, findings, get, move
from tests.pipeline.gates.gated import NO_GATES, set_policy

MANY = 12
OWN = {"code": "own", "kind": "hard", "check": "attested"}


@pytest.fixture(autouse=True)
async def _company(api: Api) -> None:
    await company(api)


def checklist_of(opportunity: Any) -> str:
    return f"{OPPORTUNITIES}/{opportunity['id']}/checklist"


async def stages_of(api: Api, opportunity: Any) -> Any:
    return await api.call("GET", f"{OPPORTUNITIES}/{opportunity['id']}/stages")


async def test_what_many_attest_at_once_is_all_kept(api: Api) -> None:
    stored = await deal(api)
    items = list((await api.call("GET", checklist_of(stored)))["items"])[:MANY]
    bodies = [{"items": {code: {"state": "done"}}} for code in items]
    answers = await asyncio.gather(
        *(api.request("PUT", checklist_of(stored), json=body) for body in bodies)
    )
    assert {answer.status_code for answer in answers} == {200}
    read = await api.call("GET", checklist_of(stored))
    assert read["version"] == MANY
    assert [read["items"][code]["state"] for code in items] == ["done"] * MANY
    saves = (await api.call("GET", f"{checklist_of(stored)}/history"))["items"]
    assert [save["version"] for save in saves] == list(range(1, MANY + 1))


async def test_of_many_who_saw_the_same_checklist_one_writes(api: Api) -> None:
    stored = await deal(api)
    first = await api.request("PUT", checklist_of(stored), json={"items": {"eula": None}})
    tag = (await api.request("GET", checklist_of(stored))).headers["etag"]
    assert first.headers["etag"] == tag
    codes = list(first.json()["items"])[:MANY]
    answers = await asyncio.gather(
        *(
            api.request(
                "PUT", checklist_of(stored), json={"items": {code: {"state": "done"}}},
                headers={"If-Match": tag},
            )
            for code in codes
        )
    )  # fmt: skip
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * (MANY - 1)


async def test_moved_twice_at_once_it_is_moved_once(api: Api) -> None:
    await set_policy(api, gates=NO_GATES)
    stored = await deal(api)
    answers = await asyncio.gather(*(move(api, stored, "scoping") for _ in range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert (await get(api, stored))["version"] == 2
    visits = (await stages_of(api, stored))["visits"]
    assert [visit["stage"] for visit in visits] == ["discovery", "scoping"]


async def test_a_move_rests_on_the_checklist_as_it_is_then(api: Api) -> None:
    await set_policy(api, gates={**NO_GATES, "discovery": [OWN]})
    done, taken_back = ({"items": {"own": value}} for value in ({"state": "done"}, None))
    for place in range(6):
        stored = await deal(api, f"D{place}")
        await api.call("PUT", checklist_of(stored), json=done)
        moved, written, batched = await asyncio.gather(
            move(api, stored, "scoping"),
            api.request("PUT", checklist_of(stored), json=taken_back),
            batch(api, {"external_id": f"D{place}", "next_step": "Call"}),
        )
        assert written.status_code == 200
        assert batched[0]["status"] == 200
        saved = (await api.call("GET", f"{checklist_of(stored)}/history"))["items"]
        if moved.status_code == 200:
            entered = (await stages_of(api, stored))["visits"][-1]["recorded_at"]
            assert entered >= saved[0]["changed_at"]
        else:
            assert [item["code"] for item in moved.json()["unmet"]] == ["own"]


async def test_a_move_that_dies_leaves_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = await deal(api)
    before = await stages_of(api, stored)

    async def die(*_: Any) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patched:
        patched.setattr(repository, "insert_findings", die)
        failed = await move(api, stored, "scoping", override={"reason": "Go."})
        assert failed.status_code >= 500
    assert (await get(api, stored))["version"] == 1
    after = await stages_of(api, stored)
    assert (after["visits"][0]["left_at"], after["dates"]) == (None, before["dates"])
    assert len(after["visits"]) == 1
    assert await findings(api, stored) == []
    assert (await move(api, stored, "scoping", override={"reason": "Go."})).status_code == 200


async def test_nothing_is_looked_up_for_what_is_not_asked(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look(*_: Any) -> None:
        raise AssertionError("Somebody looked")

    renewal = await deal(api, type="renewal", seats=None)
    monkeypatch.setattr(gates, "facts_of", look)
    assert (await move(api, renewal, "scoping")).status_code == 200


async def test_a_very_long_note_is_refused_and_a_long_one_is_kept(api: Api) -> None:
    stored = await deal(api)
    for length, status in ((5000, 200), (5001, 422), (2_000_000, 422)):
        items = {"quote_ready": {"state": "done", "note": "n" * length}}
        answer = await api.request("PUT", checklist_of(stored), json={"items": items})
        assert answer.status_code == status
        assert len(answer.text) < 50_000
    for note in ("a\u0000b", "\ud800"):
        body = '{"items": {"eula": {"state": "done", "note": "%s"}}}'
        escaped = note.encode("unicode_escape").decode().replace("\\x00", "\\u0000")
        answer = await api.request("PUT", checklist_of(stored), content=body % escaped,
                                   headers={"Content-Type": "application/json"})  # fmt: skip
        assert answer.status_code == 422
