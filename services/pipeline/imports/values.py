"""One field of one row: the mapping's rule, compiled to a function from the row to a value.

Compiled once a file, since a million rows pass through. A value that cannot be read raises
`UnreadableError`; a rule that finds nothing gives `ABSENT`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.kit import clock
from services.pipeline.imports import domain
from services.pipeline.imports.domain import TimeRules, UnreadableError, folded
from services.pipeline.imports.mapping import Condition, FieldRule, Format
from services.pipeline.imports.mapping import Mapping as ImportMapping
from services.pipeline.imports.parsing import Header, column_key
from services.pipeline.imports.records import type_of
from services.pipeline.imports.told import Note


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")

Values = Mapping[str, Any]
Getter = Callable[[Values, list[Note]], Any]


@dataclass(slots=True)
class Surroundings:
    """What reading a value depends on beside its rule."""

    mapping: ImportMapping
    header: Header
    company_zone: ZoneInfo
    tables: dict[str, dict[str, str | None]] = field(init=False)

    def __post_init__(self) -> None:
        self.tables = {
            name: {folded(key): value for key, value in table.items()}
            for name, table in self.mapping.tables.items()
        }

    @property
    def format(self) -> Format:
        return self.mapping.format

    def zone(self, rule: FieldRule) -> ZoneInfo:
        name = rule.timezone or self.format.timezone
        return self.company_zone if name == "company" else ZoneInfo(name)

    def decimal_mark(self, rule: FieldRule) -> str:
        mark = rule.decimal or self.format.decimal
        return self.header.decimal_mark if mark == "auto" else mark


def condition_test(condition: Condition) -> Callable[[Values], bool]:
    """Whether a row meets it."""
    key = column_key(condition.column)
    wanted = None if condition.is_ is None else {folded(text) for text in condition.is_}
    unwanted = {folded(text) for text in condition.is_not or ()}
    present = condition.present

    def holds(values: Values) -> bool:
        raw = values.get(key)
        text = folded(_as_text(raw)) if raw is not None else ""
        if wanted is not None and text not in wanted:
            return False
        if present is not None and bool(text) != present:
            return False
        return not unwanted or text not in unwanted

    return holds


def _as_text(raw: Any) -> str:
    if isinstance(raw, str):
        return raw
    if isinstance(raw, bool):
        return "true" if raw else "false"
    return str(raw) if isinstance(raw, int) else json.dumps(raw)


def compile_rule(name: str, rule: FieldRule, around: Surroundings) -> Getter:
    """The value of field `name` for a row, ABSENT where the row says nothing about it."""
    read = _reader(name, rule, around)
    source = _source(rule, around)
    holds = condition_test(rule.when) if rule.when is not None else None
    default = rule.default if rule.default is not None else ABSENT
    nothing = None if around.format.empty_means == "null" else ABSENT
    required = rule.required

    def get(values: Values, notes: list[Note]) -> Any:
        if holds is not None and not holds(values):
            return ABSENT
        raw = source(values)
        if raw is None and default is ABSENT and not required:
            return None
        value = ABSENT if raw is ABSENT or raw is None else read(raw, notes)
        if value is not ABSENT:
            return value
        if default is not ABSENT:
            return default
        if required:
            raise UnreadableError("missing", "is empty, and the mapping says it must not be")
        return nothing if raw is not ABSENT else ABSENT

    return get


def _source(rule: FieldRule, around: Surroundings) -> Callable[[Values], Any]:
    """The raw value: text without surrounding blanks, ABSENT without the column, "" when empty."""
    empty = {folded(text) for text in (*around.format.empty, *rule.empty)}

    def cell(values: Values, key: str) -> Any:
        raw = values.get(key, ABSENT)
        if isinstance(raw, str):
            raw = raw.strip(" \t\r\n\u00a0\ufeff")
            return "" if empty and folded(raw) in empty else raw
        return raw

    if rule.template is not None:
        return _templated(rule.template, cell, around.tables)
    if rule.column is None:
        return lambda values: rule.value
    keys = [column_key(column) for column in rule.column]

    def first(values: Values) -> Any:
        found: Any = ABSENT
        for key in keys:
            raw = cell(values, key)
            if raw is not ABSENT and raw is not None and raw != "":
                return raw
            found = raw if found is ABSENT else found
        return found

    return first


def _templated(
    template: str,
    cell: Callable[[Values, str], Any],
    tables: dict[str, dict[str, str | None]],
) -> Callable[[Values], Any]:
    """Empty parts leave no dangling separators: `{account} – {product}` is the product alone
    where there is no account. `{product|products}` is spelt by that table."""
    texts = _PLACEHOLDER.split(template)
    parts = [
        (before, column_key(place.partition("|")[0]), tables.get(place.partition("|")[2], {}))
        for before, place in zip(texts[0::2], texts[1::2], strict=False)
    ]

    def fill(values: Values) -> Any:
        text = ""
        for index, (before, key, table) in enumerate(parts):
            raw = cell(values, key)
            if raw in ("", None) or raw is ABSENT:
                continue
            written = _as_text(raw)
            written = table.get(folded(written)) or written if table else written
            text += (before if text or index == 0 else "") + written
        return (text + texts[-1]).strip() if text else ""

    return fill


def _reader(name: str, rule: FieldRule, around: Surroundings) -> Callable[[Any, list[Note]], Any]:
    """What turns a raw value that is there into the field's; ABSENT for an empty text."""
    read = _typed(name, rule, around)
    table = around.tables[rule.map] if isinstance(rule.map, str) else rule.map
    lookup = None if table is None else {folded(key): value for key, value in table.items()}
    is_spelling = isinstance(rule.map, str)
    fold = {"lower": str.lower, "upper": str.upper, "title": str.title}.get(rule.fold or "")

    def value_of(raw: Any, notes: list[Note]) -> Any:
        if raw == "":
            return ABSENT
        if lookup is not None and isinstance(raw, (str, bool, int)):
            text = _as_text(raw)
            key = folded(text)
            if key in lookup:
                raw = lookup[key]
                if raw is None:
                    return None
                if is_spelling:
                    notes.append(("spelling_corrected", name, f"{text!r} was read as {raw!r}"))
            elif rule.unknown == "error":
                accepted = ", ".join(table or ())
                raise UnreadableError(
                    "unknown_value", f"{text[:80]!r} is none of the known values: {accepted}"
                )
            elif rule.unknown == "empty":
                notes.append(("unknown_value", name, f"{text[:80]!r} is unknown and was left out"))
                return ABSENT
        if fold is not None and isinstance(raw, str):
            raw = fold(raw)
        return read(raw, notes)

    return value_of


def _typed(name: str, rule: FieldRule, around: Surroundings) -> Callable[[Any, list[Note]], Any]:
    kind = rule.type or type_of(name)
    if kind in ("money", "number", "integer"):
        return _number_reader(name, kind, rule, around)
    if kind in ("date", "instant"):
        return _time_reader(name, kind, rule, around)
    if kind == "boolean":
        return lambda raw, notes: raw if isinstance(raw, bool) else domain.read_boolean(_text(raw))
    if kind == "list":
        return lambda raw, notes: (
            raw if isinstance(raw, list)
            else [part.strip() for part in _text(raw).split(rule.separator) if part.strip()]
        )  # fmt: skip
    if kind == "json":
        return lambda raw, notes: _json(raw) if isinstance(raw, str) else raw
    return lambda raw, notes: _text(raw)


def _text(raw: Any) -> str:
    if isinstance(raw, (str, bool, int)):
        return _as_text(raw)
    raise UnreadableError("not_a_text", "must be text, not a list or an object")


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_float=str)
    except (json.JSONDecodeError, RecursionError) as error:
        raise UnreadableError("invalid_json", f"is not JSON: {error}") from error


def _number_reader(
    name: str, kind: str, rule: FieldRule, around: Surroundings
) -> Callable[[Any, list[Note]], Any]:
    def read(raw: Any, notes: list[Note]) -> Any:
        if isinstance(raw, bool):
            raise UnreadableError("unreadable_number", "is neither a number nor text")
        amount = domain.read_number(_text(raw), around.decimal_mark(rule))
        if amount.currency is not None:
            notes.append(("currency_in_amount", name, amount.currency))
        if kind == "integer":
            return domain.whole_number(amount.value)
        return domain.money_text(amount.value) if kind == "money" else str(amount.value)

    return read


def _time_reader(
    name: str, kind: str, rule: FieldRule, around: Surroundings
) -> Callable[[Any, list[Note]], Any]:
    zone = around.zone(rule)
    formats = tuple(rule.formats or around.format.dates)
    rules = TimeRules(formats, zone, around.format.century_pivot)

    def read(raw: Any, notes: list[Note]) -> Any:
        text = _text(raw)
        moment = domain.read_moment(text, rules)
        if moment.is_ambiguous:
            sentence = f"{text!r} was read as {moment.at.date()}; another format reads another day"
            notes.append(("ambiguous_date", name, sentence))
        if kind == "date":
            return domain.date_of(moment, zone).isoformat()
        return clock.isoformat(domain.instant_of(moment, zone))

    return read
