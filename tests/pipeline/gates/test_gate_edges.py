"""Ways around the gates that must not be there, and settings of gates that mean nothing."""

from __future__ import annotations

from typing import Any

import pytest

from services.workspace.policy_gate_table import LOST_REASONS
from tests.client import Api
from tests.pipeline.deals import OPPORTUNITIES, batch, company, deal, findings, get, move
from tests.pipeline.gates.gated import NO_GATES, attest, gate_of, give_up, set_policy

OWN = {"code": "own", "kind": "hard", "check": "attested"}


@pytest.fixture(autouse=True)
async def _company(api: Api) -> None:
    await company(api)


async def test_skipping_meets_a_criterion_that_an_earlier_gate_asks_others_for(api: Api) -> None:
    small, medium = {**OWN, "segments": ["smb"]}, {**OWN, "segments": ["mid_market"]}
    await set_policy(api, gates={**NO_GATES, "discovery": [small], "scoping": [medium]})
    stored = await deal(api)
    refused = await move(api, stored, "technical_evaluation")
    assert [item["code"] for item in refused.json()["unmet"]] == ["own"]
    gate = await gate_of(api, stored)
    assert [item["status"] for item in gate["criteria"]] == ["not_applicable"]
    told = {each["stage"]: each["unmet"] for each in gate["next_stages"]}
    assert [item["code"] for item in told["technical_evaluation"]] == ["own"]
    await attest(api, stored, "own")
    assert (await move(api, stored, "technical_evaluation")).status_code == 200


async def test_nobody_says_that_a_timer_closed_a_deal(api: Api) -> None:
    stored = await deal(api)
    await set_policy(api)
    ana = await api.client_for("rep", "ana")
    path = f"{OPPORTUNITIES}/{stored['id']}"
    said = {"lost_reason": "no_progression_auto_close"}
    said_alone = await ana.request("PATCH", path, json=said)
    assert said_alone.json()["errors"][0]["pointer"] == "/lost_reason"
    refused = await move(ana, stored, "closed_lost")
    assert refused.status_code == 409, refused.text
    at_once = await ana.request("PATCH", path, json={**said, "stage": "closed_lost"})
    assert at_once.status_code in (409, 422), at_once.text
    assert (await get(api, stored))["stage"] == "discovery"


async def test_a_deal_lost_again_says_why_again(api: Api) -> None:
    stored = await deal(api, amount="500.00")
    await move(api, stored, "closed_lost", reason="loss_of_budget", details="Cut.")
    assert (await move(api, stored, "discovery")).status_code == 200
    refused = await move(api, stored, "closed_lost")
    assert refused.status_code == 409, refused.text
    assert [item["code"] for item in refused.json()["unmet"]] == ["lost_reason_listed"]


async def test_a_link_is_one_of_the_web(api: Api) -> None:
    stored = await deal(api)
    path = f"{OPPORTUNITIES}/{stored['id']}/checklist"
    for url in ("javascript:alert(1)", " javascript:alert(1)", "data:text/html,x", "/etc/passwd"):
        items = {"quote_ready": {"state": "done", "url": url}}
        refused = await api.request("PUT", path, json={"items": items})
        assert refused.status_code == 422, url
        assert refused.json()["errors"][0]["pointer"] == "/items/quote_ready/url"


async def test_what_is_worth_less_than_nothing_leaves_stage_0(api: Api) -> None:
    for category in ("credit", "decommission", "debook", "internal_correction"):
        stored = await deal(
            api, category, category=category, amount="-500.00", stage="pending_acceptance"
        )
        unmet = {item["code"] for item in (await gate_of(api, stored))["unmet"]}
        assert "amount_positive" not in unmet, category


class TestWhoIsHeld:
    @pytest.mark.parametrize("role", ["rep", "sdr"])
    async def test_who_may_not_override_is_held(self, api: Api, role: str) -> None:
        stored = await deal(api)
        caller = await api.client_for(role, "ana")
        refused = await move(caller, stored, "scoping", override={"reason": "I may."})
        assert refused.json()["code"] == "stage_gate_not_met"
        assert await findings(api, stored) == []

    @pytest.mark.parametrize("role", ["admin", "sales_ops", "manager"])
    async def test_who_may_override_gives_a_reason(self, api: Api, role: str) -> None:
        stored = await deal(api)
        caller = await api.client_for(role, "mia")
        assert (await move(caller, stored, "scoping")).status_code == 409
        for override in ({}, {"reason": None}, {"reason": "  "}, {"reason": ""}):
            refused = await move(caller, stored, "scoping", override=override)
            assert refused.status_code == 422, override
        assert (await move(caller, stored, "scoping", override={"reason": "Go."})).is_success
        assert await findings(api, stored) == [(2, "stage_gate_overridden")]

    async def test_an_integration_is_told_and_never_held(self, api: Api) -> None:
        caller = await api.client_for("integration")
        ways = {
            "transition": lambda each: move(caller, each, "closed_won"),
            "patch": lambda each: caller.request(
                "PATCH", f"{OPPORTUNITIES}/{each['id']}", json={"stage": "closed_won"}
            ),
            "put": lambda each: caller.request(
                "PUT", f"{OPPORTUNITIES}/by-external-id/{each['external_id']}",
                json={"stage": "closed_won"},
            ),
            "batch": lambda each: batch(
                caller, {"external_id": each["external_id"], "stage": "closed_won"}
            ),
        }  # fmt: skip
        codes = {}
        for name, send in ways.items():
            stored = await deal(api, name, stage="pending_acceptance")
            refused = await move(api, stored, "closed_won")
            codes[name] = [item["code"] for item in refused.json()["unmet"]]
            await send(stored)
            assert (await get(api, stored))["stage"] == "closed_won", name
            listed = await api.call("GET", f"{OPPORTUNITIES}/{stored['id']}/findings")
            gated = [each for each in listed["items"] if each["rule"] == "stage_gate_not_met"]
            assert [each["codes"] for each in gated] == [codes[name]], name
            assert len(codes[name]) > 10

    async def test_a_patch_of_the_stage_is_a_move(self, api: Api) -> None:
        stored = await deal(api)
        ana = await api.client_for("rep", "ana")
        moved = (await move(ana, stored, "proposal")).json()
        path = f"{OPPORTUNITIES}/{stored['id']}"
        patched = (await ana.request("PATCH", path, json={"stage": "proposal"})).json()
        assert moved["unmet"] == patched["unmet"] != []
        (result,) = await batch(ana, {"external_id": "O1", "stage": "proposal"})
        assert result["error"]["unmet"] == moved["unmet"]


class TestPolicies:
    async def test_what_is_asked_is_asked_by_the_policy_in_force(self, api: Api) -> None:
        await set_policy(api, gates=NO_GATES)
        stored = await deal(api)
        await set_policy(api, gates={**NO_GATES, "discovery": [OWN]})
        assert (await move(api, stored, "scoping")).status_code == 409
        await attest(api, stored, "own", note="Said under this policy.")
        await set_policy(api, gates=NO_GATES)
        read = await api.call("GET", f"{OPPORTUNITIES}/{stored['id']}/checklist")
        assert read["items"]["own"]["state"] == "done"
        cleared = await api.call(
            "PUT", f"{OPPORTUNITIES}/{stored['id']}/checklist", json={"items": {"own": None}}
        )
        assert "own" not in cleared["items"]
        assert (await move(api, stored, "scoping")).status_code == 200

    @pytest.mark.parametrize(
        "gates",
        [
            5, "x", [], {"nowhere": []}, {"closed_won": []}, {"proposal": None},
            {"proposal": {}}, {"proposal": [None]}, {"proposal": [[OWN]]},
            {"proposal": [{}]}, {"proposal": [{**OWN, "code": 5}]},
            {"proposal": [{**OWN, "code": ["a"]}]}, {"proposal": [{**OWN, "code": "Ä"}]},
            {"proposal": [{**OWN, "code": "a" * 81}]}, {"proposal": [{**OWN, "kind": ["hard"]}]},
            {"proposal": [{**OWN, "check": {"a": 1}}]}, {"proposal": [{**OWN, "check": None}]},
            {"proposal": [{**OWN, "message": "a\u0000b"}]}, {"proposal": [{**OWN, "message": ""}]},
            {"proposal": [{**OWN, "message": "a" * 501}]}, {"proposal": [{**OWN, "a\u0000": 1}]},
            {"proposal": [{**OWN, "when": ["x"]}]},
            {"proposal": [{**OWN, "types": []}]}, {"proposal": [{**OWN, "types": "renewal"}]},
            {"proposal": [{**OWN, "types": [["renewal"]]}]}, {"proposal": [{**OWN, "types": {}}]},
            {"proposal": [{**OWN, "amount_min": -1}]}, {"proposal": [{**OWN, "amount_min": True}]},
            {"proposal": [{**OWN, "amount_min": "NaN"}]},
            {"proposal": [{**OWN, "amount_min": "1e999999999"}]},
            {"proposal": [{**OWN, "amount_min": "1e-999999999"}]},
            {"proposal": [{**OWN, "amount_min": "1_000"}]},
            {"proposal": [{**OWN, "amount_min": {}}]},
            {"proposal": [{**OWN, "amount_min": {"unknown": 5}}]},
            {"proposal": [{**OWN, "amount_min": {"smb": {"smb": 5}}}]},
            {"proposal": [{**OWN, "amount_min": [5]}]}, {"proposal": [OWN, OWN]},
            {"proposal": [{**OWN, "code": f"c{n}"} for n in range(10_000)]},
            {"p" * 100_000: []},
        ],
    )  # fmt: skip
    async def test_what_means_nothing_is_refused(self, api: Api, gates: Any) -> None:
        body = {"name": "bad", "settings": {"gates": gates}}
        refused = await api.request("POST", "/pipeline/v1/policies", json=body)
        assert refused.status_code == 422, refused.text[:500]
        assert refused.json()["errors"][0]["pointer"].startswith("/settings/gates")
        assert len(refused.text) < 2000

    async def test_depth_is_no_trouble(self, api: Api) -> None:
        deep: Any = []
        for _ in range(900):
            deep = [deep]
        for gates in ({"proposal": deep}, {"proposal": [{**OWN, "amount_min": deep}]}):
            body = {"name": "bad", "settings": {"gates": gates}}
            refused = await api.request("POST", "/pipeline/v1/policies", json=body)
            assert refused.status_code == 422, refused.text[:500]


class TestGivingUp:
    @pytest.mark.parametrize(
        ("stage", "reason"),
        [
            *(("closed_lost", each["code"]) for each in LOST_REASONS),
            ("unqualified", "no_fit"),
            ("duplicate", "other"),
        ],
    )
    async def test_what_the_gate_says_is_enough(self, api: Api, stage: str, reason: str) -> None:
        await deal(api, "O0", stage="closed_won")
        await deal(api, "O2")
        first = await deal(api, "O1", type="add_on", stage="pending_acceptance")
        ana = await api.client_for("rep", "ana")
        await give_up(ana, first, stage, lost_reason=reason, duplicate_of="O2")
        moved = await move(ana, first, stage)
        assert moved.status_code == 200, moved.text
        assert await findings(api, first) == []
