"""What counts as a qualification call, and which states a meeting passes through. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

KINDS: Final = ("iqm", "discovery", "demo", "technical", "review", "other")
STATES: Final = ("planned", "held", "no_show", "cancelled")
REBOOKING_DAYS: Final = 14
"""How long a buyer who did not come is asked for another date."""

NAMELESS_CHAMPION_MAX: Final = 2
"""Without a name a champion is an advocate."""

# A word ends where neither a letter nor a digit follows: "qual_call" counts, "quality" does not.
_QUALIFICATION: Final = re.compile(r"(?<![^\W_])qual(?:ification)?(?![^\W_])", re.IGNORECASE)


def is_qualification(subject: str, kind: str) -> bool:
    """By the word in its subject, as calls are logged, or because it is the first qualifying
    meeting."""
    return kind == "iqm" or _QUALIFICATION.search(subject) is not None


def rebook_until(missed_on: date) -> date:
    """The last day on which another date may be agreed."""
    return missed_on + timedelta(days=REBOOKING_DAYS)


def state_after(current: str | None, stated: str | None, *, is_moved: bool) -> str:
    """The state a meeting has after a change. `current` None is a new one; `is_moved`: it has
    another time than before. Calendars say of every entry that it is planned, so that undoes
    nothing that happened; a meeting nobody came to is planned again by another time."""
    if current is None or current == "cancelled":
        return stated or current or "planned"
    if stated == "cancelled":
        return stated
    if current == "no_show" and is_moved:
        return "planned"
    return current


def first_instant(day: date, timezone: str) -> datetime:
    """When a day of the company begins."""
    return datetime.combine(day, time(), ZoneInfo(timezone)).astimezone(UTC)


def last_instant(day: date, timezone: str) -> datetime:
    """When the day after begins: everything of the day is before it."""
    return first_instant(day + timedelta(days=1), timezone)


def score_with(known: int, stated: int | None) -> int:
    """The score of an element after an answer: never lower than it was. An answer that nobody
    scored has at least mentioned it."""
    return max(known, 1 if stated is None else stated)


def evidence_with(known: str | None, answer: str, day: date) -> str:
    """What is known with the answer in a line below, once."""
    line = f"{day}: {answer}"
    if known is None:
        return line
    # Whole lines: "Yes" was not said yet where "Yes, in May" was.
    return known if f"\n{line}\n" in f"\n{known}\n" else f"{known}\n{line}"
