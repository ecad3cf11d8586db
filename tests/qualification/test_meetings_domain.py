"""What counts as a qualification call, and which states a meeting passes through: the rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.qualification.meetings.domain import (
    evidence_with,
    is_qualification,
    rebook_until,
    score_with,
    state_after,
)
from tests.qualification.meetings_book import NOW


@pytest.mark.parametrize(
    ("subject", "kind", "counts"),
    [
        ("Qual call Acme", "other", True),
        ("Acme: QUALIFICATION", "demo", True),
        ("re-qual", "other", True),
        ("qual_2", "other", True),
        ("Quality review", "review", False),
        ("Qualify them", "other", False),
        ("Prequal", "other", False),
        ("qual2", "other", False),
        ("Équal", "other", False),
        ("First meeting", "iqm", True),
    ],
)
def test_the_word_counts_and_parts_of_words_do_not(subject: str, kind: str, counts: bool) -> None:
    assert is_qualification(subject, kind) is counts


def test_states() -> None:
    assert state_after(None, None, is_moved=False) == "planned"
    assert state_after("held", "planned", is_moved=True) == "held"
    assert state_after("held", "cancelled", is_moved=False) == "cancelled"
    assert state_after("no_show", "planned", is_moved=False) == "no_show"
    assert state_after("no_show", None, is_moved=True) == "planned"
    assert state_after("cancelled", "planned", is_moved=False) == "planned"
    assert str(rebook_until(NOW.date())) == "2026-07-01"


@given(
    st.integers(0, 3),
    st.one_of(st.none(), st.integers(0, 3)),
    st.one_of(st.none(), st.text(min_size=1)),
    st.text(min_size=1),
)
def test_an_answer_never_lowers_or_loses_what_is_known(
    known: int, stated: int | None, before: str | None, answer: str
) -> None:
    assert score_with(known, stated) >= known
    assert score_with(known, None) >= 1
    after = evidence_with(before, answer, NOW.date())
    assert (before or "") in after
    assert answer in after
    assert evidence_with(after, answer, NOW.date()) == after


def test_an_answer_that_begins_another_is_kept_too() -> None:
    known = evidence_with(None, "Yes, in May", NOW.date())
    both = evidence_with(known, "Yes", NOW.date())
    assert both.splitlines() == [known, known.removesuffix(", in May")]
    assert evidence_with(both, "Yes", NOW.date()) == both
    assert evidence_with(both, "Yes, in May", NOW.date()) == both
