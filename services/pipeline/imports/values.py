"""One field of one row: the mapping's rule, compiled to a function from the row to a value.

Compiled once a file, since a million rows pass through. A value that cannot be read raises
`UnreadableError`; a rule that finds nothing gives `ABSENT`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.kit import clock
from services.pipeline.imports import domain
from services.pipeline.imports.domain import TimeRules, UnreadableError, folded
from services.pipeline.imports.mapping import Format
from services.pipeline.imports.mapping import Mapping as ImportMapping
from services.pipeline.imports.parsing import Header, column_key
from services.pipeline.imports.records import type_of
from services.pipeline.imports.rules import Condition, FieldRule, Range
from services.pipeline.imports.told import Note


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
_CENT: Final = Decimal("0.01")
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


def all_of(conditions: list[Condition] | None) -> Callable[[Values], bool] | None:
    """Whether a row meets every one of them; None where there is nothing to meet."""
    tests = [condition_test(condition) for condition in conditions or ()]
    if len(tests) < 2:
        return tests[0] if tests else None
    return lambda values: all(holds(values) for holds in tests)


def _as_text(raw: Any) -> str:
    if isinstance(raw, str):
        return raw
    if isinstance(raw, bool):
        return "true" if raw else "false"
    return str(raw) if isinstance(raw, (int, Decimal)) else json.dumps(raw)


def compile_rule(name: str, rule: FieldRule, around: Surroundings) -> Getter:
    """The value of field `name` for a row, ABSENT where the row says nothing about it."""
    if rule.any_of is not None:
        return _first_of(name, rule, around)
    read = _reader(name, rule, around)
    source = _source(rule, around)
    holds = all_of(rule.when)
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


def _first_of(name: str, rule: FieldRule, around: Surroundings) -> Getter:
    """The first of several rules that finds something. One that warns says what it stands in for:
    what the first of them would have read."""
    assert rule.any_of is not None
    choices = [(compile_rule(name, part, around), part.warn) for part in rule.any_of]
    stated = _source(next((part for part in rule.any_of if part.column), rule.any_of[0]), around)
    holds = all_of(rule.when)
    default = rule.default if rule.default is not None else ABSENT
    required = rule.required

    def get(values: Values, notes: list[Note]) -> Any:
        if holds is not None and not holds(values):
            return ABSENT
        for choice, warn in choices:
            value = choice(values, notes)
            if value is ABSENT or value is None:
                continue
            if warn is not None:
                raw = stated(values)
                was = "nothing" if raw is ABSENT or raw in (None, "") else repr(_as_text(raw)[:80])
                notes.append((warn, name, f"the file says {was}, which was taken for {value!r}"))
            return value
        if default is ABSENT and required:
            raise UnreadableError("missing", "is empty, and the mapping says it must not be")
        return default

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
    mapped = _mapped(name, rule, around)
    fold = {"lower": str.lower, "upper": str.upper, "title": str.title}.get(rule.fold or "")
    ranges = None if rule.ranges is None else _ranged(rule.ranges, around.decimal_mark(rule))

    def value_of(raw: Any, notes: list[Note]) -> Any:
        if raw == "":
            return ABSENT
        if mapped is not None:
            raw = mapped(raw, notes)
            if raw is None or raw is ABSENT:
                return raw
        if ranges is not None:
            return ranges(raw)
        if fold is not None and isinstance(raw, str):
            raw = fold(raw)
        try:
            return read(raw, notes)
        except UnreadableError as error:
            if rule.unreadable == "error":
                raise
            notes.append((error.code, name, f"{error.sentence}; it was left out"))
            return ABSENT

    return value_of


def _mapped(
    name: str, rule: FieldRule, around: Surroundings
) -> Callable[[Any, list[Note]], Any] | None:
    """A value by the rule's map; what is not in it as `unknown` says."""
    table = around.tables[rule.map] if isinstance(rule.map, str) else rule.map
    if table is None:
        return None
    lookup = {folded(key): value for key, value in table.items()}
    is_spelling = isinstance(rule.map, str)
    accepted = ", ".join(table)

    def mapped(raw: Any, notes: list[Note]) -> Any:
        if not isinstance(raw, (str, bool, int)):
            return raw
        text = _as_text(raw)
        if (key := folded(text)) in lookup:
            if is_spelling and lookup[key] is not None:
                notes.append(("spelling_corrected", name, f"{text!r} was read as {lookup[key]!r}"))
            return lookup[key]
        if rule.unknown == "error":
            raise UnreadableError(
                "unknown_value", f"{text[:80]!r} is none of the known values: {accepted}"
            )
        if rule.unknown == "empty":
            notes.append(("unknown_value", name, f"{text[:80]!r} is unknown and was left out"))
        return raw if rule.unknown == "keep" else ABSENT

    return mapped


def _ranged(ranges: list[Range], mark: str) -> Callable[[Any], Any]:
    """What the first range that holds a number means; ABSENT where none does."""
    bounds = [
        (
            None if each.below is None else Decimal(each.below),
            None if each.at_most is None else Decimal(each.at_most),
            each.is_,
        )
        for each in ranges
    ]

    def meaning(raw: Any) -> Any:
        try:
            number = _amount(raw, mark).value
        except UnreadableError:
            return ABSENT
        for below, at_most, value in bounds:
            if (below is None or number < below) and (at_most is None or number <= at_most):
                return value
        return ABSENT

    return meaning


def _amount(raw: Any, mark: str) -> domain.Amount:
    """A sum of a look-up is a number already, whatever marks the file is written with."""
    if isinstance(raw, Decimal):
        return domain.Amount(raw, None)
    return domain.read_number(_text(raw), mark)


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
    if kind == "email":
        return lambda raw, notes: domain.read_email(_text(raw))
    if kind == "json":
        return lambda raw, notes: _json(raw) if isinstance(raw, str) else raw
    return lambda raw, notes: _text(raw)


def _text(raw: Any) -> str:
    if isinstance(raw, (str, bool, int, Decimal)):
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
        amount = _amount(raw, around.decimal_mark(rule))
        if amount.currency is not None:
            notes.append(("currency_in_amount", name, amount.currency))
        if kind == "integer":
            return domain.whole_number(amount.value)
        if kind != "money":
            return str(amount.value)
        exact = amount.value
        rounded = exact.quantize(_CENT, ROUND_HALF_EVEN) if rule.round else exact
        if rounded != exact:
            notes.append(("rounded", name, f"{exact} was rounded to {rounded}"))
        return domain.money_text(rounded)

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
