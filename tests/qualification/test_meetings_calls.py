"""Qualification calls: which are counted, with whom, by whom and when."""

from __future__ import annotations

from typing import Any

from tests.client import Api
from tests.qualification.meetings_book import (
    MEETINGS,
    NOW,
    Clock,
    make_account,
    make_deal,
    make_lead,
    make_meeting,
    make_user,
)

CALLS = "/qualification/v1/qualification-calls"


async def hold(api: Api, day: str, **fields: Any) -> Any:
    meeting = await make_meeting(
        api, **{"subject": "Qual call", "scheduled_at": f"{day}T20:00:00Z", **fields}
    )
    await api.call("POST", f"{MEETINGS}/{meeting['id']}/outcome", json={})
    return meeting


async def book(api: Api) -> None:
    """Acme buys on June 10; Ana and Bob call."""
    await make_user(api, "vera", "manager")
    await make_user(api, "ana", manager_external_id="vera")
    await make_user(api, "bob")
    await make_account(api)
    await make_account(api, "other")
    await make_deal(api, name="Won", stage="closed_won", close_date="2026-06-10")
    lead = await make_lead(api)
    await hold(api, "2026-06-09", owner_external_id="ana")
    await hold(api, "2026-06-10", owner_external_id="ana")
    await hold(api, "2026-05-04", owner_external_id="bob", account_external_id="other")
    await hold(
        api, "2026-06-16", owner_external_id="bob", lead_id=lead["id"], kind="iqm", subject="A"
    )
    await hold(api, "2026-06-16", owner_external_id="bob", subject="Quality review")
    missed = await make_meeting(
        api, subject="qualification", scheduled_at="2026-06-12T20:00:00Z", owner_external_id="bob"
    )
    await api.call("POST", f"{MEETINGS}/{missed['id']}/outcome", json={"no_show": True})
    await make_meeting(
        api, subject="qual", scheduled_at="2026-06-17T20:00:00Z", owner_external_id="ana"
    )


def counts(calls: int, prospect: int, customer: int, no_show: int = 0, planned: int = 0) -> Any:
    return {
        "calls": calls,
        "prospect": prospect,
        "customer": customer,
        "no_show": no_show,
        "planned": planned,
    }


async def test_counts_prospects_and_customers_of_the_day(api: Api, clock_at: Clock) -> None:
    with clock_at(NOW):
        await book(api)
        found = await api.call("GET", CALLS)
        assert (found["from"], found["to"]) == ("2026-05-01", "2026-06-17")
        assert found["total"] == counts(4, 3, 1, no_show=1, planned=1)
        assert found["groups"] == []
        june = await api.call("GET", CALLS, params={"from": "2026-06-10", "to": "2026-06-15"})
        assert june["total"] == counts(1, 0, 1, no_show=1)


async def test_groups_add_up_to_the_total(api: Api, clock_at: Clock) -> None:
    with clock_at(NOW):
        await book(api)
        by_user = await api.call("GET", CALLS, params={"group_by": "user"})
        shown = {one["user_external_id"]: one for one in by_user["groups"]}
        assert shown["ana"]["customer"] == 1
        assert (shown["ana"]["calls"], shown["bob"]["calls"]) == (2, 2)
        by_week = await api.call("GET", CALLS, params={"group_by": "week"})
        weeks = [
            (one["fiscal_quarter"], one["fiscal_week"], one["week_start"], one["calls"])
            for one in by_week["groups"]
        ]
        assert weeks == [
            ("FY27-Q2", 0, "2026-05-01", 1),
            ("FY27-Q2", 5, "2026-06-05", 2),
            ("FY27-Q2", 6, "2026-06-12", 1),
        ]
        for found in (by_user, by_week):
            for name, total in found["total"].items():
                assert sum(one[name] for one in found["groups"]) == total
        text = (await api.request("GET", CALLS, params={"group_by": "week", "format": "csv"})).text
        assert text.splitlines()[1] == ",,FY27-Q2,0,2026-05-01,1,1,0,0,0"
        total = (await api.request("GET", CALLS, params={"format": "csv"})).text
        assert total.split() == ["calls,prospect,customer,no_show,planned", "4,3,1,1,1"]


async def test_a_users_are_those_below_too(api: Api, clock_at: Clock) -> None:
    with clock_at(NOW):
        await book(api)
        below = await api.call("GET", CALLS, params={"user_id": "vera"})
        assert below["total"]["calls"] == 2
        vera = await api.client_for("manager", "vera")
        own = await vera.call("GET", CALLS)
        # Hers are Ana's, and those about leads, which managers see.
        assert own["total"]["calls"] == 3
        bob = await api.client_for("rep", "bob")
        assert (await bob.call("GET", CALLS, params={"user_id": "ana"}))["total"]["calls"] == 0
        for params in ({"user_id": "nobody"}, {"from": "2026-07-01", "to": "2026-06-01"}):
            assert (await api.request("GET", CALLS, params=params)).status_code == 422


async def test_other_workspaces_count_their_own(api: Api, other_api: Api, clock_at: Clock) -> None:
    with clock_at(NOW):
        await book(api)
        assert (await other_api.call("GET", CALLS))["total"] == counts(0, 0, 0)
