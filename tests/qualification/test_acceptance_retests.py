"""Tests made again: what is stored never changes, and what differs is named."""

from __future__ import annotations

from typing import Any

import pytest

from services import handover
from tests.client import Api
from tests.qualification.test_acceptance import GOOD, LATE, make_ready
from tests.qualification.test_acceptance_opportunities import OPPORTUNITIES, make_deal, path_of
from tests.qualification.test_leads import LEADS, make_lead, make_user

ASSESSMENTS = "/qualification/v1/assessments"


async def new_policy(api: Api, effective_from: str | None = None, **settings: Any) -> int:
    body: dict[str, Any] = {
        "name": "own",
        "settings": {name.replace("__", "."): value for name, value in settings.items()},
    }
    if effective_from is not None:
        body["effective_from"] = effective_from
    answer = await api.call("POST", "/pipeline/v1/policies", json=body)
    return int(answer["version"])


async def assess(api: Api, evidence: Any = None, **lead: Any) -> Any:
    made = await make_lead(api, **lead)
    return await api.call("POST", f"{LEADS}/{made['id']}/assessments", json=evidence or GOOD)


async def retest(api: Api, test: Any, **body: Any) -> Any:
    options = {"json": body} if body else {}
    return await api.call("POST", f"{ASSESSMENTS}/{test['id']}/retests", **options)


class TestStored:
    async def test_an_old_verdict_outlives_its_policy(self, api: Api) -> None:
        made = await assess(api)
        assert made["verdict"] == "accept"
        await new_policy(api, sao__next_step_max_days=30)
        assert await api.call("GET", f"{ASSESSMENTS}/{made['id']}") == made
        again = await retest(api, made)
        assert (again["verdict"], again["policy_version"]) == ("keep_pending", 2)
        assert again["retest_of"] == made["id"]
        assert await api.call("GET", f"{ASSESSMENTS}/{made['id']}") == made
        listed = await api.call("GET", f"{LEADS}/{made['lead_id']}/assessments")
        assert listed["items"] == [made, again]

    async def test_rests_on_the_stored_evidence_whatever_the_lead_says_now(self, api: Api) -> None:
        made = await assess(api, {**GOOD, "initiative": {"kind": "small_box"}}, employees=500)
        await api.call("PATCH", f"{LEADS}/{made['lead_id']}", json={"employees": 50_000})
        again = await retest(api, made)
        assert (again["verdict"], again["segment"]) == ("accept", "mid_market")
        assert again["evidence"] == made["evidence"]

    async def test_repeats_statements_too(self, api: Api) -> None:
        stated = {
            "fit": {"result": "pass", "evidence": "Seen."},
            "timing": {**LATE, "result": "pass", "evidence": "He said so."},
        }
        made = await assess(api, stated)
        again = await retest(api, made)
        assert again["criteria"] == made["criteria"]
        lenient = await new_policy(api, sao__next_step_max_days=90)
        again = await retest(api, made, policy_version=lenient)
        assert again["criteria"]["timing"]["result"] == "pass"

    async def test_reads_tests_of_the_first_release(self, api: Api) -> None:
        stated = {
            "fit": {"result": "pass", "evidence": "Seen."},
            "timing": {**LATE, "result": "unknown", "evidence": "He was vague."},
        }
        made = await assess(api, {**GOOD, **stated})
        async with api.database().write(api.workspace_id) as session:
            await session.execute(
                "UPDATE qualification.assessments SET carried = NULL,"
                " evidence = evidence - 'statements' - 'segment_source' - 'employees'"
                " WHERE workspace_id = $1",
                api.workspace_id,
            )
        again = await retest(api, made)
        assert again["criteria"] == made["criteria"]
        assert again["evidence"]["statements"]["timing"]["result"] == "unknown"
        assert again["comparison"]["facts"] == []


class TestCompared:
    async def test_names_criteria_verdict_and_settings_that_differ(self, api: Api) -> None:
        made = await assess(api, {**GOOD, "initiative": {"kind": "small_box"}}, employees=150)
        await new_policy(
            api,
            sao__next_step_max_days=30,
            sao__small_box_segments=["smb"],
            mql__threshold=50,
        )
        compared = (await retest(api, made))["comparison"]
        assert compared["from"]["verdict"] == "accept"
        assert compared["to"]["verdict"] == "unqualify"
        assert compared["verdict_changed"] is True
        changed = {item["criterion"]: (item["from"], item["to"]) for item in compared["criteria"]}
        assert changed == {"initiative": ("pass", "fail"), "timing": ("pass", "fail")}
        assert compared["criteria"][1]["reasons"][0]["code"] == "next_step_too_late"
        assert compared["settings"] == [
            {"setting": "sao.next_step_max_days", "from": 60, "to": 30},
            {
                "setting": "sao.small_box_segments",
                "from": ["smb", "mid_market"],
                "to": ["smb"],
            },
        ]
        assert compared["facts"] == []

    async def test_a_derived_segment_is_derived_anew_and_a_stated_one_stands(
        self, api: Api
    ) -> None:
        small = {**GOOD, "initiative": {"kind": "small_box"}}
        derived = await assess(api, small, employees=150)
        stated = await assess(api, {**small, "segment": "mid_market"}, employees=150)
        await new_policy(
            api, segments={"smb": [1, 99], "mid_market": [100, 120], "large": [121, None]}
        )
        again = await retest(api, derived)
        assert (again["segment"], again["verdict"]) == ("large", "unqualify")
        compared = again["comparison"]
        assert [item["setting"] for item in compared["settings"]] == ["segments"]
        assert compared["facts"] == [{"fact": "segment", "from": "mid_market", "to": "large"}]
        again = await retest(api, stated)
        assert (again["segment"], again["verdict"]) == ("mid_market", "accept")
        assert again["comparison"]["settings"] == []

    async def test_two_tests_are_compared_fact_by_fact(self, api: Api) -> None:
        first = await assess(api)
        path = f"{LEADS}/{first['lead_id']}/assessments"
        second = await api.call("POST", path, json={**GOOD, "timing": LATE})
        compare = f"{ASSESSMENTS}/{second['id']}/comparison"
        compared = await api.call("GET", compare, params={"with": first["id"]})
        assert compared["from"]["assessment_id"] == first["id"]
        assert compared["to"]["assessment_id"] == second["id"]
        assert compared["facts"] == [
            {"fact": "timing.next_step_date", "from": "2026-08-16", "to": "2026-08-17"}
        ]
        assert compared["settings"] == []
        again = await retest(api, second)
        by_itself = await api.call("GET", f"{ASSESSMENTS}/{again['id']}/comparison")
        assert by_itself == again["comparison"]

    async def test_needs_another_test(self, api: Api) -> None:
        made = await assess(api)
        path = f"{ASSESSMENTS}/{made['id']}/comparison"
        assert (await api.request("GET", path)).status_code == 422
        nothing = {"with": "01970000-0000-7000-8000-000000000001"}
        assert (await api.request("GET", path, params=nothing)).status_code == 404


class TestBinding:
    async def test_the_last_one_again_under_the_policy_in_force_counts(self, api: Api) -> None:
        deal = await make_deal(api)
        made = await api.call("POST", path_of(deal["id"]), json=GOOD)
        await new_policy(api, sao__next_step_max_days=30)
        move = f"{OPPORTUNITIES}/{deal['id']}/transitions"
        again = await retest(api, made)
        assert again["binding"] is True
        assert (await api.request("POST", move, json={"to_stage": "discovery"})).status_code == 409

    async def test_another_policy_is_a_what_if(self, api: Api) -> None:
        deal = await make_deal(api)
        made = await api.call("POST", path_of(deal["id"]), json={**GOOD, "timing": LATE})
        later = await new_policy(
            api, effective_from="2040-01-01T00:00:00Z", sao__next_step_max_days=90
        )
        again = await retest(api, made, policy_version=later)
        assert (again["verdict"], again["binding"]) == ("accept", False)
        move = f"{OPPORTUNITIES}/{deal['id']}/transitions"
        assert (await api.request("POST", move, json={"to_stage": "discovery"})).status_code == 409
        # Nor is it what a later test goes on from.
        third = await api.call("POST", path_of(deal["id"]), json={})
        assert third["carried"]["authority"] == made["id"]

    async def test_an_older_one_again_is_a_what_if(self, api: Api) -> None:
        first = await assess(api)
        path = f"{LEADS}/{first['lead_id']}"
        await api.call("POST", f"{path}/assessments", json={**GOOD, "initiative": {"kind": "none"}})
        again = await retest(api, first)
        assert (again["verdict"], again["binding"]) == ("accept", False)
        await api.call("PATCH", path, json={"owner_external_id": await make_ana(api)})
        refused = await api.request("POST", f"{path}/conversion")
        assert [item["code"] for item in refused.json()["unmet"]] == ["no_initiative"]

    async def test_the_leads_test_is_older_than_its_opportunitys(self, api: Api) -> None:
        lead = await make_ready(api)
        tests = await api.call("GET", f"{LEADS}/{lead['id']}/assessments")
        asked = await api.call("POST", f"{LEADS}/{lead['id']}/conversion")
        await handover.hand_over(api.database(), api.workspace_id)
        await api.call("POST", path_of(asked["opportunity_id"]), json={"timing": LATE})
        again = await retest(api, tests["items"][0])
        assert (again["verdict"], again["binding"]) == ("accept", False)

    async def test_needs_a_version_there_is(self, api: Api) -> None:
        made = await assess(api)
        path = f"{ASSESSMENTS}/{made['id']}/retests"
        refused = await api.request("POST", path, json={"policy_version": 7})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == "/policy_version"


async def make_ana(api: Api) -> str:
    await make_user(api, "ana")
    return "ana"


class TestWho:
    @pytest.fixture
    async def made(self, api: Api) -> Any:
        """A test of a lead that Ana got."""
        lead = await make_ready(api)
        tests = await api.call("GET", f"{LEADS}/{lead['id']}/assessments")
        await api.call("POST", f"{LEADS}/{lead['id']}/conversion")
        await handover.hand_over(api.database(), api.workspace_id)
        return tests["items"][0]

    async def test_whoever_sees_the_lead_or_its_opportunity(self, api: Api, made: Any) -> None:
        await make_user(api, "ben")
        for role, user, read, repeated in [
            ("rep", "ana", 200, 201),
            ("rep", "ben", 404, 404),
            ("sdr", "ben", 200, 201),
            ("manager", "ben", 200, 201),
            ("analyst", None, 200, 403),
        ]:
            caller = await api.client_for(role, user)
            path = f"{ASSESSMENTS}/{made['id']}"
            assert (await caller.request("GET", path)).status_code == read, (role, user)
            answer = await caller.request("POST", f"{path}/retests", json={})
            assert answer.status_code == repeated, (role, user)

    async def test_also_when_the_opportunity_went_on_to_somebody_else(
        self, api: Api, made: Any
    ) -> None:
        await make_user(api, "ben")
        lead = await api.call("GET", f"{LEADS}/{made['lead_id']}")
        path = f"{OPPORTUNITIES}/{lead['conversion']['opportunity_id']}"
        await api.call("PATCH", path, json={"owner_external_id": "ben"})
        ben = await api.client_for("rep", "ben")
        assert (await ben.request("GET", f"{ASSESSMENTS}/{made['id']}")).status_code == 200

    async def test_of_one_workspace(self, other_api: Api, made: Any) -> None:
        path = f"{ASSESSMENTS}/{made['id']}"
        refused = await other_api.request("GET", path)
        assert (refused.status_code, refused.json()["code"]) == (404, "assessment_not_found")
        assert (await other_api.request("POST", f"{path}/retests", json={})).status_code == 404
