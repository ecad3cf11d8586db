"""Averages and medians from how often each number of days occurs.

Pure. The database counts days by group; what is asked of them is worked out here, so that nothing
is sorted there and the parts always add up to the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

PLACES: Final = Decimal("0.01")
RATE_PLACES: Final = Decimal("0.0001")


class Days:
    """How often each number of days occurs."""

    __slots__ = ("counts",)

    def __init__(self, counts: Iterable[tuple[int, int]] = ()) -> None:
        self.counts: Counter[int] = Counter()
        for days, count in counts:
            self.counts[days] += count

    def add(self, days: int, count: int) -> None:
        self.counts[days] += count

    def merge(self, other: Days) -> None:
        self.counts.update(other.counts)

    @property
    def count(self) -> int:
        return self.counts.total()

    @property
    def average(self) -> Decimal | None:
        count = self.count
        if not count:
            return None
        whole = sum(days * often for days, often in self.counts.items())
        return (Decimal(whole) / count).quantize(PLACES, ROUND_HALF_UP)

    @property
    def median(self) -> Decimal | None:
        """Of an even number, the mean of the middle two."""
        count = self.count
        if not count:
            return None
        middle = self._at((count - 1) // 2) + self._at(count // 2)
        return (Decimal(middle) / 2).quantize(PLACES, ROUND_HALF_UP)

    def _at(self, place: int) -> int:
        """The number of days at this place of the sorted list, from 0."""
        for days in sorted(self.counts):
            place -= self.counts[days]
            if place < 0:
                return days
        raise IndexError(place)

    def to_json(self) -> dict[str, Any]:
        return {"count": self.count, "average": text(self.average), "median": text(self.median)}


def text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def rate(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    """With four places; None of nothing."""
    if not whole:
        return None
    return (Decimal(part) / Decimal(whole)).quantize(RATE_PLACES, ROUND_HALF_UP)
