"""Statements on preparations and reviews, and on what records answer about a meeting's buyer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.kit.db import Session, WriteSession
from services.kit.rows import Rows
from services.qualification.meetings import models
from services.qualification.meetings.repository import Meeting
from services.qualification.opportunities.repository import ACCOUNTS, OPPORTUNITIES

REVIEWS = Rows(models.MeetingReview)

_COLUMNS = "version, checks, pre_call_questions, call_plan, agenda, sendings, created_at"

BLANK: dict[str, Any] = {
    "version": 0,
    "checks": {},
    "pre_call_questions": [],
    "call_plan": {},
    "agenda": {},
    "sendings": [],
    "created_at": None,
}


async def get_preparation(session: Session, meeting_id: UUID) -> dict[str, Any]:
    """What was put down; version 0 where nothing was."""
    row = await session.fetchrow(
        f"SELECT {_COLUMNS} FROM qualification.preparations"
        " WHERE workspace_id = $1 AND meeting_id = $2",
        session.workspace_id,
        meeting_id,
    )
    return dict(BLANK) if row is None else dict(row)


async def store_preparation(
    session: WriteSession, meeting_id: UUID, prepared: dict[str, Any], at: datetime
) -> None:
    """As its next version. The meeting is locked, so nobody else stores one."""
    await session.execute(
        """
        INSERT INTO qualification.preparations (workspace_id, meeting_id, version, checks,
            pre_call_questions, call_plan, agenda, sendings, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
        ON CONFLICT (workspace_id, meeting_id) DO UPDATE SET
            version = excluded.version, checks = excluded.checks,
            pre_call_questions = excluded.pre_call_questions, call_plan = excluded.call_plan,
            agenda = excluded.agenda, sendings = excluded.sendings,
            updated_at = excluded.updated_at
        """,
        session.workspace_id,
        meeting_id,
        prepared["version"],
        prepared["checks"],
        prepared["pre_call_questions"],
        prepared["call_plan"],
        prepared["agenda"],
        prepared["sendings"],
        at,
    )


async def list_reviews(
    session: Session, meeting_id: UUID, *, after: UUID | None = None, limit: int
) -> list[dict[str, Any]]:
    """In the order in which they were given."""
    rows = await session.fetch(
        """
        SELECT r.id, r.meeting_id, r.phase, r.subject, u.external_id AS reviewer, r.input,
               r.critiques, r.recorded_at, r.actor
        FROM qualification.meeting_reviews AS r
        JOIN workspace.users AS u ON u.workspace_id = $1 AND u.id = r.reviewer_id
        WHERE r.workspace_id = $1 AND r.meeting_id = $2 AND ($3::uuid IS NULL OR r.id > $3)
        ORDER BY r.id LIMIT $4
        """,
        session.workspace_id,
        meeting_id,
        after,
        limit,
    )
    return [dict(row) for row in rows]


async def find_account(session: Session, meeting: Meeting) -> dict[str, Any] | None:
    """The account the meeting is about: its opportunity's, its own, or its lead's."""
    row = await session.fetchrow(
        f"""
        SELECT a.id, a.external_id, a.name FROM {ACCOUNTS} AS a
        WHERE a.workspace_id = $1 AND a.id = coalesce(
            (SELECT d.account_id FROM {OPPORTUNITIES} AS d
             WHERE d.workspace_id = $1 AND d.id = $2),
            (SELECT b.id FROM {ACCOUNTS} AS b
             WHERE b.workspace_id = $1 AND b.external_id = $3),
            (SELECT b.id FROM qualification.leads AS l
             JOIN {ACCOUNTS} AS b
               ON b.workspace_id = $1 AND b.external_id = l.account_external_id
             WHERE l.workspace_id = $1 AND l.id = $4)
        )
        """,
        session.workspace_id,
        meeting.opportunity_id,
        meeting.account_external_id,
        meeting.lead_id,
    )
    return None if row is None else dict(row)


async def deals_of(session: Session, account_id: UUID, day: date) -> dict[str, Any]:
    """How many deals of the account are won, lost and open, and whether one was won by that day."""
    row = await session.fetchrow(
        f"""
        SELECT count(*) FILTER (WHERE o.stage = 'closed_won') AS won,
               count(*) FILTER (WHERE o.stage = 'closed_lost') AS lost,
               count(*) FILTER (WHERE o.stage NOT IN
                   ('closed_won', 'closed_lost', 'unqualified', 'duplicate')) AS open,
               count(*) FILTER (WHERE o.stage = 'closed_won' AND o.close_date <= $3) > 0
                   AS is_customer
        FROM {OPPORTUNITIES} AS o WHERE o.workspace_id = $1 AND o.account_id = $2
        """,
        session.workspace_id,
        account_id,
        day,
    )
    assert row is not None
    return dict(row)


async def past_contact(
    session: Session, meeting: Meeting, account_external_id: str | None
) -> dict[str, Any]:
    """Touches, signals and earlier meetings with the lead, the account's leads and the
    opportunity."""
    row = await session.fetchrow(
        """
        WITH people AS MATERIALIZED (
            SELECT l.id, l.last_signal_at FROM qualification.leads AS l
            WHERE l.workspace_id = $1 AND l.id = $2
            UNION
            SELECT l.id, l.last_signal_at FROM qualification.leads AS l
            WHERE l.workspace_id = $1 AND l.account_external_id = $4 AND l.merged_into_id IS NULL
            UNION
            SELECT l.id, l.last_signal_at FROM qualification.conversions AS c
            JOIN qualification.leads AS l ON l.workspace_id = $1 AND l.id = c.lead_id
            WHERE c.workspace_id = $1 AND c.opportunity_id = $3
        ), met AS (
            SELECT m.happens_at FROM qualification.meetings AS m
            WHERE m.workspace_id = $1 AND m.state = 'held' AND m.id <> $5 AND m.happens_at < $6
              AND (m.opportunity_id = $3 OR m.account_external_id = $4
                   OR m.lead_id IN (SELECT p.id FROM people AS p))
        ), touched AS (
            SELECT t.occurred_at FROM qualification.touches AS t
            WHERE t.workspace_id = $1 AND t.lead_id IN (SELECT p.id FROM people AS p)
        )
        SELECT (SELECT count(*) FROM people) AS leads,
               (SELECT max(p.last_signal_at) FROM people AS p) AS last_signal_at,
               (SELECT count(*) FROM touched) AS touches,
               (SELECT max(t.occurred_at) FROM touched AS t) AS last_touch_at,
               (SELECT count(*) FROM met) AS meetings,
               (SELECT max(m.happens_at) FROM met AS m) AS last_meeting_at
        """,
        session.workspace_id,
        meeting.lead_id,
        meeting.opportunity_id,
        account_external_id,
        meeting.id,
        meeting.happens_at,
    )
    assert row is not None
    return dict(row)
