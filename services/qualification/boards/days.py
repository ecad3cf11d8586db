"""Days of the company: the instants at which they begin and the months they fall in.

Pure. A day list is for one of the company's days, a funnel for some of them; both are asked of
instants, so a day is from its first instant to the first of the next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.workspace.fiscal import FiscalCalendar


def begins(calendar: FiscalCalendar, day: date) -> datetime:
    """The first instant of the day. Where clocks skip midnight it is the instant they skip to."""
    local = datetime.combine(day, time.min, tzinfo=ZoneInfo(calendar.timezone))
    return local.astimezone(UTC)


def ends(calendar: FiscalCalendar, day: date) -> datetime:
    """The first instant after the day."""
    return begins(calendar, day + timedelta(days=1))


class Month(NamedTuple):
    """A month of the calendar, written like 2026-06, from its first instant on."""

    label: str
    starts_at: datetime
    first_day: date


@dataclass(frozen=True, slots=True)
class Period:
    """Days of the company, both included, and the instants from which and before which they are."""

    first_day: date
    last_day: date
    starts_at: datetime
    ends_at: datetime

    @classmethod
    def of(cls, calendar: FiscalCalendar, first_day: date, last_day: date) -> Period:
        return cls(first_day, last_day, begins(calendar, first_day), ends(calendar, last_day))

    def months(self, calendar: FiscalCalendar) -> list[Month]:
        """The months it touches, the earliest first, each whole."""
        found = []
        first = self.first_day.replace(day=1)
        while first <= self.last_day:
            found.append(Month(f"{first:%Y-%m}", begins(calendar, first), first))
            first = (first + timedelta(days=31)).replace(day=1)
        return found
