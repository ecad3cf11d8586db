"""What is left of several leads that were merged: a survivor, and leads that say so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.client import Api
from tests.qualification.test_acceptance import GOOD
from tests.qualification.test_merges import everything
from tests.qualification.working import (
    BASE,
    LEADS,
    NOW,
    ClockAt,
    get,
    make_lead,
    make_resource,
    make_user,
    merge,
    refused,
    signal,
    touch,
)


@pytest.fixture(autouse=True)
def _wednesday(clock_at: ClockAt) -> Any:
    with clock_at(NOW):
        yield


class TestSurvivor:
    async def test_fills_its_gaps_and_says_from_whom(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "sid", "sdr")
        with clock_at(NOW - timedelta(days=2)):
            old = await make_lead(api, phone="old", title="CEO")
        new = await make_lead(
            api, phone="new", company="Acme", sdr_external_id="sid", tools=["Jira"]
        )
        survivor = await make_lead(api, title="CTO", tools=["Jenkins"])
        merged = await merge(api, survivor, new, old, keep={"title": old["id"]})
        assert (merged["id"], merged["version"] > survivor["version"]) == (survivor["id"], True)
        assert (merged["phone"], merged["company"], merged["title"]) == ("old", "Acme", "CEO")
        assert (merged["sdr_external_id"], merged["tools"]) == ("sid", ["Jenkins", "Jira"])
        history = (await api.call("GET", f"{LEADS}/{survivor['id']}/merges"))["items"]
        fields = {item["merged_id"]: item["moved"]["fields"] for item in history}
        assert fields == {old["id"]: ["title", "phone"], new["id"]: ["company", "sdr_external_id"]}
        assert [item["rule"] for item in history] == ["stated", "stated"]
        assert history[0]["snapshot"]["merged"]["phone"] == "old"
        assert history[0]["snapshot"]["survivor"]["title"] == "CTO"

    async def test_takes_the_furthest_status_and_its_time(
        self, api: Api, clock_at: ClockAt
    ) -> None:
        with clock_at(NOW - timedelta(days=2)):
            worked = await make_lead(api, status="mql")
            await touch(api, worked)
        survivor = await make_lead(api, status="mql")
        merged = await merge(api, survivor, worked)
        assert (merged["status"], merged["status_reason"]) == ("accepted", "in_sequence")
        assert merged["status_since"] == "2026-06-15T17:00:00.000000Z"
        assert (merged["mql_count"], merged["first_mql_at"]) == (2, "2026-06-15T17:00:00.000000Z")
        moves = (await api.call("GET", f"{LEADS}/{survivor['id']}/moves"))["items"]
        assert (moves[-1]["to_status"], moves[-1]["reason"]) == ("accepted", "merged")

    async def test_waits_go_on_where_they_were(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "sid", "sdr")
        with clock_at(NOW - timedelta(minutes=30)):
            waiting = await make_lead(api, status="mql", sdr_external_id="sid")
        survivor = await make_lead(api)
        await merge(api, survivor, waiting)
        (timer,) = (await api.call("GET", f"{LEADS}/{survivor['id']}/response-timers"))["items"]
        assert (timer["state"], timer["started_at"]) == ("open", "2026-06-17T16:30:00.000000Z")
        assert timer["sdr_external_id"] == "sid"

    async def test_who_is_worked_on_waits_no_more(self, api: Api) -> None:
        survivor = await make_lead(api, status="accepted")
        await merge(api, survivor, await make_lead(api, status="mql"))
        (timer,) = (await api.call("GET", f"{LEADS}/{survivor['id']}/response-timers"))["items"]
        assert (timer["state"], timer["stopped_by"]) == ("unanswered", "merged")

    async def test_the_sequence_is_that_of_all_touches(self, api: Api) -> None:
        await make_resource(api, "paper")
        one, two = await make_lead(api), await make_lead(api)
        for lead, channel in ((one, "email"), (two, "phone")):
            await touch(api, lead, channel=channel, resource_external_id="paper")
        merged = await merge(api, one, two)
        found = await api.call("GET", f"{LEADS}/{one['id']}/cadence")
        assert found["touches"]["done"] == 2
        assert found["channels"]["used"] == ["email", "phone"]
        assert found["repeated_resources"] == ["paper"]
        assert merged["next_touch_on"] == found["next_touch_on"] == "2026-06-25"

    async def test_a_younger_twin_does_not_begin_the_sequence_anew(
        self, api: Api, clock_at: ClockAt
    ) -> None:
        one = await make_lead(api, status="mql")
        planned = (await touch(api, one))["cadence"]["next_touch_on"]
        with clock_at(NOW + timedelta(hours=1)):
            merged = await merge(api, one, await make_lead(api, status="mql"))
            found = await api.call("GET", f"{LEADS}/{one['id']}/cadence")
        assert (found["state"], found["touches"]["done"]) == ("on_track", 1)
        assert merged["next_touch_on"] == planned

    async def test_two_scores_together_may_be_an_mql(self, api: Api) -> None:
        leads = [await make_lead(api, email=f"{n}@acme.example") for n in range(2)]
        for lead in leads:
            await signal(api, lead, "inbound_medium")
            assert (await get(api, lead))["status"] == "inquiry"
        merged = await merge(api, *leads)
        assert (merged["status"], merged["behaviour_points"]) == ("mql", 120)

    async def test_if_match_guards_it(self, api: Api) -> None:
        one, two = await make_lead(api), await make_lead(api)
        path = f"{LEADS}/{one['id']}/merge"
        body = {"lead_ids": [two["id"]]}
        stale = await api.request("POST", path, json=body, headers={"If-Match": '"9"'})
        assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
        good = await api.request("POST", path, json=body, headers={"If-Match": '"1"'})
        assert (good.status_code, good.headers["ETag"]) == (200, f'"{good.json()["version"]}"')


class TestMergedLeads:
    async def test_leave_lists_and_keep_answering(self, api: Api) -> None:
        one = await make_lead(api, external_id="one")
        two = await make_lead(api, external_id="two", status="mql")
        await merge(api, one, two)
        listed = (await api.call("GET", LEADS))["items"]
        assert [lead["id"] for lead in listed] == [one["id"]]
        gone = await get(api, two)
        assert (gone["merged_into_id"], gone["next_touch_on"]) == (one["id"], None)
        assert (await api.call("GET", f"{BASE}/touches/due"))["items"][0]["lead_id"] == one["id"]
        refusal = await api.request(
            "POST", f"{LEADS}/{two['id']}/touches",
            json={"channel": "email", "direction": "outbound"},
        )  # fmt: skip
        assert (refusal.status_code, refusal.json()["code"]) == (409, "lead_merged")

    async def test_what_is_told_of_them_by_name_is_told_of_the_survivor(self, api: Api) -> None:
        one = await make_lead(api, external_id="one")
        await merge(api, one, await make_lead(api, external_id="two"))
        item = {"channel": "email", "direction": "outbound", "lead_external_id": "two"}
        answer = await api.call("POST", f"{BASE}/touches/batch", json={"items": [item]})
        assert answer["results"][0]["status"] == 201
        assert len((await api.call("GET", f"{LEADS}/{one['id']}/touches"))["items"]) == 1

    async def test_chains_end_at_the_last_survivor(self, api: Api) -> None:
        one, two, three = [await make_lead(api, name=f"Kim {n}") for n in range(3)]
        await touch(api, one)
        await merge(api, two, one)
        await merge(api, three, two)
        assert [(await get(api, lead))["merged_into_id"] for lead in (one, two)] == [
            three["id"], three["id"],
        ]  # fmt: skip
        assert len((await api.call("GET", f"{LEADS}/{three['id']}/touches"))["items"]) == 1

        async def told(lead: Any) -> list[tuple[str, str]]:
            page = await api.call("GET", f"{LEADS}/{lead['id']}/merges")
            return [(item["merged_id"], item["survivor_id"]) for item in page["items"]]

        first, second = (one["id"], two["id"]), (two["id"], three["id"])
        assert await told(three) == [first, second]
        assert await told(two) == [second]
        assert await told(one) == [first]


class TestConversions:
    async def convert(self, api: Api, lead: Any) -> str:
        await api.call("POST", f"{LEADS}/{lead['id']}/assessments", json=GOOD)
        answer = await api.call("POST", f"{LEADS}/{lead['id']}/conversion")
        return str(answer["opportunity_id"])

    async def test_a_hand_over_moves_to_the_survivor_and_is_opened_once(self, api: Api) -> None:
        from services import handover

        await make_user(api, "ana")
        survivor = await make_lead(api, status="mql")
        twin = await make_lead(api, owner_external_id="ana", company="Acme")
        opportunity_id = await self.convert(api, twin)
        merged = await merge(api, survivor, twin)
        assert (merged["status"], merged["conversion"]["opportunity_id"]) == (
            "qualified", opportunity_id,
        )  # fmt: skip
        assert merged["sql_at"] is not None
        assert (await get(api, twin))["conversion"] is None
        assert await handover.hand_over(api.database(), api.workspace_id) == 1
        assert (await get(api, survivor))["conversion"]["state"] == "opened"
        opened = await api.call("GET", "/pipeline/v1/opportunities")
        assert [item["id"] for item in opened["items"]] == [opportunity_id]

    async def test_two_hand_overs_stay_apart(self, api: Api) -> None:
        await make_user(api, "ana")
        leads = [await make_lead(api, owner_external_id="ana", company="Acme") for _ in range(2)]
        for lead in leads:
            await self.convert(api, lead)
        before = await everything(api)
        answer = await refused(api, *leads)
        assert (answer.status_code, answer.json()["code"]) == (409, "leads_both_converted")
        assert sorted(answer.json()["lead_ids"]) == sorted(lead["id"] for lead in leads)
        assert await everything(api) == before
