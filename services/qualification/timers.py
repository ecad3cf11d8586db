"""What the worker has to do later: one timer a kind and subject, set and taken back by writers.

A writer holds its subject's lock and must not wait for a timer that the worker has claimed, or the
two could wait for each other: what is claimed is left alone. A handler therefore looks at its
subject, once it has locked it, and decides anew whether the time has really come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from services.kit.db import WriteSession
from services.kit.ids import new_id

_MOVE = """
    UPDATE qualification.timers AS t
    SET due_at = r.due_at, attempts = 0, last_error = NULL, parked_at = NULL
    FROM (
        SELECT free.id, wanted.due_at
        FROM unnest($3::uuid[], $4::timestamptz[]) AS wanted (subject_id, due_at)
        JOIN qualification.timers AS free
          ON free.workspace_id = $1 AND free.kind = $2 AND free.subject_id = wanted.subject_id
        ORDER BY free.id FOR UPDATE OF free SKIP LOCKED
    ) AS r
    WHERE t.workspace_id = $1 AND t.id = r.id
    RETURNING t.subject_id
"""
_ADD = """
    INSERT INTO qualification.timers (workspace_id, id, kind, subject_id, due_at)
    SELECT $1::uuid, wanted.id, $2, wanted.subject_id, wanted.due_at
    FROM unnest($3::uuid[], $4::timestamptz[], $5::uuid[]) AS wanted (subject_id, due_at, id)
    ON CONFLICT (workspace_id, kind, subject_id) DO NOTHING
"""


async def arm(session: WriteSession, kind: str, due: Mapping[UUID, datetime]) -> None:
    """Each subject's one timer of this kind goes off at its instant, whenever it was set to before."""
    if not due:
        return
    moved = await session.fetch(_MOVE, session.workspace_id, kind, list(due), list(due.values()))
    left = due.keys() - {row["subject_id"] for row in moved}
    if not left:
        return
    # Those that have none yet; one the worker holds is there, and stays.
    subjects = sorted(left)
    await session.execute(
        _ADD,
        session.workspace_id,
        kind,
        subjects,
        [due[subject_id] for subject_id in subjects],
        [new_id() for _ in subjects],
    )


async def rearm(session: WriteSession, kind: str, subject_id: UUID, due_at: datetime) -> None:
    """For a handler, about the timer it was called for: it goes off once more."""
    await session.execute(
        """
        UPDATE qualification.timers SET due_at = $4, attempts = 0, last_error = NULL
        WHERE workspace_id = $1 AND kind = $2 AND subject_id = $3
        """,
        session.workspace_id,
        kind,
        subject_id,
        due_at,
    )


async def disarm(session: WriteSession, kind: str, subjects: Iterable[UUID]) -> None:
    """No timer of this kind for these any more."""
    wanted = list(subjects)
    if not wanted:
        return
    await session.execute(
        """
        DELETE FROM qualification.timers WHERE workspace_id = $1 AND id IN (
            SELECT id FROM qualification.timers
            WHERE workspace_id = $1 AND kind = $2 AND subject_id = ANY($3::uuid[])
            ORDER BY id FOR UPDATE SKIP LOCKED
        )
        """,
        session.workspace_id,
        kind,
        wanted,
    )
