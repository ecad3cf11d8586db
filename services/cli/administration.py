"""Database access of operators' commands: as the worker's role, which sees every workspace's name.

Must not hold rules: those are in `services.workspace`.
"""

import contextlib
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg

from services.kit.collector import calm_collector
from services.kit.db import Database
from services.kit.settings import get_settings


@contextlib.asynccontextmanager
async def administration() -> AsyncIterator[Database]:
    settings = get_settings()
    database = await Database.connect(
        settings.database_dsn("worker"),
        role="leadline_worker",
        application_name="leadline-command",
        pool_min=1,
        pool_max=2,
        statement_timeout_ms=settings.worker_statement_timeout_ms,
        lock_timeout_ms=settings.lock_timeout_ms,
        idle_in_transaction_timeout_ms=settings.idle_in_transaction_timeout_ms,
    )
    try:
        await _require_head(database)
        calm_collector()
        yield database
    finally:
        await database.close()


async def _require_head(database: Database) -> None:
    """A sentence instead of the error about a role or table that is not there yet."""
    from services.cli.environment import CommandError
    from services.schema import HEAD

    async with database.pool.acquire() as connection:
        found = await schema_version(connection)
    if found is None or found < HEAD:  # a later one is fine: this release runs on the next schema
        raise CommandError(
            f"the database is at migration {found or 'none'} and the code wants {HEAD}: run "
            "`leadline migrate`"
        )


async def schema_version(connection: asyncpg.Connection) -> str | None:
    """The newest migration that was applied, None in an empty database."""
    if await connection.fetchval("SELECT to_regclass('public.alembic_version')") is None:
        return None
    found: str | None = await connection.fetchval("SELECT version_num FROM public.alembic_version")
    return found


async def first_workspace_id(database: Database) -> UUID | None:
    """The one that was made first; ids are in the order of their making."""
    from services.workspace.workspaces.repository import list_slugs

    async with database.read(None) as session:
        slugs = await list_slugs(session)
    return min((workspace_id for _, workspace_id in slugs), default=None)


async def workspace_named(database: Database, reference: str | None) -> UUID:
    """By slug or id; without either, the only one there is."""
    from services.cli.environment import CommandError
    from services.workspace.workspaces.repository import list_slugs
    from services.workspace.workspaces.service import require_workspace_id

    if reference is not None:
        return await require_workspace_id(database, reference)
    async with database.read(None) as session:
        slugs = await list_slugs(session)
    if len(slugs) != 1:
        known = ", ".join(slug for slug, _ in slugs) or "none yet"
        raise CommandError(f"say which workspace with --workspace; there are: {known}")
    return slugs[0][1]


async def token_works(database: Database, token: str, workspace_id: UUID) -> bool:
    """Whether it is a key of that workspace that is neither revoked nor expired."""
    from services.workspace.keys.service import key_lookup

    principal = await key_lookup(database)(token)
    return principal is not None and principal.workspace_id == workspace_id
