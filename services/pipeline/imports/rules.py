"""The rules of a mapping: where one field's value comes from, how it is read, and on which rows.

Owns their shape and the refusal of a wrong one; `mapping` puts them together, `values` runs them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from services.pipeline.imports.domain import EPOCH_MS, EXCEL, ISO, UnreadableError, format_pattern

ALTERNATIVES_MAX = 10

ValueType = Literal[
    "text", "integer", "money", "number", "date", "instant", "boolean", "list", "json", "email"
]
Texts = Annotated[
    list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
]
Constant = str | int | bool | list[str] | None


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)


def wrong(code: str, sentence: str) -> PydanticCustomError:
    return PydanticCustomError(code, "{sentence}", {"sentence": sentence})


def check_formats(value: list[str]) -> list[str]:
    for format_ in value:
        if format_ not in (ISO, EXCEL, EPOCH_MS):
            try:
                format_pattern(format_)
            except UnreadableError as error:
                raise wrong(error.code, error.sentence) from error
    return value


def check_zone(value: str) -> str:
    if value == "company":
        return value
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError) as error:
        raise wrong("unknown_zone", f"{value!r} is not a time zone; use company or UTC or a name"
                     " such as Europe/Berlin") from error  # fmt: skip
    return value


class Condition(Part):
    """Holds for a row when every part given does. Texts compare without case."""

    column: str
    is_: Texts | None = Field(None, alias="is")
    is_not: Texts | None = None
    present: bool | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.is_ is None and self.is_not is None and self.present is None:
            raise wrong("empty_condition", "needs one of is, is_not, present")
        return self


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Conditions = Annotated[list[Condition], BeforeValidator(_listed)]
"""All of them must hold; one alone need not be a list."""


class Range(Part):
    """Numbers up to a bound, and what they mean; without a bound, every number left."""

    below: str | int | None = None
    at_most: str | int | None = None
    is_: str = Field(alias="is")

    @model_validator(mode="after")
    def _is_bounded_by_a_number(self) -> Self:
        for bound in (self.below, self.at_most):
            if bound is not None and re.fullmatch(r"-?\d+(\.\d+)?", str(bound)) is None:
                raise wrong("not_a_number", f"{bound!r} is not a number")
        return self


class FieldRule(Part):
    """Where one field's value comes from and how it is read. Exactly one of `column` (the first
    of several that is not empty), `template`, `value` and `any_of` (the first rule that finds
    something) names the source. `warn` is the code of a warning wherever the rule is the one."""

    column: Texts | None = None
    template: str | None = None
    value: Constant = None
    any_of: list[Rule] | None = Field(None, min_length=1, max_length=ALTERNATIVES_MAX)
    warn: str | None = Field(None, pattern=r"^[a-z][a-z0-9_]{2,60}$")
    ranges: list[Range] | None = None
    round: bool = False
    default: Constant = None
    type: ValueType | None = None
    formats: Annotated[list[str], BeforeValidator(lambda value: value)] | None = None
    timezone: str | None = None
    decimal: Literal[".", ",", "auto"] | None = None
    fold: Literal["lower", "upper", "title"] | None = None
    map: str | dict[str, str | None] | None = None
    unknown: Literal["keep", "error", "empty", "next"] = "keep"
    unreadable: Literal["error", "empty"] = "error"
    separator: str = ";"
    empty: list[str] = Field(default_factory=list)
    when: Conditions | None = None
    required: bool = False

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        sources = self.model_fields_set & {"column", "template", "value", "any_of"}
        if len(sources) != 1:
            raise wrong("one_source", "needs exactly one of column, template, value, any_of")
        if self.formats is not None:
            check_formats(self.formats)
        if self.timezone is not None:
            check_zone(self.timezone)
        return self

    @property
    def placeholders(self) -> list[tuple[str, str]]:
        """Columns and tables of the template's `{column}` and `{column|table}`."""
        places = re.findall(r"\{([^{}]+)\}", self.template or "")
        return [(place.partition("|")[0], place.partition("|")[2]) for place in places]

    @property
    def sources(self) -> list[str]:
        """Columns whose value may be the field's."""
        return list(self.column or []) + [
            column for rule in self.any_of or () for column in rule.sources
        ]

    @property
    def columns(self) -> list[str]:
        """Every column the rule reads, also those of its conditions."""
        named = list(self.column or [])
        named += [column for column, _ in self.placeholders]
        named += [condition.column for condition in self.when or ()]
        return named + [column for rule in self.any_of or () for column in rule.columns]

    def parts(self) -> Iterator[FieldRule]:
        """The rule itself and those it chooses among."""
        yield self
        for rule in self.any_of or ():
            yield from rule.parts()


def _rule(value: Any) -> Any:
    """`name: account` is short for `name: {column: account}`."""
    return {"column": value} if isinstance(value, str) else value


Rule = Annotated[FieldRule, BeforeValidator(_rule)]
Rules = dict[str, Rule]

FieldRule.model_rebuild()
