"""From bytes to rows: encodings, lines, CSV and NDJSON, fed piece by piece in bounded memory.

A line that cannot be read becomes a `BadRow` with its number and the reading goes on: one broken
quote must not swallow the rows after it. What a row means is none of this module's business.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from services.pipeline.imports.domain import folded
from services.pipeline.imports.mapping import Format

LINE_BYTES_MAX: Final = 1024 * 1024
RECORD_LINES_MAX: Final = 200
_SNIFFED: Final = 64 * 1024
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DELIMITERS: Final = (",", ";", "\t", "|")


class Row(NamedTuple):
    """A record of the file; `values` by folded column name, `line` where it starts."""

    line: int
    values: dict[str, Any]


class BadRow(NamedTuple):
    """A record that cannot be read at all."""

    line: int
    code: str
    message: str


class _Line(NamedTuple):
    number: int
    text: str
    problem: str | None


def column_key(name: str) -> str:
    """How columns are told apart: case, spaces and underscores do not count."""
    return folded(name).replace(" ", "_")


@dataclass(slots=True)
class Header:
    """What the file itself says of its shape; known once its first line is read."""

    columns: list[str] = field(default_factory=list)
    delimiter: str | None = None

    @property
    def decimal_mark(self) -> str:
        """What a lone mark in a number means where neither file nor mapping says so: a file that
        separates cells by semicolons was written where the comma is the decimal mark."""
        return "," if self.delimiter == ";" else "."


class Lines:
    """Splits bytes into numbered lines and decodes each by itself, so that one broken line is one
    bad row. Encodings of several bytes a character are first recoded as UTF-8."""

    def __init__(self, format_: Format) -> None:
        self._format = format_
        self._buffer = b""
        self._number = 0
        self._separator = b"\n"
        self._encoding: str | None = None
        self._recoder: codecs.IncrementalDecoder | None = None
        self._is_overlong = False
        self.ready: deque[_Line] = deque()

    def feed(self, piece: bytes, *, last: bool = False) -> None:
        """Complete lines go to `ready`; the rest waits for the next piece."""
        if self._encoding is None:
            self._buffer += piece
            if len(self._buffer) < _SNIFFED and not last:
                return
            piece, self._buffer = self._begin(self._buffer), b""
        if self._recoder is not None:
            piece = self._recoder.decode(piece, last).encode("utf-8", "replace")
        parts = (self._buffer + piece).split(self._separator)
        self._buffer = parts.pop()
        for part in parts:
            self._add(part)
        if last and self._buffer:
            self._add(self._buffer)
            self._buffer = b""
        elif len(self._buffer) > LINE_BYTES_MAX:
            self._is_overlong, self._buffer = True, b""

    def _begin(self, start: bytes) -> bytes:
        """Settles encoding and line ends by the first bytes; returns them without the mark."""
        encoding = self._format.encoding
        for mark, name in _BOMS:
            if start.startswith(mark):
                encoding = name
                start = start[len(mark) :] if name == "utf-8" else start
                break
        if encoding == "auto":
            encoding = "utf-8"
        self._encoding = encoding
        if codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")):
            self._recoder = codecs.getincrementaldecoder(encoding)(errors="replace")
            self._encoding = "utf-8"
        elif b"\n" not in start and b"\r" in start:
            self._separator = b"\r"
        return start

    def _add(self, raw: bytes) -> None:
        self._number += 1
        if self._is_overlong or len(raw) > LINE_BYTES_MAX:
            self._is_overlong = False
            problem = f"has more than {LINE_BYTES_MAX} bytes in one line"
            self.ready.append(_Line(self._number, "", problem))
            return
        assert self._encoding is not None
        problem_ = None
        try:
            text = raw.decode(self._encoding)
        except UnicodeDecodeError:
            text, problem_ = self._fallback(raw)
        self.ready.append(_Line(self._number, text.rstrip("\r"), problem_))

    def _fallback(self, raw: bytes) -> tuple[str, str | None]:
        other = self._format.fallback_encoding
        if other is not None:
            try:
                return raw.decode(other), None
            except UnicodeDecodeError:
                pass
        assert self._encoding is not None
        text = raw.decode(self._encoding, "replace")
        return text, f"is not {self._encoding}; state the file's encoding in the mapping"


class Reader:
    """Rows of one file, whichever of the two forms it has. Feed pieces, take `rows()` after each;
    `header` is there from the first row on."""

    def __init__(self, format_: Format) -> None:
        self._format = format_
        self._lines = Lines(format_)
        self._rows: _CsvRows | _JsonRows | None = None
        self._is_last = False
        self.header = Header()

    def feed(self, piece: bytes, *, last: bool = False) -> None:
        self._is_last = last
        self._lines.feed(piece, last=last)

    def rows(self) -> Iterator[Row | BadRow]:
        """What is complete by now."""
        if self._rows is None:
            ready = self._lines.ready
            while ready and not ready[0].text.strip() and ready[0].problem is None:
                ready.popleft()
            if not ready:
                return
            self._rows = self._chosen(ready[0].text)
        yield from self._rows.take(self._is_last)

    def _chosen(self, first: str) -> _CsvRows | _JsonRows:
        type_ = self._format.type
        if type_ == "auto":
            type_ = "ndjson" if first.lstrip()[:1] in "{[" else "csv"
        if type_ == "csv":
            return _CsvRows(self._format, self._lines.ready, self.header)
        return _JsonRows(self._lines.ready)


class _JsonRows:
    """One JSON object a line. Numbers with a fraction stay text, so that no cent is lost."""

    def __init__(self, lines: deque[_Line]) -> None:
        self._lines = lines
        self._decoder = json.JSONDecoder(parse_float=str, parse_constant=str)

    def take(self, is_last: bool) -> Iterator[Row | BadRow]:
        while self._lines:
            line = self._lines.popleft()
            if line.problem is not None:
                yield BadRow(line.number, "invalid_encoding", line.problem)
            elif line.text.strip():
                yield self._row(line)

    def _row(self, line: _Line) -> Row | BadRow:
        try:
            value = self._decoder.decode(line.text)
        except (json.JSONDecodeError, RecursionError) as error:
            message = f"is not a JSON object on one line: {error}"
            return BadRow(line.number, "invalid_json", message[:300])
        if not isinstance(value, dict):
            message = "is not a JSON object: NDJSON has one object on each line, not one array"
            return BadRow(line.number, "not_an_object", message)
        return Row(line.number, {column_key(name): part for name, part in value.items()})


class _CsvRows:
    """RFC 4180 as it is really written: any delimiter, CRLF, quoted line breaks, ragged ends."""

    def __init__(self, format_: Format, lines: deque[_Line], header: Header) -> None:
        self._quote = format_.quote
        self._delimiter: str = format_.delimiter if format_.delimiter != "auto" else ""
        self._lines = lines
        self._header = header
        self._keys: list[str] = []

    def take(self, is_last: bool) -> Iterator[Row | BadRow]:
        while self._lines:
            line = self._lines[0]
            if line.problem is not None:
                self._lines.popleft()
                code = "line_too_long" if not line.text else "invalid_encoding"
                yield BadRow(line.number, code, line.problem)
                continue
            cells = self._cells(is_last)
            if cells is None:
                return
            if isinstance(cells, BadRow):
                yield cells
            elif not self._keys:
                self._begin(cells)
            elif any(cells):
                yield self._row(line.number, cells)

    def _cells(self, is_last: bool) -> list[str] | BadRow | None:
        """The cells of the next record, taken off the lines; None while its end is not here."""
        line = self._lines[0]
        if not self._delimiter:
            self._delimiter = _sniffed_delimiter(line.text, self._quote)
        if self._quote not in line.text:
            self._lines.popleft()
            return line.text.split(self._delimiter) if line.text else [""]
        text = ""
        for count, part in enumerate(self._lines, start=1):
            text = part.text if count == 1 else f"{text}\n{part.text}"
            if count > RECORD_LINES_MAX or len(text) > LINE_BYTES_MAX:
                break
            if self._quote not in part.text:
                continue
            try:
                cells = next(csv.reader([text], delimiter=self._delimiter, quotechar=self._quote,
                                        strict=True))  # fmt: skip
            except csv.Error as error:
                if "unexpected end" in str(error):
                    continue
                self._lines.popleft()
                return BadRow(line.number, "bad_quoting", f"cannot be split into cells: {error}")
            for _ in range(count):
                self._lines.popleft()
            return cells
        else:
            if not is_last:
                return None
        self._lines.popleft()
        return BadRow(line.number, "unterminated_quote", "has a quote that is never closed")

    def _begin(self, cells: list[str]) -> None:
        self._header.columns = [cell.strip() for cell in cells]
        self._header.delimiter = self._delimiter
        self._keys = [column_key(cell) for cell in cells]

    def _row(self, number: int, cells: list[str]) -> Row | BadRow:
        wanted = len(self._keys)
        if len(cells) > wanted and not any(cells[wanted:]):
            cells = cells[:wanted]
        if len(cells) != wanted:
            message = f"has {len(cells)} cells where the header has {wanted} columns"
            return BadRow(number, "wrong_column_count", message)
        return Row(number, dict(zip(self._keys, cells, strict=True)))


def _sniffed_delimiter(header: str, quote: str) -> str:
    """The one that occurs most outside of quotes in the header; a comma where none does."""
    outside = "".join(header.split(quote)[::2])
    return max(_DELIMITERS, key=lambda mark: (outside.count(mark), mark == ","))
