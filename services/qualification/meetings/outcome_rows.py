"""Statements on outcomes, which are only ever added, and on what the one in force says: answers and
Moments That Matter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.kit.db import Session, WriteSession
from services.kit.rows import Filters, Rows
from services.qualification.meetings import models
from services.qualification.meetings.access import Viewer
from services.qualification.meetings.repository import FROM, MeetingFilters, about

ANSWERS = Rows(models.MeetingAnswer)
MOMENTS = Rows(models.Moment)

_COLUMNS = "version, state, content, readiness_percent, policy_version, recorded_at, actor"


async def last_outcome(session: Session, meeting_id: UUID) -> dict[str, Any] | None:
    row = await session.fetchrow(
        f"SELECT {_COLUMNS} FROM qualification.meeting_outcomes"
        " WHERE workspace_id = $1 AND meeting_id = $2 ORDER BY version DESC LIMIT 1",
        session.workspace_id,
        meeting_id,
    )
    return None if row is None else dict(row)


async def list_outcomes(
    session: Session, meeting_id: UUID, *, after: int | None, limit: int
) -> list[dict[str, Any]]:
    """Every telling, the first one first."""
    rows = await session.fetch(
        f"SELECT {_COLUMNS} FROM qualification.meeting_outcomes"
        " WHERE workspace_id = $1 AND meeting_id = $2 AND version > $3"
        " ORDER BY version LIMIT $4",
        session.workspace_id,
        meeting_id,
        after or 0,
        limit,
    )
    return [dict(row) for row in rows]


async def insert_outcome(
    session: WriteSession,
    meeting_id: UUID,
    *,
    version: int,
    state: str,
    content: dict[str, Any],
    readiness_percent: int,
    policy_version: int,
    at: datetime,
    actor: str,
) -> None:
    await session.execute(
        """
        INSERT INTO qualification.meeting_outcomes (workspace_id, meeting_id, version, state,
            content, readiness_percent, policy_version, recorded_at, actor)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        session.workspace_id,
        meeting_id,
        version,
        state,
        content,
        readiness_percent,
        policy_version,
        at,
        actor,
    )


async def answers_of(session: Session, meeting_id: UUID) -> list[dict[str, Any]]:
    """In the order in which they were told."""
    rows = await session.fetch(
        f"SELECT {', '.join(ANSWERS.columns)} FROM qualification.meeting_answers"
        " WHERE workspace_id = $1 AND meeting_id = $2 ORDER BY position",
        session.workspace_id,
        meeting_id,
    )
    return [dict(row) for row in rows]


async def replace_answers(
    session: WriteSession, meeting_id: UUID, answers: Sequence[dict[str, Any]]
) -> None:
    await session.execute(
        "DELETE FROM qualification.meeting_answers WHERE workspace_id = $1 AND meeting_id = $2",
        session.workspace_id,
        meeting_id,
    )
    await ANSWERS.insert(session, answers)


async def replace_moments(
    session: WriteSession, meeting_id: UUID, moments: Sequence[dict[str, Any]]
) -> None:
    await session.execute(
        "DELETE FROM qualification.moments WHERE workspace_id = $1 AND meeting_id = $2",
        session.workspace_id,
        meeting_id,
    )
    await MOMENTS.insert(session, moments)


async def list_moments(
    session: Session,
    viewer: Viewer,
    filters: MeetingFilters,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Of the meetings the viewer sees, in the order of time."""
    where = Filters("t.workspace_id = {}", session.workspace_id)
    viewer.keep_to(where, is_narrow=filters.is_narrow)
    about(where, filters)
    where.where("t.occurred_at >= {}", filters.begins)
    where.where("t.occurred_at < {}", filters.ends)
    if after is not None:
        where.values.append(after[0])
        where.require(f"(t.occurred_at, t.id) > (${len(where.values)}, {{}})", after[1])
    rows = await session.fetch(
        f"""
        SELECT t.id, t.meeting_id, m.subject AS meeting_subject, t.occurred_at, t.what, t.who,
               t.impact, m.lead_id, m.opportunity_id, m.account_external_id,
               owner.external_id AS owner_external_id
        FROM qualification.moments AS t
        JOIN ({FROM}) ON m.workspace_id = $1 AND m.id = t.meeting_id
        WHERE {where} ORDER BY t.occurred_at, t.id LIMIT {int(limit)}
        """,
        *where.values,
    )
    return [dict(row) for row in rows]


async def conversion_of(session: Session, lead_id: UUID) -> UUID | None:
    """The opportunity the lead was handed over as, opened or not."""
    found: UUID | None = await session.fetchval(
        "SELECT opportunity_id FROM qualification.conversions"
        " WHERE workspace_id = $1 AND lead_id = $2",
        session.workspace_id,
        lead_id,
    )
    return found
