"""The mapping: how another system's files become records, stated as data and checked before use.

Owns the mapping's shape and the refusal of a wrong one. What a rule does to a row is in `rows`,
how a value is read in `domain`. Documented for users in docs/importing.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from services.kit.app import field_problems
from services.kit.errors import FieldProblem
from services.pipeline.imports.domain import EXCEL, ISO, UnreadableError, format_pattern
from services.pipeline.imports.errors import MappingInvalidError
from services.pipeline.imports.records import RECORDS, field_names

MAPPING_BYTES_MAX = 256 * 1024
STEPS_MAX = 20

ValueType = Literal[
    "text", "integer", "money", "number", "date", "instant", "boolean", "list", "json"
]
Columns = Annotated[
    list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
]
Texts = Annotated[
    list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
]
Constant = str | int | bool | list[str] | None


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)


def _wrong(code: str, sentence: str) -> PydanticCustomError:
    return PydanticCustomError(code, "{sentence}", {"sentence": sentence})


def _formats(value: list[str]) -> list[str]:
    for format_ in value:
        if format_ not in (ISO, EXCEL):
            try:
                format_pattern(format_)
            except UnreadableError as error:
                raise _wrong(error.code, error.sentence) from error
    return value


def _zone(value: str) -> str:
    if value == "company":
        return value
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError) as error:
        raise _wrong("unknown_zone", f"{value!r} is not a time zone; use company or UTC or a name"
                     " such as Europe/Berlin") from error  # fmt: skip
    return value


class Condition(_Part):
    """Holds for a row when every part given does. Texts compare without case."""

    column: str
    is_: Texts | None = Field(None, alias="is")
    is_not: Texts | None = None
    present: bool | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.is_ is None and self.is_not is None and self.present is None:
            raise _wrong("empty_condition", "needs one of is, is_not, present")
        return self


class FieldRule(_Part):
    """Where one field's value comes from and how it is read. Exactly one of `column` (the first
    of several that is not empty), `template` and `value` names the source."""

    column: Columns | None = None
    template: str | None = None
    value: Constant = None
    default: Constant = None
    type: ValueType | None = None
    formats: Annotated[list[str], BeforeValidator(lambda value: value)] | None = None
    timezone: str | None = None
    decimal: Literal[".", ",", "auto"] | None = None
    fold: Literal["lower", "upper", "title"] | None = None
    map: str | dict[str, str | None] | None = None
    unknown: Literal["keep", "error", "empty"] = "keep"
    separator: str = ";"
    empty: list[str] = Field(default_factory=list)
    when: Condition | None = None
    required: bool = False

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        sources = self.model_fields_set & {"column", "template", "value"}
        if len(sources) != 1:
            raise _wrong("one_source", "needs exactly one of column, template, value")
        if self.formats is not None:
            _formats(self.formats)
        if self.timezone is not None:
            _zone(self.timezone)
        return self

    @property
    def placeholders(self) -> list[tuple[str, str]]:
        """Columns and tables of the template's `{column}` and `{column|table}`."""
        places = re.findall(r"\{([^{}]+)\}", self.template or "")
        return [(place.partition("|")[0], place.partition("|")[2]) for place in places]

    @property
    def columns(self) -> list[str]:
        """Every column the rule reads, also those of its condition."""
        named = list(self.column or [])
        if self.template is not None:
            named += [column for column, _ in self.placeholders]
        if self.when is not None:
            named.append(self.when.column)
        return named


def _rule(value: Any) -> Any:
    """`name: account` is short for `name: {column: account}`."""
    return {"column": value} if isinstance(value, str) else value


Rule = Annotated[FieldRule, BeforeValidator(_rule)]
Rules = dict[str, Rule]


class Check(_Part):
    """A bound on a column that is not imported but worth a warning."""

    column: str
    at_least: int | None = None
    at_most: int | None = None
    code: str = Field(pattern=r"^[a-z][a-z0-9_]{2,60}$")


class Opened(_Part):
    """The first version of a single-row export: `fields` replace those of the row, `omit` are left
    out because they were not known then."""

    at: Rule
    fields: Rules = Field(default_factory=dict)
    omit: list[str] = Field(default_factory=list)
    when: Condition | None = None


class Events(_Part):
    """Versions from another file, put in order of `at`; what they do not say is the row's."""

    file: str
    key: str
    at: Rule
    fields: Rules
    skip: list[Condition] = Field(default_factory=list)


class History(_Part):
    """How a record came to its state: `at` is when the row itself came to be true."""

    at: Rule
    opened: Opened | None = None
    events: Events | None = None


def _record_name(value: str) -> str:
    if value not in RECORDS:
        known = ", ".join(RECORDS)
        raise _wrong("unknown_record", f"{value!r} is not a kind of record; known: {known}")
    return value


class Step(_Part):
    """Records of one kind made from one file, or the literal `rows`. `existing: skip` leaves those
    that are there as they are."""

    record: Annotated[str, AfterValidator(_record_name)]
    file: str | None = None
    rows: list[dict[str, Constant]] = Field(default_factory=list)
    fields: Rules = Field(default_factory=dict)
    pass_through: bool = False
    skip: list[Condition] = Field(default_factory=list)
    only: list[Condition] = Field(default_factory=list)
    repeats: Literal["error", "first", "versions"] = "error"
    existing: Literal["merge", "skip"] = "merge"
    checks: list[Check] = Field(default_factory=list)
    history: History | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.file is None) == (not self.rows):
            raise _wrong("one_source", "needs exactly one of file, rows")
        if self.file is not None and not self.fields and not self.pass_through:
            raise _wrong("no_fields", "needs fields, or pass_through: true")
        if self.history is not None and RECORDS[self.record].settle is None:
            raise _wrong("no_history", f"{self.record} have no history")
        known = field_names(self.record)
        for name in self._targets():
            if name not in known:
                raise _wrong(
                    "unknown_field",
                    f"{name!r} is not a field of {self.record}; known: {', '.join(sorted(known))}",
                )
        if self.fields and not self.pass_through and "external_id" not in self.fields:
            raise _wrong("no_external_id", "fields must say where external_id comes from")
        return self

    def _targets(self) -> Iterator[str]:
        yield from self.fields
        for row in self.rows:
            yield from row
        if self.history is not None and self.history.opened is not None:
            yield from self.history.opened.fields
            yield from self.history.opened.omit
        if self.history is not None and self.history.events is not None:
            yield from self.history.events.fields

    def read_columns(self) -> set[str]:
        """Columns of the step's own file that something reads."""
        rules = list(self.fields.values())
        conditions = [*self.skip, *self.only]
        if self.history is not None:
            rules.append(self.history.at)
            if (opened := self.history.opened) is not None:
                rules += [opened.at, *opened.fields.values()]
                conditions += [opened.when] if opened.when is not None else []
        named = {column for rule in rules for column in rule.columns}
        named |= {condition.column for condition in conditions}
        return named | {check.column for check in self.checks}


class Source(_Part):
    """A file the mapping knows by its role: recognised by name, else by the columns it has."""

    names: Texts = Field(default_factory=list)
    columns: list[str] = Field(default_factory=list)
    required: bool = False
    ignore_columns: list[str] = Field(default_factory=list)


class Format(_Part):
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
        _formats(self.dates)
        _zone(self.timezone)
        for name in (self.encoding, self.fallback_encoding):
            if name not in (None, "auto"):
                _encoding(str(name))
        return self


def _encoding(name: str) -> None:
    try:
        "x".encode(name)
    except (LookupError, UnicodeError) as error:
        raise _wrong("unknown_encoding", f"{name!r} is not an encoding; use auto, utf-8, utf-16,"
                     " cp1252 or another name Python knows") from error  # fmt: skip


class Reference(_Part):
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
            raise _wrong("no_default", "missing: default needs a default")
        return self


class References(_Part):
    """Users and accounts that records name."""

    users: Reference = Field(default_factory=Reference)
    accounts: Reference = Field(default_factory=Reference)


class Mapping(_Part):
    """One mapping. `steps` run in their order."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    title: str = ""
    aliases: list[str] = Field(default_factory=list)
    format: Format = Field(default_factory=lambda: Format())
    files: dict[str, Source]
    tables: dict[str, dict[str, str | None]] = Field(default_factory=dict)
    references: References = Field(default_factory=References)
    unknown_columns: Literal["ignore", "report", "reject"] = "report"
    steps: list[Step] = Field(min_length=1, max_length=STEPS_MAX)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for index, step in enumerate(self.steps):
            roles = [step.file] if step.file is not None else []
            if step.history is not None and step.history.events is not None:
                roles.append(step.history.events.file)
            for role in roles:
                if role not in self.files:
                    raise _wrong(
                        "unknown_file",
                        f"step {index} reads {role!r}, which is not one of files:"
                        f" {', '.join(self.files)}",
                    )
            for name, rule in self._rules(step):
                asked = [table for _, table in rule.placeholders if table]
                if isinstance(rule.map, str):
                    asked.append(rule.map)
                for table in asked:
                    if table not in self.tables:
                        raise _wrong(
                            "unknown_table",
                            f"step {index}, field {name}: {table!r} is not one of tables:"
                            f" {', '.join(self.tables) or 'none'}",
                        )
        return self

    @staticmethod
    def _rules(step: Step) -> Iterator[tuple[str, FieldRule]]:
        yield from step.fields.items()
        if step.history is not None:
            if step.history.opened is not None:
                yield from step.history.opened.fields.items()
            if step.history.events is not None:
                yield from step.history.events.fields.items()


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
