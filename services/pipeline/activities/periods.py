"""Days of the company as instants, for lists and reports that are asked for by days."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from services.kit import clock
from services.kit.db import Session
from services.kit.errors import InvalidPayloadError
from services.workspace.workspaces.repository import get_workspace

DAYS_MAX: Final = 1100


class Period(NamedTuple):
    """From the first instant of `first` to before the day after `last`."""

    first: date
    last: date
    begins: datetime
    ends: datetime
    timezone: str


def begins_at(day: date, timezone: str) -> datetime:
    """When a day of the company begins."""
    return datetime.combine(day, time(), ZoneInfo(timezone)).astimezone(UTC)


def ends_at(day: date, timezone: str) -> datetime:
    """When the day after begins."""
    return begins_at(day + timedelta(days=1), timezone)


async def period_of(session: Session, first: date | None, last: date | None) -> Period:
    """By default the fiscal quarter so far. Raises InvalidPayloadError where it is none, or too
    long."""
    workspace = await get_workspace(session)
    last = last or workspace.calendar.local_date(clock.now())
    first = first or workspace.calendar.quarter_of(last).first_day
    if not 0 <= (last - first).days <= DAYS_MAX:
        raise InvalidPayloadError.one(
            "query/from", "invalid_period", f"must be at most {DAYS_MAX} days before `to`"
        )
    zone = workspace.timezone
    return Period(first, last, begins_at(first, zone), ends_at(last, zone), zone)
