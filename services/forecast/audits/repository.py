"""Statements on audits that were asked for, and what each of them found."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from services.kit import clock
from services.kit.db import Session, WriteSession

LEASE: Final = timedelta(seconds=30)
"""How long a run is its worker's without a word from it."""

_COLUMNS: Final = (
    "id, status, sequence, opportunities, differences, difference_count, actor, error,"
    " created_at, started_at, finished_at"
)


class Audit(NamedTuple):
    """One audit. `sequence` is what the ledger had taken in when it was compared."""

    id: UUID
    status: str
    sequence: int | None
    opportunities: int | None
    differences: list[dict[str, Any]]
    difference_count: int
    actor: str
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


async def insert_audit(session: WriteSession, audit_id: UUID, actor: str) -> None:
    await session.execute(
        """
        INSERT INTO forecast.audits (workspace_id, id, kind, status, differences,
            difference_count, actor, created_at)
        VALUES ($1, $2, 'audit', 'queued', '[]', 0, $3, $4)
        """,
        session.workspace_id,
        audit_id,
        actor,
        clock.now(),
    )


async def find_audit(session: Session, audit_id: UUID) -> Audit | None:
    row = await session.fetchrow(
        f"SELECT {_COLUMNS} FROM forecast.audits WHERE workspace_id = $1 AND id = $2",
        session.workspace_id,
        audit_id,
    )
    return None if row is None else Audit(*row)


async def find_due(session: Session, limit: int) -> list[tuple[UUID, UUID]]:
    """(workspace, audit) of those nobody runs; only the worker's role sees all workspaces."""
    rows = await session.fetch(
        """
        SELECT workspace_id, id FROM forecast.audits
        WHERE status = 'queued' OR (status = 'running' AND lease_until < $1)
        ORDER BY created_at LIMIT $2
        """,
        clock.now(),
        limit,
    )
    return [(row["workspace_id"], row["id"]) for row in rows]


async def start_audit(session: WriteSession, audit_id: UUID) -> bool:
    """Takes the audit for this worker; False when another one has it."""
    now = clock.now()
    tag = await session.execute(
        """
        UPDATE forecast.audits SET status = 'running', started_at = $3, lease_until = $4
        WHERE workspace_id = $1 AND id = $2
            AND (status = 'queued' OR (status = 'running' AND lease_until < $3))
        """,
        session.workspace_id,
        audit_id,
        now,
        now + LEASE,
    )
    return tag == "UPDATE 1"


async def report_progress(session: WriteSession, audit_id: UUID, opportunities: int) -> None:
    """How far the run came; it stays this worker's for another while."""
    await session.execute(
        """
        UPDATE forecast.audits SET opportunities = $3, lease_until = $4
        WHERE workspace_id = $1 AND id = $2
        """,
        session.workspace_id,
        audit_id,
        opportunities,
        clock.now() + LEASE,
    )


async def finish_audit(
    session: WriteSession,
    audit_id: UUID,
    *,
    status: str,
    sequence: int | None = None,
    opportunities: int | None = None,
    differences: list[dict[str, Any]] | None = None,
    difference_count: int = 0,
    error: str | None = None,
) -> None:
    await session.execute(
        """
        UPDATE forecast.audits SET status = $3, sequence = $4, opportunities = $5,
            differences = $6, difference_count = $7, error = $8, finished_at = $9
        WHERE workspace_id = $1 AND id = $2
        """,
        session.workspace_id,
        audit_id,
        status,
        sequence,
        opportunities,
        differences or [],
        difference_count,
        error,
        clock.now(),
    )
