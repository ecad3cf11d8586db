"""Merging and comparing command plans, without a database."""

from __future__ import annotations

from copy import deepcopy
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given

from services.qualification.plans.sections import (
    EMPTY,
    Sections,
    compare,
    flatten,
    is_changed,
    length,
    merge,
)
from tests.qualification.plan_strategies import TODAY, ids, merged, statements


def problems_of(sections: Sections, stated: dict[str, Any]) -> list[tuple[str, str]]:
    _, problems = merge(sections, stated, today=TODAY, make_id=ids())
    return [(problem.pointer, problem.code) for problem in problems]


def steps(*items: dict[str, Any]) -> dict[str, Any]:
    return {"close_plan": {"steps": list(items)}}


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
        (step,) = plan["close_plan"]["steps"]
        again = merged(plan, steps({"title": "sign", "due_on": "2026-08-01"}), make_id)
        assert again["close_plan"]["steps"] == [{**step, "due_on": "2026-08-01"}]
        other = merged(plan, steps({"title": "pay", "due_on": "2026-08-01"}), make_id)
        assert other["close_plan"]["steps"][0]["id"] != step["id"]

    def test_two_of_a_title_need_ids(self) -> None:
        twins = [{"title": "call", "due_on": f"2026-0{n}-01"} for n in (7, 8)]
        assert problems_of(EMPTY, steps(*twins)) == [("/close_plan/steps/1/id", "ambiguous_item")]
        named = [{**twin, "id": str(UUID(int=n))} for n, twin in enumerate(twins)]
        plan = merged(EMPTY, steps(*named))
        assert len(plan["close_plan"]["steps"]) == 2
        assert merged(plan, steps(twins[0], named[1])) == plan

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
