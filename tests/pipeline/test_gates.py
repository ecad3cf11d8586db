"""The gate of stage 0: what was tested for acceptance leaves it when the last test passes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.kit.db import Session
from tests.client import Api
from tests.pipeline.deals import (
    OPPORTUNITIES,
    batch,
    company,
    deal,
    findings,
    get,
    history,
    move,
    put,
    try_patch,
)
from tests.pipeline.gates.gated import ACCEPTANCE_ALONE, set_policy
from tests.qualification.test_acceptance import GOOD, LATE

NOT_YET = {**GOOD, "timing": LATE}
WHY = {"reason": "The count is what matters."}
NEITHER = {**GOOD, "authority": {}, "timing": LATE}


@pytest.fixture(autouse=True)
async def _company(api: Api) -> None:
    """The other criteria of the gates have tests of their own."""
    await company(api)
    await set_policy(api, gates=ACCEPTANCE_ALONE)


async def make_test(api: Api, opportunity: Any, evidence: Any) -> Any:
    path = f"/qualification/v1/opportunities/{opportunity['id']}/assessments"
    return await api.call("POST", path, json=evidence)


async def make_tested(api: Api, evidence: Any = NOT_YET) -> Any:
    stored = await deal(api, stage="pending_acceptance")
    await make_test(api, stored, evidence)
    return stored


async def accepted_on(api: Api, opportunity: Any) -> Any:
    async with api.database().read(api.workspace_id) as session:
        return await session.fetchval(
            "SELECT sales_accepted_date FROM pipeline.opportunities"
            " WHERE workspace_id = $1 AND id = $2::text::uuid",
            api.workspace_id,
            opportunity["id"],
        )


class TestHold:
    async def test_says_what_the_last_test_lacks(self, api: Api) -> None:
        stored = await make_tested(api, NEITHER)
        refused = await move(api, stored, "discovery")
        assert (refused.status_code, refused.json()["code"]) == (409, "stage_gate_not_met")
        unmet = refused.json()["unmet"]
        assert [item["code"] for item in unmet] == ["authority_unknown", "timing_failed"]
        assert "61 days" in unmet[1]["message"]
        assert (await get(api, stored))["stage"] == "pending_acceptance"
        assert await accepted_on(api, stored) is None
        assert await findings(api, stored) == []

    async def test_holds_a_patch_too_and_every_later_stage(self, api: Api) -> None:
        stored = await make_tested(api)
        for stage in ("discovery", "proposal", "closed_won"):
            refused = await try_patch(api, stored, stage=stage)
            assert (refused.status_code, refused.json()["code"]) == (409, "stage_gate_not_met")
        assert (await try_patch(api, stored, name="Renamed")).status_code == 200

    @pytest.mark.parametrize("stage", ["unqualified", "duplicate", "closed_lost"])
    async def test_lets_go_what_is_given_up(self, api: Api, stage: str) -> None:
        stored = await make_tested(api)
        assert (await move(api, stored, stage)).status_code == 200

    async def test_giving_up_and_reopening_is_no_way_around(self, api: Api) -> None:
        stored = await make_tested(api)
        await move(api, stored, "closed_lost")
        refused = await move(api, stored, "discovery")
        assert refused.json()["code"] == "stage_gate_not_met"
        assert (await move(api, stored, "pending_acceptance")).status_code == 200

    async def test_a_later_test_that_passes_lets_it_go(self, api: Api) -> None:
        stored = await make_tested(api)
        assert (await move(api, stored, "discovery")).status_code == 409
        made = await make_test(api, stored, {"timing": GOOD["timing"]})
        assert made["verdict"] == "accept"
        assert (await move(api, stored, "discovery")).status_code == 200
        assert await accepted_on(api, stored) is not None

    async def test_the_last_test_counts_also_when_it_is_worse(self, api: Api) -> None:
        stored = await make_tested(api, GOOD)
        await make_test(api, stored, NOT_YET)
        assert (await move(api, stored, "discovery")).status_code == 409

    @pytest.mark.parametrize("fields", [{"type": "add_on"}, {"type": "professional_services"}])
    async def test_what_was_never_tested_goes_on_unless_it_is_new(
        self, api: Api, fields: dict[str, str]
    ) -> None:
        stored = await deal(api, stage="pending_acceptance", **fields)
        assert (await move(api, stored, "discovery")).status_code == 200

    async def test_new_business_must_be_tested(self, api: Api) -> None:
        stored = await deal(api, stage="pending_acceptance")
        refused = await move(api, stored, "discovery")
        assert [item["code"] for item in refused.json()["unmet"]] == ["acceptance_test"]

    async def test_what_was_recorded_past_stage_0_is_not_asked(self, api: Api) -> None:
        stored = await deal(api, stage="discovery")
        assert (await move(api, stored, "scoping")).status_code == 200

    async def test_an_accepted_deal_is_not_held_again(self, api: Api) -> None:
        stored = await make_tested(api, GOOD)
        await move(api, stored, "discovery")
        await make_test(api, stored, NOT_YET)
        assert (await move(api, stored, "scoping")).status_code == 200

    async def test_the_order_of_stages_is_looked_at_first(self, api: Api) -> None:
        stored = await make_tested(api)
        refused = await move(api, stored, "closing")
        assert refused.json()["unmet"][0]["code"] == "stage_not_enabled"


class TestWho:
    async def test_a_rep_and_an_sdr_are_bound_whatever_they_say(self, api: Api) -> None:
        stored = await make_tested(api)
        ana = await api.client_for("rep", "ana")
        for fields in ({}, {"override": {"reason": "I know them."}}):
            refused = await move(ana, stored, "discovery", **fields)
            assert (refused.status_code, refused.json()["code"]) == (409, "stage_gate_not_met")
        sid = await api.client_for("sdr", "ana")
        refused = await move(sid, stored, "discovery", override={"reason": "Please."})
        assert refused.status_code == 409

    async def test_a_rep_is_bound_in_upserts_and_batches(self, api: Api) -> None:
        stored = await make_tested(api)
        ana = await api.client_for("rep", "ana")
        refused = await ana.request(
            "PUT", f"{OPPORTUNITIES}/by-external-id/O1", json={"stage": "discovery"}
        )
        assert (refused.status_code, refused.json()["code"]) == (409, "stage_gate_not_met")
        free = {"external_id": "O2", "name": "Free", "stage": "pending_acceptance"}
        results = await batch(ana, {"external_id": "O1", "stage": "scoping"}, free)
        assert [result["status"] for result in results] == [409, 201]
        assert results[0]["error"]["unmet"][0]["code"] == "timing_failed"
        assert (await get(api, stored))["version"] == 1

    @pytest.mark.parametrize("role", ["admin", "manager", "sales_ops"])
    async def test_who_may_overrides_with_a_reason(self, api: Api, role: str) -> None:
        stored = await make_tested(api)
        caller = await api.client_for(role, "mia")
        assert (await move(caller, stored, "discovery")).status_code == 409
        moved = await move(
            caller, stored, "discovery", override={"reason": "The CIO asked for a start in June."}
        )
        assert moved.status_code == 200
        last = (await history(api, stored))[-1]
        assert last["reason"] == "The CIO asked for a start in June."
        assert await findings(api, stored) == [(2, "stage_gate_overridden")]
        assert await accepted_on(api, stored) is not None

    async def test_an_override_without_need_is_only_a_reason(self, api: Api) -> None:
        stored = await make_tested(api, GOOD)
        moved = await move(api, stored, "discovery", reason="Met.", override={"reason": "In case."})
        assert moved.status_code == 200
        assert (await history(api, stored))[-1]["reason"] == "Met.\nIn case."
        assert await findings(api, stored) == []

    async def test_a_patch_overrides_nothing(self, api: Api) -> None:
        stored = await make_tested(api)
        manager = await api.client_for("manager", "mia")
        assert (await try_patch(manager, stored, stage="discovery")).status_code == 409

    async def test_an_integration_is_noted_and_not_held(self, api: Api) -> None:
        caller = await api.client_for("integration")
        stored = await make_tested(api)
        assert (await move(caller, stored, "discovery")).status_code == 200
        assert await findings(api, stored) == [(2, "stage_gate_not_met")]
        other = await deal(api, "O2", stage="pending_acceptance")
        await make_test(api, other, NOT_YET)
        assert (await try_patch(caller, other, stage="scoping")).status_code == 200
        assert await findings(api, other) == [(2, "stage_gate_not_met")]

    @pytest.mark.parametrize("role", ["admin", "integration"])
    async def test_a_record_is_never_refused(self, api: Api, role: str) -> None:
        caller = await api.client_for(role)
        stored = await make_tested(api)
        await put(caller, "O1", stage="discovery")
        assert await findings(api, stored) == [(2, "stage_gate_not_met")]
        other = await deal(api, "O2", stage="pending_acceptance")
        await make_test(api, other, NOT_YET)
        passing = await deal(api, "O3", stage="pending_acceptance")
        await make_test(api, passing, GOOD)
        results = await batch(
            caller,
            *({"external_id": name, "stage": "closed_won"} for name in ("O2", "O3")),
        )
        assert [result["status"] for result in results] == [200, 200]
        assert await findings(api, other) == [(2, "stage_gate_not_met")]
        assert await findings(api, passing) == []


class TestShown:
    async def test_shows_what_is_missing_and_that_it_was_looked_at(self, api: Api) -> None:
        stored = await make_tested(api)
        gate = await api.call("GET", f"{OPPORTUNITIES}/{stored['id']}/stage-gate")
        assert [item["code"] for item in gate["unmet"]] == ["timing_failed"]
        assert "acceptance_test" in gate["checked"]
        open_to = {item["stage"]: item["allowed"] for item in gate["next_stages"]}
        assert not open_to["discovery"]
        assert not open_to["closed_won"]
        assert open_to["unqualified"]
        assert open_to["closed_lost"]

    async def test_shows_nothing_once_it_passes(self, api: Api) -> None:
        stored = await make_tested(api, GOOD)
        gate = await api.call("GET", f"{OPPORTUNITIES}/{stored['id']}/stage-gate")
        assert (gate["next_stage"], gate["unmet"]) == ("discovery", [])
        await move(api, stored, "discovery")
        gate = await api.call("GET", f"{OPPORTUNITIES}/{stored['id']}/stage-gate")
        assert "acceptance_test" not in gate["checked"]


class TestCost:
    async def test_one_statement_more_and_only_when_leaving_stage_0(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []
        original = Session.fetch

        async def counted(self: Session, statement: Any, *args: Any) -> Any:
            if "qualification." in str(statement):
                asked.append(str(statement))
            return await original(self, statement, *args)

        monkeypatch.setattr(Session, "fetch", counted)
        stored = await deal(api, stage="pending_acceptance")
        await put(api, "O1", name="Renamed")
        assert len(asked) == 0
        assert (await move(api, stored, "discovery", override=WHY)).status_code == 200
        assert len(asked) == 1
        await move(api, stored, "scoping")
        assert len(asked) == 1
        items = [
            {"external_id": f"B{number}", "name": "B", "owner_external_id": "ana"}
            for number in range(20)
        ]
        await batch(api, *items)
        assert len(asked) == 1
        await batch(api, *({**item, "stage": "scoping"} for item in items))
        assert len(asked) == 2


async def test_a_test_and_a_move_at_once_end_in_one_of_both_orders(api: Api) -> None:
    stored = await make_tested(api, GOOD)
    moved, _ = await asyncio.gather(move(api, stored, "discovery"), make_test(api, stored, NOT_YET))
    assert moved.status_code in (200, 409)
    stage = (await get(api, stored))["stage"]
    assert stage == ("discovery" if moved.status_code == 200 else "pending_acceptance")
