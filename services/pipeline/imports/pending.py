"""Rows of a batch on their way: what is still to be stored of each, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import asyncpg

from services.kit.errors import ServiceError
from services.pipeline.imports import told
from services.pipeline.imports.mapping import Step
from services.pipeline.imports.reading import Reading
from services.pipeline.imports.records import RECORDS
from services.pipeline.imports.report import Report


@dataclass(slots=True)
class Pending:
    """One row on its way: the versions still to be stored and what became of those that were."""

    file: str
    reading: Reading
    pending: list[dict[str, Any]] = field(default_factory=list)
    is_created: bool = False
    versions: int = 0
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class DeferredRow:
    """A record that waits for its parent, as it was kept."""

    key: str
    file: str
    line: int
    payload: dict[str, Any]

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        body = row["body"]
        return cls(row["key"], body["file"], row["line"], body["payload"])


def identity(spec: Step, reading: Reading) -> str:
    """What may occur once. Rows that are versions are told apart by their instants."""
    if spec.repeats != "versions":
        return reading.key
    return f"{reading.key}\n{reading.versions[-1].get('occurred_at', '')}"


def waits_for_parent(record: str, refusal: ServiceError) -> bool:
    parent = RECORDS[record].parent
    return parent is not None and any(
        problem.code == "unknown_reference" and problem.pointer == f"/{parent}"
        for problem in refusal.errors
    )


def count(record_name: str, record: Pending, report: Report) -> None:
    record.is_done = True
    if record.is_created:
        report.count(record_name, "created")
        notes = record.reading.notes + told.gaps(record_name, record.reading.versions)
    else:
        report.count(record_name, "updated" if record.versions else "unchanged")
        notes = record.reading.notes
    report.count(record_name, "versions", record.versions)
    for code, field_, sentence in notes:
        report.warn(record.file, record.reading.line, record_name, field_, code, sentence)
