"""What a summary tells: counts, amounts and ages of groups that add up, bands of age, and how many
of a cohort came how far.

Pure: no database, no clock. What is counted comes by group and day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from services.kit.money import ZERO
from services.pipeline.summary.histograms import PLACES, Days, rate, text

EPOCH: Final = date(2000, 1, 1)
"""Sums of days are counted from here."""

LADDER: Final = (
    "pending_acceptance",
    "discovery",
    "scoping",
    "technical_evaluation",
    "proposal",
    "negotiating",
    "awaiting_signature",
    "closed_won",
)
"""What every deal goes through or skips. `closing` is not among them: few companies use it."""

OUTCOMES: Final = ("open", "won", "lost", "unqualified", "duplicate")


def open_sums(row: Mapping[str, Any] | None, today: date) -> dict[str, Any]:
    """What is told of the open opportunities of one group; None: there are none."""
    count = 0 if row is None else row["count"]
    if row is None or not count:
        return {
            "count": 0,
            "with_amount": 0,
            "unsized": 0,
            "without_close_date": 0,
            "amount": ZERO,
            "net_arr": ZERO,
            "days_in_stage": {"average": None, "median": None},
            "age": {"average": None, "oldest": None, "oldest_since": None},
            "pushes": {"total": 0, "average": None, "pushed": 0, "share": None},
        }
    first = EPOCH + timedelta(days=row["first_opened"])
    day = (today - EPOCH).days
    return {
        "count": count,
        "with_amount": row["with_amount"],
        "unsized": count - row["with_amount"],
        "without_close_date": count - row["with_close_date"],
        "amount": row["amount"] or ZERO,
        "net_arr": row["net_arr"],
        # The day it entered counts as one.
        "days_in_stage": {
            "average": _places(day + 1 - Decimal(row["entered_sum"]) / count),
            "median": _places(day + 1 - Decimal(row["entered_median"])),
        },
        "age": {
            "average": _places(day - Decimal(row["opened_sum"]) / count),
            "oldest": (today - first).days,
            "oldest_since": first,
        },
        "pushes": {
            "total": row["pushes"],
            "average": _places(Decimal(row["pushes"]) / count),
            "pushed": row["pushed"],
            "share": text(rate(row["pushed"], count)),
        },
    }


def left_out(tally: Mapping[str, Any]) -> list[dict[str, str]]:
    """What the amounts of a whole do not hold, in words."""
    found = []
    count = tally["count"]
    if tally["unsized"]:
        message = (
            f"{tally['with_amount']} of {count} carry an amount; the others add nothing to it."
        )
        found.append({"code": "unsized", "message": message})
    if tally["without_close_date"]:
        message = (
            f"{tally['without_close_date']} of {count} have no close date and are in no quarter."
        )
        found.append({"code": "without_close_date", "message": message})
    return found


def _places(value: Decimal) -> str:
    return f"{value.quantize(PLACES, ROUND_HALF_UP):f}"


@dataclass(frozen=True, slots=True)
class Band:
    """Ages from a day to another; the last band has no end."""

    from_days: int
    to_days: int | None

    @property
    def label(self) -> str:
        return f"{self.from_days}+" if self.to_days is None else f"{self.from_days}-{self.to_days}"


def bands(limits: Sequence[int]) -> list[Band]:
    """[30, 60] is 0-30, 31-60, 61+."""
    starts = [0, *(limit + 1 for limit in limits)]
    return [Band(start, end) for start, end in zip(starts, [*limits, None], strict=True)]


def band_starts(found: Sequence[Band], today: date) -> list[date]:
    """The days on which the bands before the last begin, growing: what began before the first of
    them is in the last band, what began since the last of them in the first."""
    return [today - timedelta(days=band.to_days) for band in reversed(found) if band.to_days]


@dataclass(slots=True)
class AgeTally:
    """Opportunities of an age added up."""

    count: int = 0
    with_amount: int = 0
    amount: Decimal = ZERO
    net_arr: Decimal = ZERO

    def add(self, row: Mapping[str, Any]) -> None:
        self.count += row["count"]
        self.with_amount += row["with_amount"]
        self.amount += row["amount"] or ZERO
        self.net_arr += row["net_arr"]

    def to_json(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "with_amount": self.with_amount,
            "amount": self.amount,
            "net_arr": self.net_arr,
        }


def began_before(today: date, days: Decimal) -> date:
    """What began before this day is older than so many days. A median may end in a half."""
    return today - timedelta(days=int(days))


@dataclass(slots=True)
class Cohort:
    """Deals followed from one stage on: how many met each later one, and after how many days.
    A stage that was skipped counts as met on the day of the one reached instead."""

    first: str
    count: int = 0
    reached: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    since_start: dict[str, Days] = field(default_factory=dict)
    since_previous: dict[str, Days] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))

    @property
    def stages(self) -> tuple[str, ...]:
        return LADDER[LADDER.index(self.first) :]

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """By stage and days since the start and since the stage before."""
        for row in rows:
            stage, count = row["stage"], row["count"]
            if stage not in self.stages:
                continue
            self.reached[stage] = self.reached.get(stage, 0) + count
            self.skipped[stage] = self.skipped.get(stage, 0) + row["skipped"]
            self.since_start.setdefault(stage, Days()).add(max(row["since_start"], 0), count)
            if row["since_previous"] is not None:
                since = max(row["since_previous"], 0)
                self.since_previous.setdefault(stage, Days()).add(since, count)

    def to_json(self) -> list[dict[str, Any]]:
        """One line a stage."""
        lines = []
        before: int | None = None
        for stage in self.stages:
            reached = self.reached.get(stage, 0)
            lines.append(
                {
                    "stage": stage,
                    "reached": reached,
                    "skipped": self.skipped.get(stage, 0),
                    "share": text(rate(reached, self.count)),
                    "from_previous": None if before is None else text(rate(reached, before)),
                    "days_from_start": self.since_start.get(stage, Days()).to_json(),
                    "days_from_previous": self.since_previous.get(stage, Days()).to_json(),
                }
            )
            before = reached
        return lines


def outcome_of(stage: str) -> str:
    """What became of a deal by the stage it is in."""
    closed = {"closed_won": "won", "closed_lost": "lost"}
    if stage in ("unqualified", "duplicate"):
        return stage
    return closed.get(stage, "open")
