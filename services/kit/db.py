"""Connections, transactions and statements: the only module that begins, commits or rolls back.

A transaction belongs to one workspace and one Postgres role, and both are set in the round trip
that opens it, so row-level security holds whatever the code above forgets. SQLAlchemy describes
tables and builds dynamic statements; asyncpg runs everything.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, NewType
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.sql import ClauseElement

from services.kit.errors import UnavailableError

_DIALECT: Any = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]
_COMMITTED = "COMMIT"

# Faults that a second try of the whole transaction may not meet again.
TRANSIENT = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.TooManyConnectionsError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidCachedStatementError,
    ConnectionError,
    TimeoutError,
)


def is_transient(error: BaseException) -> bool:
    """Whether a second try may succeed. An InterfaceError is a closed connection or pool unless it
    is a DataError, which is our own mistake and must be loud."""
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, asyncpg.DataError)
    return isinstance(error, TRANSIENT)


def is_contention(error: BaseException) -> bool:
    """Whether another transaction won a race; nobody waited long, and the next try sees it."""
    return isinstance(error, (asyncpg.DeadlockDetectedError, asyncpg.SerializationError))


class CommitLostError(UnavailableError):
    """The server answered COMMIT with a rollback: nothing of the request was stored."""

    code = "temporarily_unavailable"

    def __init__(self) -> None:
        super().__init__("The change could not be committed and nothing was stored; send it again.")


class Session:
    """One open transaction of one workspace. Statements are SQL text with `$1` parameters, or
    SQLAlchemy Core statements; both run on the same connection."""

    __slots__ = ("_after_commit", "_savepoints", "driver", "workspace_id")

    def __init__(self, driver: asyncpg.Connection, workspace_id: UUID | None) -> None:
        self.driver = driver
        self.workspace_id = workspace_id
        self._after_commit: list[Callable[[], Awaitable[None] | None]] = []
        self._savepoints = 0

    async def fetch(self, statement: str | ClauseElement, *args: Any) -> list[asyncpg.Record]:
        sql, values = _compiled(statement, args)
        return await self.driver.fetch(sql, *values)

    async def fetchrow(self, statement: str | ClauseElement, *args: Any) -> asyncpg.Record | None:
        sql, values = _compiled(statement, args)
        return await self.driver.fetchrow(sql, *values)

    async def fetchval(self, statement: str | ClauseElement, *args: Any) -> Any:
        sql, values = _compiled(statement, args)
        return await self.driver.fetchval(sql, *values)

    async def execute(self, statement: str | ClauseElement, *args: Any) -> str:
        """The command tag, such as `UPDATE 1`."""
        sql, values = _compiled(statement, args)
        return await self.driver.execute(sql, *values)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part that may fail alone: on an exception only what happened inside is undone."""
        self._savepoints += 1
        name = f"part_{self._savepoints}"
        await self.driver.execute(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            await self.driver.execute(f"ROLLBACK TO SAVEPOINT {name}")
            raise
        await self.driver.execute(f"RELEASE SAVEPOINT {name}")

    def after_commit(self, action: Callable[[], Awaitable[None] | None]) -> None:
        """Runs once the transaction is durable, never when it is not; its failure is logged by
        the caller of `run_after_commit` and cannot undo the transaction."""
        self._after_commit.append(action)

    async def run_after_commit(self) -> None:
        for action in self._after_commit:
            result = action()
            if result is not None:
                await result


WriteSession = NewType("WriteSession", Session)
ReadSession = NewType("ReadSession", Session)


def _compiled(
    statement: str | ClauseElement, args: tuple[Any, ...]
) -> tuple[str, tuple[Any, ...] | list[Any]]:
    if isinstance(statement, str):
        return statement, args
    compiled: Any = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    names = compiled.positiontup or []
    return str(compiled), [compiled.params[name] for name in names]


@lru_cache(maxsize=4096)
def _preamble(role: str | None, workspace_id: UUID | None, read_only: bool) -> str:
    parts = ["BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if read_only else "BEGIN"]
    if role:
        parts.append(f'SET LOCAL ROLE "{role}"')
    if workspace_id is not None:
        # A literal: parameters are not allowed in SET, and a UUID object cannot carry anything else.
        parts.append(f"SET LOCAL app.workspace_id = '{workspace_id}'")
    return ";".join(parts)


class Database:
    """A pool for one Postgres role. No connection keeps state between transactions, so the pool
    skips the reset round trip and works behind a transaction pooler."""

    def __init__(self, pool: asyncpg.Pool, role: str | None) -> None:
        self.pool = pool
        self.role = role

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        role: str | None,
        application_name: str,
        pool_min: int = 1,
        pool_max: int = 10,
        statement_timeout_ms: int = 30_000,
        lock_timeout_ms: int = 5_000,
        idle_in_transaction_timeout_ms: int = 60_000,
    ) -> Database:
        pool = await asyncpg.create_pool(
            url,
            min_size=pool_min,
            max_size=pool_max,
            init=_prepare_connection,
            reset=_keep_connection,
            max_inactive_connection_lifetime=300,
            timeout=10,
            command_timeout=statement_timeout_ms / 1000 + 5,
            server_settings={
                "application_name": application_name,
                "timezone": "UTC",
                "statement_timeout": str(statement_timeout_ms),
                "lock_timeout": str(lock_timeout_ms),
                "idle_in_transaction_session_timeout": str(idle_in_transaction_timeout_ms),
            },
        )
        return cls(pool, role)

    async def close(self) -> None:
        await self.pool.close()

    @asynccontextmanager
    async def write(self, workspace_id: UUID | None) -> AsyncIterator[WriteSession]:
        """Commits when the block ends, rolls back when it raises. After-commit actions have NOT
        run yet when the block is left: call `run_after_commit` outside."""
        async with self._transaction(workspace_id, read_only=False) as session:
            yield WriteSession(session)

    @asynccontextmanager
    async def read(self, workspace_id: UUID | None) -> AsyncIterator[ReadSession]:
        """READ ONLY and REPEATABLE READ: every statement of the block sees one snapshot."""
        async with self._transaction(workspace_id, read_only=True) as session:
            yield ReadSession(session)

    @asynccontextmanager
    async def _transaction(
        self, workspace_id: UUID | None, *, read_only: bool
    ) -> AsyncIterator[Session]:
        async with self.pool.acquire() as connection:
            driver = connection
            try:
                await driver.execute(_preamble(self.role, workspace_id, read_only))
                session = Session(driver, workspace_id)
                yield session
                if await driver.execute(_COMMITTED) != _COMMITTED:
                    raise CommitLostError
            except BaseException:
                await _roll_back(driver)
                raise


async def _roll_back(driver: asyncpg.Connection) -> None:
    """Leaves no transaction open; a connection that cannot even roll back is thrown away."""
    try:
        if not driver.is_closed() and driver.is_in_transaction():
            await driver.execute("ROLLBACK")
    except (*TRANSIENT, asyncpg.InterfaceError):
        driver.terminate()


async def _prepare_connection(connection: asyncpg.Connection) -> None:
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(
            kind,
            schema="pg_catalog",
            encoder=lambda value: orjson.dumps(value, default=str).decode(),
            decoder=orjson.loads,
        )


async def _keep_connection(connection: asyncpg.Connection) -> None:
    """Everything set is LOCAL to its transaction, so there is nothing to reset."""
