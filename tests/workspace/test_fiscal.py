"""The fiscal calendar: golden dates of a February year, and properties of every start month."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.workspace.fiscal import (
    FiscalCalendar,
    FiscalCalendarError,
    calendar_for,
    parse_key,
    parse_year,
)

PACIFIC = "America/Los_Angeles"
calendar = calendar_for(2, PACIFIC)

days = st.dates(date(2000, 1, 1), date(2098, 12, 31))
calendars = st.integers(1, 12).map(lambda month: calendar_for(month, PACIFIC))


class TestFebruaryYear:
    @pytest.mark.parametrize(
        ("day", "label"),
        [
            (date(2026, 1, 31), "FY26-Q4"),
            (date(2026, 2, 1), "FY27-Q1"),
            (date(2026, 4, 30), "FY27-Q1"),
            (date(2026, 5, 1), "FY27-Q2"),
            (date(2026, 7, 31), "FY27-Q2"),
            (date(2026, 8, 1), "FY27-Q3"),
            (date(2026, 11, 1), "FY27-Q4"),
            (date(2026, 12, 31), "FY27-Q4"),
            (date(2027, 1, 31), "FY27-Q4"),
        ],
    )
    def test_places_dates(self, day: date, label: str) -> None:
        assert calendar.quarter_of(day).label == label

    def test_describes_a_quarter(self) -> None:
        quarter = calendar.quarter_of(date(2026, 6, 17))
        assert (quarter.key, quarter.fiscal_year, quarter.number) == (20272, 2027, 2)
        assert (quarter.first_day, quarter.last_day) == (date(2026, 5, 1), date(2026, 7, 31))
        assert quarter == calendar.parse("FY27-Q2")
        assert date(2026, 7, 31) in quarter
        assert date(2026, 8, 1) not in quarter

    @pytest.mark.parametrize(
        ("label", "length"),
        [("FY28-Q1", 89), ("FY29-Q1", 90), ("FY27-Q2", 92), ("FY27-Q3", 92), ("FY27-Q4", 92)],
    )
    def test_knows_leap_quarters(self, label: str, length: int) -> None:
        assert calendar.parse(label).days == length

    def test_counts_days_and_weeks_of_the_worked_example(self) -> None:
        wednesday = date(2026, 6, 17)
        assert calendar.day_of_quarter(wednesday) == 48
        assert calendar.normalised_day(wednesday) == 46
        assert calendar.week_of_quarter(wednesday) == 6

    def test_folds_the_stub_week_into_the_last(self) -> None:
        assert calendar.week_of_quarter(date(2026, 7, 30)) == 12
        assert calendar.week_of_quarter(date(2026, 7, 31)) == 12
        last = calendar.week(calendar.parse("FY27-Q2"), 12)
        assert last == (date(2026, 7, 24), date(2026, 7, 31))

    def test_closes_the_quarter_at_midnight_of_the_company(self) -> None:
        last_minute = datetime(2026, 7, 31, 23, 59, tzinfo=ZoneInfo(PACIFIC))
        assert calendar.quarter_at(last_minute).label == "FY27-Q2"
        assert calendar.quarter_at(last_minute.astimezone(UTC)).label == "FY27-Q2"
        midnight = datetime(2026, 8, 1, 7, 0, tzinfo=UTC)
        assert calendar.quarter_at(midnight).label == "FY27-Q3"
        assert calendar.local_date(midnight - timedelta(microseconds=1)) == date(2026, 7, 31)


class TestEveryStartMonth:
    @given(calendars, days)
    def test_a_date_is_in_its_quarter_and_year(self, calendar: FiscalCalendar, day: date) -> None:
        quarter = calendar.quarter_of(day)
        assert day in quarter
        assert quarter.key == calendar.quarter_key(day)
        assert quarter.fiscal_year == calendar.fiscal_year(day)
        assert 1 <= calendar.day_of_quarter(day) <= quarter.days
        assert calendar.parse(quarter.label) == quarter

    @given(calendars, days)
    def test_a_year_is_named_for_where_it_ends(self, calendar: FiscalCalendar, day: date) -> None:
        quarters = calendar.quarters_of_year(calendar.fiscal_year(day))
        assert quarters[-1].last_day.year == calendar.fiscal_year(day)
        assert quarters[0].first_day.month == calendar.start_month
        assert sum(quarter.days for quarter in quarters) in (365, 366)

    @given(calendars, days, st.integers(-40, 40))
    def test_quarters_follow_each_other(
        self, calendar: FiscalCalendar, day: date, distance: int
    ) -> None:
        quarter = calendar.quarter_of(day)
        following = calendar.shift(quarter, 1)
        assert following.first_day == quarter.last_day + timedelta(days=1)
        assert quarter < following
        assert calendar.shift(calendar.shift(quarter, distance), -distance) == quarter

    @given(calendars, days)
    def test_thirteen_weeks_cover_the_quarter(self, calendar: FiscalCalendar, day: date) -> None:
        quarter = calendar.quarter_of(day)
        number = calendar.week_of_quarter(day)
        first_day, last_day = calendar.week(quarter, number)
        assert first_day <= day <= last_day
        assert calendar.week(quarter, 12)[1] == quarter.last_day
        assert 0 <= number <= 12

    @given(calendars, days)
    def test_normalised_days_end_at_90(self, calendar: FiscalCalendar, day: date) -> None:
        quarter = calendar.quarter_of(day)
        assert calendar.normalised_day(quarter.last_day) == 90
        assert 90 - calendar.normalised_day(day) == (quarter.last_day - day).days

    @given(days)
    def test_a_january_year_is_the_calendar_year(self, day: date) -> None:
        quarter = calendar_for(1, PACIFIC).quarter_of(day)
        assert (quarter.fiscal_year, quarter.number) == (day.year, (day.month - 1) // 3 + 1)


class TestRefusals:
    @pytest.mark.parametrize("label", ["FY2027-Q2", "FY27-Q5", "FY27", "fy27-q2", "", "FY27-Q2 "])
    def test_labels(self, label: str) -> None:
        with pytest.raises(FiscalCalendarError):
            parse_key(label)

    @pytest.mark.parametrize("label", ["2027", "FY27-Q2", "FY7", ""])
    def test_year_labels(self, label: str) -> None:
        with pytest.raises(FiscalCalendarError):
            parse_year(label)
        assert parse_year("FY27") == 2027

    @pytest.mark.parametrize("key", [0, 20270, 20275, 11, 99991])
    def test_keys(self, key: int) -> None:
        with pytest.raises(FiscalCalendarError):
            calendar.from_key(key)

    @pytest.mark.parametrize("month", [0, 13])
    def test_months(self, month: int) -> None:
        with pytest.raises(FiscalCalendarError):
            FiscalCalendar(month, PACIFIC)

    @pytest.mark.parametrize("name", ["Mars/Base", "", "../etc", "America"])
    def test_time_zones(self, name: str) -> None:
        with pytest.raises(FiscalCalendarError):
            FiscalCalendar(2, name)

    @pytest.mark.parametrize("number", [-1, 13])
    def test_weeks(self, number: int) -> None:
        with pytest.raises(FiscalCalendarError):
            calendar.week(calendar.parse("FY27-Q2"), number)

    def test_naive_instants(self) -> None:
        with pytest.raises(FiscalCalendarError):
            calendar.local_date(datetime(2026, 7, 31))  # noqa: DTZ001

    def test_knows_which_dates_a_label_can_name(self) -> None:
        assert calendar.has_label(date(2026, 7, 31))
        assert not calendar.has_label(date(2126, 7, 31))
        assert not calendar.has_label(date(1999, 1, 31))
