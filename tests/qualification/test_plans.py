"""Command plans through HTTP: write, read, look back, compare, and who may do it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.kit.ids import new_id
from services.qualification.evidence.schemas import ElementChangePage, Evidence
from services.qualification.plans import schemas
from services.qualification.plans.service import note_meeting
from tests.client import Api
from tests.pipeline import deals
from tests.qualification.plan_helpers import (
    BASE,
    NOTE,
    OVERVIEW,
    STEP,
    element,
    knowing,
    paths,
    policy,
    scoping,
)

START = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)
ClockAt = Callable[[datetime], AbstractContextManager[None]]


def required(plan: Any) -> dict[str, tuple[bool, list[str]]]:
    return {each["section"]: (each["is_met"], each["missing"]) for each in plan["requirements"]}


class TestRead:
    async def test_nobody_wrote_anything(self, api: Api) -> None:
        _, path = paths(await scoping(api))
        answer = await api.request("GET", path)
        assert answer.status_code == 200
        assert answer.headers["ETag"].startswith('"0-')
        plan = answer.json()
        assert (plan["version"], plan["saved_at"], plan["author"]) == (0, None, None)
        assert set(plan["overview"].values()) == {None}
        assert plan["close_plan"] == {"steps": [], "risks": None, "help_needed": None}
        assert plan["manager_review"] == {"notes": []}
        assert plan["meddppicc"]["version"] == 0
        assert plan["characters"] == {"used": 0, "limit": 5000}
        assert plan["owner_external_id"] == "ana"
        versions = await api.call("GET", f"{path}/versions")
        assert versions == {"items": [], "next_cursor": None}
        comparison = await api.call("GET", f"{path}/comparison")
        assert (comparison["from"], comparison["to"], comparison["changes"]) == (0, 0, [])

    async def test_an_unknown_opportunity(self, api: Api) -> None:
        _, path = paths({"id": new_id()})
        for rest in ("", "/versions", "/versions/0", "/comparison", "/stream"):
            answer = await api.request("GET", f"{path}{rest}")
            assert (answer.status_code, answer.json()["code"]) == (404, "opportunity_unknown")
        assert (await api.request("PUT", path, json={})).status_code == 404


class TestWrite:
    async def test_merges_by_section_and_field(self, api: Api, clock_at: ClockAt) -> None:
        _, path = paths(await scoping(api))
        with clock_at(START):
            plan = await api.call("PUT", path, json={"overview": {"why_now": "Ends in March"}})
        assert (plan["version"], plan["saved_at"]) == (1, "2026-06-17T17:00:00.000000Z")
        assert plan["author_name"] == "test"
        plan = await api.call(
            "PUT", path, json={"close_plan": {"steps": [STEP], "risks": "Budget"}}
        )
        plan = await api.call("PUT", path, json={"close_plan": {"help_needed": "A reference"}})
        assert plan["overview"]["why_now"] == "Ends in March"
        assert plan["close_plan"]["risks"] == "Budget"
        (step,) = plan["close_plan"]["steps"]
        assert {**STEP, "id": step["id"], "owner": None, "is_done": False, "done_on": None} == step
        plan = await api.call("PUT", path, json={"overview": {"why_now": None}, "close_plan": None})
        assert plan["overview"]["why_now"] is None
        assert plan["close_plan"] == {"steps": [], "risks": None, "help_needed": None}
        assert plan["version"] == 4

    async def test_what_was_read_can_be_sent_back(self, api: Api) -> None:
        meddppicc, path = paths(await scoping(api))
        await api.call("PUT", meddppicc, json=knowing(metrics=element()))
        body = {
            "overview": OVERVIEW,
            "close_plan": {"steps": [STEP]},
            "manager_review": {"notes": [NOTE]},
        }
        plan = await api.call("PUT", path, json=body)
        assert await api.call("PUT", path, json=plan) == plan
        # Nor does saying the same without ids make anything new.
        assert await api.call("PUT", path, json=body) == plan
        assert await api.call("PUT", path, json={}) == plan
        assert plan["version"] == 2

    async def test_a_step_is_changed_by_its_id_and_done_today(
        self, api: Api, clock_at: ClockAt
    ) -> None:
        _, path = paths(await scoping(api))
        plan = await api.call("PUT", path, json={"close_plan": {"steps": [STEP]}})
        (step,) = plan["close_plan"]["steps"]
        done = {"close_plan": {"steps": [{"id": step["id"], "is_done": True, "owner": "legal"}]}}
        # In Los Angeles, where the company is, it is still the day before.
        with clock_at(datetime(2026, 6, 18, 3, 0, tzinfo=UTC)):
            plan = await api.call("PUT", path, json=done)
        assert plan["close_plan"]["steps"] == [
            {**step, "is_done": True, "done_on": "2026-06-17", "owner": "legal"}
        ]

    async def test_a_client_may_choose_a_steps_id(self, api: Api) -> None:
        _, path = paths(await scoping(api))
        own = str(new_id())
        plan = await api.call("PUT", path, json={"close_plan": {"steps": [{**STEP, "id": own}]}})
        assert plan["close_plan"]["steps"][0]["id"] == own

    @pytest.mark.parametrize(
        ("body", "pointer", "code"),
        [
            ({"overveiw": {}}, "/overveiw", "extra_forbidden"),
            ({"overview": {"why": "x"}}, "/overview/why", "extra_forbidden"),
            ({"overview": {"why_now": ""}}, "/overview/why_now", "blank_text"),
            ({"close_plan": {"steps": [{"title": "a"}]}}, "/close_plan/steps/0/due_on", "missing"),
            (
                {"close_plan": {"steps": [{**STEP, "due_on": "soon"}]}},
                "/close_plan/steps/0/due_on",
                "invalid_date",
            ),
            (
                {"close_plan": {"steps": [{**STEP, "done_on": "2026-06-01", "is_done": False}]}},
                "/close_plan/steps/0/done_on",
                "step_not_done",
            ),
            (
                {"manager_review": {"notes": [{"text": "x"}]}},
                "/manager_review/notes/0/dated_on",
                "missing",
            ),
            (
                {"manager_review": {"notes": [{**NOTE, "gaps_and_actions": [{"who": "x"}]}]}},
                "/manager_review/notes/0/gaps_and_actions/0/what",
                "missing",
            ),
            ({"close_plan": {"steps": [STEP] * 101}}, "/close_plan/steps", "too_long"),
        ],
    )
    async def test_refuses_what_is_wrong(
        self, api: Api, body: dict[str, Any], pointer: str, code: str
    ) -> None:
        _, path = paths(await scoping(api))
        refused = await api.request("PUT", path, json=body)
        assert refused.status_code == 422, refused.text
        problem = refused.json()["errors"][0]
        assert (problem["pointer"], problem["code"]) == (pointer, code)
        assert (await api.call("GET", path))["version"] == 0

    async def test_says_how_much_too_long_it_is(self, api: Api) -> None:
        meddppicc, path = paths(await scoping(api))
        await api.call("PUT", meddppicc, json=knowing(metrics=element(1, "x" * 1000)))
        refused = await api.request("PUT", path, json={"overview": {"why_now": "x" * 4001}})
        assert refused.status_code == 422
        (problem,) = refused.json()["errors"]
        assert problem["code"] == "plan_too_long"
        assert "5001 characters long, 1 too many: 5000" in problem["message"]
        plan = await api.call("PUT", path, json={"overview": {"why_now": "x" * 4000}})
        assert plan["characters"] == {"used": 5000, "limit": 5000}
        # A policy that allows less does not stop the plan from being changed, only from growing.
        await policy(api, plan__max_chars=100)
        await api.call("PUT", path, json={"overview": {"why_now": "y" * 4000}})
        await api.call("PUT", path, json={"overview": {"why_now": "y" * 3000}})
        refused = await api.request("PUT", path, json={"overview": {"why_now": "y" * 3001}})
        assert refused.status_code == 422

    async def test_tags(self, api: Api) -> None:
        meddppicc, path = paths(await scoping(api))
        await api.call(
            "PUT", path, json={"overview": {"why_now": "a"}}, headers={"If-Match": '"0"'}
        )
        # MEDDPPICC is a section of the plan: a save of it is a version of the plan.
        await api.call("PUT", meddppicc, json=knowing(metrics=element()))
        refused = await api.request(
            "PUT", path, json={"overview": {"why_now": "b"}}, headers={"If-Match": '"1"'}
        )
        assert (refused.status_code, refused.json()["code"]) == (412, "stale_version")
        assert refused.headers["ETag"] == '"2"'
        known = await api.request("GET", path)
        again = {"If-None-Match": known.headers["ETag"]}
        assert (await api.request("GET", path, headers=again)).status_code == 304
        # A new stage asks for other sections, without a new version.
        await deals.put(api, "O1", stage="discovery")
        moved = await api.request("GET", path, headers=again)
        assert moved.status_code == 200
        assert moved.json()["version"] == known.json()["version"] == 2

    async def test_two_sections_written_at_once(self, api: Api) -> None:
        _, path = paths(await scoping(api))

        async def overview() -> None:
            for number in range(20):
                await api.call("PUT", path, json={"overview": {"why_now": f"n{number}"}})

        async def close_plan() -> None:
            for number in range(20):
                await api.call("PUT", path, json={"close_plan": {"risks": f"r{number}"}})

        await asyncio.gather(overview(), close_plan())
        plan = await api.call("GET", path)
        assert plan["version"] == 40
        assert (plan["overview"]["why_now"], plan["close_plan"]["risks"]) == ("n19", "r19")
        saves = (await api.call("GET", f"{path}/versions?limit=200"))["items"]
        assert [save["version"] for save in saves] == list(range(40, 0, -1))
        assert {len(save["changes"]) for save in saves} == {1}


class TestRequirements:
    async def test_everything_of_a_large_deal(self, api: Api) -> None:
        meddppicc, path = paths(await scoping(api))
        plan = await api.call("GET", path)
        assert plan["is_complete"] is False
        assert required(plan)["close_plan"] == (False, ["steps"])
        assert len(required(plan)["meddppicc"][1]) == 9
        rules = {rule["code"] for each in plan["requirements"] for rule in each["rules"]}
        assert rules == {"every_deal_from_stage", "net_arr", "amount"}
        await api.call("PUT", path, json={"overview": OVERVIEW, "close_plan": {"steps": [STEP]}})
        everything = {name: element(1) for name in plan["meddppicc"]["elements"]}
        await api.call("PUT", meddppicc, json={"elements": everything})
        plan = await api.call("GET", path)
        assert plan["is_complete"] is True
        assert required(plan) == {
            "overview": (True, []),
            "meddppicc": (True, []),
            "close_plan": (True, []),
        }

    async def test_by_size_and_stage(self, api: Api) -> None:
        deal = await scoping(api, stage="discovery", amount="9000.00")
        _, path = paths(deal)
        assert required(await api.call("GET", path)) == {}
        await deals.put(api, "O1", amount="10000.00")
        assert set(required(await api.call("GET", path))) == {"overview", "close_plan"}
        await deals.put(api, "O1", amount="1000.00", stage="scoping")
        assert set(required(await api.call("GET", path))) == {"overview"}
        await deals.put(api, "O1", name="Acme - Channel-Managed")
        plan = await api.call("GET", path)
        assert (plan["is_exempt"], plan["is_complete"], plan["requirements"]) == (True, True, [])

    async def test_a_closed_deal_needs_nothing(self, api: Api) -> None:
        deal = await scoping(api)
        await deals.put(api, "O1", stage="closed_won")
        plan = await api.call("GET", paths(deal)[1])
        assert (plan["requirements"], plan["staleness"]["is_stale"]) == ([], False)

    async def test_the_policy_decides(self, api: Api) -> None:
        _, path = paths(await scoping(api))
        await policy(
            api, plan__full={}, commercial__overview_amount={}, plan__overview_from_stage=3
        )
        plan = await api.call("GET", path)
        assert (plan["requirements"], plan["policy_version"]) == ([], 2)


class TestStaleness:
    async def test_after_a_meeting(self, api: Api, clock_at: ClockAt) -> None:
        deal = await scoping(api)
        _, path = paths(deal)
        with clock_at(START):
            await api.call("PUT", path, json={"overview": {"why_now": "a"}})
        met_at = START + timedelta(hours=2)
        async with api.database().write(api.workspace_id) as session:
            await note_meeting(session, UUID(deal["id"]), met_at)
            # An earlier one told of later changes nothing.
            await note_meeting(session, UUID(deal["id"]), START)
        with clock_at(START + timedelta(hours=3)):
            plan = await api.call("GET", path)
            assert plan["last_met_at"] == "2026-06-17T19:00:00.000000Z"
            assert plan["staleness"]["is_stale"] is True
            assert plan["staleness"]["since"] == "2026-06-17T19:00:00.000000Z"
            (reason,) = plan["staleness"]["reasons"]
            assert reason["code"] == "not_touched_since_meeting"
            assert plan["version"] == 1
            plan = await api.call("PUT", path, json={"overview": {"why_now": "b"}})
            assert plan["staleness"] == {"is_stale": False, "since": None, "reasons": []}

    async def test_sooner_at_a_late_stage(self, api: Api, clock_at: ClockAt) -> None:
        deal = await scoping(api)
        _, path = paths(deal)
        with clock_at(START):
            await api.call("PUT", path, json={"overview": {"why_now": "a"}})
        with clock_at(START + timedelta(days=7)):
            assert (await api.call("GET", path))["staleness"]["is_stale"] is False
            await deals.put(api, "O1", stage="proposal")
            assert (await api.call("GET", path))["staleness"]["is_stale"] is True


async def test_answers_are_as_declared(api: Api) -> None:
    meddppicc, path = paths(await scoping(api))
    body = {
        "overview": OVERVIEW,
        "close_plan": {"steps": [STEP]},
        "manager_review": {"notes": [NOTE]},
    }
    await api.call("PUT", path, json=body)
    await api.call("PUT", meddppicc, json=knowing(metrics=element(3), partner=element(1)))
    for model, address in (
        (schemas.CommandPlan, path),
        (schemas.PlanSavePage, f"{path}/versions"),
        (schemas.PlanVersion, f"{path}/versions/0"),
        (schemas.PlanVersion, f"{path}/versions/2"),
        (schemas.Comparison, f"{path}/comparison?from=0"),
        (schemas.PlanStandingPage, f"{BASE}/command-plans"),
        (Evidence, meddppicc),
        (ElementChangePage, f"{meddppicc}/history"),
    ):
        model.model_validate(await api.call("GET", address), extra="forbid")


class TestAccess:
    async def test_whose_it_is(self, api: Api, other_api: Api) -> None:
        deal = await scoping(api, sdr_external_id="ben")
        _, path = paths(deal)
        expected = {
            ("rep", "ana"): (200, 200, 403),
            ("manager", "mia"): (200, 200, 200),
            ("sales_ops", None): (200, 200, 200),
            ("admin", None): (200, 200, 200),
            ("integration", None): (200, 200, 200),
            ("sdr", "ben"): (200, 403, 403),
            ("analyst", None): (200, 403, 403),
            ("rep", "ben"): (404, 404, 404),
            ("manager", "zoe"): (404, 404, 404),
        }
        for number, ((role, user), (reads, writes, reviews)) in enumerate(expected.items()):
            async with await api.client_for(role, user) as client:
                for rest in ("", "/versions", "/versions/0", "/comparison"):
                    answer = await client.request("GET", f"{path}{rest}")
                    assert answer.status_code == reads, (role, rest)
                text = f"{role} {number}"
                body: dict[str, Any] = {"overview": {"why_now": text}}
                answer = await client.request("PUT", path, json=body)
                assert answer.status_code == writes, role
                body = {"manager_review": {"notes": [{**NOTE, "text": text}]}}
                answer = await client.request("PUT", path, json=body)
                assert answer.status_code == reviews, role
        assert (await other_api.request("GET", path)).status_code == 404
        assert (await other_api.request("PUT", path, json={})).status_code == 404

    async def test_nobody_reviews_a_plan_of_their_own(self, api: Api) -> None:
        deal = await scoping(api, owner_external_id="mia")
        _, path = paths(deal)
        async with await api.client_for("manager", "mia") as mia:
            body = {"overview": {"why_now": "x"}, "manager_review": {"notes": [NOTE]}}
            refused = await mia.request("PUT", path, json=body)
            assert (refused.status_code, refused.json()["code"]) == (
                403,
                "manager_review_not_yours",
            )
            await mia.call("PUT", path, json={"overview": {"why_now": "x"}})

    async def test_an_owner_sends_a_review_back_as_it_is(self, api: Api) -> None:
        _, path = paths(await scoping(api))
        await api.call("PUT", path, json={"manager_review": {"notes": [NOTE]}})
        async with await api.client_for("rep", "ana") as ana:
            plan = await ana.call("GET", path)
            plan["overview"]["why_now"] = "x"
            plan = await ana.call("PUT", path, json=plan)
            assert plan["overview"]["why_now"] == "x"
            plan["manager_review"]["notes"] = []
            assert (await ana.request("PUT", path, json=plan)).status_code == 403
        assert len((await api.call("GET", path))["manager_review"]["notes"]) == 1
