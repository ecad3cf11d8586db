"""Working time: when somebody is at work, how much of it has passed, and when some more will have.

Pure: a calendar is a zone, weekdays, an opening and a closing time and holidays. Between opening
and closing real minutes are counted, so that a day on which clocks change is as long as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, NamedTuple, Self
from zoneinfo import ZoneInfo

from services.workspace.policy import Policy

DEFAULT: Final = "default"
_DAY: Final = timedelta(days=1)
_REMEMBERED_MAX: Final = 20_000


class Window(NamedTuple):
    """The working time of one local day, in UTC; the closing instant is not in it."""

    day: date
    opens: datetime
    closes: datetime


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a region works. `name` is the entry of the policy that says so."""

    name: str
    zone: ZoneInfo
    weekdays: frozenset[int]
    opening: time
    closing: time
    holidays: frozenset[date]
    _windows: dict[date, Window] = field(
        default_factory=dict, compare=False, hash=False, repr=False
    )
    _years: dict[int, timedelta] = field(
        default_factory=dict, compare=False, hash=False, repr=False
    )

    @classmethod
    def of(cls, policy: Policy, region: str | None, company_timezone: str) -> Self:
        """The calendar of the region, or the default one where the policy has none of that name;
        one without a time zone is in the company's."""
        entries = policy.settings["calendars"]
        name = region if region is not None and region in entries else DEFAULT
        entry = entries[name]
        return cls.build(
            name,
            entry["timezone"] or company_timezone,
            tuple(entry["days"]),
            entry["from"],
            entry["to"],
            tuple(entry["holidays"]),
        )

    @classmethod
    @lru_cache(maxsize=1024)
    def build(
        cls,
        name: str,
        timezone: str,
        weekdays: tuple[int, ...],
        opening: str,
        closing: str,
        holidays: tuple[str, ...] = (),
    ) -> Self:
        """Weekdays are 0 for Monday; times are HH:MM, the opening one earlier. By content, not by
        policy, since two companies' policies may carry the same name and version."""
        return cls(
            name,
            ZoneInfo(timezone),
            frozenset(weekdays),
            time.fromisoformat(opening),
            time.fromisoformat(closing),
            frozenset(date.fromisoformat(day) for day in holidays),
        )

    def local_day(self, instant: datetime) -> date:
        """The day it is there."""
        return instant.astimezone(self.zone).date()

    def is_working_day(self, day: date) -> bool:
        """Also false for a day the zone skipped when it crossed the date line."""
        window = self._window(day)
        return window is not None and window.opens < window.closes

    def working_day_from(self, day: date) -> date:
        """The day itself, or the first working day after it."""
        while not self.is_working_day(day):
            day += _DAY
        return day

    def working_days(self, first: date, last: date) -> list[date]:
        """Both ends included."""
        days = (first + timedelta(days=number) for number in range((last - first).days + 1))
        return [day for day in days if self.is_working_day(day)]

    def minutes_between(self, start: datetime, end: datetime) -> int:
        """Whole working minutes from `start` to `end`; 0 where the end is not later."""
        first, last = self.local_day(start).year, self.local_day(end).year
        if last - first < 2:
            return self._passed(start, end) // timedelta(minutes=1)
        # What was forgotten for years is told of late: whole years are walked through once.
        passed = self._passed(start, self._new_year(first + 1))
        passed += sum(map(self._of_year, range(first + 1, last)), timedelta())
        passed += self._passed(self._new_year(last), end)
        return passed // timedelta(minutes=1)

    def _passed(self, start: datetime, end: datetime) -> timedelta:
        passed = timedelta()
        for window in self._windows_from(start):
            if window.opens >= end:
                break
            passed += max(timedelta(), min(window.closes, end) - max(window.opens, start))
        return passed

    def _of_year(self, year: int) -> timedelta:
        known = self._years.get(year)
        if known is None:
            known = self._passed(self._new_year(year), self._new_year(year + 1))
            self._years[year] = known
        return known

    def _new_year(self, year: int) -> datetime:
        return first_reached(datetime.combine(date(year, 1, 1), time()), self.zone)

    def add(self, start: datetime, *, hours: int = 0, minutes: int = 0, days: int = 0) -> datetime:
        """The earliest instant by which this much working time has passed.

        A day is a working day: as far into the one that many later as `start` is into its own.
        """
        after_days = self._add_days(start, days) if days > 0 else start
        left = timedelta(hours=hours, minutes=minutes)
        if left <= timedelta():
            return after_days
        for window in self._windows_from(after_days):
            begun = max(window.opens, after_days)
            if window.closes - begun >= left:
                return begun + left
            left -= window.closes - begun
        raise AssertionError("a calendar has working days for ever")

    def _add_days(self, start: datetime, days: int) -> datetime:
        windows = self._windows_from(start)
        first = next(windows)
        into = max(start, first.opens) - first.opens
        if into == timedelta():
            # A whole day counted from its opening ends with its closing, not with the next opening.
            last = first
            for _ in range(days - 1):
                last = next(windows)
            return last.closes
        for _ in range(days):
            last = next(windows)
        return min(last.opens + into, last.closes)

    def _windows_from(self, instant: datetime) -> Iterator[Window]:
        """Working windows that end after the instant, without end."""
        day = self.local_day(instant) - _DAY
        while True:
            window = self._window(day)
            if window is not None and window.closes > max(window.opens, instant):
                yield window
            day += _DAY

    def _window(self, day: date) -> Window | None:
        """None on a day off. It may be empty, where clocks jump over all of it."""
        known = self._windows.get(day)
        if known is not None:
            return known
        if day.weekday() not in self.weekdays or day in self.holidays:
            return None
        opens = first_reached(datetime.combine(day, self.opening), self.zone)
        closes = first_reached(datetime.combine(day, self.closing), self.zone)
        if len(self._windows) >= _REMEMBERED_MAX:
            self._windows.clear()
        window = self._windows[day] = Window(day, opens, closes)
        return window


def first_reached(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which the clocks of the zone show this time or a later one: the first
    of two where an hour is doubled, the jump itself where an hour does not exist."""
    found = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == wall:
        return found
    # In a gap: read by the offset after the jump it is too early, by the one before it too late.
    early = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    late = found
    before = early.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) // 2
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    # Zones change on whole seconds.
    return late.replace(microsecond=0)
