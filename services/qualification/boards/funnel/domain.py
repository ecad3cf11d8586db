"""What the funnel tells: steps, who skipped one, rates between steps, and how long they took.

Pure: no database, no clock. What is counted comes as tallies; those of groups add up to the whole,
and medians are taken of all times there are, never of other medians.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, Self

STEPS: Final = ("leads", "mql", "pql", "qualified", "sql", "sales_accepted", "won")
PREVIOUS: Final[Mapping[str, str]] = {
    "mql": "leads",
    "pql": "leads",
    "qualified": "leads",
    "sql": "qualified",
    "sales_accepted": "sql",
    "won": "sales_accepted",
}
"""What a step's rate is measured against. MQL and PQL are two ways of being qualified, so the way
goes from leads by qualified to SQL."""

SKIPPABLE: Final = ("sql", "sales_accepted", "won")
TIMED: Final = ("qualified", "sql", "sales_accepted", "won")
GROUPS: Final = (
    "source",
    "source_kind",
    "region",
    "segment",
    "sdr",
    "campaign",
    "engagement",
    "month",
)
COHORT: Final = "cohort"
EVENT: Final = "event"

_HOUR: Final = 3600
_PLACES: Final = Decimal("0.01")
_RATE_PLACES: Final = Decimal("0.0001")


@dataclass(slots=True)
class Tally:
    """How many took each step, how many of them without the step before, and how many seconds
    after it the others did, where both moments are known."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STEPS, 0))
    skipped: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SKIPPABLE, 0))
    seconds: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in TIMED})

    def count(
        self, step: str, count: int, *, skipped: int = 0, seconds: Iterable[int] | None = None
    ) -> None:
        self.counts[step] += count
        if skipped:
            self.skipped[step] += skipped
        if seconds is not None:
            self.seconds[step].extend(seconds)

    def add(self, other: Tally) -> None:
        for step in STEPS:
            self.count(
                step,
                other.counts[step],
                skipped=other.skipped.get(step, 0),
                seconds=other.seconds.get(step),
            )

    @classmethod
    def total(cls, tallies: Iterable[Tally]) -> Self:
        """The whole the groups make up."""
        whole = cls()
        for tally in tallies:
            whole.add(tally)
        return whole

    @property
    def is_empty(self) -> bool:
        return not any(self.counts.values())

    def rate(self, step: str) -> Decimal | None:
        """Of those who took the step before, how many took this one; who skipped the step before
        is not among them. None where nobody took the step before."""
        base = self.counts[PREVIOUS[step]]
        if not base:
            return None
        came = self.counts[step] - self.skipped.get(step, 0)
        return (Decimal(came) / base).quantize(_RATE_PLACES, ROUND_HALF_UP)

    def to_json(self) -> dict[str, Any]:
        """The figures of one group."""
        return {
            **self.counts,
            "skipped": dict(self.skipped),
            "rates": {step: _text(self.rate(step)) for step in PREVIOUS},
            "hours": {step: hours(self.seconds[step]) for step in TIMED},
        }


def hours(seconds: Sequence[int]) -> dict[str, Any]:
    """Mean, median and 90th percentile in hours with two places; null of nothing. The median of an
    even number is the mean of the middle two; the percentile is a time somebody really took."""
    ordered = sorted(seconds)
    count = len(ordered)
    if not count:
        return {"count": 0, "mean": None, "median": None, "p90": None}
    middle = ordered[(count - 1) // 2] + ordered[count // 2]
    ninth = ordered[-(-9 * count // 10) - 1]
    return {
        "count": count,
        "mean": _text(_hours(sum(ordered), count)),
        "median": _text(_hours(middle, 2)),
        "p90": _text(_hours(ninth, 1)),
    }


def _hours(seconds: int, parts: int) -> Decimal:
    return (Decimal(seconds) / (parts * _HOUR)).quantize(_PLACES, ROUND_HALF_UP)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about an answer that its reader must know; `step` is where."""

    code: str
    step: str
    message: str

    def to_json(self) -> dict[str, str]:
        return {"code": self.code, "step": self.step, "message": self.message}


def warnings_of(whole: Tally, axis: str) -> list[Notice]:
    """What must not pass silently: steps taken without the one before, and rates above one, which
    only exist where the two steps are counted by their own days."""
    found = []
    for step in SKIPPABLE:
        count = whole.skipped[step]
        if count:
            found.append(
                Notice(
                    "step_skipped",
                    step,
                    f"{count} of {whole.counts[step]} reached {step} without {PREVIOUS[step]}; "
                    "they are counted, and left out of its rate and times.",
                )
            )
    for step, before in PREVIOUS.items():
        rate = whole.rate(step)
        if axis == EVENT and rate is not None and rate > 1:
            found.append(
                Notice(
                    "rate_above_one",
                    step,
                    f"More reached {step} in the period than {before}: they had reached {before} "
                    "earlier. The cohort axis follows the same leads through.",
                )
            )
    return found
