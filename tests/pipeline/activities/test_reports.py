"""Qualification calls, contacted customers, and what was done, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from services.kit import clock
from tests.client import Api
from tests.pipeline import deals
from tests.pipeline.activities.logs import ACTIVITIES, batch

CALLS = f"{ACTIVITIES}/qualification-calls"
COUNTS = f"{ACTIVITIES}/counts"


@pytest.fixture(autouse=True)
async def _company(api: Api, travel: Callable[[str], None]) -> None:
    """Acme and Beta are Ana's customers, Gone was one of hers, New is a prospect of Ben's."""
    await deals.company(api)
    for name, owner in (("acme", "ana"), ("beta", "ana"), ("gone", "ana"), ("new", "ben")):
        await deals.account(api, name, name=name, owner_external_id=owner)
    terms = {"acme": ("2026-01-01", "2026-12-31"), "beta": ("2026-06-10", "2027-06-09"),
             "gone": ("2025-01-01", "2025-12-31")}  # fmt: skip
    for name, (start, end) in terms.items():
        await api.call(
            "PUT", f"/pipeline/v1/subscriptions/by-external-id/s-{name}",
            json={"account_external_id": name, "start_date": start, "end_date": end,
                  "arr": "1000.00"},
        )  # fmt: skip
    for name in ("acme", "new"):
        await deals.deal(api, f"O-{name}", account_external_id=name)


def at(days: float) -> str:
    return clock.isoformat(clock.now() + timedelta(days=days))


def qual(external_id: str, account: str | None, days: float = -1, /, **fields: Any) -> Any:
    where = {} if account is None else {"account_external_id": account}
    return {
        "external_id": external_id, "kind": "call", "subject": "Qual call", "occurred_at": at(days),
        "user_external_id": "ana", **where, **fields,
    }  # fmt: skip


async def test_qualification_calls(api: Api) -> None:
    results = await batch(
        api,
        qual("uptier", "acme", subject="Qual: up-tier"),
        qual("seats", None, opportunity_external_id="O-acme", body="50 more seats"),
        qual("stated", "acme", purpose="uptier", kind="calendar"),
        qual("before it bought", "beta", -10),
        qual("as a customer", "beta", -2),
        qual("left", "gone"),
        qual("first", "new", -3, user_external_id="ben", kind="meeting"),
        qual("second", None, -2, user_external_id="ben", opportunity_external_id="O-new"),
        # What is no call of the period that was held.
        qual("last year", "new", -400, state="no_show"),
        qual("missed", "acme", state="no_show"),
        qual("planned", "acme", 2),
        qual("mail", "acme", kind="email"),
        qual("prep", "acme", subject="Prep w/ Ben: qual call"),
        qual("quality", "acme", subject="Quality review"),
    )
    assert {result["status"] for result in results} == {201}
    found = await api.call("GET", CALLS)
    assert (found["from"], found["to"]) == ("2026-05-01", "2026-06-17")
    wanted = {
        "calls": 8, "customers": 4, "uptier": 2, "seats": 1, "other": 1, "prospects": 4, "iqms": 3,
        "customer_accounts": 2, "customers_contacted": 2, "share_contacted": "1.0000",
    }  # fmt: skip
    assert found["total"] == wanted
    ana, ben = found["users"]
    assert (ana["user_external_id"], ana["calls"], ana["customers"]) == ("ana", 6, 4)
    assert (ben["user_external_id"], ben["iqms"], ben["prospects"]) == ("ben", 1, 2)
    assert ben["share_contacted"] is None
    of_ben = await api.call("GET", CALLS, params={"user_id": "ben"})
    assert [each["user_external_id"] for each in of_ben["users"]] == ["ben"]
    narrow = {"from": "2026-06-15", "to": "2026-06-15"}
    assert (await api.call("GET", CALLS, params=narrow))["total"]["calls"] == 2
    answer = await api.request("GET", CALLS, headers={"Accept": "text/csv"})
    assert [line.split(",")[0] for line in answer.text.splitlines()] == [
        "user_external_id", "ana", "ben", "total",
    ]  # fmt: skip


async def test_customers_are_contacted_by_what_reaches_them(api: Api) -> None:
    async def share() -> tuple[int, str]:
        total = (await api.call("GET", CALLS, params={"user_id": "ana"}))["total"]
        return total["customers_contacted"], total["share_contacted"]

    await batch(
        api,
        qual("no answer", "acme", outcome="No_Answer"),
        qual("note", "acme", kind="note"),
        qual("planned", "acme", 3),
        qual("last quarter", "acme", -80),
    )
    assert await share() == (0, "0.0000")
    await batch(api, qual("mail", None, opportunity_external_id="O-acme", kind="email"))
    assert await share() == (1, "0.5000")


async def test_counts(api: Api) -> None:
    kinds = ["call", "call", "email", "meeting", "social", "calendar", "demo", "note"]
    items = [
        {"external_id": f"a{number}", "kind": kind, "account_external_id": "acme",
         "user_external_id": "ana" if number % 2 else "ben", "occurred_at": at(-number)}
        for number, kind in enumerate(kinds)
    ]  # fmt: skip
    items.append({**items[0], "external_id": "p", "occurred_at": at(0.1)})
    items.append({**items[0], "external_id": "n", "state": "no_show"})
    await batch(api, *items)
    found = await api.call("GET", COUNTS)
    assert found["groups"] == []
    total = found["total"]
    assert (total["calls"], total["emails"], total["demos"], total["notes"]) == (2, 1, 1, 1)
    assert (total["planned"], total["no_shows"], total["calendar"], total["social"]) == (1, 1, 1, 1)
    for group_by, keys in (
        ("kind", set(kinds)),
        ("user", {"ana", "ben"}),
        ("day", {f"2026-06-{17 - number}" for number in range(8)}),
    ):
        grouped = await api.call("GET", COUNTS, params={"group_by": group_by})
        assert {group["key"] for group in grouped["groups"]} == keys
        summed: Counter[str] = Counter()
        for group in grouped["groups"]:
            summed.update({name: group[name] for name in total})
        assert dict(summed) == total
    assert next(each for each in grouped["groups"] if each["key"] == "2026-06-17")["calls"] == 1
    answer = await api.request("GET", f"{COUNTS}?group_by=user&format=csv")
    assert answer.text.splitlines()[-1].startswith("total,")
    assert len(answer.text.splitlines()) == 4


@pytest.mark.parametrize(
    "query", ["from=2026-06-18&to=2026-06-17", "from=2020-01-01", "user_id=none", "group_by=week"]
)
async def test_refuses_what_it_cannot_count(api: Api, query: str) -> None:
    assert (await api.request("GET", f"{COUNTS}?{query}")).status_code == 422


async def test_activities_go_along_with_their_deal(api: Api) -> None:
    from services.pipeline import following
    from services.pipeline.activities.tasks import FOLLOWER, follow_accounts

    await batch(api, qual("call", None, opportunity_external_id="O-acme"))
    await deals.put(api, "O-acme", account_external_id="beta")
    await api.settle()
    followers = {FOLLOWER: follow_accounts}
    assert await following.run(api.database(), followers, api.workspace_id) > 0
    (call,) = (await api.call("GET", ACTIVITIES))["items"]
    assert (call["account_external_id"], call["version"]) == ("beta", 2)
    assert (await api.call("GET", CALLS))["total"]["customers"] == 1
