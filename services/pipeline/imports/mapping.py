"""The mapping: how another system's files become records, stated as data and checked before use.

Owns the mapping's shape and the refusal of a wrong one. What a rule does to a row is in `rows`,
how a value is read in `domain`. Documented for users in docs/importing.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from services.kit.app import field_problems
from services.kit.errors import FieldProblem
from services.pipeline.imports.domain import ISO
from services.pipeline.imports.errors import MappingInvalidError
from services.pipeline.imports.lookup_rules import Join, Lookup
from services.pipeline.imports.records import RECORDS, field_names
from services.pipeline.imports.rules import (
    Condition,
    Constant,
    FieldRule,
    Part,
    Rule,
    Rules,
    Texts,
    check_formats,
    check_zone,
    wrong,
)

MAPPING_BYTES_MAX = 256 * 1024
STEPS_MAX = 20
LOOKUPS_MAX = 20
EVENT_FILES_MAX = 5


class Check(Part):
    """A bound on a column that is not imported but worth a warning, or the column it repeats."""

    column: str
    at_least: int | None = None
    at_most: int | None = None
    equals: str | None = None
    code: str = Field(pattern=r"^[a-z][a-z0-9_]{2,60}$")


class Opened(Part):
    """The first version of a single-row export: `fields` replace those of the row, `omit` are left
    out because they were not known then."""

    at: Rule
    fields: Rules = Field(default_factory=dict)
    omit: list[str] = Field(default_factory=list)
    when: Condition | None = None


class Pivot(Part):
    """Rows that tell of one property each: `name` is the column with the property's name, `value`
    the one with what it became. The rules read a column named like the property."""

    name: str
    value: str


class Events(Part):
    """Versions from another file, put in order of `at`; what they do not say is the row's.
    `until` is when the next one took over: windows that overlap are reported."""

    file: str
    key: str
    at: Rule
    fields: Rules
    until: Rule | None = None
    pivot: Pivot | None = None
    join: list[Join] = Field(default_factory=list)
    skip: list[Condition] = Field(default_factory=list)

    @property
    def rules(self) -> list[FieldRule]:
        return [self.at, *self.fields.values(), *([self.until] if self.until is not None else [])]

    @property
    def read(self) -> set[str]:
        """Columns of its file that something reads."""
        named = {self.key, *(join.by for join in self.join)}
        named |= {column for rule in self.rules for column in rule.columns}
        if self.pivot is not None:
            named |= {self.pivot.name, self.pivot.value}
        return named | {condition.column for condition in self.skip}


def _several(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


class History(Part):
    """How a record came to its state: `at` is when the row itself came to be true."""

    at: Rule
    opened: Opened | None = None
    events: Annotated[list[Events], BeforeValidator(_several)] = Field(
        default_factory=list, max_length=EVENT_FILES_MAX
    )


class Reconcile(Part):
    """What the files themselves say of a record's money, apart from how the mapping reads it:
    compared with what is stored. `standing` is open, won, lost, or none for what counts nowhere."""

    amount: Rule
    close_date: Rule
    standing: Rule
    currency: Rule | None = None

    @property
    def rules(self) -> list[FieldRule]:
        given = [self.amount, self.close_date, self.standing, self.currency]
        return [rule for rule in given if rule is not None]


def _record_name(value: str) -> str:
    if value not in RECORDS:
        known = ", ".join(RECORDS)
        raise wrong("unknown_record", f"{value!r} is not a kind of record; known: {known}")
    return value


class Step(Part):
    """Records of one kind made from one file, or the literal `rows`. `existing: skip` leaves those
    that are there as they are, `only` makes none. Rows that are `deleted` in the source are not
    made either; a record that is there stays, and both are reported."""

    record: Annotated[str, AfterValidator(_record_name)]
    file: str | None = None
    rows: list[dict[str, Constant]] = Field(default_factory=list)
    fields: Rules = Field(default_factory=dict)
    pass_through: bool = False
    skip: list[Condition] = Field(default_factory=list)
    only: list[Condition] = Field(default_factory=list)
    deleted: list[Condition] = Field(default_factory=list)
    join: list[Join] = Field(default_factory=list)
    repeats: Literal["error", "first", "versions"] = "error"
    existing: Literal["merge", "skip", "only"] = "merge"
    checks: list[Check] = Field(default_factory=list)
    history: History | None = None
    reconcile: Reconcile | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.file is None) == (not self.rows):
            raise wrong("one_source", "needs exactly one of file, rows")
        if self.file is not None and not self.fields and not self.pass_through:
            raise wrong("no_fields", "needs fields, or pass_through: true")
        if self.history is not None and RECORDS[self.record].settle is None:
            raise wrong("no_history", f"{self.record} have no history")
        known = field_names(self.record)
        for name in self._targets():
            if name not in known:
                raise wrong(
                    "unknown_field",
                    f"{name!r} is not a field of {self.record}; known: {', '.join(sorted(known))}",
                )
        if self.fields and not self.pass_through and "external_id" not in self.fields:
            raise wrong("no_external_id", "fields must say where external_id comes from")
        return self

    def _targets(self) -> Iterator[str]:
        yield from self.fields
        for row in self.rows:
            yield from row
        if self.history is not None and self.history.opened is not None:
            yield from self.history.opened.fields
            yield from self.history.opened.omit
        for events in self.events:
            yield from events.fields

    @property
    def events(self) -> list[Events]:
        return [] if self.history is None else self.history.events

    def read_columns(self) -> set[str]:
        """Columns of the step's own file that something reads."""
        rules = list(self.fields.values())
        rules += self.reconcile.rules if self.reconcile is not None else []
        conditions = [*self.skip, *self.only, *self.deleted]
        if self.history is not None:
            rules.append(self.history.at)
            if (opened := self.history.opened) is not None:
                rules += [opened.at, *opened.fields.values()]
                conditions += [opened.when] if opened.when is not None else []
        named = {column for rule in rules for column in rule.columns}
        named |= {condition.column for condition in conditions}
        named |= {join.by for join in self.join}
        named |= {check.equals for check in self.checks if check.equals is not None}
        return named | {check.column for check in self.checks}


class Source(Part):
    """A file the mapping knows by its role: recognised by name, else by the columns it has."""

    names: Texts = Field(default_factory=list)
    columns: list[str] = Field(default_factory=list)
    required: bool = False
    ignore_columns: list[str] = Field(default_factory=list)


class Format(Part):
    """How the files are written, unless they say so themselves (a byte-order mark)."""

    type: Literal["auto", "csv", "ndjson"] = "auto"
    delimiter: Literal["auto", ",", ";", "\t", "|"] = "auto"
    quote: str = Field('"', min_length=1, max_length=1)
    encoding: str = "auto"
    fallback_encoding: str | None = None
    dates: Annotated[list[str], Field(min_length=1)] = Field(default_factory=lambda: [ISO])
    century_pivot: int = Field(69, ge=0, le=100)
    timezone: str = "company"
    decimal: Literal[".", ",", "auto"] = "auto"
    empty: list[str] = Field(default_factory=list)
    empty_means: Literal["absent", "null"] = "absent"

    @model_validator(mode="after")
    def _is_readable(self) -> Self:
        check_formats(self.dates)
        check_zone(self.timezone)
        for name in (self.encoding, self.fallback_encoding):
            if name not in (None, "auto"):
                _encoding(str(name))
        return self


def _encoding(name: str) -> None:
    try:
        "x".encode(name)
    except (LookupError, UnicodeError) as error:
        raise wrong("unknown_encoding", f"{name!r} is not an encoding; use auto, utf-8, utf-16,"
                     " cp1252 or another name Python knows") from error  # fmt: skip


class Reference(Part):
    """What to do with a name that no record has: make one, use the default, leave it empty, or
    refuse the row. `match` says whether names are tried beside external ids."""

    match: list[Literal["external_id", "name"]] = Field(
        default=["external_id", "name"], min_length=1
    )
    missing: Literal["create", "default", "empty", "error"] = "error"
    default: str | None = None
    default_name: str | None = None

    @model_validator(mode="after")
    def _has_default(self) -> Self:
        if self.missing == "default" and self.default is None:
            raise wrong("no_default", "missing: default needs a default")
        return self


class References(Part):
    """Users and accounts that records name."""

    users: Reference = Field(default_factory=Reference)
    accounts: Reference = Field(default_factory=Reference)


class Mapping(Part):
    """One mapping. `steps` run in their order."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    title: str = ""
    aliases: list[str] = Field(default_factory=list)
    format: Format = Field(default_factory=lambda: Format())
    files: dict[str, Source]
    tables: dict[str, dict[str, str | None]] = Field(default_factory=dict)
    references: References = Field(default_factory=References)
    lookups: dict[str, Lookup] = Field(default_factory=dict, max_length=LOOKUPS_MAX)
    unknown_columns: Literal["ignore", "report", "reject"] = "report"
    steps: list[Step] = Field(min_length=1, max_length=STEPS_MAX)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for name, lookup in self.lookups.items():
            self._needs_file(f"look-up {name}", lookup.file)
        for index, step in enumerate(self.steps):
            if step.file is not None:
                self._needs_file(f"step {index}", step.file)
            self._check_joins(index, step.join)
            for events in step.events:
                self._needs_file(f"step {index}", events.file)
                self._check_joins(index, events.join)
            for name, rule in self._rules(step):
                self._check_tables(f"step {index}, field {name}", rule)
        return self

    def _needs_file(self, what: str, role: str) -> None:
        if role not in self.files:
            known = ", ".join(self.files)
            raise wrong(
                "unknown_file", f"{what} reads {role!r}, which is not one of files: {known}"
            )

    def _check_joins(self, step: int, joins: list[Join]) -> None:
        for join in joins:
            if join.lookup not in self.lookups:
                known = ", ".join(self.lookups) or "none"
                raise wrong(
                    "unknown_lookup",
                    f"step {step} joins {join.lookup!r}, which is not one of lookups: {known}",
                )

    def _check_tables(self, what: str, rule: FieldRule) -> None:
        asked = [table for part in rule.parts() for _, table in part.placeholders if table]
        asked += [part.map for part in rule.parts() if isinstance(part.map, str)]
        for table in asked:
            if table not in self.tables:
                known = ", ".join(self.tables) or "none"
                raise wrong("unknown_table", f"{what}: {table!r} is not one of tables: {known}")

    @staticmethod
    def _rules(step: Step) -> Iterator[tuple[str, FieldRule]]:
        yield from step.fields.items()
        if step.history is not None and step.history.opened is not None:
            yield from step.history.opened.fields.items()
        for events in step.events:
            yield from events.fields.items()


def parse_mapping(source: str | bytes | dict[str, Any]) -> Mapping:
    """A mapping from YAML or JSON text, or as data. Raises MappingInvalidError naming every wrong
    place with a JSON pointer."""
    data = _loaded(source) if not isinstance(source, dict) else source
    if not isinstance(data, dict):
        raise MappingInvalidError([FieldProblem("", "not_a_mapping", "must be an object with"
                                   " name, files and steps")])  # fmt: skip
    try:
        return Mapping.model_validate(data)
    except ValidationError as error:
        details: list[Any] = list(error.errors(include_url=False, include_context=False))
        raise MappingInvalidError(field_problems(details)) from error


def _loaded(source: str | bytes) -> Any:
    if len(source) > MAPPING_BYTES_MAX:
        raise MappingInvalidError(
            [FieldProblem("", "too_large", f"must have at most {MAPPING_BYTES_MAX} bytes")]
        )
    try:
        return yaml.safe_load(source)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        sentence = f"is neither YAML nor JSON: {' '.join(str(error).split())[:300]}"
        raise MappingInvalidError([FieldProblem("", "unreadable", sentence)]) from error
