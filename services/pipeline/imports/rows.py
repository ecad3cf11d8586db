"""One row of a file, by one step of the mapping: the record it states, its earlier versions, what
is odd about it, or why it cannot be read. Stores nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from services.kit import clock
from services.kit.errors import FieldProblem
from services.pipeline.imports.domain import UnreadableError, read_number
from services.pipeline.imports.mapping import Check, FieldRule, Step
from services.pipeline.imports.parsing import Row, column_key
from services.pipeline.imports.records import field_names
from services.pipeline.imports.told import Note
from services.pipeline.imports.values import (
    ABSENT,
    Getter,
    Surroundings,
    Values,
    compile_rule,
    condition_test,
)


@dataclass(slots=True)
class Reading:
    """What a row says. `versions` are payloads, oldest first, the row's own state last; empty when
    the row is skipped or has problems."""

    line: int
    key: str = ""
    versions: list[dict[str, Any]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    problems: list[FieldProblem] = field(default_factory=list)
    skipped: bool = False


class StepReader:
    """A step, compiled for one file."""

    def __init__(self, step: Step, around: Surroundings) -> None:
        self.step = step
        self._around = around
        self._skip = [condition_test(condition) for condition in step.skip]
        self._only = [condition_test(condition) for condition in step.only]
        rules = dict(step.fields)
        if step.pass_through:
            rules |= _same_names(step, rules)
        self._getters = _compiled(rules, around)
        self._checks = [(_check_key(check), check) for check in step.checks]
        self._history = None if step.history is None else _History(step, rules, around)

    @property
    def events(self) -> EventReader | None:
        """What reads the rows of the history file, where the step has one."""
        return None if self._history is None else self._history.events

    def is_wanted(self, values: Values) -> bool:
        """Whether the step is about this row at all; others belong to other steps."""
        return all(holds(values) for holds in self._only)

    def key_of(self, row: Row) -> str:
        """The external id alone, "" where there is none; for looking up what belongs to it."""
        for name, getter in self._getters:
            if name == "external_id":
                value = _one(name, getter, row.values, Reading(row.line))
                return "" if value is ABSENT else str(value or "")
        return ""

    def read(self, row: Row, events: Iterable[dict[str, Any]] = ()) -> Reading:
        """`events`: payloads of the history file's rows for this record, oldest first."""
        reading = Reading(row.line)
        if any(holds(row.values) for holds in self._skip):
            reading.skipped = True
            return reading
        final = _filled(self._getters, row.values, reading)
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
            text = str(values.get(key) or "").strip()
            if not text:
                continue
            try:
                number = read_number(text, ".").value
            except UnreadableError as error:
                reading.notes.append((check.code, check.column, error.sentence))
                continue
            low, high = check.at_least, check.at_most
            if (low is not None and number < low) or (high is not None and number > high):
                sentence = f"{check.column} is {text[:40]}, outside {low} to {high}"
                reading.notes.append((check.code, check.column, sentence))


class EventReader:
    """Rows of a history file: which record they belong to, when, and what they say."""

    def __init__(self, step: Step, around: Surroundings) -> None:
        assert step.history is not None
        assert step.history.events is not None
        spec = step.history.events
        self._key = column_key(spec.key)
        self._skip = [condition_test(condition) for condition in spec.skip]
        self._getters = _compiled(spec.fields, around)
        self._at = compile_rule("occurred_at", spec.at, around)
        self.fields = frozenset(spec.fields)

    def read(self, row: Row) -> Reading:
        """The payload of one version, `occurred_at` included; blank fields are null in it."""
        reading = Reading(row.line)
        if any(holds(row.values) for holds in self._skip):
            reading.skipped = True
            return reading
        payload = _filled(self._getters, row.values, reading)
        payload |= dict.fromkeys(self.fields - payload.keys())
        at = _one("occurred_at", self._at, row.values, reading)
        reading.key = str(row.values.get(self._key) or "").strip()
        if not reading.key:
            problem = FieldProblem("/external_id", "missing", "names no record")
            reading.problems.append(problem)
        if not isinstance(at, str) and not reading.problems:
            problem = FieldProblem("/occurred_at", "missing", "a version must say when it began")
            reading.problems.append(problem)
        if not reading.problems:
            reading.versions = [payload | {"occurred_at": at}]
        return reading


class _History:
    """Puts the versions of one opportunity in order, from its row and its history rows."""

    def __init__(self, step: Step, rules: dict[str, FieldRule], around: Surroundings) -> None:
        spec = step.history
        assert spec is not None
        self._at = compile_rule("occurred_at", spec.at, around)
        self._opened = spec.opened
        if spec.opened is not None:
            self._opened_at = compile_rule("occurred_at", spec.opened.at, around)
            self._opened_getters = _compiled(spec.opened.fields, around)
            self._is_opened = (
                condition_test(spec.opened.when) if spec.opened.when is not None else None
            )
        self.events = None if spec.events is None else EventReader(step, around)
        self._columns = {
            name: [column_key(column) for column in rule.column or ()]
            for name, rule in rules.items()
        }

    def versions(
        self,
        values: Values,
        final: dict[str, Any],
        events: Iterable[dict[str, Any]],
        reading: Reading,
    ) -> list[dict[str, Any]]:
        at = _one("occurred_at", self._at, values, reading)
        if isinstance(at, str):
            final["occurred_at"] = at
        elif not reading.problems:
            reading.notes.append(
                ("no_date", None, "has no date of its own; it counts from this import on")
            )
        _no_future(final, reading)
        told = list(events)
        if told:
            return self._from_events(values, final, told, reading)
        opened = self._first(values, final, reading)
        return [final] if opened is None else [opened, final]

    def _first(
        self, values: Values, final: dict[str, Any], reading: Reading
    ) -> dict[str, Any] | None:
        if self._opened is None or (self._is_opened and not self._is_opened(values)):
            return None
        at = _one("occurred_at", self._opened_at, values, reading)
        if not isinstance(at, str) or _is_future(at):
            return None
        first = {name: value for name, value in final.items() if name not in self._opened.omit}
        first |= _filled(self._opened_getters, values, reading)
        end = final.get("occurred_at")
        if end is not None and at > end:
            sentence = f"it opened on {at[:10]}, after it closed on {end[:10]}; it is taken to have"
            reading.notes.append(
                ("closed_before_opened", "occurred_at", f"{sentence} opened when it closed")
            )
            at = end
        return first | {"occurred_at": at}

    def _from_events(
        self,
        values: Values,
        final: dict[str, Any],
        told: list[dict[str, Any]],
        reading: Reading,
    ) -> list[dict[str, Any]]:
        assert self.events is not None
        tracked = self.events.fields
        base = {
            name: value
            for name, value in final.items()
            if name not in tracked and name != "occurred_at"
        }
        versions = [base | event for event in told if not _is_future(event["occurred_at"])]
        if len(versions) < len(told):
            reading.notes.append(
                ("occurred_in_future", "occurred_at", "a version of the future was left out")
            )
        if versions:
            versions[0] = {name: value for name, value in versions[0].items() if value is not None}
            latest = versions[-1]["occurred_at"]
            if final.get("occurred_at", latest) < latest:
                final["occurred_at"] = latest
        # A blank of a column the file has means there is nothing any more.
        for name in tracked - final.keys():
            if any(key in values for key in self._columns.get(name, ())):
                final[name] = None
        return [*versions, final]


def _check_key(check: Check) -> str:
    return column_key(check.column)


def _same_names(step: Step, taken: dict[str, FieldRule]) -> dict[str, FieldRule]:
    return {
        name: FieldRule(column=[name]) for name in field_names(step.record) if name not in taken
    }


def _compiled(rules: dict[str, FieldRule], around: Surroundings) -> list[tuple[str, Getter]]:
    return [(name, compile_rule(name, rule, around)) for name, rule in rules.items()]


def _one(name: str, getter: Getter, values: Values, reading: Reading) -> Any:
    try:
        return getter(values, reading.notes)
    except UnreadableError as error:
        reading.problems.append(FieldProblem(f"/{name}", error.code, error.sentence))
        return ABSENT


def _filled(getters: list[tuple[str, Getter]], values: Values, reading: Reading) -> dict[str, Any]:
    payload = {}
    for name, getter in getters:
        value = _one(name, getter, values, reading)
        if value is not ABSENT:
            payload[name] = value
    return payload


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


def _is_future(at: str) -> bool:
    # Both are RFC 3339 in UTC with microseconds, so text order is the order of time.
    return at > clock.isoformat(clock.now())


def _no_future(payload: dict[str, Any], reading: Reading) -> None:
    """What is stated is recorded as of now where its own time has not come yet."""
    at = payload.get("occurred_at")
    if isinstance(at, str) and _is_future(at):
        del payload["occurred_at"]
        reading.notes.append(
            ("occurred_in_future", "occurred_at", f"{at} is in the future; it counts from now on")
        )
