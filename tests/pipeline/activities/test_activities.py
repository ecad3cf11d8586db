"""Logging, planning, changing and listing activities, through HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from services.kit import clock
from tests.client import Api
from tests.pipeline import deals
from tests.pipeline.activities.logs import (
    ACCOUNTS,
    ACTIVITIES,
    batch,
    listed,
    log,
    patch,
    problem,
    put,
    try_log,
    try_patch,
    try_put,
)


@pytest.fixture(autouse=True)
def _frozen(travel: Callable[[str], None]) -> None:
    """Everything here happens at one instant."""


@pytest.fixture
async def deal(api: Api) -> Any:
    await deals.company(api)
    contact = {"name": "Kim", "account": "acme"}
    await api.call("PUT", "/pipeline/v1/contacts/by-external-id/kim", json=contact)
    return await deals.deal(api)


def at(days: int) -> str:
    return clock.isoformat(clock.now() + timedelta(days=days))


async def test_logs_a_call(api: Api, deal: Any) -> None:
    call = await log(
        api,
        deal,
        subject="Qual call: more seats",
        body="They want 50 more.",
        outcome="connected",
        direction="outbound",
        duration_minutes=20,
        contact_external_ids=["kim"],
        user_external_id="ana",
        details={"interest": 3},
    )
    assert call["version"] == 1
    assert (call["state"], call["occurred_at"]) == ("done", at(0))
    assert (call["opportunity_external_id"], call["account_external_id"]) == ("O1", "acme")
    assert (call["user_external_id"], call["contact_external_ids"]) == ("ana", ["kim"])
    assert (call["is_qualification"], call["is_preparation"]) == (True, False)
    assert call["steps"] == ["connect", "discover", "document"]
    assert await api.call("GET", f"{ACTIVITIES}/{call['id']}") == call
    assert await listed(api, f"{deals.OPPORTUNITIES}/{deal['id']}/activities") == [call]


async def test_changes_merge_and_are_versions(api: Api, deal: Any) -> None:
    made = await put(api, "A1", kind="email", opportunity_external_id="O1", subject="Hello")
    assert (made["is_qualification"], made["details"], made["version"]) == (False, None, 1)
    changed = await put(api, "A1", subject="Qualification", details={"interest": 1})
    assert (changed["version"], changed["is_qualification"]) == (2, True)
    assert changed["steps"] == ["discover"]
    assert await put(api, "A1", subject="Qualification", details={"interest": 1}) == changed
    cleared = await put(api, "A1", details={"interest": None}, subject=None)
    assert (cleared["details"], cleared["steps"], cleared["is_qualification"]) == (None, [], False)
    assert (await put(api, "A1", kind="breakup_email"))["direction"] is None
    answer = await try_put(api, "A1", kind=None)
    assert problem(answer) == (422, "/kind", "required_field")


async def test_etag_and_if_match(api: Api, deal: Any) -> None:
    answer = await try_log(api, deal, subject="One")
    tag, path = answer.headers["ETag"], f"{ACTIVITIES}/{answer.json()['id']}"
    kept = await api.request("GET", path, headers={"If-None-Match": tag})
    assert kept.status_code == 304
    changed = await api.request("PATCH", path, json={"subject": "Two"}, headers={"If-Match": tag})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    stale = await api.request("PATCH", path, json={"subject": "X"}, headers={"If-Match": tag})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")


@pytest.mark.parametrize(
    ("kind", "fields", "pointer", "code"),
    [
        ("call", {"contact_external_ids": ["kim", "x"]}, "/contact_external_ids/1",
         "unknown_reference"),
        ("call", {"user_external_id": "nobody"}, "/user_external_id", "unknown_reference"),
        ("call", {"rebooks": "none"}, "/rebooks", "unknown_reference"),
        ("call", {"details": {"url": "x"}}, "/details/url", "not_of_this_kind"),
        ("objection", {}, "/details/objection", "missing"),
        ("call", {"details": {"interest": 4}}, "/details/interest", "less_than_equal"),
        ("call", {"state": "done", "occurred_at": "2026-06-18T17:00:00Z"}, "/occurred_at",
         "instant_in_the_future"),
        ("meeting", {"state": "planned"}, "/scheduled_for", "missing"),
        ("call", {"subjcet": "x"}, "/subjcet", "extra_forbidden"),
        ("fax", {}, "/kind", "literal_error"),
    ],
)  # fmt: skip
async def test_names_the_field(
    api: Api, deal: Any, kind: str, fields: dict[str, Any], pointer: str, code: str
) -> None:
    assert problem(await try_log(api, deal, kind, **fields)) == (422, pointer, code)
    assert await listed(api) == []


async def test_a_meeting_is_planned_missed_and_rebooked(
    api: Api, deal: Any, travel: Callable[[str], None]
) -> None:
    planned = await log(api, deal, "meeting", scheduled_for=at(2), subject="Scoping")
    assert (planned["state"], planned["occurred_at"]) == ("planned", at(2))
    early = await try_log(api, deal, "meeting", rebooks=planned["id"], scheduled_for=at(9))
    assert problem(early) == (422, "/rebooks", "not_missed")
    travel("2026-06-20T17:00:00Z")
    missed = await patch(api, planned, state="no_show")
    assert (missed["state"], missed["occurred_at"]) == ("no_show", planned["occurred_at"])
    again = await try_patch(api, missed, state="planned", scheduled_for=at(3))
    assert (again.status_code, again.json()["code"]) == (409, "activity_happened")
    rebooked = await log(api, deal, "meeting", scheduled_for=at(3), rebooks=planned["id"])
    assert rebooked["rebooks"] == planned["id"]
    (first,) = await listed(api, state="no_show")
    assert first["rebooked_by"] == rebooked["id"]
    done = await patch(api, rebooked, state="done", occurred_at=at(0), outcome="held")
    assert (done["scheduled_for"], done["occurred_at"]) == (at(3), at(0))
    # They came after all: what was said of it before may be said again.
    await patch(api, missed, state="done")
    assert (await try_patch(api, done, rebooks=planned["id"])).status_code == 200


async def test_a_calendar_undoes_nothing_that_happened(
    api: Api, deal: Any, travel: Callable[[str], None]
) -> None:
    entry = {"kind": "meeting", "opportunity_external_id": "O1", "state": "planned"}
    await put(api, "cal", **entry, scheduled_for=at(1))
    travel("2026-06-19T17:00:00Z")
    done = await put(api, "cal", state="done")
    assert await put(api, "cal", **entry, scheduled_for=done["scheduled_for"]) == done


async def test_logged_twice_is_logged_once(api: Api, deal: Any) -> None:
    fields = {"external_id": "A1", "subject": "One", "occurred_at": at(-1)}
    first = await try_log(api, deal, **fields)
    again = await try_log(api, deal, **fields)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    other = await try_log(api, deal, **{**fields, "subject": "Two"})
    assert (other.status_code, other.json()["code"]) == (409, "activity_external_id_taken")
    chosen = await try_log(api, deal, id=deals.SOME_ID, subject="A")
    assert chosen.status_code == 201
    assert (await try_log(api, deal, id=deals.SOME_ID, subject="A")).status_code == 200
    taken = await try_log(api, deal, id=deals.SOME_ID, subject="B")
    assert (taken.status_code, taken.json()["code"]) == (409, "id_taken")
    assert len(await listed(api)) == 2


async def test_a_batch_settles_each_item(api: Api, deal: Any) -> None:
    on = {"opportunity_external_id": "O1"}
    await put(api, "old", kind="call", **on)
    results = await batch(
        api,
        {"external_id": "a", "kind": "call", **on, "occurred_at": at(-3)},
        {"external_id": "b", "kind": "email", "account_external_id": "acme"},
        {"external_id": "c", "kind": "email"},
        {"external_id": "d", "kind": "email", "opportunity_external_id": "none"},
        {"external_id": "a", "kind": "note"},
        {"external_id": "old", "subject": "Qual"},
        {"external_id": "e", **on},
        {"kind": "call", **on},
        {"external_id": "f", "kind": "call", **on, "account_external_id": "acme"},
    )
    statuses = [result["status"] for result in results]
    assert statuses == [201, 201, 422, 422, 409, 200, 422, 422, 201]
    assert results[5]["version"] == 2
    assert results[2]["error"]["errors"][0]["pointer"] == "/items/2/opportunity_external_id"
    names = [each["external_id"] for each in await listed(api, limit=2)]
    assert sorted(names) == ["a", "b", "f", "old"]
    assert names[-1] == "a"


async def test_an_activity_moves_with_what_it_is_about(api: Api, deal: Any) -> None:
    await deals.account(api, "beta", name="Beta")
    await deals.deal(api, "O2", account_external_id="beta")
    made = await put(api, "A1", kind="call", opportunity_external_id="O1")
    moved = await put(api, "A1", opportunity_external_id="O2")
    assert (moved["opportunity_external_id"], moved["account_external_id"]) == ("O2", "beta")
    differs = await try_put(api, "A1", account_external_id="acme")
    assert problem(differs) == (422, "/account_external_id", "different_account")
    back = await patch(api, made, opportunity_id=deal["id"])
    assert (back["opportunity_external_id"], back["account_external_id"]) == ("O1", "acme")
    both = await try_patch(api, made, opportunity_id=deal["id"], opportunity_external_id="O2")
    assert problem(both) == (422, "/opportunity_external_id", "unknown_reference")
    alone = await put(api, "A1", opportunity_external_id=None, account_external_id="acme")
    assert (alone["opportunity_id"], alone["account_external_id"]) == (None, "acme")
    assert alone["id"] == made["id"]
    nothing = await try_put(api, "A1", account_external_id=None)
    assert problem(nothing) == (422, "/opportunity_external_id", "missing")


async def test_lists_filter(api: Api, deal: Any) -> None:
    path = f"{ACCOUNTS}/{(await api.call('GET', ACCOUNTS))['items'][0]['id']}/activities"
    await api.call(
        "POST", path, json={"kind": "email", "external_id": "mail", "user_external_id": "ben"}
    )
    await log(api, deal, external_id="call", subject="Qual", user_external_id="ana")
    await log(api, deal, "meeting", external_id="plan", scheduled_for=at(5))
    await log(api, deal, external_id="old", occurred_at=at(-40), user_external_id="zoe")

    async def names(where: str = ACTIVITIES, **query: Any) -> list[str]:
        return [each["external_id"] for each in await listed(api, where, limit=1, **query)]

    assert set(await names()) == {"plan", "call", "mail", "old"}
    assert set(await names(path)) == {"plan", "call", "mail", "old"}
    assert await names(f"{deals.OPPORTUNITIES}/{deal['id']}/activities", kind="call") == [
        "call",
        "old",
    ]
    assert set(await names(user_id="mia")) == {"call", "mail"}
    assert await names(user_id="ana") == ["call"]
    assert await names(state="planned") == ["plan"]
    assert await names(qualification=True) == ["call"]
    assert set(await names(**{"from": "2026-06-01", "to": "2026-06-17"})) == {"call", "mail"}
    assert await names(opportunity_external_id="O1", state="planned") == ["plan"]
    assert len(await names(account_external_id="acme")) == 4
    assert await names(opportunity_id=deal["id"], kind="meeting") == ["plan"]
    assert await names(external_id="old") == ["old"]
    answer = await api.request("GET", f"{ACTIVITIES}?format=csv")
    assert answer.text.splitlines()[0].startswith("id,external_id,version,kind")
    assert len(answer.text.splitlines()) == 5
    for query in ("cursor=WzFd", "user_id=nobody", "kind=fax", "form=x"):
        assert (await api.request("GET", f"{ACTIVITIES}?{query}")).status_code == 422, query
