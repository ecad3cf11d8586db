"""Merging, comparing and judging command plans, without a database."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.qualification.evidence.domain import elements_from_json
from services.qualification.plans import domain
from services.qualification.plans.sections import (
    EMPTY,
    OVERVIEW_FIELDS,
    Sections,
    compare,
    flatten,
    is_changed,
    length,
    merge,
)
from services.workspace.policy import SOP_2022, Policy
from services.workspace.policy_qualification import ELEMENTS

TODAY = "2026-06-17"
NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)


def ids() -> Callable[[], str]:
    numbers = count(1)
    return lambda: str(UUID(int=next(numbers)))


def merged(sections: Sections, stated: dict[str, Any], make_id: Any = None) -> Sections:
    result, problems = merge(sections, stated, today=TODAY, make_id=make_id or ids())
    assert problems == []
    return result


def problems_of(sections: Sections, stated: dict[str, Any]) -> list[tuple[str, str]]:
    _, problems = merge(sections, stated, today=TODAY, make_id=ids())
    return [(problem.pointer, problem.code) for problem in problems]


def steps(*items: dict[str, Any]) -> dict[str, Any]:
    return {"close_plan": {"steps": list(items)}}


texts = st.one_of(st.none(), st.sampled_from(["a", "b", "c d"]))
days = st.sampled_from(["2026-06-01", "2026-07-01", "2026-08-01"])
some_ids = st.sampled_from([str(UUID(int=n)) for n in range(1000, 1004)])
step_items = st.fixed_dictionaries(
    {"title": st.sampled_from(["review", "sign", "pilot"]), "due_on": days},
    optional={"id": some_ids, "owner": texts, "is_done": st.one_of(st.none(), st.booleans())},
)
note_items = st.fixed_dictionaries(
    {"dated_on": days, "text": st.sampled_from(["thin", "good"])},
    optional={
        "id": some_ids,
        "gaps_and_actions": st.lists(
            st.fixed_dictionaries({"what": st.just("call"), "who": texts, "due_on": days}),
            max_size=2,
        ),
    },
)


def unique(items: list[dict[str, Any]]) -> bool:
    named = [item["id"] for item in items if "id" in item]
    return len(named) == len(set(named))


statements = st.fixed_dictionaries(
    {},
    optional={
        "overview": st.one_of(st.none(), st.dictionaries(st.sampled_from(OVERVIEW_FIELDS), texts)),
        "close_plan": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {},
                optional={
                    "steps": st.one_of(st.none(), st.lists(step_items, max_size=4).filter(unique)),
                    "risks": texts,
                    "help_needed": texts,
                },
            ),
        ),
        "manager_review": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {},
                optional={
                    "notes": st.one_of(st.none(), st.lists(note_items, max_size=3).filter(unique))
                },
            ),
        ),
    },
)


class TestMerge:
    @given(statements, statements)
    def test_saying_it_again_changes_nothing(self, first: Any, second: Any) -> None:
        make_id = ids()
        before = merged(EMPTY, first, make_id)
        once = merged(before, second, make_id)
        assert not is_changed(once, merged(once, second, make_id))

    @given(statements)
    def test_what_is_read_can_be_sent_back(self, stated: Any) -> None:
        plan = merged(EMPTY, stated)
        assert merged(plan, deepcopy(plan)) == plan

    @given(statements, statements)
    def test_leaves_sections_and_fields_alone_that_are_absent(
        self, first: Any, second: Any
    ) -> None:
        make_id = ids()
        before = merged(EMPTY, first, make_id)
        after = merged(before, second, make_id)
        for section in EMPTY:
            if section not in second:
                assert after[section] == before[section]
            elif second[section] is None:
                assert after[section] == EMPTY[section]
            else:
                for field in EMPTY[section]:
                    if field not in second[section]:
                        assert after[section][field] == before[section][field]

    @given(statements)
    def test_never_writes_into_what_was_there(self, stated: Any) -> None:
        before = deepcopy(EMPTY)
        merged(before, stated)
        assert before == EMPTY

    def test_two_sections_at_once_commute(self) -> None:
        one, other = {"overview": {"why_now": "a"}}, {"close_plan": {"risks": "b"}}
        assert merged(merged(EMPTY, one), other) == merged(merged(EMPTY, other), one)


class TestSteps:
    def test_a_step_keeps_what_is_left_out(self) -> None:
        plan = merged(EMPTY, steps({"title": "sign", "due_on": "2026-07-01", "owner": "ana"}))
        (step,) = plan["close_plan"]["steps"]
        plan = merged(plan, steps({"id": step["id"], "due_on": "2026-08-01"}))
        assert plan["close_plan"]["steps"] == [{**step, "due_on": "2026-08-01"}]

    def test_one_without_an_id_is_that_of_the_same_title(self) -> None:
        make_id = ids()
        plan = merged(EMPTY, steps({"title": "sign", "due_on": "2026-07-01"}), make_id)
        again = merged(
            plan,
            steps(
                {"title": "sign", "due_on": "2026-08-01"}, {"title": "sign", "due_on": "2026-09-01"}
            ),
            make_id,
        )
        first, second = again["close_plan"]["steps"]
        assert first["id"] == plan["close_plan"]["steps"][0]["id"] != second["id"]

    def test_are_kept_by_date_however_they_are_sent(self) -> None:
        one, other = (
            {"id": str(UUID(int=n)), "title": str(n), "due_on": f"2026-0{n}-01"} for n in (7, 8)
        )
        assert merged(EMPTY, steps(one, other)) == merged(EMPTY, steps(other, one))

    def test_the_list_is_whole(self) -> None:
        plan = merged(EMPTY, steps({"title": "sign", "due_on": "2026-07-01"}))
        assert merged(plan, steps())["close_plan"]["steps"] == []
        assert merged(plan, {"close_plan": {"steps": None}})["close_plan"]["steps"] == []

    @pytest.mark.parametrize(
        ("stated", "is_done", "done_on"),
        [
            ({}, False, None),
            ({"is_done": True}, True, TODAY),
            ({"is_done": True, "done_on": "2026-06-01"}, True, "2026-06-01"),
            ({"done_on": "2026-06-01"}, True, "2026-06-01"),
            ({"is_done": False, "done_on": None}, False, None),
        ],
    )
    def test_the_day_agrees_with_being_done(
        self, stated: dict[str, Any], is_done: bool, done_on: str | None
    ) -> None:
        plan = merged(EMPTY, steps({"title": "sign", "due_on": "2026-07-01", **stated}))
        (step,) = plan["close_plan"]["steps"]
        assert (step["is_done"], step["done_on"]) == (is_done, done_on)
        open_again = merged(plan, steps({"id": step["id"], "is_done": False}))
        assert open_again["close_plan"]["steps"][0]["done_on"] is None

    def test_what_is_wrong(self) -> None:
        twin = {"id": str(UUID(int=5)), "title": "a", "due_on": "2026-07-01"}
        assert problems_of(EMPTY, steps({"due_on": "2026-07-01"}, {"title": "a"})) == [
            ("/close_plan/steps/0/title", "missing"),
            ("/close_plan/steps/1/due_on", "missing"),
        ]
        assert problems_of(EMPTY, steps(twin, twin)) == [("/close_plan/steps/1/id", "duplicate_id")]
        undone = {**twin, "is_done": False, "done_on": "2026-06-01"}
        assert problems_of(EMPTY, steps(undone)) == [
            ("/close_plan/steps/0/done_on", "step_not_done")
        ]
        assert problems_of(EMPTY, {"manager_review": {"notes": [{"text": "a"}]}}) == [
            ("/manager_review/notes/0/dated_on", "missing")
        ]


class TestCompare:
    @given(statements, statements)
    def test_says_exactly_what_differs(self, first: Any, second: Any) -> None:
        make_id = ids()
        one, other = merged(EMPTY, first, make_id), merged(EMPTY, second, make_id)
        before, after = flatten(one, {}), flatten(other, {})
        found = compare(before, after)
        # The differences carry one plan into the other, and back.
        forward, back = dict(before), dict(after)
        for place, old, new in found:
            assert old != new
            for flat, value in ((forward, new), (back, old)):
                flat.pop(place, None)
                if value is not None:
                    flat[place] = value
        assert forward == after
        assert back == before
        assert len({difference.place for difference in found}) == len(found)
        turned = {d.place: (d.after, d.before) for d in compare(after, before)}
        assert turned == {d.place: (d.before, d.after) for d in found}

    @given(statements)
    def test_a_plan_differs_in_nothing_from_itself(self, stated: Any) -> None:
        flat = flatten(merged(EMPTY, stated), {})
        assert compare(flat, flat) == []

    def test_matches_steps_by_id(self) -> None:
        plan = merged(
            EMPTY,
            steps({"title": "a", "due_on": "2026-07-01"}, {"title": "b", "due_on": "2026-08-01"}),
        )
        first, second = plan["close_plan"]["steps"]
        moved = merged(plan, steps({"id": first["id"], "due_on": "2026-09-01"}, second))
        (difference,) = compare(flatten(plan, {}), flatten(moved, {}))
        assert difference.place == ("close_plan", first["id"], "due_on")
        assert (difference.before, difference.after) == ("2026-07-01", "2026-09-01")

    def test_an_element_scored_0_is_as_one_nobody_wrote_about(self) -> None:
        nothing = {"metrics": {"score": 0, "evidence": None, "contact_external_id": None}}
        assert flatten(EMPTY, nothing) == {}


def test_length_is_that_of_the_text() -> None:
    plan = merged(
        EMPTY,
        {
            "overview": {"why_now": "x" * 10},
            "close_plan": {
                "steps": [{"title": "x" * 5, "due_on": "2026-07-01", "owner": "xx"}],
                "risks": "x" * 7,
            },
            "manager_review": {
                "notes": [
                    {
                        "dated_on": TODAY,
                        "text": "x" * 3,
                        "gaps_and_actions": [{"what": "xxxx", "who": "y", "due_on": None}],
                    }
                ]
            },
        },
    )
    evidence = {"metrics": {"score": 2, "evidence": "x" * 20, "contact_external_id": "kim"}}
    assert length(plan, evidence) == 10 + 5 + 2 + 7 + 3 + 5 + 20
    assert length(EMPTY, {}) == 0


@dataclass(frozen=True, kw_only=True)
class Deal:
    name: str = "Acme"
    stage: str = "scoping"
    segment: str = "mid_market"
    amount: Decimal | None = Decimal("0.00")
    net_arr: Decimal = Decimal("0.00")
    created_at: datetime = NOW - timedelta(days=400)


def required(deal: Deal, stage: int | None, policy: Policy = SOP_2022) -> dict[str, set[str]]:
    found = domain.required_sections(deal, stage, policy)
    return {section: {rule.code for rule in rules} for section, rules in found.items()}


class TestRequirements:
    @pytest.mark.parametrize(
        ("segment", "threshold"), [("smb", 10000), ("mid_market", 20000), ("large", 50000)]
    )
    def test_everything_from_net_arr(self, segment: str, threshold: int) -> None:
        below = Deal(segment=segment, net_arr=Decimal(threshold) - Decimal("0.01"))
        above = Deal(segment=segment, net_arr=Decimal(threshold))
        assert required(below, 1) == {}
        assert set(required(above, 1)) == {"overview", "meddppicc", "close_plan"}

    @pytest.mark.parametrize(("segment", "threshold"), [("smb", 5000), ("mid_market", 10000)])
    def test_overview_and_close_plan_from_the_amount(self, segment: str, threshold: int) -> None:
        below = Deal(segment=segment, amount=Decimal(threshold) - Decimal("0.01"))
        above = Deal(segment=segment, amount=Decimal(threshold))
        assert required(below, 1) == {}
        assert required(above, 1) == {"overview": {"amount"}, "close_plan": {"amount"}}

    def test_the_overview_of_every_deal_from_a_stage(self) -> None:
        for segment in ("large", "unknown", "public_sector"):
            deal = Deal(segment=segment)
            assert required(deal, 1) == {}
            assert required(deal, 2) == {"overview": {"every_deal_from_stage"}}
            assert required(deal, None) == {}

    def test_an_unknown_segment_needs_the_overview_only(self) -> None:
        deal = Deal(segment="unknown", net_arr=Decimal(10**9), amount=Decimal(10**9))
        assert set(required(deal, 5)) == {"overview"}

    def test_every_rule_is_named(self) -> None:
        deal = Deal(net_arr=Decimal(20000), amount=Decimal(20000))
        assert required(deal, 2) == {
            "overview": {"every_deal_from_stage", "net_arr", "amount"},
            "meddppicc": {"net_arr"},
            "close_plan": {"net_arr", "amount"},
        }

    def test_a_deal_its_channel_manages_needs_nothing(self) -> None:
        for name in ("Acme (Channel-Managed)", "CHANNEL-MANAGED Acme"):
            assert required(Deal(name=name, net_arr=Decimal(10**6)), 5) == {}
        assert required(Deal(name="Channel Managed"), 2) != {}

    def test_an_unsized_deal_passes_no_threshold(self) -> None:
        assert required(Deal(amount=None), 1) == {}

    @given(
        st.sampled_from(["smb", "mid_market", "large", "public_sector", "unknown"]),
        st.integers(0, 100_000),
        st.integers(0, 100_000),
        st.integers(0, 7),
    )
    def test_more_of_anything_never_asks_for_less(
        self, segment: str, net: int, amount: int, stage: int
    ) -> None:
        small = Deal(segment=segment, net_arr=Decimal(net), amount=Decimal(amount))
        large = Deal(segment=segment, net_arr=Decimal(net + 1000), amount=Decimal(amount + 1000))
        assert set(required(small, stage)) <= set(required(large, stage))
        assert set(required(small, stage)) <= set(required(small, stage + 1))

    @given(statements, st.sets(st.sampled_from(ELEMENTS)))
    def test_met_is_nothing_missing(self, stated: Any, known: set[str]) -> None:
        plan = merged(EMPTY, stated)
        stored = {name: {"score": 1, "evidence": "x"} for name in known}
        elements = elements_from_json(stored)
        missing = domain.missing_of(plan, elements)
        found = domain.requirements(Deal(net_arr=Decimal(10**6)), 3, missing, SOP_2022)
        assert [each.section for each in found] == ["overview", "meddppicc", "close_plan"]
        overview, evidence, close_plan = found
        assert set(overview.missing) == {
            name for name in OVERVIEW_FIELDS if plan["overview"][name] is None
        }
        assert set(evidence.missing) == set(ELEMENTS) - known
        assert close_plan.is_met is bool(plan["close_plan"]["steps"])
        counts = domain.measures(plan, stored)
        assert overview.is_met is (counts["overview_filled"] == len(OVERVIEW_FIELDS))
        assert evidence.is_met is (counts["elements_filled"] == len(ELEMENTS))
        assert close_plan.is_met is (counts["step_count"] > 0)


def stale(deal: Deal, **facts: Any) -> domain.Staleness:
    known = {"touched_at": None, "met_at": None, "is_required": True, "now": NOW, **facts}
    return domain.staleness(deal, policy=SOP_2022, **known)


def codes(found: domain.Staleness) -> list[str]:
    return [reason.code for reason in found.reasons]


class TestStaleness:
    @pytest.mark.parametrize(
        ("stage", "days"),
        [("discovery", 30), ("technical_evaluation", 30), ("proposal", 7), ("closing", 7)],
    )
    def test_by_days(self, stage: str, days: int) -> None:
        touched_at = NOW - timedelta(days=days)
        found = stale(Deal(stage=stage), touched_at=touched_at)
        assert found.since == NOW
        assert codes(found) == ["not_touched_for_days"]
        just = touched_at + timedelta(microseconds=1)
        assert not stale(Deal(stage=stage), touched_at=just).is_stale

    def test_by_a_meeting(self) -> None:
        touched_at = NOW - timedelta(days=2)
        met_at = NOW - timedelta(days=1)
        found = stale(Deal(), touched_at=touched_at, met_at=met_at)
        assert (found.since, codes(found)) == (met_at, ["not_touched_since_meeting"])
        assert not stale(Deal(), touched_at=met_at, met_at=met_at).is_stale
        assert not stale(Deal(), touched_at=met_at, met_at=touched_at).is_stale
        # A meeting that is yet to come makes nothing late.
        assert not stale(Deal(), touched_at=met_at, met_at=NOW + timedelta(hours=1)).is_stale

    def test_both_reasons_and_the_earlier_day(self) -> None:
        found = stale(Deal(), touched_at=NOW - timedelta(days=40), met_at=NOW - timedelta(days=20))
        assert found.since == NOW - timedelta(days=20)
        assert codes(found) == ["not_touched_since_meeting", "not_touched_for_days"]

    def test_one_nobody_began(self) -> None:
        old = Deal(created_at=NOW - timedelta(days=30))
        assert stale(old).since == NOW
        assert not stale(old, is_required=False).is_stale
        assert not stale(Deal(created_at=NOW - timedelta(days=29))).is_stale
        met = stale(Deal(created_at=NOW), met_at=NOW)
        assert codes(met) == ["not_touched_since_meeting"]

    def test_what_never_is(self) -> None:
        long_ago = NOW - timedelta(days=400)
        for deal in (Deal(stage="closed_won"), Deal(name="Channel-Managed Acme")):
            assert not stale(deal, touched_at=long_ago, met_at=NOW).is_stale
