"""Statements every table of records needs: set-based insert and update, rows by external id, pages.

One statement writes a thousand rows: they travel as one JSON document that Postgres unpacks. Which
rows, and when, is the caller's business; nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.dialects import postgresql

from services.kit.columns import Base
from services.kit.db import Session, WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.pagination import PageRequest

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


class ConcurrentInsertError(asyncpg.SerializationError):  # type: ignore[misc]
    """Another transaction inserted the same record meanwhile. Counts as transient, so the boundary
    runs the request again, which then finds the record and merges into it."""


class Rows:
    """Writes and locks of one tenant table, with the column types of its model."""

    def __init__(self, model: type[Base]) -> None:
        table = model.__table__
        self.table = str(table)
        self.columns = [column.name for column in table.columns if column.name != "workspace_id"]
        self._types = {
            column.name: column.type.compile(dialect=_DIALECT) for column in table.columns
        }

    def _recordset(self, columns: Iterable[str]) -> str:
        typed = ", ".join(f"{name} {self._types[name]}" for name in columns)
        return f"json_to_recordset($2::json) AS r({typed})"

    async def insert(self, session: WriteSession, rows: Sequence[Mapping[str, Any]]) -> None:
        """New rows; every column is given. In the order of what is unique about them, so that two
        batches which create the same records cannot deadlock."""
        if not rows:
            return
        names = ", ".join(self.columns)
        values = ", ".join(f"r.{name}" for name in self.columns)
        try:
            await session.execute(
                f"INSERT INTO {self.table} (workspace_id, {names})"
                f" SELECT $1::uuid, {values} FROM {self._recordset(self.columns)}",
                session.workspace_id,
                sorted(rows, key=lambda row: (row.get("external_id") or "", row["id"])),
            )
        except asyncpg.UniqueViolationError as error:
            raise ConcurrentInsertError(str(error)) from error

    async def update(
        self,
        session: WriteSession,
        rows: Sequence[Mapping[str, Any]],
        columns: Sequence[str] | None = None,
    ) -> None:
        """Rows that are there and locked, by id: the columns named (None: all) take the values
        given."""
        if not rows:
            return
        changing = [name for name in columns or self.columns if name != "id"]
        settings = ", ".join(f"{name} = r.{name}" for name in changing)
        await session.execute(
            f"UPDATE {self.table} AS t SET {settings}"
            f" FROM {self._recordset(['id', *changing])}"
            " WHERE t.workspace_id = $1 AND t.id = r.id",
            session.workspace_id,
            rows,
        )

    async def lock_named(
        self, session: WriteSession, external_ids: Iterable[str]
    ) -> dict[str, dict[str, Any]]:
        """The rows with these external ids, locked against change until the transaction ends.
        References to them from elsewhere are still allowed."""
        rows = await session.fetch(
            f"SELECT {', '.join(self.columns)} FROM {self.table}"
            " WHERE workspace_id = $1 AND external_id = ANY($2::text[])"
            " ORDER BY id FOR NO KEY UPDATE",
            session.workspace_id,
            list(external_ids),
        )
        return {row["external_id"]: dict(row) for row in rows}

    async def ids_named(self, session: Session, external_ids: Iterable[str]) -> dict[str, UUID]:
        """The ids behind external ids; what is not there is not in the answer."""
        wanted = list(set(external_ids))
        if not wanted:
            return {}
        rows = await session.fetch(
            f"SELECT external_id, id FROM {self.table}"
            " WHERE workspace_id = $1 AND external_id = ANY($2::text[])",
            session.workspace_id,
            wanted,
        )
        return {row["external_id"]: row["id"] for row in rows}

    async def ids_there(self, session: Session, ids: Iterable[UUID]) -> set[UUID]:
        """Those of the ids that records have."""
        rows = await session.fetch(
            f"SELECT id FROM {self.table} WHERE workspace_id = $1 AND id = ANY($2::uuid[])",
            session.workspace_id,
            list(ids),
        )
        return {row["id"] for row in rows}


class Filters:
    """The WHERE of a list, grown clause by clause; `{}` in a clause is the next parameter."""

    def __init__(self, clause: str, value: Any) -> None:
        self.values: list[Any] = []
        self._clauses: list[str] = []
        self.require(clause, value)

    def require(self, clause: str, value: Any) -> None:
        self.values.append(value)
        self._clauses.append(clause.format(f"${len(self.values)}"))

    def where(self, clause: str, value: Any) -> None:
        """Only where the filter was asked for."""
        if value is not None:
            self.require(clause, value)

    def __str__(self) -> str:
        return " AND ".join(self._clauses)


def after_id(page: PageRequest) -> UUID | None:
    """The cursor of a list in id order; raises InvalidPayloadError on another list's cursor."""
    if page.after is None:
        return None
    try:
        return UUID(str(page.after[0]))
    except ValueError as error:
        raise InvalidPayloadError.one(
            "query/cursor", "invalid_cursor", "is the cursor of another list"
        ) from error


def after_number(page: PageRequest) -> int | None:
    """As `after_id`, for a list in the order of a number."""
    if page.after is None:
        return None
    number = page.after[0]
    if isinstance(number, bool) or not isinstance(number, int) or abs(number) >= 2**31:
        raise InvalidPayloadError.one(
            "query/cursor", "invalid_cursor", "is the cursor of another list"
        )
    return number


def merge(current: Mapping[str, Any], stated: Mapping[str, Any]) -> dict[str, Any] | None:
    """The row with the stated values in place; None when that changes nothing."""
    changed = {name: value for name, value in stated.items() if current[name] != value}
    return {**current, **changed} if changed else None
