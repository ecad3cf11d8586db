"""The screen by budget, authority, need and timeline: kept, counted, and never decisive."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from tests.client import Api
from tests.qualification.test_acceptance import GOOD, make_ready
from tests.qualification.test_leads import LEADS, make_lead, make_user

FOUND = {
    "budget": {"result": "pass", "evidence": "40 thousand for tools this year."},
    "authority": {"result": "fail", "evidence": "The CIO decides; we met an engineer."},
    "need": {"result": "pass"},
}


async def test_counts_what_passes_and_names_what_is_open(
    api: Api, clock_at: Callable[[datetime], AbstractContextManager[None]]
) -> None:
    lead = await make_lead(api)
    with clock_at(datetime(2026, 6, 17, 17, tzinfo=UTC)):
        made = await api.call("POST", f"{LEADS}/{lead['id']}/screens", json=FOUND)
    assert (made["score"], made["score_max"], made["open"]) == (2, 4, ["timeline"])
    assert made["authority"] == FOUND["authority"]
    assert made["timeline"] == {"result": "unknown", "evidence": None}
    assert made["screened_at"] == "2026-06-17T17:00:00.000000Z"
    assert made["screened_by"].startswith("key:")
    assert (made["lead_id"], made["lead_version"]) == (lead["id"], 1)


async def test_every_screen_is_kept(api: Api) -> None:
    lead = await make_lead(api)
    path = f"{LEADS}/{lead['id']}/screens"
    first = await api.call("POST", path, json={})
    assert (first["score"], len(first["open"])) == (0, 4)
    second = await api.call("POST", path, json=FOUND)
    page = await api.call("GET", path, params={"limit": 1})
    assert page["items"] == [first]
    rest = await api.call("GET", path, params={"cursor": page["next_cursor"]})
    assert rest == {"items": [second], "next_cursor": None}
    answer = await api.request("GET", path, params={"format": "csv"})
    assert len(answer.text.splitlines()) == 3


async def test_decides_nothing(api: Api) -> None:
    lead = await make_ready(api)
    path = f"{LEADS}/{lead['id']}"
    worst = {name: {"result": "fail"} for name in ("budget", "authority", "need", "timeline")}
    await api.call("POST", f"{path}/screens", json=worst)
    assert await api.call("GET", path) == lead
    assert (await api.call("POST", f"{path}/assessments", json=GOOD))["verdict"] == "accept"
    assert (await api.request("POST", f"{path}/conversion")).status_code == 202


async def test_refuses_what_it_does_not_know(api: Api) -> None:
    lead = await make_lead(api)
    path = f"{LEADS}/{lead['id']}/screens"
    for body in ({"money": {}}, {"budget": {"result": "maybe"}}, {"need": {"because": "x"}}):
        assert (await api.request("POST", path, json=body)).status_code == 422


async def test_who_may(api: Api, other_api: Api) -> None:
    await make_user(api, "ana")
    await make_user(api, "ben")
    lead = await make_lead(api, owner_external_id="ana")
    path = f"{LEADS}/{lead['id']}/screens"
    for role, user, posted, read in [
        ("rep", "ana", 201, 200),
        ("rep", "ben", 404, 404),
        ("sdr", "ben", 201, 200),
        ("manager", "ben", 201, 200),
        ("analyst", None, 403, 200),
    ]:
        caller = await api.client_for(role, user)
        assert (await caller.request("POST", path, json=FOUND)).status_code == posted
        assert (await caller.request("GET", path)).status_code == read
    assert (await other_api.request("POST", path, json=FOUND)).status_code == 404
    assert (await other_api.request("GET", path)).status_code == 404
