"""Taking files in: pieces of any size become rows of a quarter mebibyte, each its own transaction,
so that a file of any size costs the memory of one piece. Until `finish` there is no import; an
upload that breaks off is deleted, or by the worker once it has been silent for a while."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import Database
from services.kit.errors import FieldProblem, TooLargeError
from services.kit.ids import new_id
from services.pipeline.imports import catalogue, repository
from services.pipeline.imports.errors import ImportFilesError, UploadIncompleteError
from services.pipeline.imports.mapping import MAPPING_BYTES_MAX, Mapping, parse_mapping
from services.pipeline.imports.shape import FileFace, assign_roles, face_of

CHUNK_BYTES: Final = 256 * 1024
FILES_MAX: Final = 50
SILENCE: Final = timedelta(minutes=10)
_FACE_BYTES = 64 * 1024
_HEADER_BYTES_MAX = 16 * 1024
_MAPPING_FIELD = "mapping"


@dataclass(slots=True)
class _File:
    number: int
    name: str
    form_field: str | None
    size: int = 0
    chunks: int = 0
    start: bytes = b""
    digest: Any = field(default_factory=hashlib.sha256)


class Upload:
    """`async with Upload(...) as upload:` files in order, then `finish`. Leaving the block without
    it, for whatever reason, leaves nothing behind."""

    def __init__(self, database: Database, principal: Principal, *, bytes_max: int) -> None:
        self.import_id: UUID = new_id()
        self._database = database
        self._principal = principal
        self._bytes_max = bytes_max
        self._bytes = 0
        self._files: list[_File] = []
        self._buffer = bytearray()
        self._is_finished = False

    async def __aenter__(self) -> Self:
        now = clock.now()
        async with self._database.write(self._principal.workspace_id) as session:
            await repository.insert_upload(
                session, self.import_id, actor=self._principal.actor,
                roles=self._principal.roles, now=now, until=now + SILENCE,
            )  # fmt: skip
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._is_finished:
            async with self._database.write(self._principal.workspace_id) as session:
                await repository.delete(session, self.import_id)

    async def open(self, name: str, field_name: str | None = None) -> None:
        """The bytes that follow are this file's."""
        await self._flush()
        if len(self._files) >= FILES_MAX:
            raise ImportFilesError(
                [FieldProblem("/files", "too_many_files", f"at most {FILES_MAX} files")]
            )
        self._files.append(_File(len(self._files), name[:255], field_name))

    async def write(self, piece: bytes) -> None:
        """Raises TooLargeError past the limit of all files together."""
        self._bytes += len(piece)
        if self._bytes > self._bytes_max:
            raise TooLargeError(
                f"An import takes at most {self._bytes_max} bytes; split the file, or raise the"
                " setting LEADLINE_IMPORT_BYTES_MAX."
            )
        self._buffer += piece
        while len(self._buffer) >= CHUNK_BYTES:
            await self._store(bytes(self._buffer[:CHUNK_BYTES]))
            del self._buffer[:CHUNK_BYTES]

    async def _flush(self) -> None:
        if self._buffer:
            await self._store(bytes(self._buffer))
            self._buffer.clear()

    async def _store(self, body: bytes) -> None:
        file = self._files[-1]
        async with self._database.write(self._principal.workspace_id) as session:
            await repository.insert_chunk(
                session, self.import_id, file.number, file.chunks, body, clock.now() + SILENCE
            )
        if not file.chunks:
            file.start = body[:_FACE_BYTES]
        file.digest.update(body)
        file.size += len(body)
        file.chunks += 1

    async def finish(self, mapping: Mapping | None) -> UUID:
        """Settles which file is which and queues the import. Without a mapping the files' columns
        decide."""
        await self._flush()
        if not self._files or not self._bytes:
            raise ImportFilesError([FieldProblem("/files", "missing_file", "no file was sent")])
        faces: list[FileFace] = [
            face_of(file.name, file.form_field, file.start) for file in self._files
        ]
        chosen = mapping if mapping is not None else catalogue.suited(faces)
        roles = assign_roles(chosen, faces)
        files = [
            {
                "number": file.number, "name": file.name or role, "role": role,
                "bytes": file.size, "chunks": file.chunks, "sha256": file.digest.hexdigest(),
            }
            for file, role in zip(self._files, roles, strict=True)
        ]  # fmt: skip
        async with self._database.write(self._principal.workspace_id) as session:
            await repository.queue(
                session, self.import_id, mapping=catalogue.content(chosen),
                mapping_name=chosen.name, files=files, bytes_total=self._bytes,
            )  # fmt: skip
        self._is_finished = True
        return self.import_id


async def receive_raw(upload: Upload, pieces: AsyncIterable[bytes], file_name: str) -> None:
    """A body that is one file."""
    await upload.open(file_name)
    async for piece in pieces:
        await upload.write(piece)


async def receive_form(
    upload: Upload, pieces: AsyncIterable[bytes], content_type: str
) -> str | None:
    """A multipart body: every part with a file name is a file, the part `mapping` is a name or a
    mapping's text and is returned. Raises UploadIncompleteError where the body is cut off."""
    mapping = bytearray()
    has_mapping = False
    is_file = False
    async for kind, head, data in _parts(pieces, content_type):
        if kind == "begin":
            name, file_name = head
            is_file = file_name is not None and name != _MAPPING_FIELD
            has_mapping = has_mapping or name == _MAPPING_FIELD
            if is_file:
                await upload.open(file_name or "", name)
            elif name != _MAPPING_FIELD:
                raise ImportFilesError([FieldProblem(f"/{name}", "unknown_part", "is neither a"
                                        " file nor the part `mapping`")])  # fmt: skip
        elif is_file:
            await upload.write(data)
        elif len(mapping) + len(data) <= MAPPING_BYTES_MAX:
            mapping += data
        else:
            raise TooLargeError(f"A mapping has at most {MAPPING_BYTES_MAX} bytes.")
    return mapping.decode("utf-8", "replace") if has_mapping else None


_Part = tuple[str, tuple[str, str | None], bytes]
_NO_HEAD: tuple[str, str | None] = ("", None)


class _PartCollector:
    """Turns the parser's callbacks into parts; holds no more than one piece of the body."""

    def __init__(self, boundary: bytes) -> None:
        self.parts: list[_Part] = []
        self.is_complete = False
        self._headers: dict[str, str] = {}
        self._name = bytearray()
        self._value = bytearray()
        self.parser = MultipartParser(
            boundary,
            {
                "on_header_field": lambda data, start, end: self._take(self._name, data, start, end),
                "on_header_value": lambda data, start, end: self._take(self._value, data, start, end),
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_end": self._end,
            },
        )  # fmt: skip

    @staticmethod
    def _take(into: bytearray, data: bytes, start: int, end: int) -> None:
        into += data[start:end]
        if len(into) > _HEADER_BYTES_MAX:
            raise MultipartParseError("a part's header is too long")

    def _header_end(self) -> None:
        name = self._name.decode("latin-1").lower()
        # Byte for byte: the parser of the options gives the bytes back as it got them.
        self._headers[name] = self._value.decode("latin-1")
        self._name.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", ""))
        self._headers = {}
        named = options.get(b"name", b"").decode("utf-8", "replace")
        file_name = options.get(b"filename")
        head = (named, None if file_name is None else file_name.decode("utf-8", "replace"))
        self.parts.append(("begin", head, b""))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self.parts.append(("data", _NO_HEAD, data[start:end]))

    def _end(self) -> None:
        self.is_complete = True


async def _parts(pieces: AsyncIterable[bytes], content_type: str) -> AsyncIterator[_Part]:
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise UploadIncompleteError("The Content-Type names no multipart boundary.")
    collector = _PartCollector(boundary)
    try:
        async for piece in pieces:
            collector.parser.write(piece)
            for part in collector.parts:
                yield part
            collector.parts.clear()
    except MultipartParseError as error:
        raise UploadIncompleteError(f"The multipart body cannot be read: {error}.") from error
    if not collector.is_complete:
        raise UploadIncompleteError("The multipart body breaks off before its closing boundary.")


def mapping_of(text: str | None) -> Mapping | None:
    """A shipped mapping by name, or one written out; None where nothing was said."""
    if text is None or not text.strip():
        return None
    plain = text.strip()
    if "\n" not in plain and ":" not in plain and "{" not in plain:
        return catalogue.named(plain)
    return parse_mapping(text)
