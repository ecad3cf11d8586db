"""Entries of versions: causes, cells, telescoping, and versions told late against a plain fold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.forecast.domain import MEASURES, NOTHING, Contribution, Measures, minus, plus
from services.forecast.ledger import (
    _AMOUNT,
    _BASIS,
    _CATEGORY,
    _CLOSE_DATE,
    _OWNER,
    _POLICY,
    _STAGE,
    _TYPE,
    CAUSES,
    EntryDraft,
    contributor,
    correction,
    is_told_late,
    post_version,
)
from services.pipeline.views import FIGURE_FIELDS, FigureEvent, FigureInputs, fold, fold_at
from services.workspace.policy import SOP_2022, Policy
from tests.forecast.worked_example import CALENDAR, Q2
from tests.pipeline.builders import ANA, BEN, make_inputs

POLICIES = {1: SOP_2022, 2: Policy.build("b", 2, {"stage.category": {"scoping": "commit"}})}
contribute = contributor(POLICIES, CALENDAR, "USD")

START = datetime(2026, 5, 1, tzinfo=UTC)
Q3 = CALENDAR.parse("FY27-Q3").key
AUGUST = date(2026, 8, 15)


def named(measures: Measures) -> dict[str, Decimal | int]:
    return {name: value for name, value in zip(MEASURES, measures, strict=True) if value}


def change(old: FigureInputs, **fields: Any) -> list[EntryDraft]:
    """The entries of a version that changes these fields."""
    new = make_inputs(**fields)
    changes = {name: new.to_json()[name] for name in fields}
    event = FigureEvent(2, START, changes)
    return post_version(event, contribute, before=old)


class TestCauses:
    def test_a_first_version_opens(self) -> None:
        event = FigureEvent(1, START, make_inputs(amount=70).to_json())
        (entry,) = post_version(event, contribute, before=None)
        assert (entry.cause, entry.occurred_at) == ("opened", START)
        assert (entry.fiscal_quarter, entry.owner_id) == (Q2, ANA)
        assert named(entry.measures) == {
            "opportunity_count": 1,
            "open_count": 1,
            "open_pipeline": 70,
            "open_signed": 70,
        }

    @pytest.mark.parametrize(
        ("old", "fields", "cause"),
        [
            ({"amount": 70}, {"amount": 80}, "amount_up"),
            ({"amount": 70}, {"amount": 60}, "amount_down"),
            ({"amount": 70}, {"term_months": 24}, "amount_down"),
            ({"amount": 70}, {"stated_net_arr": 90}, "amount_up"),
            ({"amount": 70}, {"amount": None}, "amount_down"),
            ({}, {"amount": 0}, "amount_up"),
            ({"amount": 70}, {"policy_version": 2}, "policy"),
            ({"amount": 70}, {"currency": "EUR"}, "type_changed"),
            ({"amount": 70, "type": "renewal"}, {"arr_basis": 60}, "basis_changed"),
            ({"amount": 70}, {"close_date": date(2026, 8, 15)}, "pushed_out"),
            ({"amount": 70}, {"close_date": date(2026, 4, 1)}, "pulled_in"),
            ({"amount": 70}, {"close_date": None}, "pushed_out"),
            ({"amount": 70, "close_date": None}, {"close_date": AUGUST}, "pulled_in"),
            ({"amount": 70}, {"stage": "negotiating"}, "category_up"),
            ({"amount": 70}, {"stage": "technical_evaluation"}, "category_up"),
            ({"amount": 70, "stage": "proposal"}, {"stage": "scoping"}, "category_down"),
            ({"amount": 70}, {"stated_forecast_category": "commit"}, "category_up"),
            ({"amount": 70}, {"stated_forecast_category": "omitted"}, "category_down"),
            (
                {"type": "renewal", "arr_basis": 50},
                {"renewal_loss_category": "commit"},
                "category_down",
            ),
            ({"amount": 70}, {"stage": "closed_won"}, "won"),
            ({"amount": 70}, {"stage": "closed_lost"}, "lost"),
            ({"amount": 70}, {"stage": "unqualified"}, "lost"),
            ({"amount": 70}, {"stage": "duplicate"}, "lost"),
            ({"amount": 70, "stage": "closed_lost"}, {"stage": "proposal"}, "reopened"),
            ({"amount": 70, "stage": "closed_won"}, {"stage": "closed_lost"}, "lost"),
            ({"amount": 70, "stage": "closed_lost"}, {"stage": "closed_won"}, "won"),
        ],
    )
    def test_of_one_change(self, old: dict[str, Any], fields: dict[str, Any], cause: str) -> None:
        entries = change(make_inputs(**old), **fields)
        assert {entry.cause for entry in entries} == {cause}
        assert cause in CAUSES

    def test_a_new_owner_takes_it_over(self) -> None:
        out, into = change(make_inputs(amount=70), owner_id=BEN)
        assert (out.cause, out.owner_id) == ("owner_out", ANA)
        assert (into.cause, into.owner_id) == ("owner_in", BEN)
        assert plus(out.measures, into.measures) == NOTHING

    def test_a_push_leaves_one_quarter_for_another(self) -> None:
        out, into = change(make_inputs(amount=70), close_date=AUGUST)
        assert (out.fiscal_quarter, into.fiscal_quarter) == (Q2, Q3)
        assert plus(out.measures, into.measures) == NOTHING

    def test_a_push_within_the_quarter_moves_nothing(self) -> None:
        assert change(make_inputs(amount=70), close_date=date(2026, 7, 31)) == []

    def test_a_change_no_figure_depends_on_posts_nothing(self) -> None:
        event = FigureEvent(2, START, {"name": "Acme", "next_step": None})
        assert post_version(event, contribute, before=make_inputs(amount=70)) == []

    def test_several_changes_are_walked_in_a_fixed_order(self) -> None:
        old = make_inputs(type="renewal", stage="closed_lost", amount=70, arr_basis=50)
        entries = change(
            old,
            policy_version=2,
            stage="negotiating",
            owner_id=BEN,
            segment="large",
            arr_basis=40,
            amount=90,
            close_date=AUGUST,
            renewal_loss_category="commit",
        )
        order = list(dict.fromkeys(entry.cause for entry in entries))
        assert order == [
            "reopened",
            "owner_out",
            "owner_in",
            "type_changed",
            "basis_changed",
            "amount_up",
            "pushed_out",
            "category_down",
        ]

    def test_closing_takes_the_stated_category_along(self) -> None:
        old = make_inputs(amount=70, stated_forecast_category="commit")
        entries = change(old, stage="closed_won", amount=90, stated_forecast_category=None)
        assert [entry.cause for entry in entries] == ["amount_up", "won"]

    def test_every_field_belongs_to_a_step(self) -> None:
        steps = (_POLICY, _STAGE, _OWNER, _TYPE, _BASIS, _AMOUNT, _CLOSE_DATE, _CATEGORY)
        assert {name for step in steps for name in step} == set(FIGURE_FIELDS)


class TestLate:
    JANUARY, MARCH, JUNE = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 3, 6))

    def test_is_before_what_was_told(self) -> None:
        assert is_told_late(self.MARCH, self.JUNE)
        assert not is_told_late(self.JUNE, self.JUNE)
        assert not is_told_late(self.JUNE, None)

    def test_posts_at_its_instant_and_at_each_later_breakpoint(self) -> None:
        won = make_inputs(stage="closed_won", amount=100)
        history = [
            FigureEvent(1, self.JANUARY, won.to_json()),
            FigureEvent(2, self.JUNE, {"amount": "200.00"}),
        ]
        event = FigureEvent(3, self.MARCH, {"amount": "150.00"})
        entries = post_version(event, contribute, before=fold(history), history=history)
        assert [(entry.cause, entry.occurred_at) for entry in entries] == [
            ("amount_up", self.MARCH),
            ("amount_up", self.JUNE),
            ("amount_down", self.JUNE),
        ]
        gross = [entry.measures[0] for entry in entries]
        assert gross == [50, -50, -50]

    def test_before_the_first_version_waits_for_it(self) -> None:
        history = [FigureEvent(1, self.JUNE, make_inputs(amount=100).to_json())]
        event = FigureEvent(2, self.MARCH, {"amount": "150.00"})
        entries = post_version(event, contribute, before=fold(history), history=history)
        assert [(entry.cause, entry.occurred_at) for entry in entries] == [("amount_up", self.JUNE)]

    def test_history_of_a_version_in_order_is_not_needed(self) -> None:
        history = [FigureEvent(1, self.JANUARY, make_inputs(amount=100).to_json())]
        event = FigureEvent(2, self.JANUARY, {"amount": "150.00"})
        before = fold(history)
        with_history = post_version(event, contribute, before=before, history=history)
        assert with_history == post_version(event, contribute, before=before)


class TestCorrection:
    right = contribute(make_inputs(amount=70))

    def test_of_what_is_right_is_empty(self) -> None:
        assert correction(self.right, self.right, START) == []
        assert correction(None, None, START) == []

    def test_moves_between_cells(self) -> None:
        wrong = contribute(make_inputs(amount=60, owner_id=BEN))
        entries = correction(wrong, self.right, START)
        assert [(entry.cause, entry.owner_id) for entry in entries] == [
            ("correction", BEN),
            ("correction", ANA),
        ]

    def test_of_the_amount_is_the_difference(self) -> None:
        (entry,) = correction(contribute(make_inputs(amount=60)), self.right, START)
        assert named(entry.measures) == {"open_pipeline": 10, "open_signed": 10}

    def test_takes_away_what_does_not_exist(self) -> None:
        (entry,) = correction(self.right, None, START)
        assert plus(entry.measures, self.right.measures) == NOTHING


money = st.decimals(0, 500, places=2).map(str)
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "policy_version": st.sampled_from([1, 2]),
    "type": st.sampled_from(["new_business", "renewal", "professional_services"]),
    "stage": st.sampled_from(
        ["pending_acceptance", "scoping", "proposal", "negotiating", "closed_won", "closed_lost"]
    ),
    "stated_forecast_category": st.sampled_from([None, "pipeline", "commit"]),
    "renewal_loss_category": st.sampled_from(["none", "best_case", "commit"]),
    "amount": st.none() | money,
    "currency": st.sampled_from(["USD", "USD", "USD", "EUR"]),
    "term_months": st.sampled_from([None, 6, 12, 36]),
    "arr_basis": money,
    "stated_net_arr": st.none() | money,
    "close_date": st.sampled_from([None, "2026-07-15", "2026-08-15", "2026-02-15"]),
    "owner_id": st.sampled_from([str(ANA), str(BEN)]),
    "category": st.sampled_from(["standard", "standard", "credit"]),
    "segment": st.sampled_from(["smb", "large"]),
    "next_step": st.text(max_size=3),
}


@st.composite
def histories(draw: st.DrawFn) -> list[FigureEvent]:
    """Versions in version order, told in any order of time."""
    changes = [
        make_inputs(amount=100).to_json() | draw(st.fixed_dictionaries({}, optional=_FIELDS))
    ]
    changes += draw(st.lists(st.fixed_dictionaries({}, optional=_FIELDS), max_size=6))
    return [
        FigureEvent(number, START + timedelta(days=draw(st.integers(0, 5))), changed)
        for number, changed in enumerate(changes, 1)
    ]


def ledger_of(events: Sequence[FigureEvent]) -> list[tuple[int, EntryDraft]]:
    """Every version posted as the worker does: history only where it is told late."""
    posted: list[tuple[int, EntryDraft]] = []
    before, latest = None, None
    for place, event in enumerate(events):
        late = is_told_late(event.occurred_at, latest)
        history = events[:place] if late else ()
        entries = post_version(event, contribute, before=before, history=history)
        posted += [(event.version, entry) for entry in entries]
        before = fold([event]) if before is None else before.merge(event.changes)
        latest = event.occurred_at if latest is None else max(latest, event.occurred_at)
    assert before == fold(events)
    return posted


def sums(entries: Sequence[EntryDraft]) -> dict[tuple[Any, ...], Measures]:
    cells: dict[tuple[Any, ...], Measures] = defaultdict(lambda: NOTHING)
    for entry in entries:
        cells[entry[2:5]] = plus(cells[entry[2:5]], entry.measures)
    return {cell: measures for cell, measures in cells.items() if any(measures)}


def expected(inputs: FigureInputs | None) -> dict[tuple[Any, ...], Measures]:
    if inputs is None:
        return {}
    item: Contribution = contribute(inputs)
    return {item[:3]: item.measures} if any(item.measures) else {}


class TestProperties:
    @given(histories())
    @settings(max_examples=150)
    def test_entries_add_up_to_the_row_as_it_stands(self, events: list[FigureEvent]) -> None:
        entries = [entry for _, entry in ledger_of(events)]
        assert sums(entries) == expected(fold(events))

    @given(histories())
    @settings(max_examples=150)
    def test_entries_up_to_any_moment_are_the_fold_at_it(self, events: list[FigureEvent]) -> None:
        entries = [entry for _, entry in ledger_of(events)]
        for day in range(-1, 7):
            moment = START + timedelta(days=day)
            known = [entry for entry in entries if entry.occurred_at <= moment]
            assert sums(known) == expected(fold_at(events, moment))

    @given(histories())
    def test_entries_of_each_version_are_its_recorded_difference(
        self, events: list[FigureEvent]
    ) -> None:
        posted = ledger_of(events)
        for place, event in enumerate(events):
            upto = [entry for version, entry in posted if version <= event.version]
            assert sums(upto) == expected(fold(events[: place + 1]))

    @given(histories())
    def test_an_entry_is_unique_and_says_something(self, events: list[FigureEvent]) -> None:
        posted = ledger_of(events)
        keys = [(version, *entry[:5]) for version, entry in posted]
        assert len(keys) == len(set(keys))
        assert all(any(entry.measures) for _, entry in posted)
        assert {entry.cause for _, entry in posted} <= set(CAUSES)

    @given(histories())
    def test_owners_hand_over_what_they_take(self, events: list[FigureEvent]) -> None:
        total = NOTHING
        for _, entry in ledger_of(events):
            if entry.cause in ("owner_out", "owner_in"):
                total = plus(total, entry.measures)
        assert minus(total, NOTHING) == NOTHING
