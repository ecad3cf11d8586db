"""What engagement brought: leads and opportunities, counted once, in groups that add up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from services.qualification.leads.domain import STATUSES
from tests.client import Api
from tests.qualification.test_acceptance import GOOD
from tests.qualification.test_engagement import ACTIVITIES, put_activity
from tests.qualification.test_leads import LEADS, make_lead, make_user

RESULTS = f"{ACTIVITIES}/results"
OPPORTUNITIES = "/pipeline/v1/opportunities"
NOW = datetime(2026, 6, 17, 17, tzinfo=UTC)


async def make_deal(api: Api, external_id: str, **fields: Any) -> Any:
    stated = {
        "owner_external_id": "ana", "type": "new_business", "name": external_id,
        "close_date": "2026-07-31", "currency": "USD", **fields,
    }  # fmt: skip
    return await api.call("PUT", f"{OPPORTUNITIES}/by-external-id/{external_id}", json=stated)


async def name(api: Api, activity: Any, deal: Any, role: str) -> Any:
    return await api.request(
        "PUT", f"{ACTIVITIES}/{activity['id']}/opportunities/{deal['id']}", json={"role": role}
    )


async def lead_to_deal(api: Api, engagement: str, **fields: Any) -> str:
    """The opportunity of a new lead that the activity brought."""
    lead = await make_lead(
        api, owner_external_id="ana", company="Acme", engagement_external_id=engagement, **fields
    )
    await api.call("POST", f"{LEADS}/{lead['id']}/assessments", json=GOOD)
    answer = await api.call("POST", f"{LEADS}/{lead['id']}/conversion")
    await api.settle()
    return str(answer["opportunity_id"])


async def by_key(api: Api, **params: str) -> dict[str | None, Any]:
    answer = await api.call("GET", RESULTS, params=params)
    return {group["key"]: group for group in answer["items"]}


class TestDeals:
    async def test_those_named_by_people(self, api: Api) -> None:
        await make_user(api, "ana")
        fair = await put_activity(api, "fair", kind="trade_show", cost="100.00", vertical="Retail")
        workshop = await put_activity(api, "workshop", kind="workshop")
        won = await make_deal(api, "won", stage="closed_won", amount="1200.00")
        open_ = await make_deal(api, "open", stage="scoping", amount="500.50")
        lost = await make_deal(api, "lost", stage="closed_lost", amount="9.00")
        euro = await make_deal(api, "euro", stage="scoping", amount="7.00", currency="EUR")
        for deal in (won, open_, lost, euro):
            assert (await name(api, fair, deal, "sourced")).status_code == 201
        for deal in (won, open_):
            await name(api, workshop, deal, "influenced")
        groups = await by_key(api)
        assert groups["fair"]["sourced"] == {
            "opportunities": 4, "sales_accepted": 3, "pending": 0, "open": 2,
            "open_net_arr": "500.50", "won": 1, "won_net_arr": "1200.00", "lost": 1,
            "set_aside": 0, "foreign_currency": 1,
        }  # fmt: skip
        # What has a source is not counted again for what helped.
        assert groups["workshop"]["influenced"]["opportunities"] == 0
        assert (groups["fair"]["name"], groups["fair"]["cost"]) == ("Trade show", "100.00")
        one = await api.call("GET", f"{ACTIVITIES}/{fair['id']}")
        assert one["brought"]["sourced"] == groups["fair"]["sourced"]
        # Taken back, it is only helped along, and counts for the workshop.
        path = f"{ACTIVITIES}/{fair['id']}/opportunities/{won['id']}"
        assert (await api.request("DELETE", path)).status_code == 204
        assert (await api.request("DELETE", path)).status_code == 404
        groups = await by_key(api)
        assert groups["workshop"]["influenced"]["won_net_arr"] == "1200.00"
        assert groups["fair"]["sourced"]["won"] == 0

    async def test_of_two_that_helped_the_first_counts(self, api: Api) -> None:
        await make_user(api, "ana")
        deal = await make_deal(api, "d", stage="scoping", amount="10.00")
        first = await put_activity(api, "b-first", kind="meetup")
        second = await put_activity(api, "a-second", kind="meetup")
        await name(api, first, deal, "influenced")
        await name(api, second, deal, "influenced")
        groups = await by_key(api)
        assert groups["b-first"]["influenced"]["open_net_arr"] == "10.00"
        assert groups["a-second"]["influenced"]["opportunities"] == 0
        shown = await api.call("GET", f"{ACTIVITIES}/{second['id']}/opportunities")
        assert [(d["external_id"], d["role"], d["counts"]) for d in shown["items"]] == [
            ("d", "influenced", False)
        ]

    async def test_one_activity_brings_it(self, api: Api) -> None:
        await make_user(api, "ana")
        deal = await make_deal(api, "d", stage="scoping", amount="10.00")
        fair = await put_activity(api, "fair", kind="trade_show")
        meetup = await put_activity(api, "meetup", kind="meetup")
        made = await name(api, fair, deal, "sourced")
        assert made.json()["role"] == "sourced"
        again = await name(api, fair, deal, "sourced")
        assert (again.status_code, again.json()) == (200, made.json())
        other = await name(api, meetup, deal, "sourced")
        assert (other.status_code, other.json()["code"]) == (409, "opportunity_sourced_elsewhere")
        assert (await name(api, meetup, deal, "influenced")).status_code == 201
        # In another role it is one naming still, and the source is free for another.
        assert (await name(api, fair, deal, "influenced")).status_code == 200
        assert (await name(api, meetup, deal, "sourced")).status_code == 200
        found = await api.call("GET", ACTIVITIES, params={"opportunity_id": deal["id"]})
        assert [item["external_id"] for item in found["items"]] == ["fair", "meetup"]

    async def test_named_at_the_same_moment_one_brings_it(self, api: Api) -> None:
        await make_user(api, "ana")
        deal = await make_deal(api, "d", stage="scoping", amount="10.00")
        activities = [await put_activity(api, f"m-{n}", kind="meetup") for n in range(4)]
        answers = await asyncio.gather(*(name(api, a, deal, "sourced") for a in activities))
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]

    async def test_refuses_what_is_not_there(self, api: Api) -> None:
        await make_user(api, "ana")
        deal = await make_deal(api, "d", stage="scoping", amount="10.00")
        fair = await put_activity(api, "fair", kind="trade_show")
        nothing = {"id": str(uuid4())}
        assert (await name(api, nothing, deal, "sourced")).json()["code"] == "activity_not_found"
        assert (await name(api, fair, nothing, "sourced")).json()["code"] == "opportunity_unknown"
        assert (await name(api, fair, deal, "owned")).status_code == 422


class TestLeads:
    async def test_by_status_and_by_what_they_ever_were(self, api: Api) -> None:
        fair = await put_activity(api, "fair", kind="trade_show")
        for status in ("raw", "mql", "mql", "pql"):
            await make_lead(api, status=status, engagement_external_id="fair")
        await make_lead(api, status="mql")
        gone = await make_lead(api, external_id="gone", engagement_external_id="fair")
        await api.call("PUT", f"{LEADS}/by-external-id/gone", json={"engagement_external_id": None})
        assert gone["engagement_external_id"] == "fair"
        counted = (await by_key(api))["fair"]["leads"]
        by_status = dict.fromkeys(STATUSES, 0) | {"raw": 1, "mql": 2, "pql": 1}
        assert counted == {
            "total": 4, "by_status": by_status, "mql": 2, "pql": 1, "sql": 0,
        }  # fmt: skip
        one = await api.call("GET", f"{ACTIVITIES}/{fair['id']}")
        assert one["brought"]["leads"] == counted

    async def test_become_opportunities_of_their_activity(self, api: Api) -> None:
        await make_user(api, "ana")
        fair = await put_activity(api, "fair", kind="trade_show")
        opportunity_id = await lead_to_deal(api, "fair")
        group = (await by_key(api))["fair"]
        assert group["leads"]["sql"] == 1
        assert (group["sourced"]["opportunities"], group["sourced"]["pending"]) == (1, 1)
        shown = await api.call("GET", f"{ACTIVITIES}/{fair['id']}/opportunities")
        assert [(d["opportunity_id"], d["through"], d["counts"]) for d in shown["items"]] == [
            (opportunity_id, "lead", True)
        ]
        # A person knows better than the lead what brought it.
        meetup = await put_activity(api, "meetup", kind="meetup")
        await name(api, meetup, {"id": opportunity_id}, "sourced")
        groups = await by_key(api)
        assert groups["meetup"]["sourced"]["pending"] == 1
        assert groups["fair"]["sourced"]["opportunities"] == 0
        assert groups["fair"]["leads"]["sql"] == 1

    async def test_of_an_activity_nobody_recorded_are_not_lost(self, api: Api) -> None:
        await put_activity(api, "fair", kind="trade_show")
        await make_lead(api, engagement_external_id="fari")
        groups = await by_key(api)
        assert list(groups) == ["fair", "fari"]
        assert (groups["fari"]["name"], groups["fari"]["activities"]) == (None, 0)
        assert groups["fari"]["leads"]["total"] == 1
        kinds = await by_key(api, group_by="kind")
        assert kinds[None]["leads"]["total"] == 1

    async def test_a_period_the_wrong_way_round_is_refused(self, api: Api) -> None:
        days = {"from": "2026-06-17", "to": "2026-06-16"}
        refused = await api.request("GET", RESULTS, params=days)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["code"] == "reversed_interval"

    async def test_in_a_period_of_the_companys_days(
        self, api: Api, clock_at: Callable[[datetime], Any]
    ) -> None:
        await make_user(api, "ana")
        await put_activity(api, "fair", kind="trade_show")
        # Los Angeles is seven hours behind: the first is of the 16th there, the second the 17th.
        for at in (datetime(2026, 6, 17, 6, 59, tzinfo=UTC), datetime(2026, 6, 17, 7, tzinfo=UTC)):
            with clock_at(at):
                await lead_to_deal(api, "fair")
        for params, expected in (
            ({"to": "2026-06-15"}, 0), ({"to": "2026-06-16"}, 1), ({"from": "2026-06-16"}, 2),
            ({"from": "2026-06-17", "to": "2026-06-17"}, 1), ({"from": "2026-06-18"}, 0),
        ):  # fmt: skip
            group = (await by_key(api, **params))["fair"]
            assert group["leads"]["total"] == expected, params
            assert group["sourced"]["opportunities"] == expected, params


class TestGroups:
    @pytest.fixture
    async def book(self, api: Api) -> Api:
        await make_user(api, "ana")
        for number, (kind, territory, vertical) in enumerate(
            [
                ("meetup", "north", "Retail"), ("meetup", "south", None),
                ("workshop", "north", "Retail"), ("workshop", None, "Energy"),
            ]
        ):  # fmt: skip
            activity = await put_activity(
                api, f"a-{number}", kind=kind, cost=f"{number}.10",
                territory_external_id=territory, vertical=vertical,
            )  # fmt: skip
            for place, stage in enumerate(["scoping", "closed_won", "closed_lost"]):
                deal = await make_deal(
                    api, f"d-{number}-{place}", stage=stage, amount=f"{10**number}.33"
                )
                await name(api, activity, deal, "influenced" if place == number else "sourced")
            await make_lead(api, status="mql", engagement_external_id=f"a-{number}")
        return api

    @pytest.mark.parametrize("group_by", ["activity", "kind", "territory", "vertical"])
    async def test_add_up_to_the_total(self, book: Api, group_by: str) -> None:
        answer = await book.call("GET", RESULTS, params={"group_by": group_by})
        assert answer["totals"]["sourced"]["open_net_arr"] == "1110.99"
        assert answer["totals"]["influenced"]["open_net_arr"] == "1.33"
        assert answer["totals"]["leads"]["total"] == 4
        for path in (
            ("cost",), ("activities",), ("leads", "mql"),
            *((part, field) for part in ("sourced", "influenced")
              for field in ("opportunities", "open_net_arr", "won_net_arr", "won", "lost")),
        ):  # fmt: skip
            parts = [answer["totals"], *answer["items"]]
            for step in path:
                parts = [part[step] for part in parts]
            total, *groups = map(Decimal, parts)
            assert total == sum(groups), path

    async def test_pages_in_the_order_of_keys_with_the_same_total(self, book: Api) -> None:
        whole = await book.call("GET", RESULTS, params={"group_by": "territory"})
        assert [group["key"] for group in whole["items"]] == ["north", "south", None]
        pages, cursor = [], None
        while True:
            params = {"group_by": "territory", "limit": "1"}
            page = await book.call(
                "GET", RESULTS, params=params | ({"cursor": cursor} if cursor else {})
            )
            assert page["totals"] == whole["totals"]
            pages += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert pages == whole["items"]
        other = (await book.call("GET", ACTIVITIES, params={"limit": "1"}))["next_cursor"]
        response = await book.request("GET", RESULTS, params={"cursor": other})
        assert response.json()["errors"][0]["code"] == "invalid_cursor"

    async def test_in_csv(self, book: Api) -> None:
        response = await book.request("GET", RESULTS, params={"group_by": "kind", "format": "csv"})
        header, *rows = response.text.splitlines()
        assert header.startswith("key,name,activities,cost,leads.total")
        assert len(rows) == 2
        empty = await book.request("GET", f"{ACTIVITIES}/{uuid4()}/opportunities")
        assert empty.status_code == 404


class TestWhoSees:
    async def test_a_salesperson_counts_what_it_may_read(self, api: Api) -> None:
        for user in ("ana", "ben"):
            await make_user(api, user)
        fair = await put_activity(api, "fair", kind="trade_show")
        for owner in ("ana", "ben"):
            deal = await make_deal(
                api, f"d-{owner}", stage="scoping", amount="10.00", owner_external_id=owner
            )
            await name(api, fair, deal, "sourced")
            await make_lead(api, owner_external_id=owner, engagement_external_id="fair")
        async with await api.client_for("rep", "ana") as ana:
            group = (await by_key(ana))["fair"]
            assert group["sourced"]["open_net_arr"] == "10.00"
            assert group["leads"]["total"] == 1
            shown = await ana.call("GET", f"{ACTIVITIES}/{fair['id']}/opportunities")
            assert [item["external_id"] for item in shown["items"]] == ["d-ana"]
            theirs = {"id": (await api.call(
                "GET", OPPORTUNITIES, params={"external_id": "d-ben"}))["items"][0]["id"]}  # fmt: skip
            response = await name(ana, fair, theirs, "influenced")
            assert (response.status_code, response.json()["code"]) == (404, "opportunity_unknown")
        async with await api.client_for("analyst") as analyst:
            assert (await by_key(analyst))["fair"]["sourced"]["open_net_arr"] == "20.00"
            response = await name(analyst, fair, deal, "influenced")
            assert response.status_code == 403

    async def test_another_workspace_sees_nothing(self, api: Api, other_api: Api) -> None:
        await make_user(api, "ana")
        fair = await put_activity(api, "fair", kind="trade_show")
        deal = await make_deal(api, "d", stage="scoping", amount="10.00")
        await name(api, fair, deal, "sourced")
        assert await by_key(other_api) == {}
        own = await put_activity(other_api, "own", kind="meetup")
        response = await name(other_api, own, deal, "sourced")
        assert response.status_code == 404
        response = await other_api.request("GET", f"{ACTIVITIES}/{fair['id']}/opportunities")
        assert response.status_code == 404
