"""Which file is which, and whether a file has the columns its mapping reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch

from services.kit.errors import FieldProblem
from services.pipeline.imports.domain import folded
from services.pipeline.imports.errors import ImportFilesError
from services.pipeline.imports.mapping import Format, Mapping, Step
from services.pipeline.imports.parsing import Reader, Row, column_key
from services.pipeline.imports.records import field_names
from services.pipeline.imports.report import Report
from services.pipeline.imports.source import FileRow

_DISCRIMINATOR = "record"


@dataclass(frozen=True, slots=True)
class FileFace:
    """What is known of an uploaded file before it is read: its name, the form field it came in,
    and its column names by its first bytes."""

    name: str
    field: str | None
    columns: frozenset[str]
    is_ndjson: bool


def face_of(name: str, field: str | None, start: bytes) -> FileFace:
    """`start` may break off anywhere behind the header."""
    reader = Reader(Format())
    reader.feed(start, last=True)
    first = next(iter(reader.rows()), None)
    keys: Iterable[str] = reader.header.columns
    is_ndjson = start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"
    if is_ndjson and isinstance(first, Row):
        keys = first.values
    return FileFace(name, field, frozenset(column_key(key) for key in keys), is_ndjson)


def assign_roles(mapping: Mapping, faces: list[FileFace]) -> list[str]:
    """Each file's role: its form field, its name, its columns, in that order. Raises
    ImportFilesError for a file without a place and a place without a file."""
    roles = [_role_of(mapping, face) for face in faces]
    problems = [
        FieldProblem(
            f"/files/{index}",
            "unknown_file",
            f"{face.name!r} is none of the files of mapping {mapping.name}; name it, or the form"
            f" field it is sent in, like one of: {', '.join(mapping.files)}",
        )
        for index, (face, role) in enumerate(zip(faces, roles, strict=True))
        if role is None
    ]
    found = [role for role in roles if role is not None]
    for role, source in mapping.files.items():
        if source.required and role not in found:
            problems.append(
                FieldProblem("/files", "missing_file", f"mapping {mapping.name} needs {role}")
            )
    if not any(step.file in found for step in mapping.steps) and not problems:
        problems.append(FieldProblem("/files", "missing_file", "none of the files has records"))
    if problems:
        raise ImportFilesError(problems)
    return found


def _role_of(mapping: Mapping, face: FileFace) -> str | None:
    if face.field in mapping.files:
        return face.field
    name = folded(face.name.rpartition("/")[2])
    for role, source in mapping.files.items():
        if name and any(fnmatch(name, folded(pattern)) for pattern in source.names):
            return role
    for role, source in mapping.files.items():
        wanted = {column_key(column) for column in source.columns}
        if wanted and wanted <= face.columns:
            return role
    for role, source in mapping.files.items():
        if "*" in source.names:
            return role
    return None


def fits(mapping: Mapping, faces: list[FileFace]) -> bool:
    """Whether the files show by their columns, not just by their names, to be this mapping's: all
    that it needs, or each of them where it needs none in particular."""
    shown = [
        {
            role
            for role, source in mapping.files.items()
            if source.columns and {column_key(column) for column in source.columns} <= face.columns
        }
        for face in faces
    ]
    needed = {role for role, source in mapping.files.items() if source.required}
    return needed <= set().union(*shown) if needed else bool(shown) and all(shown)


def known_columns(mapping: Mapping, role: str) -> set[str]:
    """Folded names of every column of a file that some step reads, or is told to ignore."""
    known = set(mapping.files[role].ignore_columns)
    for lookup in mapping.lookups.values():
        if lookup.file == role:
            known |= lookup.read
    for step in mapping.steps:
        for events in step.events:
            if events.file == role:
                known |= events.read
        if step.file == role:
            known |= step.read_columns()
            if step.pass_through:
                known |= field_names(step.record) | {_DISCRIMINATOR}
    return {column_key(column) for column in known}


def _joined(mapping: Mapping, step: Step) -> set[str]:
    """Columns that are not the file's own."""
    return {
        column_key(f"{join.name}.{column}")
        for join in step.join
        for column in mapping.lookups[join.lookup].offered
    }


def check_header(mapping: Mapping, row: FileRow, report: Report) -> None:
    """Raises ImportFilesError when a column that must be filled is not there, or one is there that
    nothing reads and the mapping rejects such. Of an NDJSON file only rows can tell."""
    if not row.header.columns:
        return
    present = {column_key(name) for name in row.header.columns}
    role, name = row.file.role, row.file.name
    missing = [
        rule.column
        for step in mapping.steps
        if step.file == role
        for rule in step.fields.values()
        if rule.required
        and rule.column
        and not (present | _joined(mapping, step)) & {column_key(c) for c in rule.column}
    ]
    if missing:
        wanted = ", ".join(" or ".join(columns) for columns in missing)
        raise ImportFilesError(
            [FieldProblem(f"/files/{name}", "missing_columns", f"has no column {wanted}")]
        )
    known = known_columns(mapping, role)
    unknown = [
        column for column in row.header.columns if column and column_key(column) not in known
    ]
    if unknown and mapping.unknown_columns == "reject":
        sentence = f"has columns nothing reads: {', '.join(unknown)}"
        raise ImportFilesError([FieldProblem(f"/files/{name}", "unknown_columns", sentence)])
    if mapping.unknown_columns == "report":
        for column in unknown:
            sentence = f"column {column!r} is not read by the mapping"
            report.warn(name, 1, role, column, "unknown_column", sentence)
