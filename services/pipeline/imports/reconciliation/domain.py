"""What two sides add up to, and why a record differs. Pure: the rows of both are given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

OPEN: Final = "open"
WON: Final = "won"
LOST: Final = "lost"
NONE: Final = "none"
"""Counts on neither side: merged into another."""
STANDINGS: Final = (OPEN, WON, LOST)

STATED: Final = "stated"
DELETED: Final = "deleted"
LEFT_OUT: Final = "left_out"
REFUSED: Final = "refused"
UNREADABLE: Final = "unreadable"
"""A line that cannot be split into columns: a record of theirs, of which nothing is known."""
NAMELESS: Final = "\x1f"
"""What the key of a row begins with that has none of its own, and no key of a record can."""

_ZERO = Decimal()
_CENT = Decimal("0.01")
# Codes of notes and problems, in the order they explain a difference of the field.
_REASONS: Final = {
    "record": (
        ("date_out_of_range", ("date_out_of_range", "unreadable_date", "invalid_date")),
        ("duplicate_in_file", ("duplicate_in_file",)),
    ),
    "standing": (("stage_unknown", ("stage_unknown", "unknown_value")),),
    "amount": (("amount_from_lines", ("amount_from_lines",)),),
    "close_date": (("date_out_of_range", ("date_out_of_range", "unreadable_date")),),
    "currency": (("currency_in_amount", ("currency_in_amount",)),),
}


@dataclass(slots=True)
class Side:
    """One side of one line of the comparison."""

    count: int = 0
    amount: Decimal = _ZERO

    def add(self, count: int, amount: Decimal) -> None:
        self.count += count
        self.amount += amount


@dataclass(slots=True)
class Line:
    """Records of one currency, quarter and standing, on both sides."""

    theirs: Side = field(default_factory=Side)
    ours: Side = field(default_factory=Side)

    @property
    def is_equal(self) -> bool:
        return self.theirs == self.ours


Group = tuple[str, int, str]
"""Currency, key of the fiscal quarter (0 without a date), standing."""


def lines_of(
    theirs: Iterable[Mapping[str, Any]],
    ours: Iterable[Mapping[str, Any]],
    quarter_key: Callable[[date], int],
) -> dict[Group, Line]:
    """Days folded into quarters, in the order of currency, quarter and standing."""
    lines: dict[Group, Line] = {}
    for rows, side in ((theirs, "theirs"), (ours, "ours")):
        for row in rows:
            day = row["close_date"]
            key = (row["currency"], 0 if day is None else quarter_key(day), row["standing"])
            target: Side = getattr(lines.setdefault(key, Line()), side)
            target.add(row["count"], row["amount"] or _ZERO)
    order = {name: number for number, name in enumerate(STANDINGS)}
    return dict(sorted(lines.items(), key=lambda item: (*item[0][:2], order[item[0][2]])))


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known about a record that differs. `is_here`: we have it; `is_later`: what we have
    was told after the import, or happened after what the file says."""

    state: str
    codes: frozenset[str]
    is_here: bool
    is_later: bool


def reason(field_: str, theirs: str | None, ours: str | None, around: Circumstances) -> str:
    """Why the two differ, as far as that can be told."""
    if field_ == "record":
        return _reason_of_presence(around)
    if ours == NONE:
        return "merged"
    if field_ == "amount" and _is_rounding(theirs, ours):
        return "rounded"
    if around.is_later:
        return "changed_since"
    if field_ == "amount" and ours is None and _is_zero(theirs):
        return "zero_left_out"
    for why, codes in _REASONS[field_]:
        if around.codes & set(codes):
            return why
    return "read_otherwise"


def _reason_of_presence(around: Circumstances) -> str:
    if around.state in (DELETED, LEFT_OUT, UNREADABLE):
        return around.state
    for why, codes in _REASONS["record"]:
        if around.codes & set(codes):
            return why
    return "refused" if around.state == REFUSED else "not_here"


def _is_zero(text: str | None) -> bool:
    try:
        return Decimal(text or "") == 0
    except InvalidOperation:
        return False


def _is_rounding(theirs: str | None, ours: str | None) -> bool:
    try:
        difference = Decimal(theirs or "") - Decimal(ours or "")
    except InvalidOperation:
        return False
    return difference != 0 and abs(difference) < _CENT


def later(
    told_at: datetime | None, happened_at: datetime | None,
    finished_at: datetime | None, stated_at: datetime | None,
) -> bool:  # fmt: skip
    """Whether what we have is newer than what the file says."""
    if told_at is not None and finished_at is not None and told_at > finished_at:
        return True
    return happened_at is not None and stated_at is not None and happened_at > stated_at
