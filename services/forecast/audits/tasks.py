"""Audits that were asked for, run by the worker one after the other."""

from __future__ import annotations

from uuid import UUID

from services.forecast.audits import repository
from services.forecast.audits.service import audit
from services.forecast.contained import Contained
from services.kit.db import Database
from services.kit.logging import get_logger

log = get_logger(__name__)

_AT_ONCE_MAX = 20


async def run_due(database: Database) -> None:
    """Runs what is queued, and what another worker died over."""
    async with database.read(None) as session:
        due = await repository.find_due(session, _AT_ONCE_MAX)
    for workspace_id, audit_id in due:
        async with database.write(workspace_id) as session:
            is_mine = await repository.start_audit(session, audit_id)
        if is_mine:
            await _run(database, workspace_id, audit_id)


async def _run(database: Database, workspace_id: UUID, audit_id: UUID) -> None:
    async def report(opportunities: int) -> None:
        async with database.write(workspace_id) as session:
            await repository.report_progress(session, audit_id, opportunities)

    with Contained() as attempt:
        result = await audit(database, workspace_id, report)
        async with database.write(workspace_id) as session:
            await repository.finish_audit(
                session,
                audit_id,
                status="done",
                sequence=result.sequence,
                opportunities=result.opportunities,
                differences=result.differences,
                difference_count=result.difference_count,
            )
        log.info(
            "audit_done",
            workspace_id=str(workspace_id),
            opportunities=result.opportunities,
            difference_count=result.difference_count,
        )
    if attempt.error is not None:
        log.error("audit_failed", workspace_id=str(workspace_id), exc_info=attempt.error)
        async with database.write(workspace_id) as session:
            await repository.finish_audit(
                session, audit_id, status="failed", error=repr(attempt.error)[:500]
            )
