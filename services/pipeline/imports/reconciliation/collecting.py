"""What the files say of each record, read by the step's `reconcile` and by nothing else of the
mapping, so that a mapping that reads wrongly shows."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from services.pipeline.imports.domain import UnreadableError
from services.pipeline.imports.mapping import Step
from services.pipeline.imports.parsing import BadRow, Row
from services.pipeline.imports.reading import Reading
from services.pipeline.imports.reconciliation.domain import (
    DELETED,
    LEFT_OUT,
    NAMELESS,
    NONE,
    REFUSED,
    STANDINGS,
    STATED,
    UNREADABLE,
)
from services.pipeline.imports.rules import FieldRule
from services.pipeline.imports.told import Note
from services.pipeline.imports.values import ABSENT, Getter, Surroundings, compile_rule

RECORDS: Final = ("users", "accounts", "contacts", "subscriptions", "opportunities")
"""Kinds that are compared; what is above pipeline is not ours to count."""

KEY_MAX: Final = 255
_CODES_MAX = 10


@dataclass(slots=True)
class Stated:
    """One row of a file, as it is kept."""

    key: str
    file: int
    line: int
    state: str = STATED
    standing: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    close_date: date | None = None
    occurred_at: datetime | None = None
    codes: list[str] = field(default_factory=list)


class Collector:
    """Of one step and file."""

    def __init__(self, step: Step, around: Surroundings) -> None:
        self._getters: dict[str, Getter] = {}
        if (rules := step.reconcile) is None:
            return
        named = {
            "amount": (rules.amount, "number"),
            "close_date": (rules.close_date, "date"),
            "standing": (rules.standing, "text"),
            "currency": (rules.currency, "text"),
        }
        for name, (rule, kind) in named.items():
            if rule is not None:
                self._getters[name] = compile_rule(name, _typed(rule, kind), around)

    def stated(self, file: int, row: Row, reading: Reading) -> Stated:
        """Before names are resolved and anything is stored. What cannot be read is nothing; a row
        without a key is known by its place."""
        key = reading.key[:KEY_MAX] or _place(file, row.line)
        found = Stated(key, file, row.line, _state(reading))
        notes: list[Note] = []
        codes = [note[0] for note in reading.notes] + [each.code for each in reading.problems]
        values: dict[str, Any] = {}
        for name, getter in self._getters.items():
            try:
                value = getter(row.values, notes)
            except UnreadableError as error:
                codes.append(error.code)
                continue
            if value is not ABSENT and value is not None:
                values[name] = value
        found.currency = values.get("currency") or _currency_of(notes)
        found.amount = Decimal(values["amount"]) if "amount" in values else None
        found.close_date = (
            date.fromisoformat(values["close_date"]) if "close_date" in values else None
        )
        if self._getters:
            standing = values.get("standing")
            found.standing = standing if standing in STANDINGS else NONE
        at = reading.versions[-1].get("occurred_at") if reading.versions else None
        found.occurred_at = datetime.fromisoformat(at) if isinstance(at, str) else None
        found.codes = list(dict.fromkeys(codes))[:_CODES_MAX]
        return found


def unreadable(file: int, row: BadRow) -> Stated:
    """A line that is no row: it counts, and that is all there is to say."""
    return Stated(_place(file, row.line), file, row.line, UNREADABLE, codes=[row.code])


def refused(stated: Stated, code: str) -> Stated:
    """The same row, which did not go in after all."""
    return replace(stated, state=REFUSED, codes=[*stated.codes, code])


def bare(stated: Stated) -> Stated:
    """Of a row whose own texts the database does not take: its place and what is a number."""
    key = _place(stated.file, stated.line)
    return replace(stated, key=key, currency=None, codes=stated.codes[-1:])


def _place(file: int, line: int) -> str:
    return f"{NAMELESS}{file}:{line:010}"


def one_a_key(
    rows: Iterable[Stated], *, is_latest: bool, taken: Container[tuple[str, int]]
) -> list[Stated]:
    """Of several rows of a key the one that was taken (by key and line), else the first; where
    every row is a version, the latest, with what it leaves out from those before."""
    found: dict[str, Stated] = {}
    for row in rows:
        if not is_latest and row.state == STATED and (row.key, row.line) not in taken:
            continue
        known = found.setdefault(row.key, row)
        if known is row:
            continue
        if not is_latest:
            if known.state != STATED and row.state == STATED:
                found[row.key] = row
            continue
        newer, older = (known, row) if _is_before(row, known) else (row, known)
        newer.standing = older.standing if newer.standing in (None, NONE) else newer.standing
        newer.amount = older.amount if newer.amount is None else newer.amount
        newer.currency = newer.currency or older.currency
        newer.close_date = newer.close_date or older.close_date
        found[row.key] = newer
    return list(found.values())


def _is_before(row: Stated, other: Stated) -> bool:
    return (
        row.occurred_at is not None
        and other.occurred_at is not None
        and row.occurred_at < other.occurred_at
    )


def _typed(rule: FieldRule, kind: str) -> FieldRule:
    """Money is a number here: what the file holds, not what we would make of it."""
    parts = [_typed(part, kind) for part in rule.any_of or ()]
    return rule.model_copy(update={"type": rule.type or kind, "any_of": parts or None})


def _state(reading: Reading) -> str:
    if reading.is_deleted:
        return DELETED
    if reading.skipped:
        return LEFT_OUT
    return REFUSED if reading.problems else STATED


def _currency_of(notes: Iterable[Note]) -> str | None:
    return next((text for code, _, text in notes if code == "currency_in_amount"), None)
