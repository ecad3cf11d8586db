"""The fiscal calendar: which quarter, day and week a date or an instant belongs to.

Pure. A fiscal year is named for the calendar year in which it ends. Instants are placed in the
company's time zone, never a user's, so that one midnight closes the quarter for everybody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

LAST_WEEK: Final = 12
UNDATED: Final = 0
"""The quarter key of an opportunity without a close date."""

_QUARTER_LABEL = re.compile(r"FY([0-9]{2})-Q([1-4])")
_YEAR_LABEL = re.compile(r"FY([0-9]{2})")


class FiscalCalendarError(ValueError):
    """A label, month or time zone that no fiscal calendar knows."""


@dataclass(frozen=True, slots=True, order=True)
class FiscalQuarter:
    """One quarter. Ordered in time; `key` is what tables and feeds carry."""

    key: int
    first_day: date = field(compare=False)
    last_day: date = field(compare=False)

    @property
    def fiscal_year(self) -> int:
        return self.key // 10

    @property
    def number(self) -> int:
        return self.key % 10

    @property
    def label(self) -> str:
        return f"FY{self.fiscal_year % 100:02d}-Q{self.number}"

    @property
    def days(self) -> int:
        return (self.last_day - self.first_day).days + 1

    def __contains__(self, day: date) -> bool:
        return self.first_day <= day <= self.last_day


def parse_year(label: str) -> int:
    """The fiscal year of a label like FY27."""
    match = _YEAR_LABEL.fullmatch(label)
    if match is None:
        raise FiscalCalendarError(f"{label[:40]!r} is not a fiscal year: write it like FY27.")
    return 2000 + int(match[1])


def parse_key(label: str) -> int:
    """The quarter key of a label like FY27-Q2; the same for every start month."""
    match = _QUARTER_LABEL.fullmatch(label)
    if match is None:
        raise FiscalCalendarError(f"{label[:40]!r} is not a fiscal quarter: write it like FY27-Q2.")
    return (2000 + int(match[1])) * 10 + int(match[2])


@dataclass(frozen=True, slots=True)
class FiscalCalendar:
    """The calendar of one company; cheap to ask, so that a rebuild may ask it a million times."""

    start_month: int
    timezone: str
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)
    # By month number: how far the fiscal year is ahead of the calendar's, and the quarter.
    _years_ahead: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _quarters: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 1 <= self.start_month <= 12:
            raise FiscalCalendarError(f"{self.start_month} is not a month: a year starts in 1-12.")
        start, months = self.start_month, range(13)
        put = object.__setattr__
        put(self, "_zone", _zone(self.timezone))
        put(self, "_years_ahead", tuple(int(start != 1 and month >= start) for month in months))
        put(self, "_quarters", tuple((month - start) % 12 // 3 + 1 for month in months))

    def fiscal_year(self, day: date) -> int:
        return day.year + self._years_ahead[day.month]

    def quarter_key(self, day: date) -> int:
        """Fiscal year times ten plus the quarter: FY27-Q2 is 20272."""
        month = day.month
        return (day.year + self._years_ahead[month]) * 10 + self._quarters[month]

    def quarter_of(self, day: date) -> FiscalQuarter:
        return self.from_key(self.quarter_key(day))

    def from_key(self, key: int) -> FiscalQuarter:
        year, number = divmod(key, 10)
        if not 1 <= number <= 4 or not 2 <= year <= 9998:
            raise FiscalCalendarError(f"{key} is not the key of a fiscal quarter.")
        first_day = self._first_day(year, number)
        following = self._first_day(year, number + 1)
        return FiscalQuarter(key, first_day, following - timedelta(days=1))

    def _first_day(self, year: int, number: int) -> date:
        calendar_year = year if self.start_month == 1 else year - 1
        months = self.start_month - 1 + (number - 1) * 3
        return date(calendar_year + months // 12, months % 12 + 1, 1)

    def parse(self, label: str) -> FiscalQuarter:
        return self.from_key(parse_key(label))

    def quarters_of_year(self, year: int) -> tuple[FiscalQuarter, ...]:
        return tuple(self.from_key(year * 10 + number) for number in (1, 2, 3, 4))

    def shift(self, quarter: FiscalQuarter, quarters: int) -> FiscalQuarter:
        """The quarter so many after this one, or before it where negative."""
        ordinal = quarter.fiscal_year * 4 + quarter.number - 1 + quarters
        return self.from_key(ordinal // 4 * 10 + ordinal % 4 + 1)

    def local_date(self, instant: datetime) -> date:
        """The company's date at an aware instant."""
        if instant.tzinfo is None:
            raise FiscalCalendarError("An instant needs a time zone before it has a date.")
        return instant.astimezone(self._zone).date()

    def quarter_at(self, instant: datetime) -> FiscalQuarter:
        return self.quarter_of(self.local_date(instant))

    def day_of_quarter(self, day: date) -> int:
        """The first day is 1."""
        return (day - self.quarter_of(day).first_day).days + 1

    def normalised_day(self, day: date) -> int:
        """90 minus the days that remain, so that quarters of 89 to 92 days end alike."""
        return 90 - (self.quarter_of(day).last_day - day).days

    def week_of_quarter(self, day: date) -> int:
        """Zero-based; the day or two of a fourteenth week belong to the thirteenth."""
        return min((self.day_of_quarter(day) - 1) // 7, LAST_WEEK)

    def week(self, quarter: FiscalQuarter, number: int) -> tuple[date, date]:
        """First and last day of a zero-based week; the last one ends with the quarter."""
        if not 0 <= number <= LAST_WEEK:
            raise FiscalCalendarError(f"{number} is not a fiscal week: weeks are 0 to {LAST_WEEK}.")
        first_day = quarter.first_day + timedelta(days=7 * number)
        if number == LAST_WEEK:
            return first_day, quarter.last_day
        return first_day, first_day + timedelta(days=6)

    def has_label(self, day: date) -> bool:
        """Whether the two-digit year of a label can name this date's quarter."""
        return 2000 <= self.fiscal_year(day) <= 2099


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as unknown:  # what zoneinfo raises for a bad name
        raise FiscalCalendarError(f"{name[:60]!r} is not a known time zone.") from unknown


@lru_cache(maxsize=1024)
def calendar_for(start_month: int, timezone: str) -> FiscalCalendar:
    """One shared calendar per company setting; calendars are values, so sharing is safe."""
    return FiscalCalendar(start_month, timezone)
