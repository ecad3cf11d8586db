"""How a record came to be as it is: the versions of one row, from two dates in it or from rows of
history files. Stores nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from services.kit import clock
from services.kit.errors import FieldProblem
from services.pipeline.imports.mapping import Events, Step
from services.pipeline.imports.parsing import Row, column_key
from services.pipeline.imports.reading import Reading, compiled, filled, one
from services.pipeline.imports.rules import FieldRule
from services.pipeline.imports.values import Surroundings, Values, compile_rule, condition_test

UNTIL: Final = "until"
"""In a kept version: when the next one took over. No field of a record."""

_NEEDED = ("name", "type", "stage", "owner_external_id")
"""A first version without them would be none; it takes them from the first that says so."""


class EventReader:
    """Rows of a history file: which record they belong to, when, and what they say."""

    def __init__(self, spec: Events, around: Surroundings) -> None:
        self.spec = spec
        self._key = column_key(spec.key)
        self._skip = [condition_test(condition) for condition in spec.skip]
        self._getters = compiled(spec.fields, around)
        self._at = compile_rule("occurred_at", spec.at, around)
        self._until = (
            compile_rule("occurred_at", spec.until, around) if spec.until is not None else None
        )
        self._pivot = None
        if spec.pivot is not None:
            self._pivot = column_key(spec.pivot.name), column_key(spec.pivot.value)
        self._told_by = {
            name: {column_key(column) for column in rule.sources}
            for name, rule in spec.fields.items()
        }

    def read(self, row: Row) -> Reading:
        """The payload of one version, `occurred_at` included; blank fields are null in it. A row
        of one property says nothing of the others, and is skipped where no field is about it."""
        reading = Reading(row.line)
        if any(holds(row.values) for holds in self._skip):
            reading.skipped = True
            return reading
        values, blank = self._columns(row.values)
        payload = filled(self._getters, values, reading)
        payload |= {name: None for name in blank if name not in payload and name not in _NEEDED}
        if not payload and not reading.problems:
            reading.skipped = True
            return reading
        at = one("occurred_at", self._at, values, reading)
        reading.key = str(values.get(self._key) or "").strip()
        if not reading.key:
            problem = FieldProblem("/external_id", "missing", "names no record")
            reading.problems.append(problem)
        if not isinstance(at, str) and not reading.problems:
            problem = FieldProblem("/occurred_at", "missing", "a version must say when it began")
            reading.problems.append(problem)
        if not reading.problems:
            until = one("occurred_at", self._until, values, reading) if self._until else None
            ends = {UNTIL: until} if isinstance(until, str) else {}
            reading.versions = [payload | {"occurred_at": at} | ends]
        return reading

    def _columns(self, values: Values) -> tuple[Values, list[str]]:
        """The row's columns, and the fields that are null where no value of theirs is there."""
        if self._pivot is None:
            return values, list(self._told_by)
        name, value = self._pivot
        told = column_key(str(values.get(name) or "").strip())
        blank = [field for field, sources in self._told_by.items() if told in sources]
        if not told or told in values:
            return values, []
        return {**values, told: values.get(value)}, blank


class History:
    """Puts the versions of one opportunity in order, from its row and its history rows."""

    def __init__(self, step: Step, rules: dict[str, FieldRule], around: Surroundings) -> None:
        spec = step.history
        assert spec is not None
        self._at = compile_rule("occurred_at", spec.at, around)
        self._opened = spec.opened
        if spec.opened is not None:
            self._opened_at = compile_rule("occurred_at", spec.opened.at, around)
            self._opened_getters = compiled(spec.opened.fields, around)
            self._is_opened = (
                condition_test(spec.opened.when) if spec.opened.when is not None else None
            )
        self.events = [EventReader(events, around) for events in spec.events]
        self._tracked = {name for events in spec.events for name in events.fields}
        # Told in parts, what happened at one instant is one version.
        self._is_in_parts = len(spec.events) > 1 or any(each.pivot for each in spec.events)
        self._columns = {
            name: [column_key(column) for column in rule.sources] for name, rule in rules.items()
        }

    def versions(
        self,
        values: Values,
        final: dict[str, Any],
        events: Iterable[dict[str, Any]],
        reading: Reading,
    ) -> list[dict[str, Any]]:
        at = one("occurred_at", self._at, values, reading)
        if isinstance(at, str):
            final["occurred_at"] = at
        elif not reading.problems:
            reading.notes.append(
                ("no_date", None, "has no date of its own; it counts from this import on")
            )
        no_future(final, reading)
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
        at = one("occurred_at", self._opened_at, values, reading)
        if not isinstance(at, str) or is_future(at):
            return None
        first = {name: value for name, value in final.items() if name not in self._opened.omit}
        first |= filled(self._opened_getters, values, reading)
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
        tracked = self._tracked
        base = {
            name: value
            for name, value in final.items()
            if name not in tracked and name != "occurred_at"
        }
        _note_overlaps(told, reading)
        if self._is_in_parts:
            told = _merged(told)
        versions = [base | event for event in told if not is_future(event["occurred_at"])]
        if len(versions) < len(told):
            reading.notes.append(
                ("occurred_in_future", "occurred_at", "a version of the future was left out")
            )
        if versions:
            versions[0] = _first_version(versions, final)
            latest = versions[-1]["occurred_at"]
            if final.get("occurred_at", latest) < latest:
                final["occurred_at"] = latest
        # A blank of a column the file has means there is nothing any more.
        for name in tracked - final.keys():
            if any(key in values for key in self._columns.get(name, ())):
                final[name] = None
        return [*versions, final]


def _first_version(versions: list[dict[str, Any]], final: dict[str, Any]) -> dict[str, Any]:
    """Without blanks, and with what a record cannot be without."""
    first = {name: value for name, value in versions[0].items() if value is not None}
    for name in _NEEDED:
        if name not in first:
            said = [each[name] for each in (*versions, final) if each.get(name) is not None]
            first |= {name: said[0]} if said else {}
    return first


def _merged(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """In order of time, one of each instant."""
    by_instant: dict[str, dict[str, Any]] = {}
    for event in told:
        by_instant[event["occurred_at"]] = by_instant.get(event["occurred_at"], {}) | event
    return list(by_instant.values())


def _note_overlaps(told: list[dict[str, Any]], reading: Reading) -> None:
    """Takes the ends out: the beginning of the next version is the end of the one before."""
    latest = ""
    for event in told:
        until = event.pop(UNTIL, None)
        if until is None:
            continue
        if event["occurred_at"] < latest:
            sentence = f"one holds until {latest}, another begins at {event['occurred_at']} already"
            reading.notes.append(("history_overlaps", "occurred_at", sentence))
        latest = until


def is_future(at: str) -> bool:
    # Both are RFC 3339 in UTC with microseconds, so text order is the order of time.
    return at > clock.isoformat(clock.now())


def no_future(payload: dict[str, Any], reading: Reading) -> None:
    """What is stated is recorded as of now where its own time has not come yet."""
    at = payload.get("occurred_at")
    if isinstance(at, str) and is_future(at):
        del payload["occurred_at"]
        reading.notes.append(
            ("occurred_in_future", "occurred_at", f"{at} is in the future; it counts from now on")
        )
