"""How the time before an instant is covered by sums of whole days, the fewest of them.

Pure. Sums are kept for single days and for blocks of 8 and 64 days (UTC). Where an instant lies
past the middle of a block, the whole block less what comes after is less to read than its parts.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NONE: Final = (0, 0)


class Span(NamedTuple):
    """Instants from `start` to `end`. Added: both belong to it. Taken: neither the first nor the
    last, since the instant asked for is part of what is added."""

    start: datetime
    end: datetime


class Cover(NamedTuple):
    """Blocks of 64 days up to `blocks`, then half-open ranges of blocks of 8 and of days, those
    added and those taken away, and the part of a day (or block) that no sum holds."""

    blocks: int
    eights_added: tuple[int, int]
    eights_taken: tuple[int, int]
    days_added: tuple[int, int]
    days_taken: tuple[int, int]
    rest_added: Span
    rest_taken: Span


def cover(at: datetime) -> Cover:
    """Everything up to and including `at`."""
    day = (at - _EPOCH).days
    rest_added, rest_taken, days = _rest(at, day, 1)
    eights, days_added, days_taken = _split(days)
    blocks, eights_added, eights_taken = _split(eights)
    return Cover(blocks, eights_added, eights_taken, days_added, days_taken, rest_added, rest_taken)


def cover_by_blocks(at: datetime) -> tuple[int, Span, Span]:
    """The same with blocks of 64 days only: how many, and what is added and taken besides."""
    rest_added, rest_taken, blocks = _rest(at, (at - _EPOCH).days >> 6, 64)
    return blocks, rest_added, rest_taken


def _rest(at: datetime, unit: int, days: int) -> tuple[Span, Span, int]:
    """Of the unit that has begun, what lies before the instant, or the whole of it less the rest.
    The last is how many whole units then count."""
    length = timedelta(days=days)
    start = _EPOCH + unit * length
    nothing = Span(at + timedelta(microseconds=1), at)
    if at - start < length / 2:
        return Span(start, at), nothing, unit
    return nothing, Span(at, start + length), unit + 1


def _split(units: int) -> tuple[int, tuple[int, int], tuple[int, int]]:
    """So many units as blocks of eight, units added and units taken away."""
    over = units & 7
    if over <= 4:
        return units >> 3, (units - over, units), _NONE
    blocks = (units >> 3) + 1
    return blocks, _NONE, (units, blocks * 8)
