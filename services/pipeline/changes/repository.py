"""Statements on the sequenced feed. Read only: who hands out sequences writes it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from services.kit.db import Session
from services.workspace.outbox import KIND_NOTICE

# Each entry looks up its version by key. As plain joins the planner, which cannot know the page's
# length once the statement is prepared, reads the whole history instead: three times slower.
_READ = """
    SELECT f.sequence, f.kind AS subject, f.subject_id, f.version, f.posted_at,
           o.external_id, e.kind, e.changes, e.previous, e.actor, e.reason, e.occurred_at,
           coalesce(e.recorded_at, f.posted_at) AS recorded_at
    FROM (
        SELECT sequence, kind, subject_id, version, posted_at FROM pipeline.feed
        WHERE workspace_id = $1 AND {wanted}
    ) AS f
    LEFT JOIN LATERAL (
        SELECT kind, changes, previous, actor, reason, occurred_at, recorded_at
        FROM pipeline.opportunity_events
        WHERE workspace_id = $1 AND f.kind = 'opportunity'
          AND opportunity_id = f.subject_id AND version = f.version
        LIMIT 1
    ) AS e ON true
    LEFT JOIN LATERAL (
        SELECT external_id FROM pipeline.opportunities
        WHERE workspace_id = $1 AND f.kind = 'opportunity' AND id = f.subject_id
        LIMIT 1
    ) AS o ON true
    ORDER BY f.sequence
"""

_OF_NOTICE: Final = (
    "kind", "user_external_id", "subject", "message", "opportunity_id", "details",
)  # fmt: skip
_NOTICES: Final = """
    SELECT n.id, n.kind, n.subject, n.message, n.opportunity_id, n.details, n.created_at,
           who.external_id AS user_external_id
    FROM pipeline.notices AS n
    JOIN workspace.users AS who ON who.workspace_id = $1 AND who.id = n.user_id
    WHERE n.workspace_id = $1 AND n.id = ANY($2::uuid[])
"""


async def read_feed(session: Session, after: int, limit: int) -> list[dict[str, Any]]:
    """The entries behind `after`, in order. A version is as it was told; the external id is the
    opportunity's now."""
    statement = _READ.format(wanted="sequence > $2 ORDER BY sequence LIMIT $3")
    rows = await session.fetch(statement, session.workspace_id, after, limit)
    return await _with_notices(session, [dict(row) for row in rows])


async def read_entries(session: Session, sequences: Collection[int]) -> list[dict[str, Any]]:
    """These entries, in order."""
    statement = _READ.format(wanted="sequence = ANY($2::bigint[])")
    rows = await session.fetch(statement, session.workspace_id, list(sequences))
    return await _with_notices(session, [dict(row) for row in rows])


async def _with_notices(session: Session, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each entry with the notice it is of. Most pages hold none, and ask nothing."""
    notices = {row["subject_id"]: None for row in rows if row["subject"] == KIND_NOTICE}
    found = {}
    if notices:
        found = {
            row["id"]: row
            for row in await session.fetch(_NOTICES, session.workspace_id, list(notices))
        }
    for row in rows:
        notice = found.get(row["subject_id"]) if row["subject"] == KIND_NOTICE else None
        row["notice"] = None if notice is None else {name: notice[name] for name in _OF_NOTICE}
        if notice is not None:
            row["recorded_at"] = notice["created_at"]
    return rows


async def last_sequence(session: Session) -> int:
    """Of the newest entry; 0 while there is none."""
    found: int | None = await session.fetchval(
        """
        SELECT sequence FROM pipeline.feed WHERE workspace_id = $1
        ORDER BY sequence DESC LIMIT 1
        """,
        session.workspace_id,
    )
    return found or 0
