"""Which persona a title suggests and which questions come first: the rules alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.qualification.questions import buyer_process, discovery, personas
from services.qualification.questions.domain import (
    Question,
    Setting,
    choose,
    gaps_of,
    known_persona,
    suggest_personas,
)
from services.workspace.policy_qualification import ELEMENTS, REQUIRED_BY_STAGE_DEFAULT

_KEYS = {persona.key for persona in personas.SHIPPED}


class TestShipped:
    def test_four_questions_an_element_at_least(self) -> None:
        for element in ELEMENTS:
            asked = [q for q in discovery.SHIPPED if q.element == element]
            assert len(asked) >= 4, element
            assert all(q.text.endswith(("?", "what did it lead to?")) for q in asked)
        names = [q.external_id for q in discovery.SHIPPED]
        assert len(set(names)) == len(names)

    def test_tags_name_what_there_is(self) -> None:
        stages = {stage.key for stage in buyer_process.SHIPPED}
        for question in discovery.SHIPPED:
            assert set(question.personas) <= _KEYS, question
            assert set(question.buyer_stages) <= stages, question
        assert {name for q in discovery.SHIPPED for name in q.personas} == _KEYS
        assert {name for q in discovery.SHIPPED for name in q.buyer_stages} == stages

    def test_every_persona_and_stage_is_complete(self) -> None:
        assert len(personas.SHIPPED) == 5
        for persona in personas.SHIPPED:
            assert all(
                (
                    persona.obstacles,
                    persona.objections,
                    persona.initiatives,
                    persona.metrics,
                    persona.titles,
                )
            )
        places = [stage.position for stage in buyer_process.SHIPPED]
        assert places == sorted(set(places))
        assert all(s.buyer_actions and s.selling_activities for s in buyer_process.SHIPPED)


class TestPersona:
    @pytest.mark.parametrize(
        ("title", "persona"),
        [
            ("Chief Information Security Officer", "security_leader"),
            ("Chief Information Officer", "technology_leader"),
            ("VP Engineering, EMEA", "technology_leader"),
            ("Vice President of Engineering", "technology_leader"),
            ("cfo", "financial_leader"),
            ("President & CEO", "coo_cxo_leader"),
            ("Senior Vice President, Finance", "financial_leader"),
            ("Head of Enterprise Applications", "business_application_leader"),
            ("Leiterin Einkauf", None),
            ("Secure Storage Clerk", None),
        ],
    )
    def test_the_longest_words_win(self, title: str, persona: str | None) -> None:
        found = suggest_personas(title, personas.SHIPPED)
        assert (found[0].persona if found else None) == persona

    def test_a_vice_president_is_no_president(self) -> None:
        found = suggest_personas("Vice President of Finance", personas.SHIPPED)
        assert [one.persona for one in found] == ["financial_leader"]

    @given(st.text(max_size=80))
    def test_any_text_is_a_title(self, title: str) -> None:
        for one in suggest_personas(title, personas.SHIPPED):
            assert one.persona in _KEYS

    def test_what_contacts_carry(self) -> None:
        assert known_persona("technology", _KEYS) == "technology_leader"
        assert known_persona("Security Leader", _KEYS) == "security_leader"
        assert known_persona("coo-cxo-leader", _KEYS) == "coo_cxo_leader"
        assert known_persona("gardener", _KEYS) is None
        assert known_persona(None, _KEYS) is None


scores_strategy = st.dictionaries(st.sampled_from(ELEMENTS), st.integers(0, 3))


class TestChoose:
    def test_required_gaps_come_before_larger_ones(self) -> None:
        scores = dict.fromkeys(ELEMENTS, 3) | {"metrics": 1, "paper_process": 0}
        gaps = gaps_of(scores, ["metrics"], REQUIRED_BY_STAGE_DEFAULT)
        chosen = choose(discovery.SHIPPED, gaps, set(), Setting())
        elements = list(dict.fromkeys(choice.question.element for choice in chosen))
        assert elements[:2] == ["metrics", "paper_process"]
        assert "should be identified from stage 3 on" in chosen[0].reason
        nothing_is_due = gaps_of(scores, [], REQUIRED_BY_STAGE_DEFAULT)
        assert (
            choose(discovery.SHIPPED, nothing_is_due, set(), Setting())[0].question.element
            == "paper_process"
        )

    def test_equal_gaps_take_turns_and_fit_decides_inside(self) -> None:
        gaps = gaps_of({}, [], REQUIRED_BY_STAGE_DEFAULT)
        who = Setting(personas=frozenset({"financial_leader"}))
        chosen = choose(discovery.SHIPPED, gaps, set(), who)
        assert [choice.question.element for choice in chosen[:9]] == list(ELEMENTS)
        assert "financial_leader" in chosen[0].question.personas
        assert "for financial leader" in chosen[0].reason

    @given(
        scores_strategy,
        st.sets(st.sampled_from([q.external_id for q in discovery.SHIPPED])),
        st.sets(st.sampled_from(ELEMENTS)),
        st.permutations(discovery.SHIPPED),
    )
    def test_order(
        self,
        scores: dict[str, int],
        answered: set[str],
        required: set[str],
        questions: list[Question],
    ) -> None:
        gaps = gaps_of(scores, required, REQUIRED_BY_STAGE_DEFAULT)
        chosen = choose(questions, gaps, answered, Setting())
        assert {c.question for c in chosen} == set(questions)
        flags = [choice.is_answered for choice in chosen]
        assert flags == sorted(flags)
        for flag in (False, True):
            sizes = [c.gap.size for c in chosen if c.is_answered is flag]
            assert sizes == sorted(sizes, reverse=True)
        # The same whatever order the catalogue came in.
        assert chosen == choose(discovery.SHIPPED, gaps, answered, Setting())
