"""The pure part of the funnel: tallies that add up, rates, times and what is warned of."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.qualification.boards.days import Period, begins, ends
from services.qualification.boards.funnel.domain import (
    COHORT,
    EVENT,
    PREVIOUS,
    SKIPPABLE,
    STEPS,
    TIMED,
    Tally,
    hours,
    warnings_of,
)
from services.workspace.fiscal import calendar_for

PACIFIC = calendar_for(2, "America/Los_Angeles")
times = st.lists(st.integers(0, 10**8), max_size=30)


@st.composite
def tallies(draw: st.DrawFn) -> Tally:
    tally = Tally()
    for step in STEPS:
        count = draw(st.integers(0, 50))
        tally.count(
            step,
            count,
            skipped=draw(st.integers(0, count)) if step in SKIPPABLE else 0,
            seconds=draw(times) if step in TIMED else None,
        )
    return tally


class TestTally:
    @given(st.lists(tallies(), max_size=5))
    def test_groups_add_up(self, groups: list[Tally]) -> None:
        whole = Tally.total(groups)
        for step in STEPS:
            assert whole.counts[step] == sum(group.counts[step] for group in groups)
        for step in SKIPPABLE:
            assert whole.skipped[step] == sum(group.skipped[step] for group in groups)
        for step in TIMED:
            together = [second for group in groups for second in group.seconds[step]]
            assert sorted(whole.seconds[step]) == sorted(together)

    @given(tallies())
    def test_a_rate_is_of_those_who_came_from_the_step_before(self, tally: Tally) -> None:
        for step, before in PREVIOUS.items():
            rate = tally.rate(step)
            if tally.counts[before] == 0:
                assert rate is None
            else:
                came = tally.counts[step] - tally.skipped.get(step, 0)
                exact = Decimal(came) / tally.counts[before]
                assert rate is not None
                assert abs(rate - exact) <= Decimal("0.00005")

    def test_who_skipped_a_step_makes_no_rate_above_one(self) -> None:
        tally = Tally()
        tally.count("qualified", 2)
        tally.count("sql", 5, skipped=3)
        assert tally.to_json()["rates"]["sql"] == "1.0000"
        assert [(one.code, one.step) for one in warnings_of(tally, COHORT)] == [
            ("step_skipped", "sql")
        ]

    def test_a_rate_above_one_is_never_silent(self) -> None:
        tally = Tally()
        tally.count("qualified", 2)
        tally.count("sql", 3)
        tally.count("sales_accepted", 3)
        assert tally.rate("sql") == Decimal("1.5000")
        assert [(one.code, one.step) for one in warnings_of(tally, EVENT)] == [
            ("rate_above_one", "sql")
        ]


class TestHours:
    def test_of_nothing(self) -> None:
        assert hours([]) == {"count": 0, "mean": None, "median": None, "p90": None}

    @pytest.mark.parametrize(
        ("seconds", "mean", "middle", "ninth"),
        [
            ([3600], "1.00", "1.00", "1.00"),
            ([0, 3600], "0.50", "0.50", "1.00"),
            ([3600 * n for n in range(1, 11)], "5.50", "5.50", "9.00"),
            ([3600 * n for n in range(1, 12)], "6.00", "6.00", "10.00"),
            ([18], "0.01", "0.01", "0.01"),  # half a hundredth is rounded up
            ([17], "0.00", "0.00", "0.00"),
        ],
    )
    def test_mean_median_and_ninetieth(
        self, seconds: list[int], mean: str, middle: str, ninth: str
    ) -> None:
        assert hours(seconds) == {
            "count": len(seconds),
            "mean": mean,
            "median": middle,
            "p90": ninth,
        }

    @given(st.lists(st.integers(0, 10**9), min_size=1, max_size=60))
    def test_nine_in_ten_are_no_later(self, seconds: list[int]) -> None:
        found = hours(seconds)
        ninth = Decimal(found["p90"]) * 3600
        slack = Decimal(18)
        assert sum(second <= ninth + slack for second in seconds) * 10 >= 9 * len(seconds)
        assert abs(Decimal(found["median"]) * 3600 - Decimal(str(median(seconds)))) <= slack


class TestDays:
    def test_a_day_is_as_long_as_it_was(self) -> None:
        assert begins(PACIFIC, date(2026, 3, 8)) == datetime(2026, 3, 8, 8, tzinfo=UTC)
        assert ends(PACIFIC, date(2026, 3, 8)) == datetime(2026, 3, 9, 7, tzinfo=UTC)

    def test_a_day_may_begin_after_midnight(self) -> None:
        # Clocks there went from 00:00 to 01:00.
        calendar = calendar_for(1, "America/Sao_Paulo")
        assert begins(calendar, date(2017, 10, 15)) == datetime(2017, 10, 15, 3, tzinfo=UTC)
        assert ends(calendar, date(2017, 10, 14)) == datetime(2017, 10, 15, 3, tzinfo=UTC)

    def test_months_touch_each_other(self) -> None:
        period = Period.of(PACIFIC, date(2026, 1, 31), date(2026, 3, 1))
        assert [month.label for month in period.months(PACIFIC)] == [
            "2026-01", "2026-02", "2026-03",
        ]  # fmt: skip
        assert period.months(PACIFIC)[1].starts_at == datetime(2026, 2, 1, 8, tzinfo=UTC)
        assert period.ends_at == datetime(2026, 3, 2, 8, tzinfo=UTC)
