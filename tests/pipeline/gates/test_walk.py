"""A deal from stage 0 to its win, by the person who sells it, supplying what the gates ask for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.client import Api
from tests.pipeline.deals import OPPORTUNITIES, company, deal, findings, get, move
from tests.pipeline.gates.gated import attest, gate_of, set_policy, supply

NOON = datetime(2026, 6, 17, 19, tzinfo=UTC)
Frozen = Callable[[datetime], AbstractContextManager[None]]
BARE: dict[str, Any] = {
    "stage": "pending_acceptance", "amount": None, "source_kind": "inbound",
}  # fmt: skip


@pytest.fixture(autouse=True)
async def _company(api: Api) -> None:
    await company(api)


async def test_supplying_what_the_gate_says_leads_to_the_win(api: Api, clock_at: Frozen) -> None:
    at = NOON
    with clock_at(at):
        stored = await deal(api, **BARE)
        ana = await api.client_for("rep", "ana")
    walked: dict[str, list[str]] = {}
    while True:
        at += timedelta(days=1)
        with clock_at(at):
            gate = await gate_of(ana, stored)
            following = gate["next_stage"]
            if following is None:
                break
            if gate["unmet"]:
                refused = await move(ana, stored, following)
                assert refused.status_code == 409, refused.text
                assert refused.json()["code"] == "stage_gate_not_met"
                assert refused.json()["unmet"] == gate["unmet"]
            walked[gate["stage"]] = await supply(ana, stored)
            assert (await gate_of(ana, stored))["unmet"] == []
            moved = await move(ana, stored, following)
            assert moved.status_code == 200, moved.text
    assert (await get(ana, stored))["stage"] == "closed_won"
    assert walked["pending_acceptance"] == [
        "qualification_meeting_held", "acceptance_test", "next_step_agreed",
        "next_step_within_days", "amount_positive",
    ]  # fmt: skip
    # The meeting planned for scoping is still to come.
    assert walked["scoping"] == ["overview_complete", "full_plan_complete"]
    assert walked["awaiting_signature"] == [
        "documents_attached", "purchase_order", "eula", "won_reason", "competitors_known",
    ]  # fmt: skip
    assert await findings(api, stored) == []


async def test_everything_unmet_is_told_at_once(api: Api) -> None:
    stored = await deal(api, **BARE)
    refused = await move(api, stored, "closed_won")
    codes = [item["code"] for item in refused.json()["unmet"]]
    assert {"amount_positive", "scoping_meeting_scheduled", "quote_ready", "eula"} <= set(codes)
    assert len(codes) == len(set(codes))
    # A checklist item holds nothing.
    assert "recap_mail_sent" not in codes


async def test_skipping_a_stage_is_asked_for_what_is_skipped(api: Api) -> None:
    stored = await deal(api, seats=5, use_case="CI")
    direct = {item["code"] for item in (await move(api, stored, "scoping")).json()["unmet"]}
    assert direct == {"scoping_meeting_scheduled"}
    skipping = (await move(api, stored, "technical_evaluation")).json()["unmet"]
    assert {item["code"] for item in skipping} == direct | {
        "overview_complete", "full_plan_complete", "technical_evaluation_meeting_set",
    }  # fmt: skip


async def test_a_meeting_before_the_stage_is_not_its_meeting(api: Api, clock_at: Frozen) -> None:
    with clock_at(NOON):
        stored = await deal(api, seats=5, use_case="CI")
    path = f"{OPPORTUNITIES}/{stored['id']}/activities"
    old = {"kind": "meeting", "state": "done", "subject": "Hello"}
    with clock_at(NOON + timedelta(days=2)):
        await api.call("POST", path, json={**old, "occurred_at": "2026-06-16T19:00:00Z"})
        assert (await move(api, stored, "scoping")).status_code == 409
        await api.call("POST", path, json={**old, "occurred_at": "2026-06-18T19:00:00Z"})
        assert (await move(api, stored, "scoping")).status_code == 200


async def test_renewals_and_self_serve_are_asked_for_less(api: Api) -> None:
    renewal = await deal(
        api, "R", type="renewal", stage="pending_acceptance", next_step="Call",
        next_step_date="2040-01-01",
    )  # fmt: skip
    assert (await move(api, renewal, "scoping")).status_code == 200
    served = await deal(
        api, "S", source_kind="self_serve", stage="pending_acceptance", seats=3, amount="60.00"
    )
    assert (await move(api, served, "closed_won")).status_code == 200


async def test_small_deals_are_not_asked_for_legal_terms(api: Api) -> None:
    for name, amount, is_asked in (("A", "24999.99", False), ("B", "25000.00", True)):
        stored = await deal(api, name, stage="negotiating", amount=amount)
        asked = {item["code"] for item in (await gate_of(api, stored))["unmet"]}
        assert ("legal_terms_agreed" in asked) is is_asked
        await attest(api, stored, "customer_paper_used")
        asked = {item["code"] for item in (await gate_of(api, stored))["unmet"]}
        assert "customer_paper_allowed" in asked


async def test_a_proof_of_concept_needs_criteria_once_it_is_planned(api: Api) -> None:
    stored = await deal(api, stage="technical_evaluation")
    assert (await gate_of(api, stored))["unmet"] == []
    await attest(api, stored, "poc_planned")
    unmet = (await gate_of(api, stored))["unmet"]
    assert [item["code"] for item in unmet] == ["poc_success_criteria"]


class TestModes:
    async def test_warn_keeps_a_finding_and_lets_go(self, api: Api) -> None:
        await set_policy(api, gates__mode="warn")
        stored = await deal(api, seats=5)
        assert (await gate_of(api, stored))["next_stages"][1]["allowed"]
        assert (await move(api, stored, "scoping")).status_code == 200
        listed = await api.call("GET", f"{OPPORTUNITIES}/{stored['id']}/findings")
        (found,) = listed["items"]
        assert found["rule"] == "stage_gate_not_met"
        assert found["codes"] == ["scoping_meeting_scheduled", "use_case_known"]

    async def test_off_asks_for_nothing(self, api: Api) -> None:
        await set_policy(api, gates__mode="off")
        stored = await deal(api, stage="pending_acceptance", amount=None)
        assert (await gate_of(api, stored))["criteria"] == []
        assert (await move(api, stored, "closed_won")).status_code == 200
        assert await findings(api, stored) == []

    async def test_a_company_asks_for_something_of_its_own(self, api: Api) -> None:
        own = {"code": "security_review", "kind": "hard", "check": "attested",
               "message": "Have the security review done.", "segments": ["mid_market"],
               "amount_min": {"mid_market": 100_000}}  # fmt: skip
        await set_policy(api, gates={"discovery": [own]})
        stored = await deal(api)
        assert (await gate_of(api, stored))["unmet"] == [
            {"code": "security_review", "message": "Have the security review done."}
        ]
        small = await deal(api, "O2", amount="99999.99")
        assert (await move(api, small, "scoping")).status_code == 200
        await attest(api, stored, "security_review")
        assert (await move(api, stored, "scoping")).status_code == 200


class TestClosing:
    async def test_a_listed_reason_is_the_reason(self, api: Api) -> None:
        stored = await deal(api, amount="500.00")
        lost = (await move(api, stored, "closed_lost", reason="loss_of_budget")).json()
        assert (lost["lost_reason"], lost["lost_details"]) == ("loss_of_budget", None)

    async def test_other_words_are_details(self, api: Api) -> None:
        stored = await deal(api)
        lost = (await move(api, stored, "closed_lost", reason="They were bought.")).json()
        assert (lost["lost_reason"], lost["lost_details"]) == ("other", "They were bought.")

    async def test_large_deals_and_other_reasons_need_details(self, api: Api) -> None:
        for name, amount, reason in (("A", "1000.00", "loss_of_budget"), ("B", "5.00", "other")):
            stored = await deal(api, name, amount=amount)
            refused = await move(api, stored, "closed_lost", reason=reason)
            assert [item["code"] for item in refused.json()["unmet"]] == ["lost_details_given"]
            lost = await move(api, stored, "closed_lost", reason=reason, details="Cut by half.")
            assert lost.json()["lost_details"] == "Cut by half."

    async def test_no_reason_is_refused(self, api: Api) -> None:
        stored = await deal(api, amount="500.00")
        refused = await move(api, stored, "closed_lost")
        assert [item["code"] for item in refused.json()["unmet"]] == ["lost_reason_listed"]

    @pytest.mark.parametrize(
        ("reason", "code", "item"),
        [
            ("competitive_loss", "competitor_named", "competitor"),
            ("product_maturity", "product_line_named", "product_line"),
        ],
    )
    async def test_some_reasons_want_a_name(
        self, api: Api, reason: str, code: str, item: str
    ) -> None:
        stored = await deal(api, amount="500.00")
        refused = await move(api, stored, "closed_lost", reason=reason)
        assert [each["code"] for each in refused.json()["unmet"]] == [code]
        await attest(api, stored, item, note="Widget Corp.")
        assert (await move(api, stored, "closed_lost", reason=reason)).status_code == 200

    async def test_merged_and_duplicate_name_the_other(self, api: Api) -> None:
        stored = await deal(api, amount="500.00")
        refused = await move(api, stored, "closed_lost", reason="merged")
        assert [each["code"] for each in refused.json()["unmet"]] == ["merged_into_named"]
        young = await deal(api, "O2", stage="pending_acceptance")
        refused = await move(api, young, "duplicate")
        assert [each["code"] for each in refused.json()["unmet"]] == ["duplicate_of_named"]
        await api.call("PATCH", f"{OPPORTUNITIES}/{young['id']}", json={"duplicate_of": "O1"})
        assert (await move(api, young, "duplicate")).status_code == 200

    async def test_unqualified_needs_reason_and_details(self, api: Api) -> None:
        stored = await deal(api, stage="pending_acceptance")
        refused = await move(api, stored, "unqualified", reason="no_fit")
        assert [each["code"] for each in refused.json()["unmet"]] == ["unqualified_details_given"]
        ended = await move(api, stored, "unqualified", reason="no_fit", details="No developers.")
        assert (ended.status_code, ended.json()["lost_reason"]) == (200, "no_fit")

    async def test_a_lack_of_adoption_is_not_a_first_order(self, api: Api) -> None:
        stored = await deal(api, amount="500.00")
        refused = await move(api, stored, "closed_lost", reason="lack_of_adoption")
        assert "order type" in refused.json()["unmet"][0]["message"]

    async def test_closing_and_reopening_is_no_way_around(self, api: Api) -> None:
        stored = await deal(api, amount="500.00")
        await move(api, stored, "closed_lost", reason="loss_of_budget")
        refused = await move(api, stored, "proposal")
        assert "scoping_meeting_scheduled" in {i["code"] for i in refused.json()["unmet"]}
        assert (await move(api, stored, "discovery")).status_code == 200


class TestRecords:
    async def test_history_is_not_judged_by_what_is_known_now(self, api: Api) -> None:
        stored = await deal(api, stage="pending_acceptance", occurred_at="2020-01-01T00:00:00Z")
        await api.call(
            "PUT", f"{OPPORTUNITIES}/by-external-id/O1",
            json={"stage": "closed_won", "occurred_at": "2020-03-01T00:00:00Z"},
        )  # fmt: skip
        assert await findings(api, stored) == []

    async def test_any_lost_reason_is_recorded_and_found(self, api: Api) -> None:
        stored = await deal(api, amount="500.00")
        await deal(api, stage="closed_lost", lost_reason="Went dark", amount="500.00")
        listed = await api.call("GET", "/pipeline/v1/findings?rule=stage_gate_not_met")
        assert [(f["opportunity_id"], f["codes"]) for f in listed["items"]] == [
            (stored["id"], ["lost_reason_listed"])
        ]


class TestAlert:
    @pytest.mark.parametrize(
        ("fields", "count"),
        [
            ({"amount": "12000.00"}, 1),
            ({"amount": "11999.99"}, 0),
            ({"amount": "5.00", "segment": "public_sector"}, 1),
            ({"amount": "90000.00", "type": "add_on"}, 0),
        ],
    )
    async def test_a_manager_hears_of_a_lost_deal_that_matters(
        self, api: Api, fields: dict[str, Any], count: int
    ) -> None:
        stored = await deal(api, **fields)
        assert (await move(api, stored, "closed_lost", reason="Bought.")).status_code == 200
        mia = await api.client_for("manager", "mia")
        told = (await mia.call("GET", "/pipeline/v1/notices"))["items"]
        assert [item["kind"] for item in told] == ["opportunity_lost"] * count
