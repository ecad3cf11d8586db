"""Statements on the sequenced feed. Read only: who hands out sequences writes it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from services.kit.db import Session

# Each entry looks up its version by key. As plain joins the planner, which cannot know the page's
# length once the statement is prepared, reads the whole history instead: three times slower.
_READ = """
    SELECT f.sequence, f.kind AS subject, f.subject_id, f.version, f.posted_at,
           o.external_id, e.kind, e.changes, e.previous, e.actor, e.reason, e.occurred_at,
           coalesce(e.recorded_at, n.created_at, f.posted_at) AS recorded_at,
           CASE WHEN n.kind IS NOT NULL THEN jsonb_build_object(
               'kind', n.kind, 'user_external_id', n.user_external_id, 'subject', n.subject,
               'message', n.message, 'opportunity_id', n.opportunity_id, 'details', n.details)
           END AS notice
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
    LEFT JOIN LATERAL (
        SELECT told.kind, told.subject, told.message, told.opportunity_id, told.details,
               told.created_at, who.external_id AS user_external_id
        FROM pipeline.notices AS told
        JOIN workspace.users AS who ON who.workspace_id = $1 AND who.id = told.user_id
        WHERE told.workspace_id = $1 AND f.kind = 'notice' AND told.id = f.subject_id
        LIMIT 1
    ) AS n ON true
    ORDER BY f.sequence
"""


async def read_feed(session: Session, after: int, limit: int) -> list[dict[str, Any]]:
    """The entries behind `after`, in order. A version is as it was told; the external id is the
    opportunity's now."""
    statement = _READ.format(wanted="sequence > $2 ORDER BY sequence LIMIT $3")
    rows = await session.fetch(statement, session.workspace_id, after, limit)
    return [dict(row) for row in rows]


async def read_entries(session: Session, sequences: Collection[int]) -> list[dict[str, Any]]:
    """These entries, in order."""
    statement = _READ.format(wanted="sequence = ANY($2::bigint[])")
    rows = await session.fetch(statement, session.workspace_id, list(sequences))
    return [dict(row) for row in rows]


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
