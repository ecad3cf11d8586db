"""Gates as data: what a policy may say of them, and how criteria are chosen and judged."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pipeline.gates import checks
from services.pipeline.gates.closing import split_reason
from services.pipeline.gates.domain import asks, criteria_at, gates_passed, judge, needs_of
from services.pipeline.gates.facts import Facts
from services.pipeline.gates.supply import how_to_supply
from services.pipeline.opportunities.stages import OPEN_STAGES, STAGE
from services.workspace.policy import SOP_2022, Policy, problems_of
from services.workspace.policy_gate_table import CHECKS
from services.workspace.policy_gates import GATES, HARD
from tests.pipeline.deals import SOME_ID

OWN = {"code": "own", "kind": "hard", "check": "attested"}
TODAY = date(2026, 6, 17)
ROW: dict[str, Any] = {
    "id": SOME_ID, "name": "Acme", "stage": "discovery", "type": "new_business",
    "segment": "smb", "source_kind": None, "category": "standard", "amount": Decimal(5000),
    "net_arr": Decimal(5000), "currency": "USD", "owner_external_id": "ana", "next_step": None,
    "next_step_date": None, "seats": None, "use_case": None, "contact_external_ids": [],
    "lost_reason": None, "lost_details": None, "order_type": "growth", "duplicate_of": None,
    "created_at": datetime(2026, 6, 1, tzinfo=UTC),
}  # fmt: skip


def criterion(**fields: Any) -> Any:
    policy = Policy.build("p", 2, {"gates": {"discovery": [{**OWN, **fields}]}})
    return policy.gates["discovery"][0]


def facts(policy: Policy = SOP_2022, **row: Any) -> Facts:
    return Facts(row={**ROW, **row}, today=TODAY, policy=policy)


class TestSettings:
    @pytest.mark.parametrize(
        ("value", "words"),
        [
            ([], "object from stage"),
            ({"won": []}, "no stage 'won'"),
            ({"discovery": {}}, "must be a list"),
            ({"discovery": [{"code": "x"}]}, '"check"'),
            ({"discovery": [{**OWN, "check": "telepathy"}]}, "no check 'telepathy'"),
            ({"discovery": [{**OWN, "kind": "soft"}]}, "hard or checklist"),
            ({"discovery": [OWN, OWN]}, "repeats the code 'own'"),
            ({"discovery": [{**OWN, "code": "Own It"}]}, "small letters"),
            ({"discovery": [{**OWN, "segments": ["huge"]}]}, "some of smb"),
            ({"discovery": [{**OWN, "types": []}]}, "some of new_business"),
            ({"discovery": [{**OWN, "amount_min": "much"}]}, "amount_min"),
            ({"discovery": [{**OWN, "net_arr_min": {"unknown": 1}}]}, "net_arr_min"),
            ({"discovery": [{**OWN, "since": 1}]}, "no field 'since'"),
            ({"discovery": [{**OWN, "when": "No!"}]}, "`when`"),
        ],
    )
    def test_says_what_is_wrong(self, value: Any, words: str) -> None:
        (problem,) = problems_of({"gates": value})
        assert problem.setting == "gates"
        assert words in problem.message

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("gates.mode", "strict"),
            ("lost.reasons", []),
            ("lost.reasons", [{"code": "budget"}]),
            ("lost.reasons", [{"code": "other", "needs": ["luck"]}]),
            ("lost.reasons", [{"code": "other"}, {"code": "other"}]),
            ("unqualified.reasons", ["no_fit"]),
            ("terms.change_min", "-1"),
        ],
    )
    def test_refuses(self, name: str, value: Any) -> None:
        assert problems_of({name: value})

    def test_a_stage_left_out_keeps_its_default(self) -> None:
        policy = Policy.build("p", 2, {"gates": {"discovery": []}})
        assert policy.gates["discovery"] == ()
        assert policy.gates["scoping"] == SOP_2022.gates["scoping"]
        assert set(policy.gates) == set(GATES)

    def test_every_check_is_made_told_and_can_be_supplied(self) -> None:
        assert set(checks.CHECKS) == set(checks.NEEDS) == set(CHECKS)
        for criteria in SOP_2022.gates.values():
            for each in criteria:
                how = how_to_supply(each, SOME_ID)  # type: ignore[arg-type]
                assert SOME_ID in how["path"]
                assert how["fields"]


class TestPassed:
    @given(st.sampled_from(OPEN_STAGES), st.sampled_from([*OPEN_STAGES, "closed_won"]))
    def test_are_those_left_behind(self, start: str, end: str) -> None:
        passed = gates_passed(start, end, SOP_2022)
        assert all(STAGE[start].rank <= STAGE[gate].rank < STAGE[end].rank for gate in passed)
        in_one = set(passed)
        step = [gate for gate in OPEN_STAGES if gate in in_one]
        assert passed == step
        if STAGE[start].rank < STAGE[end].rank:
            assert passed[0] == start

    def test_closing_is_passed_where_it_is_used(self) -> None:
        books = Policy.build("p", 2, {"stage.closing_enabled": True})
        assert "closing" not in gates_passed("scoping", "closed_won", SOP_2022)
        assert "closing" in gates_passed("scoping", "closed_won", books)

    @given(st.sampled_from(OPEN_STAGES))
    def test_skipping_asks_for_no_less_than_going_step_by_step(self, start: str) -> None:
        every = gates_passed(start, "closed_won", SOP_2022)
        at_once = {each.code for each in criteria_at(every, SOP_2022) if each.kind == HARD}
        by_steps = {
            each.code
            for gate in every
            for each in criteria_at([gate], SOP_2022)
            if each.kind == HARD
        }
        assert at_once == by_steps


class TestAsked:
    @pytest.mark.parametrize(
        ("scope", "row", "expected"),
        [
            ({}, {}, True),
            ({"types": ["renewal"]}, {}, False),
            ({"types": ["new_business"]}, {}, True),
            ({"segments": ["large"]}, {}, False),
            ({"segments": ["unknown"]}, {"segment": ""}, True),
            ({"sources": ["inbound"]}, {}, False),
            ({"sources": ["unknown"]}, {}, True),
            ({"categories": ["ramp"]}, {}, False),
            ({"amount_min": 5000}, {}, True),
            ({"amount_min": "5000.01"}, {}, False),
            ({"amount_min": {"smb": 5000}}, {}, True),
            ({"amount_min": {"smb": 1}}, {"segment": "large"}, False),
            ({"amount_min": {"smb": 1}}, {"segment": "unknown"}, False),
            ({"amount_min": 1}, {"amount": None}, False),
            ({"net_arr_min": 5001}, {}, False),
        ],
    )
    def test_of_deals_in_scope(self, scope: Any, row: Any, expected: bool) -> None:
        assert asks(criterion(**scope), {**ROW, **row}) is expected

    def test_an_attested_item_can_make_another_apply(self) -> None:
        asked = criterion(when="trial")
        assert judge(asked, facts()).status == "not_applicable"
        said = {"trial": {"state": "done", "note": None, "actor": "a", "changed_at": "2026-06-17"}}
        known = Facts(row=ROW, today=TODAY, policy=SOP_2022, checklist=said)
        assert judge(asked, known).status == "unmet"

    def test_needs_are_those_of_the_criteria_at_hand(self) -> None:
        assert needs_of([criterion(check="seats_known")]) == frozenset()
        assert needs_of([criterion(check="owner_not_sdr")]) == {"owner"}


class TestChecks:
    @pytest.mark.parametrize(
        ("check", "row", "expected"),
        [
            ("amount_positive", {"amount": Decimal(0)}, "unmet"),
            ("amount_positive", {"amount": Decimal("0.01")}, "met"),
            ("next_step_agreed", {"next_step": "Call", "next_step_date": TODAY}, "met"),
            ("next_step_agreed", {"next_step": "Call", "next_step_date": date(2026, 6, 16)}, "unmet"),
            ("next_step_agreed", {"next_step_date": TODAY}, "unmet"),
            ("next_step_within_days", {"next_step_date": date(2026, 8, 16)}, "met"),
            ("next_step_within_days", {"next_step_date": date(2026, 8, 17)}, "unmet"),
            ("acceptance_test", {}, "unmet"),
            ("acceptance_test", {"type": "add_on"}, "not_applicable"),
            ("seats_known", {"seats": 0}, "unmet"),
            ("seats_known", {"seats": 1}, "met"),
            ("close_plan_dated", {}, "unmet"),
            ("close_plan_dated", {"name": "Acme Channel-Managed"}, "not_applicable"),
            ("lost_details_given", {"lost_reason": "loss_of_budget", "amount": Decimal(999),
                                    "net_arr": Decimal(999)}, "not_applicable"),
            ("lost_details_given", {"lost_reason": "loss_of_budget", "net_arr": Decimal(-1000),
                                    "amount": None}, "unmet"),
            ("lost_reason_listed", {"lost_reason": "no_progression_auto_close"}, "not_applicable"),
        ],
    )  # fmt: skip
    def test_at_its_edges(self, check: str, row: Any, expected: str) -> None:
        assert judge(criterion(check=check), facts(**row)).status == expected


class TestReason:
    @pytest.mark.parametrize(
        ("reason", "known", "expected"),
        [
            (None, {}, {}),
            ("loss_of_budget", {}, {"lost_reason": "loss_of_budget"}),
            ("Cut.", {}, {"lost_reason": "other", "lost_details": "Cut."}),
            ("Cut.", {"lost_reason": "merged"}, {"lost_details": "Cut."}),
            ("Cut.", {"lost_reason": "merged", "lost_details": "Said."}, {}),
        ],
    )
    def test_is_a_listed_one_or_details(self, reason: Any, known: Any, expected: Any) -> None:
        assert split_reason("closed_lost", reason, known, SOP_2022) == expected
        assert split_reason("scoping", reason, known, SOP_2022) == {}
