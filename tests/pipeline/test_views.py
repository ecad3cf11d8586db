"""The contract offered to forecast: inputs folded from versions, and what derives from them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pipeline.views import (
    FIGURE_FIELDS,
    FigureEvent,
    FigureInputs,
    Folding,
    derive,
    fold,
    fold_at,
)
from services.workspace.policy import SOP_2022
from tests.pipeline.builders import ANA, BEN, make_inputs

FIRST = {
    "policy_version": 1,
    "name": "Acme",
    "type": "renewal",
    "stage": "scoping",
    "currency": "USD",
    "owner_id": str(ANA),
    "amount": "120000.00",
    "close_date": "2026-07-15",
    "arr_basis": "100000.00",
}


def at(month: int) -> datetime:
    return datetime(2026, month, 1, tzinfo=UTC)


class TestInputs:
    def test_are_read_from_a_first_version(self) -> None:
        inputs = FigureInputs.from_changes(FIRST)
        assert inputs.amount == Decimal("120000.00")
        assert inputs.close_date == date(2026, 7, 15)
        assert inputs.owner_id == ANA
        assert isinstance(inputs.owner_id, UUID)
        assert inputs.renewal_loss_category == "none"
        assert inputs.category == "standard"

    def test_merge_what_changed(self) -> None:
        inputs = FigureInputs.from_changes(FIRST)
        changed = inputs.merge(
            {"amount": None, "close_date": None, "owner_id": BEN, "arr_basis": None, "region": None}
        )
        assert changed.amount is None
        assert changed.close_date is None
        assert changed.owner_id == BEN
        assert changed.arr_basis == 0
        assert changed.region == ""
        assert changed.stage == inputs.stage

    def test_pass_over_what_no_figure_depends_on(self) -> None:
        inputs = FigureInputs.from_changes(FIRST)
        assert inputs.merge({"name": "Acme 2", "next_step": "call"}) is inputs

    def test_survive_json(self) -> None:
        inputs = make_inputs(
            type="renewal", amount="1.10", arr_basis=90_000, expected_renewed_arr=65_000
        )
        stored = json.loads(json.dumps(inputs.to_json()))
        assert FigureInputs.from_changes(stored) == inputs
        assert tuple(stored) == FIGURE_FIELDS

    def test_are_a_row_in_the_order_of_the_fields(self) -> None:
        inputs = make_inputs(amount=5)
        assert FigureInputs(*[getattr(inputs, name) for name in FIGURE_FIELDS]) == inputs


class TestFold:
    # January 100, June 200, then told: March 150.
    EVENTS = (
        FigureEvent(1, at(1), FIRST | {"amount": "100.00"}),
        FigureEvent(2, at(6), {"amount": "200.00"}),
        FigureEvent(3, at(3), {"amount": "150.00"}),
    )

    @pytest.mark.parametrize(
        ("month", "amount"), [(1, "100.00"), (2, "100.00"), (4, "150.00"), (6, "150.00")]
    )
    def test_is_in_version_order(self, month: int, amount: str) -> None:
        inputs = fold_at(self.EVENTS, at(month))
        assert inputs is not None
        assert inputs.amount == Decimal(amount)

    def test_now_is_the_row_as_it_stands(self) -> None:
        stands = FigureInputs.from_changes(FIRST).merge({"amount": "150.00"})
        assert fold(self.EVENTS) == stands

    def test_nothing_before_the_first_version(self) -> None:
        assert fold([]) is None
        early = FigureEvent(2, at(1), {"amount": "5.00"})
        opened = FigureEvent(1, at(2), FIRST)
        assert fold_at([opened, early], at(1)) is None
        inputs = fold_at([opened, early], at(2))
        assert inputs is not None
        assert inputs.amount == 5


class TestDerive:
    def test_adds_what_follows(self) -> None:
        state = derive(make_inputs(stage="proposal", amount=90_000, term_months=18), SOP_2022)
        assert state.net_arr == 60_000
        assert state.net_arr_source == "computed"
        assert (state.forecast_category, state.forecast_category_source) == ("best_case", "stage")
        assert (state.stage_number, state.stage_rank, state.is_open) == (4, 4, True)

    def test_closing_has_a_rank_and_no_number(self) -> None:
        state = derive(make_inputs(stage="closing"), SOP_2022)
        assert (state.stage_number, state.stage_rank, state.is_open) == (None, 7, True)

    def test_closed_stages_are_not_open(self) -> None:
        state = derive(make_inputs(stage="closed_lost", stated_net_arr=5), SOP_2022)
        assert (state.net_arr, state.is_open, state.stage_number) == (0, False, 8)


@given(st.permutations(range(1, 7)))
def test_folding_in_any_order_is_the_fold_in_version_order(order: list[int]) -> None:
    said = [{"amount": "5.00"}, {"stage": "discovery"}, {"close_date": "2026-09-01"}]
    events = [FigureEvent(1, at(1), FIRST)]
    events += [FigureEvent(v, at(1), {**said[v % 3], "seats": v}) for v in range(2, 5)]
    events += [FigureEvent(v, at(1), {"amount": f"{v}.00"}) for v in range(5, 7)]
    folding = Folding()
    for place, version in enumerate(order, 1):
        folding.tell(events[version - 1])
        assert folding.inputs() == fold(events[number - 1] for number in sorted(order[:place]))
