"""History rows kept aside until the row of their record comes, whichever file they are from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from services.kit.db import Session, WriteSession
from services.pipeline.imports import repository
from services.pipeline.imports.history import EventReader
from services.pipeline.imports.parsing import BadRow
from services.pipeline.imports.report import HISTORY, Report
from services.pipeline.imports.source import FileRow

_SLOT: Final = 1_000
_LINE_BITS: Final = 40
_FILE_BITS: Final = 16


def place_of(row: FileRow, part: int = 0) -> int:
    """A number that orders rows of several files: by the rule they are read by, file and line."""
    return ((part << _FILE_BITS) + row.file.number << _LINE_BITS) + row.row.line


def file_and_line(place: int) -> tuple[int, int]:
    """The file's number and the line in it."""
    return (place >> _LINE_BITS) & ((1 << _FILE_BITS) - 1), place & ((1 << _LINE_BITS) - 1)


class KeptHistory:
    """Of one import."""

    def __init__(self, import_id: UUID, file_names: dict[int, str]) -> None:
        self._id = import_id
        self._names = file_names

    async def keep(
        self,
        session: WriteSession,
        step: int,
        part: int,
        batch: Sequence[FileRow],
        readers: dict[int, EventReader],
        report: Report,
    ) -> None:
        """By the record each belongs to. `readers` by file number."""
        kept: list[tuple[str, int, dict[str, Any] | None]] = []
        for row in batch:
            if isinstance(row.row, BadRow):
                report.bad_row(row.file.name, HISTORY, row.row)
                continue
            reading = readers[row.file.number].read(row.row)
            if reading.skipped:
                report.count(HISTORY, "skipped")
            elif reading.problems:
                report.problems(row.file.name, reading.line, HISTORY, reading.problems)
            else:
                report.count(HISTORY, "read")
                kept.append((reading.key, place_of(row, part), reading.versions[0]))
                for code, field, sentence in reading.notes:
                    report.warn(row.file.name, reading.line, HISTORY, field, code, sentence)
        await repository.add_rows(session, self._id, _SLOT + step, kept)

    async def take(
        self, session: WriteSession, step: int, keys: Iterable[str]
    ) -> dict[str, list[dict[str, Any]]]:
        """The versions of these records, in order of time; they are kept no longer."""
        slot = _SLOT + step
        found: dict[str, list[dict[str, Any]]] = {}
        for row in await repository.rows_of(session, self._id, slot, keys):
            found.setdefault(row["key"], []).append(row["body"])
        for versions in found.values():
            # A stable sort: versions of one instant stay in the order of the files.
            versions.sort(key=lambda version: str(version["occurred_at"]))
        if found:
            await repository.remove_rows(session, self._id, slot, found)
        return found

    async def count(self, session: Session, step: int) -> int:
        """How many are left."""
        return await repository.count_rows(session, self._id, _SLOT + step)

    async def report_orphans(
        self, session: WriteSession, step: int, report: Report, limit: int
    ) -> None:
        """History whose record is in no row of the files, so many at a time."""
        slot = _SLOT + step
        rows = await repository.next_rows(session, self._id, slot, limit)
        for row in rows:
            file, line = file_and_line(row["line"])
            sentence = f"tells of {row['key'][:80]!r}, which no row of the records' file is about"
            name = self._names.get(file, "")
            report.warn(name, line, HISTORY, None, "history_without_record", sentence)
        await repository.remove_lines(session, self._id, slot, rows)
