"""Measurements of use and the suggestions that follow from them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from services.kit import clock
from tests.client import Api
from tests.pipeline import deals
from tests.pipeline.customers.harness import (
    PIPELINE,
    SUBSCRIPTIONS,
    SUGGESTIONS,
    change,
    customer,
    decide,
    follow,
    measure,
    policy,
    subscribe,
    suggestions,
)

NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def frozen() -> Iterator[None]:
    with clock.replaced(lambda: NOW):
        yield


async def renewal(api: Api, external_id: str = "R1", /, **fields: Any) -> Any:
    body = {
        "name": "Renewal", "owner_external_id": "ana", "account_external_id": "acme",
        "type": "renewal", "stage": "discovery", "arr_basis": "100000.00", "amount": "100000.00",
        "subscription_external_id": "S1", "close_date": "2026-10-31", **fields,
    }  # fmt: skip
    return await deals.put(api, external_id, **body)


class TestReadings:
    async def test_the_subscription_shows_the_last_one(self, api: Api) -> None:
        await customer(api)
        bought = await subscribe(api, usage={"note": "theirs", "active_users": 1})
        await measure(api, bought, "2026-06-10", 60, features={"boards": 4}, tier="Premium")
        await measure(api, bought, "2026-06-01", 55)
        shown = (await api.call("GET", f"{SUBSCRIPTIONS}/{bought['id']}"))["usage"]
        assert shown == {
            "note": "theirs", "active_users": 60, "features": {"boards": 4}, "tier": "Premium",
            "measured_on": "2026-06-10",
        }  # fmt: skip
        listed = await api.call("GET", f"{SUBSCRIPTIONS}/{bought['id']}/usage")
        assert [each["active_users"] for each in listed["items"]] == [60, 55]

    async def test_the_same_again_is_no_news_and_another_is_refused(self, api: Api) -> None:
        await customer(api)
        bought = await subscribe(api)
        path = f"{SUBSCRIPTIONS}/{bought['id']}/usage"
        first = await api.request("POST", path, json={"active_users": 60})
        again = await api.request("POST", path, json={"active_users": 60})
        other = await api.request("POST", path, json={"active_users": 61})
        assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
        assert first.json() == again.json()
        assert first.json()["measured_on"] == "2026-06-17"
        assert other.json()["code"] == "reading_taken"

    async def test_a_batch_stores_what_it_can(self, api: Api) -> None:
        await customer(api)
        await subscribe(api)
        items = [
            {"subscription_external_id": "S1", "measured_on": "2026-06-01", "active_users": 60},
            {"subscription_external_id": "S1", "measured_on": "2026-06-02", "active_users": 61},
            {"subscription_external_id": "S1", "measured_on": "2026-06-02", "active_users": 9},
            {"subscription_external_id": "nothing", "active_users": 1},
            {"subscription_external_id": "S1"},
            {"subscription_external_id": "S1", "active_users": 1, "measured_on": "2026-07-01"},
        ]
        answer = await api.request("POST", f"{SUBSCRIPTIONS}/usage/batch", json={"items": items})
        statuses = [each["status"] for each in answer.json()["results"]]
        assert (answer.status_code, statuses) == (207, [201, 201, 409, 422, 422, 422])

    async def test_csv_and_pages(self, api: Api) -> None:
        await customer(api)
        bought = await subscribe(api)
        for day in range(1, 6):
            await measure(api, bought, f"2026-06-0{day}", 60 + day)
        path = f"{SUBSCRIPTIONS}/{bought['id']}/usage?limit=2"
        seen: list[int] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await api.call("GET", path + (f"&cursor={cursor}" if cursor else ""))
            seen += [each["active_users"] for each in page["items"]]
            cursor = page["next_cursor"]
        assert seen == [65, 64, 63, 62, 61]
        text = (await api.request("GET", f"{path}&format=csv")).text
        assert text.startswith("id,subscription_id,measured_on,active_users")

    async def test_who_may(self, api: Api, other_api: Api) -> None:
        await customer(api)
        bought = await subscribe(api)
        path = f"{SUBSCRIPTIONS}/{bought['id']}/usage"
        for role, user in (("rep", "ana"), ("manager", "mia"), ("analyst", None)):
            client = await api.client_for(role, user)
            assert (await client.request("POST", path, json={"active_users": 1})).status_code == 403
            assert (await client.request("GET", path)).status_code == 200
        assert (await other_api.request("GET", path)).status_code == 404
        answer = await other_api.request("POST", path, json={"active_users": 1})
        assert answer.json()["code"] == "subscription_not_found"


class TestLoss:
    async def test_a_drop_is_suggested_once_and_moves_the_forecast(self, api: Api) -> None:
        await customer(api)
        bought = await subscribe(api)
        opened = await renewal(api)
        await measure(api, bought, "2026-05-20", 80)
        await measure(api, bought, "2026-06-10", 61)
        assert await suggestions(api, "&kind=loss_category") == []
        await measure(api, bought, "2026-06-15", 60)
        await measure(api, bought, "2026-06-16", 59)
        (found,) = await suggestions(api, "&kind=loss_category&state=open")
        assert (found["value"], found["opportunity_id"]) == ("best_case", opened["id"])
        assert found["evidence"]["reasons"][0] == {
            "code": "usage_drop", "from_users": 80, "from_day": "2026-05-20", "to_users": 59,
            "percent": 26,
        }  # fmt: skip
        decided = await decide(api, found, "accept", reason="They said so.")
        assert decided["state"] == "accepted"
        stands = await deals.get(api, opened)
        assert stands["renewal_loss_category"] == "best_case"
        assert stands["version"] == opened["version"] + 1
        told = (await deals.history(api, opened))[-1]
        assert told["reason"] == "They said so."
        # Once more is no news, the other way is refused.
        assert await decide(api, found, "accept") == decided
        again = await api.request(
            "POST", f"{SUGGESTIONS}/{found['id']}/decision", json={"decision": "dismiss"}
        )
        assert again.json()["code"] == "suggestion_decided"
        await measure(api, bought, "2026-06-17", 58)
        assert await suggestions(api, "&kind=loss_category&state=open") == []

    async def test_hardly_used_near_the_end_is_commit(self, api: Api) -> None:
        await customer(api)
        near = await subscribe(api)
        far = await subscribe(api, "S2", start_date="2026-01-01", end_date="2026-12-31")
        await renewal(api)
        await renewal(api, "R2", subscription_external_id="S2")
        await measure(api, near, "2026-06-17", 9)
        await measure(api, far, "2026-06-17", 9)
        found = await suggestions(api, "&state=open")
        assert {each["subscription_external_id"]: each["value"] for each in found} == {
            "S1": "commit",
            "S2": "best_case",
        }

    async def test_what_recovers_is_withdrawn_and_may_come_back(self, api: Api) -> None:
        await customer(api)
        bought = await subscribe(api)
        await renewal(api)
        await measure(api, bought, "2026-05-01", 70)
        await measure(api, bought, "2026-05-02", 50)
        # Long after, the drop is still there: what was lost has not come back.
        await measure(api, bought, "2026-06-10", 51)
        (found,) = await suggestions(api, "&state=open")
        await measure(api, bought, "2026-06-12", 70)
        assert (await suggestions(api))[0]["state"] == "withdrawn"
        refused = await api.request(
            "POST", f"{SUGGESTIONS}/{found['id']}/decision", json={"decision": "accept"}
        )
        assert refused.status_code == 409
        await measure(api, bought, "2026-06-14", 30)
        states = [each["state"] for each in await suggestions(api)]
        assert states == ["withdrawn", "open"]

    async def test_what_is_dismissed_stays_so_until_it_is_worse(self, api: Api) -> None:
        await customer(api)
        bought = await subscribe(api)
        await renewal(api)
        await measure(api, bought, "2026-06-01", 70)
        await measure(api, bought, "2026-06-02", 50)
        (found,) = await suggestions(api, "&state=open")
        await decide(api, found, "dismiss", reason="Holidays.")
        await measure(api, bought, "2026-06-03", 45)
        assert await suggestions(api, "&state=open") == []
        await measure(api, bought, "2026-06-04", 5)
        assert [each["value"] for each in await suggestions(api, "&state=open")] == ["commit"]

    async def test_renewals_that_open_or_are_categorised_later(self, api: Api) -> None:
        await customer(api)
        bought = await subscribe(api)
        await measure(api, bought, "2026-06-01", 70)
        await measure(api, bought, "2026-06-02", 50)
        assert await suggestions(api) == []
        opened = await renewal(api)
        await follow(api)
        (found,) = await suggestions(api, "&state=open")
        await deals.patch(api, opened, renewal_loss_category="commit")
        await follow(api)
        assert (await suggestions(api))[0]["state"] == "withdrawn"
        assert found["owner_external_id"] == "ana"

    async def test_who_sees_and_decides(self, api: Api, other_api: Api) -> None:
        await customer(api)
        bought = await subscribe(api)
        opened = await renewal(api)
        await measure(api, bought, "2026-06-01", 5)
        (found,) = await suggestions(api)
        path = f"{SUGGESTIONS}/{found['id']}"
        body = {"decision": "accept"}
        ben = await api.client_for("rep", "ben")
        assert await suggestions(ben) == []
        assert (await ben.request("GET", path)).status_code == 404
        assert (await ben.request("POST", f"{path}/decision", json=body)).status_code == 404
        analyst = await api.client_for("analyst")
        assert len(await suggestions(analyst)) == 1
        assert (await analyst.request("POST", f"{path}/decision", json=body)).status_code == 403
        assert (await other_api.request("GET", path)).status_code == 404
        mia = await api.client_for("manager", "mia")
        assert len(await suggestions(mia, "&user_id=mia")) == 1
        assert await suggestions(mia, "&user_id=zoe") == []
        ana = await api.client_for("rep", "ana")
        stale = await ana.request(
            "POST", f"{path}/decision", json=body, headers={"If-Match": '"7"'}
        )
        assert stale.status_code == 412
        await decide(ana, found, "accept")
        assert (await deals.get(api, opened))["renewal_loss_category"] == "commit"

    async def test_a_refused_change_decides_nothing(self, api: Api) -> None:
        await customer(api)
        bought = await subscribe(api)
        opened = await renewal(api)
        await measure(api, bought, "2026-06-01", 5)
        (found,) = await suggestions(api)
        await deals.put(api, "R1", stage="closed_won")
        answer = await api.request(
            "POST", f"{SUGGESTIONS}/{found['id']}/decision", json={"decision": "accept"}
        )
        assert answer.status_code == 409, answer.text
        assert (await suggestions(api))[0]["state"] == "open"
        assert (await deals.get(api, opened))["renewal_loss_category"] == "none"


class TestGrowth:
    async def test_seats_open_an_add_on_once(self, api: Api) -> None:
        await customer(api)
        bought = await subscribe(api)
        await measure(api, bought, "2026-06-16", 79)
        assert await suggestions(api) == []
        await measure(api, bought, "2026-06-17", 80)
        (found,) = await suggestions(api, "&kind=expansion")
        assert (found["value"], found["opportunity_id"]) == ("seats", None)
        ana = await api.client_for("rep", "ana")
        decided = await decide(ana, found, "accept")
        assert await decide(ana, found, "accept") == decided
        opened = (await api.call("GET", f"{deals.OPPORTUNITIES}?type=add_on"))["items"]
        assert [each["id"] for each in opened] == [decided["opportunity_id"]]
        assert (opened[0]["stage"], opened[0]["owner_external_id"]) == ("pending_acceptance", "ana")
        assert opened[0]["subscription_external_id"] == "S1"
        await change(api, "S1", seats=99)
        assert len(await suggestions(api)) == 1

    async def test_a_feature_of_a_higher_tier_and_an_unused_product(self, api: Api) -> None:
        await customer(api)
        await policy(
            api,
            tier_features={"premium": ["boards"], "ultimate": ["scanning"]},
            products=["runner", "boards"],
        )
        bought = await subscribe(api)
        later = datetime(2026, 6, 18, 17, 0, tzinfo=UTC)
        with clock.replaced(lambda: later):
            await measure(api, bought, "2026-06-17", 60, features={"Boards": 9, "Scanning": 0})
            (found,) = await suggestions(api)
            assert found["value"] == "cross_sell"
            assert found["evidence"]["reasons"] == [{"code": "cross_sell", "products": ["runner"]}]
            await measure(api, bought, "2026-06-18", 60, features={"Boards": 9, "Scanning": 3})
            (found,) = await suggestions(api)
        assert found["value"] == "uptier"
        assert found["evidence"]["reasons"][0]["features"] == {"Scanning": "ultimate"}

    async def test_nothing_is_sold_to_whom_we_may_lose(self, api: Api) -> None:
        await customer(api)
        bought = await subscribe(api)
        await measure(api, bought, "2026-06-10", 120)
        await measure(api, bought, "2026-06-11", 85)
        assert [each["state"] for each in await suggestions(api, "&kind=expansion")] == [
            "withdrawn"
        ]

    async def test_an_account_without_an_owner(self, api: Api) -> None:
        await customer(api)
        await api.call(
            "PUT", f"{PIPELINE}/accounts/by-external-id/acme", json={"owner_external_id": None}
        )
        bought = await subscribe(api)
        await measure(api, bought, "2026-06-17", 80)
        (found,) = await suggestions(api)
        answer = await api.request(
            "POST", f"{SUGGESTIONS}/{found['id']}/decision", json={"decision": "accept"}
        )
        assert answer.json()["code"] == "account_without_owner"
        assert (await suggestions(api))[0]["state"] == "open"


class TestAtOnce:
    async def test_readings_at_once_raise_one_suggestion(self, api: Api) -> None:
        await customer(api)
        bought = await subscribe(api)
        await renewal(api)
        days = [f"2026-06-{day:02}" for day in range(1, 9)]
        await asyncio.gather(*(measure(api, bought, day, 5) for day in days))
        assert len(await suggestions(api, "&kind=loss_category")) == 1
        shown = (await api.call("GET", f"{SUBSCRIPTIONS}/{bought['id']}"))["usage"]
        assert shown["measured_on"] == days[-1]

    async def test_an_expansion_accepted_by_two_opens_one_add_on(self, api: Api) -> None:
        await customer(api)
        bought = await subscribe(api)
        await measure(api, bought, "2026-06-17", 90)
        (found,) = await suggestions(api)
        told = await asyncio.gather(*(decide(api, found, "accept") for _ in range(4)))
        assert len({each["opportunity_id"] for each in told}) == 1
        opened = (await api.call("GET", f"{deals.OPPORTUNITIES}?type=add_on"))["items"]
        assert len(opened) == 1

    async def test_following_changes_nothing_a_second_time(self, api: Api) -> None:
        await customer(api)
        bought = await subscribe(api)
        opened = await renewal(api)
        await measure(api, bought, "2026-06-17", 5)
        before = await suggestions(api)
        for _ in range(2):
            await follow(api)
            await deals.patch(api, opened, next_step="Call them.")
        await follow(api)
        assert await suggestions(api) == before
