"""Success plans, the list of customers, reviews and onboarding, through HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from services.kit import clock
from tests.client import Api
from tests.pipeline.customers.harness import (
    PIPELINE,
    SUBSCRIPTIONS,
    account,
    change,
    customer,
    measure,
    policy,
    subscribe,
)

NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)
CUSTOMERS = f"{PIPELINE}/customers"


@pytest.fixture(autouse=True)
def frozen() -> Iterator[None]:
    with clock.replaced(lambda: NOW):
        yield


async def success(api: Api, external_id: str = "acme") -> Any:
    found = await account(api, external_id)
    return await api.call("GET", f"{PIPELINE}/accounts/{found['id']}/success")


async def person(api: Api, external_id: str, **fields: Any) -> Any:
    body = {"account_external_id": "acme", "champion": True, **fields}
    return await api.call("PUT", f"{PIPELINE}/contacts/by-external-id/{external_id}", json=body)


async def customers(api: Api, query: str = "") -> list[Any]:
    items: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await api.call(
            "GET", f"{CUSTOMERS}?limit=2{query}" + (f"&cursor={cursor}" if cursor else "")
        )
        items += page["items"]
        cursor = page["next_cursor"]
    return items


class TestSuccess:
    async def test_what_a_plan_says(self, api: Api) -> None:
        await customer(api)
        await subscribe(api, usage={"active_users": 45})
        told = await success(api)
        (one,) = told["subscriptions"]
        assert (one["phase"], one["phase_since"], one["months_left"]) == (
            "expansion", "2026-05-02", 4,
        )  # fmt: skip
        assert one["use"] == {
            "users": 45, "seats": 100, "percent": "45.0", "band": "red", "measured_on": None,
        }  # fmt: skip
        assert [(each["due_on"], each["state"]) for each in one["milestones"]] == [
            ("2026-06-01", "overdue"), ("2026-07-01", "due"), ("2026-08-01", "upcoming"),
        ]  # fmt: skip
        assert one["category"] is None
        assert told["flags"] == [
            "no_champion", "champions_below_goal", "review_due", "review_overdue", "use_red",
        ]  # fmt: skip
        assert [(each["code"], each["due_on"]) for each in told["next_steps"]] == [
            ("renewal_review", "2026-06-01"), ("csm_action", "2026-07-01"), ("raise_use", None),
            ("find_champion", None),
        ]  # fmt: skip

    async def test_champions_come_and_go(self, api: Api) -> None:
        await customer(api)
        await subscribe(api)
        await person(api, "kim")
        told = (await success(api))["champions"]
        assert (told["active"], told["single_champion"], told["champion_left"]) == (1, True, False)
        await person(api, "lee")
        assert not {"single_champion", "champions_below_goal"} & set((await success(api))["flags"])
        await person(api, "kim", left_at="2026-06-17")
        told = (await success(api))["champions"]
        assert (told["active"], told["single_champion"], told["champion_left"]) == (1, True, True)
        assert [each["is_active"] for each in told["champions"]] == [False, True]

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"end_date": "2027-10-31"}, "flat"),
            ({"seats": 90}, "flat"),
            ({"seats": 101}, "expanded"),
            ({"seats": 200, "tier": "ultimate"}, "uptier"),
            ({"seats": 200, "tier": "starter"}, "downtier"),
            ({"usage": {"active_users": 1}}, None),
        ],
    )
    async def test_the_category_of_what_changed(
        self, api: Api, fields: dict[str, Any], expected: str | None
    ) -> None:
        await customer(api)
        await subscribe(api)
        await change(api, "S1", **fields)
        assert (await success(api))["subscriptions"][0]["category"] == expected

    async def test_the_category_of_one_that_goes_on_from_another(self, api: Api) -> None:
        await customer(api)
        await subscribe(
            api, "S0", start_date="2024-11-01", end_date="2025-10-31", tier="free", arr="0.00"
        )
        await subscribe(api)
        assert (await success(api))["subscriptions"][0]["category"] == "uptier"
        await change(api, "S1", seats=110)
        assert (await success(api))["subscriptions"][0]["category"] == "expanded"

    async def test_tiers_are_the_policys(self, api: Api) -> None:
        await customer(api)
        await subscribe(api, tier="gold")
        await change(api, "S1", tier="silver")
        assert (await success(api))["subscriptions"][0]["category"] == "flat"
        await policy(api, tiers=["silver", "gold"])
        with clock.replaced(lambda: datetime(2026, 6, 18, 17, 0, tzinfo=UTC)):
            assert (await success(api))["subscriptions"][0]["category"] == "downtier"

    async def test_who_may(self, api: Api, other_api: Api) -> None:
        await customer(api)
        await subscribe(api)
        found = await account(api, "acme")
        path = f"{PIPELINE}/accounts/{found['id']}/success"
        for role, user in (("rep", "zoe"), ("manager", "mia"), ("sdr", "ben"), ("analyst", None)):
            client = await api.client_for(role, user)
            assert (await client.request("GET", path)).status_code == 200
        answer = await other_api.request("GET", path)
        assert (answer.status_code, answer.json()["code"]) == (404, "account_not_found")


class TestReviews:
    async def test_a_review_settles_what_was_due(self, api: Api, other_api: Api) -> None:
        await customer(api)
        await subscribe(api)
        found = await account(api, "acme")
        path = f"{PIPELINE}/accounts/{found['id']}/reviews"
        body = {"looked_at": ["use", "champions"], "outcome": "at_risk", "note": "Few users."}
        ben = await api.client_for("rep", "ben")
        kept = await ben.call("POST", path, json=body)
        assert kept["held_on"] == "2026-06-17"
        await api.call("POST", path, json={**body, "kind": "csm_action"})
        told = (await success(api))["subscriptions"][0]["milestones"]
        assert [each["state"] for each in told] == ["done", "done", "upcoming"]
        assert len((await api.call("GET", f"{path}?limit=1"))["items"]) == 1
        text = (await api.request("GET", f"{path}?format=csv")).text
        assert text.count("at_risk") == 2
        analyst = await api.client_for("analyst")
        assert (await analyst.request("POST", path, json=body)).status_code == 403
        assert (await other_api.request("POST", path, json=body)).status_code == 404

    async def test_of_one_subscription(self, api: Api) -> None:
        await customer(api)
        await account(api, "else", name="Else")
        await subscribe(api)
        await subscribe(api, "S2", end_date="2026-11-15")
        await subscribe(api, "S3", account_external_id="else")
        found = await account(api, "acme")
        path = f"{PIPELINE}/accounts/{found['id']}/reviews"
        body = {"looked_at": ["use"], "outcome": "on_track", "subscription_external_id": "S1"}
        await api.call("POST", path, json=body)
        told = (await success(api))["subscriptions"]
        assert [one["milestones"][0]["state"] for one in told] == ["done", "overdue"]
        for name in ("S3", "nothing"):
            refused = await api.request(
                "POST", path, json={**body, "subscription_external_id": name}
            )
            assert refused.json()["errors"][0]["code"] == "unknown_reference"


class TestList:
    async def test_filters_and_pages(self, api: Api) -> None:
        await customer(api)
        ends = {
            "new": ("2026-06-01", "2027-05-31"), "mid": ("2026-02-01", "2027-01-31"),
            "late": ("2025-11-01", "2026-10-31"), "last": ("2025-08-01", "2026-07-31"),
            "gone": ("2025-06-01", "2026-05-31"),
        }  # fmt: skip
        for name, (start, end) in ends.items():
            owner = "ana" if name in ("new", "late") else "zoe"
            await account(api, name, name=name, owner_external_id=owner)
            await subscribe(api, name, account_external_id=name, start_date=start, end_date=end)
        await change(api, "mid", seats=500, usage={"active_users": 490})
        names = [each["account_external_id"] for each in await customers(api)]
        assert names == ["new", "mid", "late", "last"]
        for query, expected in {
            "phase=implementation": ["new"],
            "phase=adoption": ["mid"],
            "phase=expansion": ["late"],
            "phase=renewal": ["last"],
            "category=expanded": ["mid"],
            "band=green": ["mid"],
            "flag=review_overdue": ["late", "last"],
            "flag=no_champion&user_id=mia": ["new", "late"],
            "user_id=zoe": ["mid", "last"],
            "segment=unknown": ["new", "mid", "late", "last"],
            "segment=smb": [],
            "account_external_id=late": ["late"],
            "phase=renewal&user_id=mia": [],
        }.items():
            found = [each["account_external_id"] for each in await customers(api, f"&{query}")]
            assert found == expected, query
        text = (await api.request("GET", f"{CUSTOMERS}?format=csv")).text
        assert text.startswith("account_id,account_external_id,name")
        assert text.count("\r\n") == 5
        assert (await api.request("GET", f"{CUSTOMERS}?user_id=nobody")).status_code == 422

    async def test_another_workspace_has_its_own(self, api: Api, other_api: Api) -> None:
        await customer(api)
        await subscribe(api)
        assert await customers(other_api) == []


class TestOnboarding:
    PATH = f"{SUBSCRIPTIONS}/{{}}/onboarding"

    async def test_it_begins_with_the_subscription(self, api: Api, other_api: Api) -> None:
        await customer(api)
        bought = await subscribe(api, start_date="2026-06-01", end_date="2027-05-31")
        path = self.PATH.format(bought["id"])
        begun = await api.request("GET", path)
        told = begun.json()
        assert (told["version"], told["next_due_on"], told["completed_at"]) == (
            1, "2026-06-08", None,
        )  # fmt: skip
        assert {each["name"] for each in told["steps"]} >= {
            "champion_supported", "another_champion_found",
        }  # fmt: skip
        known = await api.request("GET", path, headers={"If-None-Match": begun.headers["etag"]})
        assert known.status_code == 304
        assert (await other_api.request("GET", path)).status_code == 404

    async def test_not_where_it_would_be_over_or_goes_on(self, api: Api) -> None:
        await customer(api)
        old = await subscribe(api)
        path = self.PATH.format(old["id"])
        assert (await api.request("GET", path)).json()["code"] == "onboarding_not_found"
        gone = await subscribe(api, "S0", start_date="2025-06-01", end_date="2026-05-31")
        again = await subscribe(api, "S2", start_date="2026-06-01", end_date="2027-05-31")
        for one in (gone, again):
            assert (await api.request("GET", self.PATH.format(one["id"]))).status_code == 404
        started = await api.request("PUT", path, json={"trainings": []})
        assert (started.status_code, started.json()["started_on"]) == (201, "2025-11-01")

    async def test_steps_and_trainings_are_done_by_somebody(self, api: Api) -> None:
        await customer(api)
        bought = await subscribe(api, start_date="2026-06-01", end_date="2027-05-31")
        path = self.PATH.format(bought["id"])
        body: dict[str, Any] = {
            "steps": [
                {"name": "kick_off", "done": True, "done_by_external_id": "ben"},
                {"name": "champion_supported", "done_on": "2026-06-10", "note": "Kim."},
                {"name": "own_step", "role": "support", "due_on": "2026-06-20"},
            ],
            "trainings": [{"name": "Admins", "held_on": "2026-06-12", "attendees": 4}],
        }
        ana = await api.client_for("rep", "ana")
        told = await ana.call("PUT", path, json=body)
        steps = {each["name"]: each for each in told["steps"]}
        assert (steps["kick_off"]["done_on"], steps["kick_off"]["done_by"]) == ("2026-06-17", "ben")
        assert steps["champion_supported"]["done_by"].startswith("user:")
        assert steps["own_step"]["due_on"] == told["next_due_on"] == "2026-06-20"
        assert told["trainings"] == [
            {"name": "Admins", "held_on": "2026-06-12", "attendees": 4, "contacts": []}
        ]
        with clock.replaced(lambda: datetime(2026, 6, 19, 17, 0, tzinfo=UTC)):
            assert await ana.call("PUT", path, json=body) == told
        opened = await ana.call("PUT", path, json={"steps": [{"name": "kick_off", "done": False}]})
        assert (opened["version"], opened["next_due_on"]) == (3, "2026-06-08")
        stale = await ana.request("PUT", path, json=body, headers={"If-Match": '"1"'})
        assert stale.status_code == 412
        done = [{"name": name, "done": True} for name in steps]
        assert (await ana.call("PUT", path, json={"steps": done}))["completed_at"] is not None

    @pytest.mark.parametrize(
        "step",
        [
            {"name": "new"},
            {"name": "kick_off", "done_by_external_id": "nobody"},
            {"name": "kick_off", "done_on": "2026-07-01"},
            {"name": "kick_off", "finished": True},
        ],
    )
    async def test_what_is_refused(self, api: Api, step: dict[str, Any]) -> None:
        await customer(api)
        bought = await subscribe(api, start_date="2026-06-01", end_date="2027-05-31")
        path = self.PATH.format(bought["id"])
        assert (await api.request("PUT", path, json={"steps": [step]})).status_code == 422
        analyst = await api.client_for("analyst")
        assert (await analyst.request("PUT", path, json={})).status_code == 403

    async def test_use_tells_the_first_value_and_adoption(self, api: Api) -> None:
        await customer(api)
        bought = await subscribe(api, start_date="2026-06-01", end_date="2027-05-31")
        for day, users in (("2026-06-05", 9), ("2026-06-08", 80), ("2026-06-07", 10)):
            await measure(api, bought, day, users)
        told = await api.call("GET", self.PATH.format(bought["id"]))
        # The eighth was told first, and what was reached is not taken back or moved.
        assert (told["first_value_on"], told["adoption_done_on"]) == ("2026-06-08", "2026-06-08")

    async def test_the_report_has_what_is_overdue_first(self, api: Api) -> None:
        await customer(api)
        for name, start, owner in (
            ("b", "2026-06-12", "ana"), ("a", "2026-06-01", "zoe"), ("c", "2026-06-12", "ana"),
        ):  # fmt: skip
            await account(api, name, name=name, owner_external_id=owner)
            await subscribe(
                api, name, account_external_id=name, start_date=start, end_date="2027-05-31"
            )
        items: list[Any] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await api.call(
                "GET", f"{CUSTOMERS}/onboarding?limit=1" + (f"&cursor={cursor}" if cursor else "")
            )
            items += page["items"]
            cursor = page["next_cursor"]
        assert [
            (each["account_external_id"], each["next_step"], each["overdue_days"]) for each in items
        ] == [("a", "kick_off", 9), ("b", "kick_off", 0), ("c", "kick_off", 0)]
        mine = await api.call("GET", f"{CUSTOMERS}/onboarding?user_id=mia")
        assert [each["account_external_id"] for each in mine["items"]] == ["b", "c"]
        text = (await api.request("GET", f"{CUSTOMERS}/onboarding?format=csv")).text
        assert text.splitlines()[0].endswith("first_value_on,adoption_done_on")
        flagged = await api.call("GET", f"{CUSTOMERS}?flag=onboarding_overdue")
        assert [each["account_external_id"] for each in flagged["items"]] == ["a"]
