"""A database whose connections die at a chosen statement, for tests that crash anywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from services.kit.db import Database


class CrashError(Exception):
    """The process would be gone here."""


class CrashingConnection:
    """Passes everything on until its statement has come; a rollback is always let through, since
    Postgres does one by itself when a client is gone."""

    def __init__(self, connection: Any, pool: CrashingPool) -> None:
        self._connection = connection
        self._pool = pool

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connection, name)
        if name not in ("fetch", "fetchrow", "fetchval", "execute"):
            return found

        async def call(statement: str, *args: Any) -> Any:
            if statement.startswith("ROLLBACK"):
                return await found(statement, *args)
            self._pool.statements += 1
            is_last = self._pool.statements == self._pool.crash_at
            if is_last and not self._pool.after:
                raise CrashError(statement)
            answer = await found(statement, *args)
            if is_last:
                raise CrashError(statement)
            return answer

        return call


class CrashingPool:
    """Counts statements and crashes at one of them, before or after Postgres has done it."""

    def __init__(self, pool: Any, crash_at: int | None = None, *, after: bool = False) -> None:
        self._pool = pool
        self.crash_at = crash_at
        self.after = after
        self.statements = 0

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[CrashingConnection]:
        async with self._pool.acquire() as connection:
            yield CrashingConnection(connection, self)


def crashing(database: Database, crash_at: int | None = None, *, after: bool = False) -> Database:
    """`database` that dies at the statement of that number; None only counts."""
    pool: Any = CrashingPool(database.pool, crash_at, after=after)
    return Database(pool, database.role)
