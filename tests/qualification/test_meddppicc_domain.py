"""Scores, colours and gaps, without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.qualification.evidence import domain
from services.qualification.evidence.domain import Element
from services.workspace.policy import SOP_2022, Policy
from services.workspace.policy_qualification import ELEMENTS

AT = datetime(2026, 6, 17, tzinfo=UTC)
LATER = datetime(2026, 6, 18, tzinfo=UTC)
NOBODY = domain.elements_from_json({})

scores = st.fixed_dictionaries({name: st.integers(0, 3) for name in ELEMENTS})
stages = st.one_of(st.none(), st.integers(0, 8))
fields = st.fixed_dictionaries(
    {},
    optional={
        "score": st.one_of(st.none(), st.integers(0, 3)),
        "evidence": st.one_of(st.none(), st.sampled_from(["a", "b"])),
        "contact_external_id": st.one_of(st.none(), st.sampled_from(["kim", "lee"])),
    },
)
statements = st.dictionaries(st.sampled_from(ELEMENTS), st.one_of(st.none(), fields))


def known(given_scores: dict[str, int]) -> dict[str, Element]:
    return {name: Element(score=score, evidence="x") for name, score in given_scores.items()}


def told(elements: dict[str, Element]) -> dict[str, Any]:
    return {name: each.told() for name, each in elements.items()}


class TestColours:
    @pytest.mark.parametrize(
        ("total", "percent", "colour"),
        [
            (0, 0, "red"),
            (9, 33, "red"),
            (10, 37, "yellow"),
            (18, 66, "yellow"),
            (19, 70, "green"),
            (27, 100, "green"),
        ],
    )
    def test_of_the_whole(self, total: int, percent: int, colour: str) -> None:
        assert domain.percent(total) == percent
        assert domain.colour(percent, SOP_2022) == colour

    def test_of_an_element(self) -> None:
        assert [Element(score=score).colour for score in range(4)] == [
            "red", "red", "yellow", "green",
        ]  # fmt: skip

    @given(st.integers(0, 27), st.integers(1, 99), st.integers(1, 99))
    def test_agree_with_the_exact_share(self, total: int, one: int, other: int) -> None:
        if one == other:
            return
        low, high = sorted((one, other))
        policy = Policy.build(settings={"meddppicc.colours": [low, high]})
        exact = total * 100 / 27
        expected = "red" if exact < low else "yellow" if exact < high else "green"
        assert domain.colour(domain.percent(total), policy) == expected

    @given(scores, st.sampled_from(ELEMENTS))
    def test_knowing_more_never_looks_worse(self, given_scores: dict[str, int], name: str) -> None:
        order = ["red", "yellow", "green"]
        before = domain.total(known(given_scores))
        after = domain.total(known({**given_scores, name: 3}))
        assert order.index(domain.colour(domain.percent(after), SOP_2022)) >= order.index(
            domain.colour(domain.percent(before), SOP_2022)
        )


class TestGaps:
    REQUIRED = SOP_2022.settings["meddppicc.required_by_stage"]

    def test_by_the_procedure(self) -> None:
        assert domain.gaps(NOBODY, 1, self.REQUIRED) == []
        assert domain.gaps(NOBODY, 2, self.REQUIRED) == ["identify_pain", "competition", "partner"]
        assert len(domain.gaps(NOBODY, 3, self.REQUIRED)) == 8
        assert len(domain.gaps(NOBODY, 4, self.REQUIRED)) == 9
        assert domain.gaps(NOBODY, None, self.REQUIRED) == []

    def test_mentioned_is_not_identified(self) -> None:
        for score, is_gap in ((0, True), (1, True), (2, False), (3, False)):
            elements = known({**dict.fromkeys(ELEMENTS, 3), "partner": score})
            assert (domain.gaps(elements, 2, self.REQUIRED) == ["partner"]) is is_gap

    def test_an_element_no_stage_requires_is_never_one(self) -> None:
        assert domain.gaps(NOBODY, 7, {"metrics": 1}) == ["metrics"]

    @given(scores, st.integers(0, 7))
    def test_a_later_stage_has_them_too(self, given_scores: dict[str, int], stage: int) -> None:
        elements = known(given_scores)
        earlier = set(domain.gaps(elements, stage, self.REQUIRED))
        assert earlier <= set(domain.gaps(elements, stage + 1, self.REQUIRED))

    @given(scores, stages)
    def test_are_exactly_the_required_and_unidentified(
        self, given_scores: dict[str, int], stage: int | None
    ) -> None:
        expected = {
            name
            for name in ELEMENTS
            if stage is not None and self.REQUIRED[name] <= stage and given_scores[name] < 2
        }
        assert set(domain.gaps(known(given_scores), stage, self.REQUIRED)) == expected


class TestMerge:
    @given(statements, statements)
    def test_saying_it_again_changes_nothing(self, first: Any, second: Any) -> None:
        once = domain.merge(NOBODY, first, "ana", AT)
        twice = domain.merge(once, second, "ben", LATER)
        again = domain.merge(twice, second, "cat", LATER)
        assert again == twice
        assert domain.changed(twice, again) == []

    @given(statements, statements)
    def test_touches_what_was_stated_and_nothing_else(self, first: Any, second: Any) -> None:
        before = domain.merge(NOBODY, first, "ana", AT)
        after = domain.merge(before, second, "ben", LATER)
        for name in ELEMENTS:
            if name not in second:
                assert after[name] is before[name]
                continue
            stated = second[name]
            expected = {"score": 0, "evidence": None, "contact_external_id": None}
            if stated is not None:
                cleared = {key: expected[key] if v is None else v for key, v in stated.items()}
                expected = {**before[name].told(), **cleared}
            assert after[name].told() == expected
            is_changed = before[name].told() != expected
            assert (after[name].author == "ben") is is_changed or before[name].author == "ben"
            assert (name in domain.changed(before, after)) is is_changed

    @given(statements)
    def test_is_stored_and_read_again(self, stated: Any) -> None:
        merged = domain.merge(NOBODY, stated, "ana", AT)
        assert domain.elements_from_json(domain.elements_to_json(merged)) == merged

    def test_two_who_write_different_elements_commute(self) -> None:
        one = {"metrics": {"score": 1, "evidence": "a"}}
        other = {"partner": {"score": 2, "evidence": "b"}}
        first = domain.merge(domain.merge(NOBODY, one, "ana", AT), other, "ben", AT)
        second = domain.merge(domain.merge(NOBODY, other, "ben", AT), one, "ana", AT)
        assert first == second


class TestCheck:
    def test_what_is_identified_needs_evidence(self) -> None:
        for score in (0, 1):
            assert domain.check("metrics", Element(score=score)) == []
        for score in (2, 3):
            (problem,) = domain.check("metrics", Element(score=score))
            assert problem.pointer == "/elements/metrics/evidence"
            assert problem.code == "evidence_missing"

    def test_only_a_named_champion_is_more_than_an_advocate(self) -> None:
        assert domain.is_only_an_advocate(Element(score=3, evidence="x"))
        assert not domain.is_only_an_advocate(Element(score=2, evidence="x"))
        named = Element(score=3, evidence="x", contact_external_id="kim")
        assert not domain.is_only_an_advocate(named)


def test_the_stages_are_numbered() -> None:
    assert domain.stage_number("pending_acceptance") == 0
    assert domain.stage_number("awaiting_signature") == 6
    assert domain.stage_number("closing") == 7
    assert domain.stage_number("closed_won") is None
