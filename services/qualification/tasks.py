"""Timers of qualification that are due, worked on by the worker: each exactly once.

A timer is claimed, handled and removed in ONE transaction, so a worker killed anywhere leaves it
due and its effect undone. One that fails is counted, waits longer each time, and is put aside
after the last attempt, so that it cannot hold up the others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

import asyncpg

from services.kit import clock
from services.kit.db import TRANSIENT, Database, WriteSession, is_transient
from services.kit.logging import get_logger
from services.qualification.leads.waking import KIND_WAKE, wake
from services.qualification.signals.silences import KIND_SILENCE, fall_silent
from services.qualification.touches.service import KIND_SILENT
from services.qualification.touches.tasks import recycle_silent

log = get_logger(__name__)

Handler = Callable[[WriteSession, UUID], Awaitable[None]]

HANDLERS: dict[str, Handler] = {
    KIND_SILENCE: fall_silent,
    KIND_SILENT: recycle_silent,
    KIND_WAKE: wake,
}
"""By kind. A handler locks its subject and decides anew whether the time has come; to go off once
more it calls `timers.rearm`."""

ATTEMPTS_MAX: Final = 5
_FIRST_PAUSE_S: Final = 1.0
_WORKSPACES_MAX: Final = 50
_AT_ONCE_MAX: Final = 500


async def run_due(database: Database) -> int:
    """Handles what is due, in all workspaces, and says how many timers went off. A workspace that
    meets a transient fault is left for the next call, so that it cannot hold up the others."""
    done = 0
    after: UUID | None = None
    while True:
        due = await _due_workspaces(database, after)
        for workspace_id in due:
            try:
                done += await _run_workspace(database, workspace_id)
            except (*TRANSIENT, asyncpg.InterfaceError) as error:
                if not is_transient(error):
                    raise
                log.warning("timers_interrupted", workspace_id=str(workspace_id), error=repr(error))
        if len(due) < _WORKSPACES_MAX:
            return done
        after = due[-1]


async def _due_workspaces(database: Database, after: UUID | None) -> list[UUID]:
    async with database.read(None) as session:
        rows = await session.fetch(
            """
            SELECT DISTINCT workspace_id FROM qualification.timers
            WHERE due_at <= $1 AND parked_at IS NULL AND ($2::uuid IS NULL OR workspace_id > $2)
            ORDER BY workspace_id LIMIT $3
            """,
            clock.now(),
            after,
            _WORKSPACES_MAX,
        )
    return [row["workspace_id"] for row in rows]


async def _run_workspace(database: Database, workspace_id: UUID) -> int:
    """A turn has an end, so that one workspace cannot keep the others waiting."""
    for done in range(_AT_ONCE_MAX):
        if not await _run_one(database, workspace_id):
            return done
    return _AT_ONCE_MAX


async def _run_one(database: Database, workspace_id: UUID) -> bool:
    """The timer that is due first; False where there is none that nobody else has."""
    timer: asyncpg.Record | None = None
    try:
        async with database.write(workspace_id) as session:
            timer = await _claim(session)
            if timer is None:
                return False
            await HANDLERS[timer["kind"]](session, timer["subject_id"])
            await _remove(session, timer)
    except Exception as error:  # boundary: one timer must not stop those behind it
        if timer is None or is_transient(error):
            raise
        log.error(
            "timer_failed",
            workspace_id=str(workspace_id),
            kind=timer["kind"],
            subject_id=str(timer["subject_id"]),
            exc_info=error,
        )
        async with database.write(workspace_id) as session:
            await _count_failure(session, timer, repr(error))
    return True


async def _claim(session: WriteSession) -> asyncpg.Record | None:
    return await session.fetchrow(
        """
        SELECT id, kind, subject_id, due_at, attempts FROM qualification.timers
        WHERE workspace_id = $1 AND due_at <= $2 AND parked_at IS NULL
        ORDER BY due_at LIMIT 1
        FOR UPDATE SKIP LOCKED
        """,
        session.workspace_id,
        clock.now(),
    )


async def _remove(session: WriteSession, timer: asyncpg.Record) -> None:
    """Unless its handler has set it anew."""
    await session.execute(
        "DELETE FROM qualification.timers WHERE workspace_id = $1 AND id = $2 AND due_at = $3",
        session.workspace_id,
        timer["id"],
        timer["due_at"],
    )


async def _count_failure(session: WriteSession, timer: asyncpg.Record, error: str) -> None:
    now, attempts = clock.now(), timer["attempts"] + 1
    await session.execute(
        """
        UPDATE qualification.timers
        SET attempts = $3, last_error = $4, due_at = $5, parked_at = $6
        WHERE workspace_id = $1 AND id = $2
        """,
        session.workspace_id,
        timer["id"],
        attempts,
        error[:1000],
        now + timedelta(seconds=_FIRST_PAUSE_S * 2**attempts),
        now if attempts >= ATTEMPTS_MAX else None,
    )
