"""Imports on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

Status = Literal["queued", "running", "succeeded", "succeeded_with_errors", "failed"]


class ImportFile(BaseModel):
    """One uploaded file and what the mapping takes it for."""

    name: str
    role: str
    bytes: int
    sha256: str


class Progress(BaseModel):
    """How far it is. Rows of a file that is read twice, for two kinds of records, count twice."""

    phase: int
    rows_done: int
    bytes_total: int


class RowCounts(BaseModel):
    """Every row that is about a record has exactly one of these outcomes."""

    created: int
    updated: int
    unchanged: int
    skipped: int = Field(description="Left out by a rule of the mapping, such as deleted rows.")
    failed: int


class RecordCounts(RowCounts):
    """Of one kind of record; `versions` counts what was written, history included."""

    versions: int


class HistoryCounts(BaseModel):
    """Rows that tell earlier versions of opportunities."""

    read: int
    skipped: int
    failed: int


class WarningExample(BaseModel):
    file: str
    line: int
    field: str | None
    message: str


class WarningKind(BaseModel):
    """Something odd about rows that went in, by kind."""

    code: str
    count: int
    examples: list[WarningExample]


class Import(BaseModel):
    """An import and how far it is."""

    id: UUID
    status: Status
    mapping: str
    files: list[ImportFile]
    progress: Progress
    rows: RowCounts
    records: dict[str, RecordCounts]
    history: HistoryCounts | None = Field(description="Rows of a history file, where there is one.")
    warnings: list[WarningKind]
    errors_total: int
    error: str | None = Field(description="Why the import as a whole failed.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class ImportPage(BaseModel):
    items: list[Import]
    next_cursor: str | None


class RowProblem(BaseModel):
    """A row that did not go in (`error`), or went in oddly (`warning`)."""

    file: str
    line: int
    record: str
    field: str | None
    code: str
    message: str
    severity: Literal["error", "warning"]


class RowProblemPage(BaseModel):
    items: list[RowProblem]
    next_cursor: str | None


class MappingName(BaseModel):
    """A mapping that comes with the product."""

    name: str
    aliases: list[str]
    title: str
    files: dict[str, bool] = Field(description="Each file's role, and whether it must be there.")


class MappingList(BaseModel):
    items: list[MappingName]
    next_cursor: None
