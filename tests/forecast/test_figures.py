"""What summed measures say: the worked example to the cent, gap, coverage and warnings."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.forecast.domain import MEASURES, NOTHING, Measures, minus
from services.forecast.figures import (
    FIGURES,
    attainment,
    coverage,
    figure_value,
    figures,
    gap,
    warnings,
)
from services.workspace.policy import SOP_2022
from tests.forecast.worked_example import BOOK, CALENDAR, Q2, QUOTA, contribute, measures_of
from tests.pipeline.builders import make_inputs

BAND = SOP_2022.coverage_band


def measured(**values: int | str) -> Measures:
    return tuple(
        (Decimal(str(values[name])) if place < 9 else int(values[name]))
        if name in values
        else NOTHING[place]
        for place, name in enumerate(MEASURES)
    )


class TestWorkedExample:
    found = figures(measures_of(BOOK))

    def test_booked_so_far(self) -> None:
        assert self.found.gross_arr.closed == 100_000
        assert self.found.renewal_loss.closed == 50_000
        assert self.found.net_arr.closed == 50_000

    def test_the_five_numbers(self) -> None:
        assert self.found.gross_arr[1:] == (280_000, 410_000)
        assert self.found.renewal_loss[1:] == (90_000, 115_000)
        assert self.found.net_arr[1:] == (190_000, 295_000)
        assert self.found.fifty_fifty_suggested == 242_500

    def test_counts_twelve_opportunities(self) -> None:
        assert self.found.opportunity_count == 12

    def test_the_third_quarter_has_one_early_opportunity(self) -> None:
        third = figures(measures_of(BOOK, CALENDAR.parse("FY27-Q3").key))
        assert (third.opportunity_count, third.open_pipeline) == (1, 90_000)
        assert third.net_arr == (0, 0, 0)

    @pytest.mark.parametrize(
        ("value", "left"),
        [(50_000, 350_000), (190_000, 210_000), (240_000, 160_000), (295_000, 105_000)],
    )
    def test_gap(self, value: int, left: int) -> None:
        assert gap(QUOTA, Decimal(value)) == left

    def test_attainment(self) -> None:
        assert attainment(self.found.net_arr.closed, QUOTA) == "0.1250"

    def test_coverage(self) -> None:
        assert self.found.open_pipeline == 380_000
        assert self.found.open_stage_3_plus == 310_000
        assert self.found.open_signed == 315_000
        booked = self.found.net_arr.closed
        assert coverage(self.found.open_pipeline, QUOTA, booked, BAND) == (
            "0.9500",
            "1.0857",
            "below",
        )
        assert coverage(self.found.open_stage_3_plus, QUOTA, booked, BAND)[:2] == (
            "0.7750",
            "0.8857",
        )
        assert coverage(self.found.open_signed, QUOTA, booked, BAND).to_remainder == "0.9000"

    def test_has_nothing_to_warn_of(self) -> None:
        assert warnings(measures_of(BOOK)) == []

    def test_every_figure_adds_up_over_its_opportunities(self) -> None:
        rows = [contribute(inputs) for inputs in BOOK.values()]
        for figure in FIGURES:
            parts = [figure_value(row.measures, figure) for row in rows if row.fiscal_quarter == Q2]
            assert sum(parts) == figure_value(measures_of(BOOK), figure)

    def test_ceiling_under_the_floor_is_a_warning(self) -> None:
        large = make_inputs(
            stage="scoping", type="renewal", arr_basis=175_000, renewal_loss_category="best_case"
        )
        measures = measures_of(BOOK | {"O15": large})
        found = figures(measures)
        assert found.renewal_loss.best_case == 290_000
        assert (found.net_arr.commit, found.net_arr.best_case) == (190_000, 120_000)
        (warning,) = warnings(measures)
        assert warning.code == "ceiling_below_floor"
        assert "120000.00" in warning.message
        assert "190000.00" in warning.message


class TestGapAndAttainment:
    def test_without_a_quota(self) -> None:
        assert gap(None, Decimal(5)) is None
        assert attainment(Decimal(5), None) is None
        assert attainment(Decimal(5), Decimal(0)) is None
        assert coverage(Decimal(5), None, Decimal(0), BAND) == (None, None, None)

    def test_past_the_quota(self) -> None:
        assert gap(Decimal(100), Decimal(150)) == -50
        assert attainment(Decimal(-50), Decimal(100)) == "-0.5000"


class TestCoverage:
    @pytest.mark.parametrize(
        ("pipeline", "state"),
        [
            ("249.99", "below"),
            ("250.00", "within"),
            ("300.00", "within"),
            ("300.01", "above"),
        ],
    )
    def test_edges_of_the_band_are_within(self, pipeline: str, state: str) -> None:
        assert coverage(Decimal(pipeline), Decimal(120), Decimal(20), BAND).state == state

    @pytest.mark.parametrize("closed", [100, 150])
    def test_target_met_is_no_infinity(self, closed: int) -> None:
        answer = coverage(Decimal(50), Decimal(100), Decimal(closed), BAND)
        assert answer == ("0.5000", None, "target_met")

    def test_a_quota_of_zero_is_met(self) -> None:
        assert coverage(Decimal(50), Decimal(0), Decimal(0), BAND) == (None, None, "target_met")

    def test_a_quota_of_zero_after_losses_still_has_a_remainder(self) -> None:
        answer = coverage(Decimal(50), Decimal(0), Decimal(-10), BAND)
        assert answer == (None, "5.0000", "above")


class TestWarnings:
    def test_name_what_is_left_out_and_assumed(self) -> None:
        measures = measured(
            unsized_count=1,
            renewal_unsized_count=2,
            contraction_uncategorised_count=1,
            foreign_currency_count=3,
            term_assumed_count=1,
            open_count=4,
        )
        found = {warning.code: warning.message for warning in warnings(measures)}
        assert list(found) == [
            "unsized",
            "renewal_unsized",
            "contraction_uncategorised",
            "foreign_currency",
            "term_assumed",
        ]
        assert found["unsized"].startswith("1 opportunity ")
        assert found["renewal_unsized"].startswith("2 open renewals ")
        assert found["foreign_currency"].startswith("3 opportunities ")

    def test_open_in_a_past_quarter(self) -> None:
        measures = measured(open_count=2)
        assert warnings(measures) == []
        (warning,) = warnings(measures, is_past_quarter=True)
        assert warning.code == "open_in_past_quarter"
        assert warnings(NOTHING, is_past_quarter=True) == []

    def test_undated_opportunities_are_in_no_quarter(self) -> None:
        (warning,) = warnings(NOTHING, undated_count=2)
        assert (warning.code, warning.counted) == ("unsized", 2)
        assert warning.message == "2 opportunities without a close date in no quarter."
        (both,) = warnings(measured(unsized_count=1), undated_count=1)
        assert ";" in both.message


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_the_midpoint_is_rounded_to_the_cent(commit: int, best_case: int) -> None:
    cents = Decimal("0.01")
    measures = measured(gross_commit=str(commit * cents), gross_best_case=str(best_case * cents))
    found = figures(measures)
    floor, ceiling = found.net_arr.commit, found.net_arr.best_case
    midpoint = found.fifty_fifty_suggested
    assert abs(midpoint * 2 - floor - ceiling) <= cents
    assert midpoint == midpoint.quantize(cents)


def test_figures_are_differences_of_sums() -> None:
    one, two = measured(gross_closed=5), measured(loss_commit=3)
    assert figure_value(minus(one, two), "net_arr.commit") == 8
