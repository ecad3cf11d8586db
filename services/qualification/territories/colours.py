"""A division's colour as the statements made of it say: which one holds at an instant, since when,
and whether a statement says anything new.

Pure. Statements are never changed; a later one (by when it was so, then by when it was told) takes
the place of the earlier ones, and one told late finds its place among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

Axis = Literal["occurred", "recorded"]


@dataclass(frozen=True, slots=True)
class Statement:
    """Somebody said that a division had this colour at that instant; None takes back what was
    said before."""

    id: UUID
    division_id: UUID
    colour: str | None
    said_by: str
    evidence: str | None
    occurred_at: datetime
    recorded_at: datetime

    @property
    def place(self) -> tuple[datetime, datetime, UUID]:
        """Statements hold in this order."""
        return self.occurred_at, self.recorded_at, self.id


@dataclass(frozen=True, slots=True)
class Standing:
    """The colour that holds: `since` the first of the unbroken run of statements that say so;
    who said it last, and when that was so."""

    colour: str | None
    since: datetime
    said_by: str
    stated_at: datetime
    evidence: str | None


def standing_at(
    statements: Iterable[Statement], at: datetime, axis: Axis = "occurred"
) -> Standing | None:
    """Of one division. `occurred`: as it is known now to have been; `recorded`: as whoever looked
    at that instant saw it. None where nothing had been said."""
    known = [
        each
        for each in statements
        if each.occurred_at <= at and (axis == "occurred" or each.recorded_at <= at)
    ]
    if not known:
        return None
    ordered = sorted(known, key=lambda each: each.place)
    last = ordered[-1]
    since = last.occurred_at
    for each in reversed(ordered):
        if each.colour != last.colour:
            break
        since = each.occurred_at
    return Standing(last.colour, since, last.said_by, last.occurred_at, last.evidence)


def says_nothing_new(
    statements: Sequence[Statement],
    colour: str | None,
    *,
    said_by: str | None,
    evidence: str | None,
    occurred_at: datetime | None,
) -> bool:
    """Whether the same was said before, so that a request sent twice is one statement. None of the
    last three means that nothing was said about it."""
    if occurred_at is not None:
        candidates = [each for each in statements if each.occurred_at == occurred_at]
    else:
        ordered = sorted(statements, key=lambda each: each.place)
        candidates = ordered[-1:]
        if not candidates:
            return colour is None
    return any(
        each.colour == colour
        and said_by in (None, each.said_by)
        and evidence in (None, each.evidence)
        for each in candidates
    )
