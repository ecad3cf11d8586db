"""What a worker has to do later: one timer a kind and subject, set and taken back by writers, each
gone off exactly once. Which schema holds the table, and what a kind means, is the caller's word.

A writer holds its subject's lock and must not wait for a timer that the worker has claimed, or the
two could wait for each other: what is claimed is left alone. A handler therefore looks at its
subject, once it has locked it, and decides anew whether the time has really come.

A timer is claimed, handled and removed in ONE transaction, so a worker killed anywhere leaves it
due and its effect undone. One that fails is counted, waits longer each time, and is put aside
after the last attempt, so that it cannot hold up the others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg

from services.kit import clock
from services.kit.db import TRANSIENT, Database, WriteSession, is_transient
from services.kit.ids import new_id
from services.kit.logging import get_logger

log = get_logger(__name__)

Handler: TypeAlias = Callable[[WriteSession, UUID], Awaitable[None]]
Handlers: TypeAlias = Mapping[str, Handler]
"""By kind. A handler locks its subject and decides anew whether the time has come; to go off once
more it calls `rearm`."""

ATTEMPTS_MAX: Final = 5
_FIRST_PAUSE_S: Final = 1.0
_WORKSPACES_MAX: Final = 50
_AT_ONCE_MAX: Final = 500


class Timers:
    """The timers of one table: `workspace_id, id, kind, subject_id, due_at, attempts, last_error,
    parked_at`, unique by kind and subject."""

    def __init__(self, table: str) -> None:
        self._move = f"""
            UPDATE {table} AS t
            SET due_at = r.due_at, attempts = 0, last_error = NULL, parked_at = NULL
            FROM (
                SELECT free.id, wanted.due_at
                FROM unnest($3::uuid[], $4::timestamptz[]) AS wanted (subject_id, due_at)
                JOIN {table} AS free
                  ON free.workspace_id = $1 AND free.kind = $2
                 AND free.subject_id = wanted.subject_id
                ORDER BY free.id FOR UPDATE OF free SKIP LOCKED
            ) AS r
            WHERE t.workspace_id = $1 AND t.id = r.id
            RETURNING t.subject_id
        """
        self._add = f"""
            INSERT INTO {table} (workspace_id, id, kind, subject_id, due_at)
            SELECT $1::uuid, wanted.id, $2, wanted.subject_id, wanted.due_at
            FROM unnest($3::uuid[], $4::timestamptz[], $5::uuid[]) AS wanted (subject_id, due_at, id)
            ON CONFLICT (workspace_id, kind, subject_id) DO NOTHING
        """
        self._rearm = f"""
            UPDATE {table} SET due_at = $4, attempts = 0, last_error = NULL
            WHERE workspace_id = $1 AND kind = $2 AND subject_id = $3
        """
        self._disarm = f"""
            DELETE FROM {table} WHERE workspace_id = $1 AND id IN (
                SELECT id FROM {table}
                WHERE workspace_id = $1 AND kind = $2 AND subject_id = ANY($3::uuid[])
                ORDER BY id FOR UPDATE SKIP LOCKED
            )
        """
        self._workspaces = f"""
            SELECT DISTINCT workspace_id FROM {table}
            WHERE due_at <= $1 AND parked_at IS NULL AND ($2::uuid IS NULL OR workspace_id > $2)
            ORDER BY workspace_id LIMIT $3
        """
        self._claim = f"""
            SELECT id, kind, subject_id, due_at, attempts FROM {table}
            WHERE workspace_id = $1 AND due_at <= $2 AND parked_at IS NULL
            ORDER BY due_at LIMIT 1
            FOR UPDATE SKIP LOCKED
        """
        # Unless its handler has set it anew.
        self._remove = f"DELETE FROM {table} WHERE workspace_id = $1 AND id = $2 AND due_at = $3"
        self._count_failure = f"""
            UPDATE {table} SET attempts = $3, last_error = $4, due_at = $5, parked_at = $6
            WHERE workspace_id = $1 AND id = $2
        """

    async def arm(self, session: WriteSession, kind: str, due: Mapping[UUID, datetime]) -> None:
        """Each subject's one timer of this kind goes off at its instant, whenever it was set to
        before."""
        if not due:
            return
        subjects, instants = list(due), list(due.values())
        moved = await session.fetch(self._move, session.workspace_id, kind, subjects, instants)
        left = due.keys() - {row["subject_id"] for row in moved}
        if not left:
            return
        # Those that have none yet; one the worker holds is there, and stays.
        added = sorted(left)
        await session.execute(
            self._add,
            session.workspace_id,
            kind,
            added,
            [due[subject_id] for subject_id in added],
            [new_id() for _ in added],
        )

    async def rearm(
        self, session: WriteSession, kind: str, subject_id: UUID, due_at: datetime
    ) -> None:
        """For a handler, about the timer it was called for: it goes off once more."""
        await session.execute(self._rearm, session.workspace_id, kind, subject_id, due_at)

    async def disarm(self, session: WriteSession, kind: str, subjects: Iterable[UUID]) -> None:
        """No timer of this kind for these any more."""
        wanted = list(subjects)
        if wanted:
            await session.execute(self._disarm, session.workspace_id, kind, wanted)

    async def run_due(
        self, database: Database, handlers: Handlers, only: UUID | None = None
    ) -> int:
        """Handles what is due, in all workspaces or in one, and says how many timers went off. A
        workspace that meets a transient fault is left for the next call, so that it cannot hold up
        the others."""
        if only is not None:
            return await self._run_workspace(database, only, handlers)
        done = 0
        after: UUID | None = None
        while True:
            async with database.read(None) as session:
                rows = await session.fetch(self._workspaces, clock.now(), after, _WORKSPACES_MAX)
            due: list[UUID] = [row["workspace_id"] for row in rows]
            for workspace_id in due:
                try:
                    done += await self._run_workspace(database, workspace_id, handlers)
                except (*TRANSIENT, asyncpg.InterfaceError) as error:
                    if not is_transient(error):
                        raise
                    log.warning(
                        "timers_interrupted", workspace_id=str(workspace_id), error=repr(error)
                    )
            if len(due) < _WORKSPACES_MAX:
                return done
            after = due[-1]

    async def _run_workspace(
        self, database: Database, workspace_id: UUID, handlers: Handlers
    ) -> int:
        """A turn has an end, so that one workspace cannot keep the others waiting."""
        for done in range(_AT_ONCE_MAX):
            if not await self._run_one(database, workspace_id, handlers):
                return done
        return _AT_ONCE_MAX

    async def _run_one(self, database: Database, workspace_id: UUID, handlers: Handlers) -> bool:
        """The timer that is due first; False where there is none that nobody else has."""
        timer: asyncpg.Record | None = None
        try:
            async with database.write(workspace_id) as session:
                timer = await session.fetchrow(self._claim, session.workspace_id, clock.now())
                if timer is None:
                    return False
                await handlers[timer["kind"]](session, timer["subject_id"])
                await session.execute(
                    self._remove, session.workspace_id, timer["id"], timer["due_at"]
                )
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
                await self._fail(session, timer, repr(error))
        return True

    async def _fail(self, session: WriteSession, timer: asyncpg.Record, error: str) -> None:
        now, attempts = clock.now(), timer["attempts"] + 1
        await session.execute(
            self._count_failure,
            session.workspace_id,
            timer["id"],
            attempts,
            error[:1000],
            now + timedelta(seconds=_FIRST_PAUSE_S * 2**attempts),
            now if attempts >= ATTEMPTS_MAX else None,
        )
