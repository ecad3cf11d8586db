"""The figures of a quarter as they were at the end of each day or week of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from services.forecast.figures import Figures, figures
from services.forecast.question import Question
from services.forecast.scope import Scope, find_moment, owners_of, resolve
from services.forecast.service import read_totals
from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import ReadSession

_DAYS_BEFORE = 91
"""How far the trend of a quarter that has not begun reaches back."""


class Interval(StrEnum):
    DAY = "day"
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class Point:
    """`day` is the company's; `as_of` the moment that was read, its last instant at most."""

    day: date
    as_of: datetime
    figures: Figures


async def read_trend(
    session: ReadSession, principal: Principal, question: Question, interval: Interval
) -> tuple[Scope, list[Point]]:
    """One point an interval, from the quarter's first day to its last, or to now."""
    now = clock.now()
    scope = await resolve(session, principal, question, now)
    points: list[Point] = []
    for day, at in _moments(scope, question, interval, now):
        asked = replace(question, as_of=at)
        moment = await find_moment(session, scope.workspace, asked, scope.standing, now)
        if points and points[-1].as_of == moment.as_of:
            # Nothing was posted in between.
            points.append(replace(points[-1], day=day))
            continue
        owners = await owners_of(session, asked, moment, scope.standing, scope.person)
        totals = await read_totals(session, moment, question.quarter.key, owners)
        points.append(Point(day, moment.as_of, figures(totals.measures)))
    return scope, points


def _moments(
    scope: Scope, question: Question, interval: Interval, now: datetime
) -> Iterator[tuple[date, datetime]]:
    calendar, quarter = scope.workspace.calendar, question.quarter
    zone = ZoneInfo(calendar.timezone)
    today = calendar.local_date(now)
    last_day = min(quarter.last_day, today)
    day = min(quarter.first_day, today - timedelta(days=_DAYS_BEFORE))
    if quarter.first_day <= today:
        day = quarter.first_day
    days = 1 if interval is Interval.DAY else 7
    while day <= last_day:
        # The last day of the interval, which is the quarter's last where that comes first.
        end = min(day + timedelta(days=days - 1), last_day)
        midnight = datetime.combine(end + timedelta(days=1), time(), zone).astimezone(UTC)
        yield end, min(midnight - timedelta(microseconds=1), now)
        day = end + timedelta(days=1)
