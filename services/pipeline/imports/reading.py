"""What the reading of one row finds: values, notes and problems. Shared by rows and histories."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from services.kit.errors import FieldProblem
from services.pipeline.imports.domain import UnreadableError
from services.pipeline.imports.rules import FieldRule
from services.pipeline.imports.told import Note
from services.pipeline.imports.values import ABSENT, Getter, Surroundings, Values, compile_rule


@dataclass(slots=True)
class Reading:
    """What a row says. `versions` are payloads, oldest first, the row's own state last; empty when
    the row is skipped or has problems. `is_deleted`: skipped since the source says it is gone."""

    line: int
    key: str = ""
    versions: list[dict[str, Any]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    problems: list[FieldProblem] = field(default_factory=list)
    skipped: bool = False
    is_deleted: bool = False


def compiled(rules: dict[str, FieldRule], around: Surroundings) -> list[tuple[str, Getter]]:
    return [(name, compile_rule(name, rule, around)) for name, rule in rules.items()]


def one(name: str, getter: Getter, values: Values, reading: Reading) -> Any:
    try:
        return getter(values, reading.notes)
    except UnreadableError as error:
        reading.problems.append(FieldProblem(f"/{name}", error.code, error.sentence))
        return ABSENT


def filled(getters: list[tuple[str, Getter]], values: Values, reading: Reading) -> dict[str, Any]:
    payload = {}
    for name, getter in getters:
        value = one(name, getter, values, reading)
        if value is not ABSENT:
            payload[name] = value
    return payload
