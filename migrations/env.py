"""Runs migrations: one at a time, each in a transaction of its own, never waiting long for a lock."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import services.forecast.models
import services.pipeline.activities.models
import services.pipeline.bookings.models
import services.pipeline.customers.models
import services.pipeline.followers.models
import services.pipeline.gates.models
import services.pipeline.hygiene.models
import services.pipeline.imports.reconciliation.models
import services.pipeline.models
import services.pipeline.notices.models
import services.pipeline.operations.models
import services.pipeline.staleness.models
import services.pipeline.summary.models
import services.pipeline.webhooks.models
import services.qualification.boards.models
import services.qualification.consults.models
import services.qualification.engagement.models
import services.qualification.evidence.models
import services.qualification.meetings.models
import services.qualification.merges.models
import services.qualification.models
import services.qualification.nurture.models
import services.qualification.plans.models
import services.qualification.questions.models
import services.qualification.responses.models
import services.qualification.signals.models
import services.qualification.territories.models
import services.qualification.touches.models
import services.workspace.models  # noqa: F401
from services.kit.columns import Base
from services.kit.settings import get_settings

_LOCK = 0x6C656164


def _include(name: str | None, kind: str, parents: object) -> bool:
    return kind != "schema" or name in ("workspace", "qualification", "pipeline", "forecast")


def _run(connection: Connection) -> None:
    # Accepted as a placeholder by plain Postgres; needed for DDL on a distributed engine.
    connection.execute(text("SET citus.multi_shard_modify_mode TO 'sequential'"))
    # A second migrator waits for the first; only what blocks the running services is impatient.
    connection.execute(text(f"SELECT pg_advisory_lock({_LOCK})"))
    connection.execute(text("SET lock_timeout = '4s'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_schemas=True,
        include_name=_include,
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.execute(text(f"SELECT pg_advisory_unlock({_LOCK})"))
    connection.commit()


async def _run_online() -> None:
    url = get_settings().migrate_dsn().replace("postgresql://", "postgresql+asyncpg://", 1)
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_run)
    await engine.dispose()


asyncio.run(_run_online())
