"""The uploaded files as rows: pieces fetched from the database as they are needed, one in memory
at a time. Going on after a restart reads again from the start of the files of the step and passes
over what is done, which costs reading and no storing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.kit.db import Database
from services.pipeline.imports import repository
from services.pipeline.imports.mapping import Format
from services.pipeline.imports.parsing import BadRow, Header, Reader, Row


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One uploaded file, as the import row keeps it."""

    number: int
    name: str
    role: str
    bytes: int
    chunks: int

    @classmethod
    def of(cls, content: dict[str, Any]) -> StoredFile:
        return cls(
            content["number"], content["name"], content["role"], content["bytes"],
            content["chunks"],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row, and where it is from. `is_first`: the file's header is new to the caller."""

    file: StoredFile
    header: Header
    row: Row | BadRow
    is_first: bool


async def file_rows(
    database: Database,
    workspace_id: UUID,
    import_id: UUID,
    files: Iterable[StoredFile],
    format_: Format,
) -> AsyncIterator[FileRow]:
    """Every row of the files, in their order."""
    for file in files:
        reader = Reader(format_)
        is_first = True
        for number in range(max(file.chunks, 1)):
            async with database.read(workspace_id) as session:
                piece = await repository.read_chunk(session, import_id, file.number, number)
            reader.feed(piece or b"", last=number + 1 >= file.chunks)
            for row in reader.rows():
                yield FileRow(file, reader.header, row, is_first)
                is_first = False
