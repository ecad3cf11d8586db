"""Working time: golden hours around weekends, holidays and clock changes, and its laws."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.workspace.business_hours import Calendar, first_reached
from services.workspace.policy import SOP_2022, Policy

PACIFIC, BERLIN, SYDNEY = "America/Los_Angeles", "Europe/Berlin", "Australia/Sydney"
WEEK = (0, 1, 2, 3, 4)


def office(zone: str = "UTC", *holidays: str, days: tuple[int, ...] = WEEK) -> Calendar:
    return Calendar.build("office", zone, days, "09:00", "17:00", holidays)


def at(text: str, zone: str = "UTC") -> datetime:
    """A wall clock time as an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


class TestOffice:
    # 2026-06-19 is a Friday.
    @pytest.mark.parametrize(
        ("start", "hours", "due"),
        [
            ("2026-06-17T10:00", 1, "2026-06-17T11:00"),
            ("2026-06-17T16:00", 1, "2026-06-17T17:00"),
            ("2026-06-17T16:30", 1, "2026-06-18T09:30"),
            ("2026-06-19T16:30", 1, "2026-06-22T09:30"),
            ("2026-06-20T12:00", 1, "2026-06-22T10:00"),
            ("2026-06-17T03:00", 8, "2026-06-17T17:00"),
            ("2026-06-17T10:00", 16, "2026-06-19T10:00"),
            ("2026-06-17T22:00", 0, "2026-06-17T22:00"),
        ],
    )
    def test_adds_hours(self, start: str, hours: int, due: str) -> None:
        assert office().add(at(start), hours=hours) == at(due)

    @pytest.mark.parametrize(
        ("start", "days", "due"),
        [
            ("2026-06-17T10:00", 1, "2026-06-18T10:00"),
            ("2026-06-19T16:30", 1, "2026-06-22T16:30"),
            ("2026-06-19T16:30", 3, "2026-06-24T16:30"),
            # Outside hours the day is the whole next working day.
            ("2026-06-20T12:00", 1, "2026-06-22T17:00"),
            ("2026-06-19T17:00", 1, "2026-06-22T17:00"),
            ("2026-06-17T09:00", 2, "2026-06-18T17:00"),
            ("2026-06-17T10:00", 0, "2026-06-17T10:00"),
        ],
    )
    def test_adds_days(self, start: str, days: int, due: str) -> None:
        assert office().add(at(start), days=days) == at(due)

    def test_skips_holidays(self) -> None:
        calendar = office("UTC", "2026-06-22", "2026-06-23")
        assert calendar.add(at("2026-06-19T16:30"), hours=1) == at("2026-06-24T09:30")
        assert calendar.minutes_between(at("2026-06-19T16:30"), at("2026-06-24T09:30")) == 60
        assert calendar.working_day_from(date(2026, 6, 20)) == date(2026, 6, 24)
        assert calendar.working_days(date(2026, 6, 18), date(2026, 6, 25)) == [
            date(2026, 6, day) for day in (18, 19, 24, 25)
        ]

    def test_counts_nothing_outside_hours(self) -> None:
        calendar = office()
        assert calendar.minutes_between(at("2026-06-20T09:00"), at("2026-06-21T17:00")) == 0
        assert calendar.minutes_between(at("2026-06-17T12:00"), at("2026-06-17T11:00")) == 0
        assert calendar.minutes_between(at("2026-06-17T16:59"), at("2026-06-18T09:01")) == 2
        assert calendar.minutes_between(at("2026-06-15T00:00"), at("2026-06-22T00:00")) == 5 * 480

    def test_part_of_a_minute_is_none(self) -> None:
        begun = at("2026-06-17T10:00")
        assert office().minutes_between(begun, begun + timedelta(seconds=59)) == 0
        assert office().minutes_between(begun, begun + timedelta(seconds=60)) == 1


class TestClockChanges:
    """Berlin: 2026-03-29 02:00 becomes 03:00, 2026-10-25 03:00 becomes 02:00; both are Sundays."""

    def night(self, opening: str, closing: str) -> Calendar:
        return Calendar.build("night", BERLIN, (6,), opening, closing)

    def test_office_hours_follow_the_wall_clock(self) -> None:
        calendar = office(BERLIN)
        friday, monday = at("2026-03-27T16:30", BERLIN), at("2026-03-30T09:30", BERLIN)
        assert calendar.add(friday, hours=1) == monday
        # 65 hours on the wall, 64 on the stopwatch.
        assert monday - friday == timedelta(hours=64)
        assert calendar.minutes_between(friday, monday) == 60

    def test_a_day_that_loses_an_hour_is_shorter(self) -> None:
        start, end = at("2026-03-29T00:00", BERLIN), at("2026-03-29T08:00", BERLIN)
        assert self.night("00:00", "08:00").minutes_between(start, end) == 7 * 60
        assert self.night("00:00", "08:00").add(start, hours=7) == end

    def test_a_day_that_gains_an_hour_is_longer(self) -> None:
        start, end = at("2026-10-25T00:00", BERLIN), at("2026-10-25T08:00", BERLIN)
        assert self.night("00:00", "08:00").minutes_between(start, end) == 9 * 60

    def test_opening_in_the_hour_that_does_not_exist_is_the_jump(self) -> None:
        jump = datetime(2026, 3, 29, 1, tzinfo=UTC)
        for wall in ("02:00", "02:30", "02:59"):
            assert first_reached(
                datetime.fromisoformat(f"2026-03-29T{wall}"), ZoneInfo(BERLIN)
            ) == (jump)
        assert self.night("02:30", "04:00").add(jump - timedelta(hours=5), minutes=60) == (
            jump + timedelta(hours=1)
        )

    def test_a_working_time_that_does_not_exist_is_no_working_day(self) -> None:
        calendar = self.night("02:10", "02:50")
        assert not calendar.is_working_day(date(2026, 3, 29))
        assert calendar.is_working_day(date(2026, 3, 22))
        assert calendar.working_day_from(date(2026, 3, 29)) == date(2026, 4, 5)

    def test_opening_in_the_doubled_hour_is_the_first_of_the_two(self) -> None:
        first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
        assert first_reached(datetime(2026, 10, 25, 2, 30), ZoneInfo(BERLIN)) == first  # noqa: DTZ001
        # 02:30 the first time to 04:00: an hour more than the wall clock shows.
        assert (
            self.night("02:30", "04:00").minutes_between(
                first - timedelta(hours=9), first + timedelta(hours=9)
            )
            == 150
        )

    def test_a_day_that_a_zone_skipped_is_no_working_day(self) -> None:
        """Samoa had no 2011-12-30, a Friday."""
        calendar = office("Pacific/Apia")
        assert not calendar.is_working_day(date(2011, 12, 30))
        thursday = at("2011-12-29T16:00", "Pacific/Apia")
        assert calendar.add(thursday, hours=2) == at("2012-01-02T10:00", "Pacific/Apia")

    def test_both_hemispheres_change_at_once(self) -> None:
        for zone in (SYDNEY, PACIFIC):
            calendar = office(zone)
            for start in (at("2026-04-02T16:00", zone), at("2026-10-30T16:00", zone)):
                assert calendar.minutes_between(start, calendar.add(start, hours=20)) == 1200


class TestRegions:
    def test_a_region_has_its_own_hours_and_the_others_the_companys(self) -> None:
        emea = Calendar.of(SOP_2022, "EMEA", PACIFIC)
        assert (emea.name, emea.zone.key) == ("EMEA", "Europe/London")
        for region in (None, "Atlantis", "default"):
            found = Calendar.of(SOP_2022, region, PACIFIC)
            assert (found.name, found.zone.key) == ("default", PACIFIC)

    def test_two_policies_of_one_name_and_version_keep_their_own_hours(self) -> None:
        entry: dict[str, Any] = {
            "timezone": "UTC", "days": [5], "from": "10:00", "to": "11:00", "holidays": [],
        }  # fmt: skip
        own = Policy.build(settings={"calendars": {"default": entry}})
        assert own == SOP_2022
        saturday = date(2026, 6, 20)
        assert Calendar.of(own, None, PACIFIC).is_working_day(saturday)
        assert not Calendar.of(SOP_2022, None, PACIFIC).is_working_day(saturday)


instants = st.datetimes(
    datetime(2010, 1, 1),  # noqa: DTZ001
    datetime(2031, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
clock_times = st.times().map(lambda value: value.strftime("%H:%M"))


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    opening, closing = draw(
        st.tuples(clock_times, clock_times).map(sorted).filter(lambda pair: pair[0] < pair[1])
    )
    zone = draw(
        st.sampled_from([PACIFIC, BERLIN, SYDNEY, "Asia/Kolkata", "Pacific/Apia", "UTC",
                         "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Cairo"])
    )  # fmt: skip
    weekdays = draw(st.sets(st.integers(0, 6), min_size=1))
    # Near the clock changes, where a holiday could hide a mistake or make one.
    holidays = draw(st.sets(st.dates(date(2010, 1, 1), date(2031, 1, 1)), max_size=5))
    return Calendar.build(
        "any", zone, tuple(sorted(weekdays)), opening, closing,
        tuple(sorted(day.isoformat() for day in holidays)),
    )  # fmt: skip


near_changes = st.sampled_from(
    [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC),
     datetime(2026, 3, 8, 10, tzinfo=UTC), datetime(2026, 11, 1, 9, tzinfo=UTC),
     datetime(2026, 4, 4, 16, tzinfo=UTC), datetime(2011, 12, 30, 10, tzinfo=UTC)]
).flatmap(
    lambda change: st.integers(-100_000, 100_000).map(
        lambda seconds: change + timedelta(seconds=seconds)
    )
)  # fmt: skip
moments = instants | near_changes
amounts = st.integers(0, 3000)


class TestLaws:
    @given(calendars(), moments, amounts)
    def test_what_was_added_has_passed(
        self, calendar: Calendar, start: datetime, minutes: int
    ) -> None:
        due = calendar.add(start, minutes=minutes)
        assert calendar.minutes_between(start, due) == minutes
        if minutes:
            assert calendar.minutes_between(start, due - timedelta(microseconds=1)) == minutes - 1

    @given(calendars(), moments, st.integers(-200_000, 3_000_000))
    def test_what_has_passed_can_be_added(
        self, calendar: Calendar, start: datetime, seconds: int
    ) -> None:
        end = start + timedelta(seconds=seconds)
        passed = calendar.minutes_between(start, end)
        assert 0 <= passed <= max(0, (end - start) // timedelta(minutes=1))
        if passed:
            assert calendar.add(start, minutes=passed) <= end

    @given(calendars(), moments, st.integers(0, 200_000), amounts, st.integers(0, 30))
    def test_later_starts_are_never_due_earlier(
        self, calendar: Calendar, start: datetime, seconds: int, minutes: int, days: int
    ) -> None:
        later = start + timedelta(seconds=seconds)
        assert calendar.add(start, minutes=minutes) <= calendar.add(later, minutes=minutes)
        assert calendar.add(start, days=days) <= calendar.add(later, days=days)
        assert calendar.add(start, days=days) <= calendar.add(start, days=days + 1)
        assert calendar.add(start, days=days) >= start

    @given(calendars(), moments, moments, moments)
    def test_time_adds_up(
        self, calendar: Calendar, one: datetime, two: datetime, three: datetime
    ) -> None:
        first, middle, last = sorted((one, two, three))
        whole = calendar.minutes_between(first, last)
        parts = calendar.minutes_between(first, middle) + calendar.minutes_between(middle, last)
        # Each part may drop a part of a minute.
        assert parts <= whole <= parts + 1

    @given(calendars(), moments)
    def test_a_minute_of_work_counts_only_at_work(
        self, calendar: Calendar, start: datetime
    ) -> None:
        """Against the definition: the wall clock of a working day between opening and closing."""
        wall = start.astimezone(calendar.zone)
        end = start + timedelta(seconds=60)
        shown_at_work = (
            calendar.is_working_day(wall.date())
            and calendar.opening <= wall.time()
            and end.astimezone(calendar.zone).time() <= calendar.closing
            and end.astimezone(calendar.zone) - wall == timedelta(minutes=1)
            and end.astimezone(calendar.zone).date() == wall.date()
        )
        counted = calendar.minutes_between(start, end)
        if counted:
            assert calendar.is_working_day(wall.date())
        if shown_at_work and wall.fold == 0:
            assert counted == 1


class TestLongTimes:
    def test_years_are_as_long_as_their_months(self) -> None:
        calendar = office(BERLIN, "2020-01-01", "2021-12-31", days=(0, 2, 5))
        months = [at(f"{2014 + n // 12}-{n % 12 + 1:02}-17T11:23", BERLIN) for n in range(120)]
        parts = sum(calendar.minutes_between(one, two) for one, two in pairwise(months))
        assert calendar.minutes_between(months[0], months[-1]) == parts

    def test_whole_years_are_walked_through_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        calendar = office(SYDNEY)
        end = at("2026-06-17T10:00", SYDNEY)
        calendar.minutes_between(at("1995-02-03T10:00", SYDNEY), end)
        looked_at: list[date] = []
        look = Calendar._window

        def watched(self: Calendar, day: date) -> Any:
            looked_at.append(day)
            return look(self, day)

        monkeypatch.setattr(Calendar, "_window", watched)
        assert calendar.minutes_between(at("1995-03-03T10:00", SYDNEY), end) > 3_000_000
        assert len(looked_at) < 600
