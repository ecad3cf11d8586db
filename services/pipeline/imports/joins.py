"""Look-ups: rows of a file kept by their key, and joined with the rows of a batch. Kept in the
database, so that a look-up of a million rows costs the memory of one batch."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from services.kit.db import Session, WriteSession
from services.kit.errors import FieldProblem
from services.pipeline.imports import repository
from services.pipeline.imports.domain import UnreadableError, read_number
from services.pipeline.imports.errors import ImportFilesError
from services.pipeline.imports.kept import place_of
from services.pipeline.imports.lookup_rules import Join, Lookup
from services.pipeline.imports.mapping import Mapping
from services.pipeline.imports.parsing import BadRow, Row, column_key
from services.pipeline.imports.report import Report
from services.pipeline.imports.source import FileRow
from services.pipeline.imports.values import Values, condition_test

LOOKUP_SLOT: Final = 20_000
PLACED_MAX: Final = 20_000
LISTED_MAX: Final = 100
_SUM = "sum "
_PLACE = "place"
_ORDER = "order "


class Joiner:
    """The look-ups of one import. One whose file was not sent joins nothing."""

    def __init__(self, mapping: Mapping, import_id: UUID, roles: set[str]) -> None:
        self._id = import_id
        self._mark = mapping.format.decimal
        self._kept = {
            name: (LOOKUP_SLOT + number, lookup)
            for number, (name, lookup) in enumerate(mapping.lookups.items())
            if lookup.file in roles
        }

    @property
    def names(self) -> list[str]:
        """Those there is a file for."""
        return list(self._kept)

    def role(self, name: str) -> str:
        return self._kept[name][1].file

    def has_places(self, name: str) -> bool:
        return self._kept[name][1].place is not None

    async def keep(
        self, session: WriteSession, name: str, batch: Sequence[FileRow], report: Report
    ) -> None:
        """Rows of the look-up's file: only what somebody reads of them."""
        slot, lookup = self._kept[name]
        skip = [condition_test(condition) for condition in lookup.skip]
        kept: list[tuple[str, int, dict[str, Any] | None]] = []
        for row in batch:
            if isinstance(row.row, BadRow):
                report.warn(row.file.name, row.row.line, name, None, row.row.code, row.row.message)
                continue
            values = row.row.values
            key = _text(values, lookup.key)
            if not key or any(holds(values) for holds in skip):
                continue
            body = {column_key(column): _text(values, column) for column in lookup.kept}
            mark = row.header.decimal_mark if self._mark == "auto" else self._mark
            for column in lookup.place.by if lookup.place is not None else ():
                body[_ORDER + column] = _order(_text(values, column), mark)
            kept.append((key, place_of(row), body | self._sums(row, lookup, name, report)))
        await repository.add_rows(session, self._id, slot, kept)

    def _sums(self, row: FileRow, lookup: Lookup, name: str, report: Report) -> dict[str, str]:
        assert isinstance(row.row, Row)
        mark = row.header.decimal_mark if self._mark == "auto" else self._mark
        found = {}
        for target, part in lookup.sums.items():
            text = _text(row.row.values, part.column)
            if not text or (
                part.when is not None and not condition_test(part.when)(row.row.values)
            ):
                continue
            try:
                found[_SUM + target] = str(read_number(text, mark).value)
            except UnreadableError as error:
                sentence = f"{error.sentence}; it is in no sum"
                report.warn(
                    row.file.name, row.row.line, name, part.column, error.code, sentence
                )  # fmt: skip
        return found

    async def settle_places(self, session: WriteSession, name: str) -> None:
        """Once all rows are kept. Such look-ups are small: stages, not deals."""
        slot, lookup = self._kept[name]
        assert lookup.place is not None
        rows = await repository.next_rows(session, self._id, slot, PLACED_MAX + 1)
        if len(rows) > PLACED_MAX:
            sentence = f"has more than {PLACED_MAX} rows, too many to be put in order"
            raise ImportFilesError([FieldProblem(f"/files/{lookup.file}", "too_many", sentence)])
        placed = [
            (row["key"], row["line"], body)
            for row, body in zip(rows, places([row["body"] for row in rows], lookup), strict=True)
        ]
        await repository.remove_rows(session, self._id, slot, [key for key, _, _ in placed])
        await repository.add_rows(session, self._id, slot, placed)

    async def join(self, session: Session, joins: Sequence[Join], batch: Sequence[FileRow]) -> None:
        """Adds the columns to the rows of the batch, in place, join after join."""
        rows = [row.row.values for row in batch if isinstance(row.row, Row)]
        for join in joins:
            if join.lookup not in self._kept:
                continue
            slot, lookup = self._kept[join.lookup]
            keys = {key for values in rows if (key := _text(values, join.by))}
            found: dict[str, list[dict[str, Any]]] = {}
            for kept in await repository.rows_of(session, self._id, slot, keys):
                found.setdefault(kept["key"], []).append(kept["body"])
            offered = {key: _offered(bodies, lookup, join.name) for key, bodies in found.items()}
            for values in rows:
                values.update(offered.get(_text(values, join.by), {}))


def _text(values: Values, column: str) -> str:
    raw = values.get(column_key(column))
    if raw is None:
        return ""
    return str(raw).lower() if isinstance(raw, bool) else str(raw).strip()


def _offered(bodies: list[dict[str, Any]], lookup: Lookup, name: str) -> dict[str, Any]:
    """The columns of one key's rows, named after the join."""
    told: dict[str, Any] = {
        column: bodies[0].get(column_key(column), "") for column in lookup.columns
    }
    for target, column in lookup.lists.items():
        listed = dict.fromkeys(body.get(column_key(column), "") for body in bodies)
        told[target] = ";".join([text for text in listed if text][:LISTED_MAX])
    for target in lookup.sums:
        numbers = [Decimal(body[_SUM + target]) for body in bodies if _SUM + target in body]
        told[target] = sum(numbers, Decimal()) if numbers else ""
    if lookup.place is not None:
        told[_PLACE] = bodies[0].get(_PLACE, "")
    return {column_key(f"{name}.{column}"): text for column, text in told.items()}


def places(bodies: Sequence[dict[str, Any]], lookup: Lookup) -> list[dict[str, Any]]:
    """The rows with the place of each among its like. Pure."""
    place = lookup.place
    assert place is not None
    skip = [condition_test(condition) for condition in place.skip]
    groups: dict[str, list[int]] = {}
    for index, body in enumerate(bodies):
        if not any(holds(body) for holds in skip):
            groups.setdefault(body.get(column_key(place.within), ""), []).append(index)
    told = [{name: text for name, text in body.items() if name != _PLACE} for body in bodies]
    for group in groups.values():
        ordered = sorted(
            group, key=lambda index: [Decimal(bodies[index][_ORDER + by]) for by in place.by]
        )
        for number, index in enumerate(ordered):
            told[index][_PLACE] = str(round(100 * number / max(1, len(ordered) - 1)))
    return told


def _order(text: str, mark: str) -> str:
    """What is no number comes first."""
    try:
        return str(read_number(text, mark).value)
    except UnreadableError:
        return "-Infinity"
