"""One row of a file, by one step of the mapping: the record it states, its earlier versions, what
is odd about it, or why it cannot be read. Stores nothing."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from services.kit.errors import FieldProblem
from services.pipeline.imports.domain import UnreadableError, read_number
from services.pipeline.imports.history import EventReader, History
from services.pipeline.imports.mapping import Step
from services.pipeline.imports.parsing import Row, column_key
from services.pipeline.imports.reading import Reading, compiled, filled, one
from services.pipeline.imports.reconciliation.collecting import RECORDS as RECONCILED
from services.pipeline.imports.reconciliation.collecting import Collector
from services.pipeline.imports.records import field_names
from services.pipeline.imports.rules import FieldRule
from services.pipeline.imports.values import ABSENT, Surroundings, Values, condition_test


class StepReader:
    """A step, compiled for one file."""

    def __init__(self, step: Step, around: Surroundings) -> None:
        self.step = step
        self._around = around
        self._skip = [condition_test(condition) for condition in step.skip]
        self._deleted = [condition_test(condition) for condition in step.deleted]
        self._only = [condition_test(condition) for condition in step.only]
        rules = dict(step.fields)
        if step.pass_through:
            rules |= _same_names(step, rules)
        self._getters = compiled(rules, around)
        self._checks = [(column_key(check.column), check) for check in step.checks]
        # A step about records that are there holds no records of its own.
        is_compared = (
            step.record in RECONCILED and step.file is not None and step.existing != "only"
        )
        self.collector = Collector(step, around) if is_compared else None
        self._history = None if step.history is None else History(step, rules, around)

    @property
    def events(self) -> list[EventReader]:
        """What reads the rows of the history files, where the step has any."""
        return [] if self._history is None else self._history.events

    def is_wanted(self, values: Values) -> bool:
        """Whether the step is about this row at all; others belong to other steps."""
        return all(holds(values) for holds in self._only)

    def key_of(self, row: Row) -> str:
        """The external id alone, "" where there is none; for looking up what belongs to it."""
        for name, getter in self._getters:
            if name == "external_id":
                value = one(name, getter, row.values, Reading(row.line))
                return "" if value is ABSENT else str(value or "")
        return ""

    def read(self, row: Row, events: Iterable[dict[str, Any]] = ()) -> Reading:
        """`events`: payloads of the history files' rows for this record, oldest first."""
        reading = Reading(row.line)
        if any(holds(row.values) for holds in self._skip):
            reading.key = self.key_of(row)
            reading.skipped = True
            return reading
        if self._deleted and all(holds(row.values) for holds in self._deleted):
            reading.key = self.key_of(row)
            reading.skipped = reading.is_deleted = True
            return reading
        final = filled(self._getters, row.values, reading)
        reading.key = str(final.get("external_id") or "")
        self._check_columns(row.values, reading)
        if not reading.key and not reading.problems:
            reading.problems.append(
                FieldProblem("/external_id", "missing", "is empty: nothing to know the record by")
            )
        if self.step.record == "opportunities":
            _settle_currency(final, reading)
        if self._history is not None and not reading.problems:
            reading.versions = self._history.versions(row.values, final, events, reading)
        else:
            reading.versions = [final]
        if reading.problems:
            reading.versions = []
        return reading

    def _check_columns(self, values: Values, reading: Reading) -> None:
        for key, check in self._checks:
            try:
                number = _number(values, key)
                other = None if check.equals is None else _number(values, column_key(check.equals))
            except UnreadableError as error:
                reading.notes.append((check.code, check.column, error.sentence))
                continue
            if number is None:
                continue
            low, high = check.at_least, check.at_most
            if (low is not None and number < low) or (high is not None and number > high):
                sentence = f"{check.column} is {number}, outside {low} to {high}"
                reading.notes.append((check.code, check.column, sentence))
            if other is not None and number != other:
                sentence = f"{check.column} is {number}, {check.equals} is {other}"
                reading.notes.append((check.code, check.column, sentence))


def _number(values: Values, key: str) -> Decimal | None:
    text = str(values.get(key) or "").strip()
    return read_number(text, ".").value if text else None


def _same_names(step: Step, taken: dict[str, FieldRule]) -> dict[str, FieldRule]:
    return {
        name: FieldRule(column=[name]) for name in field_names(step.record) if name not in taken
    }


def _settle_currency(payload: dict[str, Any], reading: Reading) -> None:
    """A currency written beside an amount is the record's, unless another column says otherwise."""
    written = [note for note in reading.notes if note[0] == "currency_in_amount"]
    if not written:
        return
    reading.notes[:] = [note for note in reading.notes if note[0] != "currency_in_amount"]
    found = {note[2] for note in written}
    stated = payload.get("currency")
    if len(found) > 1 or (stated is not None and found != {stated}):
        both = ", ".join(sorted(found | ({stated} if stated else set())))
        reading.problems.append(
            FieldProblem("/currency", "currencies_differ", f"the row names several: {both}")
        )
    elif stated is None:
        payload["currency"] = found.pop()
