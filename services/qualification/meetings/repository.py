"""Statements on meetings. What a meeting is about and who takes part is stored by id and shown by
external id, so every read joins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.kit.db import Session, WriteSession
from services.kit.rows import Filters, Rows
from services.qualification.meetings import models
from services.qualification.meetings.access import Viewer
from services.qualification.opportunities.repository import ACCOUNTS, OPPORTUNITIES

MEETINGS = Rows(models.Meeting)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """A meeting as stored, with how its people and subjects are named, and whose those are."""

    id: UUID
    external_id: str | None
    version: int
    subject: str
    kind: str
    is_qualification: bool
    state: str
    scheduled_at: datetime
    duration_minutes: int | None
    happens_at: datetime
    lead_id: UUID | None
    opportunity_id: UUID | None
    account_external_id: str | None
    attendees: list[dict[str, Any]]
    buyer_stage: str | None
    owner_id: UUID | None
    held_at: datetime | None
    next_step: str | None
    next_step_date: date | None
    rebook_until: date | None
    created_at: datetime
    updated_at: datetime
    owner_external_id: str | None
    lead_external_id: str | None
    lead_owner_id: UUID | None
    lead_sdr_id: UUID | None
    lead_status: str | None
    opportunity_external_id: str | None
    opportunity_owner_id: UUID | None
    opportunity_sdr_id: UUID | None
    account_owner_id: UUID | None
    team: list[str]
    team_ids: list[UUID]


_TEAM = """
    ARRAY(
        SELECT u.{column} FROM qualification.meeting_people AS p
        JOIN workspace.users AS u ON u.workspace_id = $1 AND u.id = p.user_id
        WHERE p.workspace_id = $1 AND p.meeting_id = m.id ORDER BY u.external_id
    )
"""
_JOINED = {
    "owner_external_id": "owner.external_id",
    "lead_external_id": "lead.external_id",
    "lead_owner_id": "lead.owner_id",
    "lead_sdr_id": "lead.sdr_id",
    "lead_status": "lead.status",
    "opportunity_external_id": "o.external_id",
    "opportunity_owner_id": "o.owner_id",
    "opportunity_sdr_id": "o.sdr_id",
    "account_owner_id": "account.owner_id",
    "team": _TEAM.format(column="external_id"),
    "team_ids": _TEAM.format(column="id"),
}
_COLUMNS = ", ".join(
    f"{_JOINED.get(field.name, 'm.' + field.name)} AS {field.name}" for field in fields(Meeting)
)
FROM = f"""
    qualification.meetings AS m
    LEFT JOIN workspace.users AS owner ON owner.workspace_id = $1 AND owner.id = m.owner_id
    LEFT JOIN qualification.leads AS lead ON lead.workspace_id = $1 AND lead.id = m.lead_id
    LEFT JOIN {OPPORTUNITIES} AS o ON o.workspace_id = $1 AND o.id = m.opportunity_id
    LEFT JOIN {ACCOUNTS} AS account
      ON account.workspace_id = $1 AND account.external_id = m.account_external_id
"""


async def get_meetings(session: Session, ids: Iterable[UUID]) -> dict[UUID, Meeting]:
    rows = await session.fetch(
        f"SELECT {_COLUMNS} FROM {FROM} WHERE m.workspace_id = $1 AND m.id = ANY($2::uuid[])",
        session.workspace_id,
        list(ids),
    )
    return {row["id"]: Meeting(**dict(row)) for row in rows}


async def get_meeting(session: Session, meeting_id: UUID) -> Meeting | None:
    return (await get_meetings(session, [meeting_id])).get(meeting_id)


async def lock_meeting(session: WriteSession, meeting_id: UUID) -> dict[str, Any] | None:
    """The row itself, locked against change until the transaction ends."""
    row = await session.fetchrow(
        f"SELECT {', '.join(MEETINGS.columns)} FROM {MEETINGS.table}"
        " WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE",
        session.workspace_id,
        meeting_id,
    )
    return None if row is None else dict(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingFilters:
    """What a list keeps to; None is everything. `begins` and `ends` bound when it happens."""

    external_id: str | None = None
    lead_id: UUID | None = None
    opportunity_id: UUID | None = None
    account_external_id: str | None = None
    user_id: UUID | None = None
    begins: datetime | None = None
    ends: datetime | None = None
    kind: str | None = None
    is_qualification: bool | None = None
    state: str | None = None

    @property
    def is_narrow(self) -> bool:
        """Whether few meetings fit."""
        one_of = (self.external_id, self.lead_id, self.opportunity_id, self.account_external_id)
        return any(name is not None for name in one_of)


def about(where: Filters, filters: MeetingFilters) -> None:
    """Meetings `m` about these records; an account's are also those about its opportunities and
    leads."""
    where.where("m.lead_id = {}", filters.lead_id)
    where.where("m.opportunity_id = {}", filters.opportunity_id)
    where.where(_OF_ACCOUNT, filters.account_external_id)


_OF_ACCOUNT = f"""
    m.id = ANY(ARRAY(
        SELECT s.id FROM qualification.meetings AS s
        WHERE s.workspace_id = $1 AND s.account_external_id = {{0}}
        UNION
        SELECT s.id FROM qualification.meetings AS s
        WHERE s.workspace_id = $1 AND s.lead_id = ANY(ARRAY(
            SELECT l.id FROM qualification.leads AS l
            WHERE l.workspace_id = $1 AND l.account_external_id = {{0}}
        ))
        UNION
        SELECT s.id FROM qualification.meetings AS s
        WHERE s.workspace_id = $1 AND s.opportunity_id = ANY(ARRAY(
            SELECT d.id FROM {ACCOUNTS} AS a
            JOIN {OPPORTUNITIES} AS d ON d.workspace_id = $1 AND d.account_id = a.id
            WHERE a.workspace_id = $1 AND a.external_id = {{0}}
        ))
    ))
"""
_OF_USER = """
    m.id = ANY(ARRAY(
        SELECT s.id FROM qualification.meetings AS s
        WHERE s.workspace_id = $1 AND s.owner_id = {0}
        UNION
        SELECT p.meeting_id FROM qualification.meeting_people AS p
        WHERE p.workspace_id = $1 AND p.user_id = {0}
    ))
"""


async def list_meetings(
    session: Session,
    viewer: Viewer,
    filters: MeetingFilters,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Meeting]:
    """In the order of when they happen."""
    where = Filters("m.workspace_id = {}", session.workspace_id)
    viewer.keep_to(where, is_narrow=filters.is_narrow)
    about(where, filters)
    where.where("m.external_id = {}", filters.external_id)
    where.where(_OF_USER, filters.user_id)
    where.where("m.happens_at >= {}", filters.begins)
    where.where("m.happens_at < {}", filters.ends)
    where.where("m.kind = {}", filters.kind)
    where.where("m.is_qualification = {}", filters.is_qualification)
    where.where("m.state = {}", filters.state)
    if after is not None:
        where.values.append(after[0])
        place = len(where.values)
        where.require(f"(m.happens_at, m.id) > (${place}, {{}})", after[1])
    # Which ones first, and only then everything about them.
    rows = await session.fetch(
        f"""
        WITH page AS MATERIALIZED (
            SELECT m.id FROM qualification.meetings AS m WHERE {where}
            ORDER BY m.happens_at, m.id LIMIT {int(limit)}
        )
        SELECT {_COLUMNS} FROM page JOIN ({FROM}) ON m.id = page.id
        WHERE m.workspace_id = $1 ORDER BY m.happens_at, m.id
        """,
        *where.values,
    )
    return [Meeting(**dict(row)) for row in rows]


async def team_of(session: Session, ids: Iterable[UUID]) -> dict[UUID, list[str]]:
    """Our own people in each meeting, by id, in order."""
    rows = await session.fetch(
        """
        SELECT meeting_id, user_id FROM qualification.meeting_people
        WHERE workspace_id = $1 AND meeting_id = ANY($2::uuid[]) ORDER BY meeting_id, user_id
        """,
        session.workspace_id,
        list(ids),
    )
    team: dict[UUID, list[str]] = {}
    for row in rows:
        team.setdefault(row["meeting_id"], []).append(str(row["user_id"]))
    return team


async def store_teams(session: WriteSession, teams: Mapping[UUID, Sequence[str]]) -> None:
    """The people of each meeting become these."""
    if not teams:
        return
    await session.execute(
        "DELETE FROM qualification.meeting_people"
        " WHERE workspace_id = $1 AND meeting_id = ANY($2::uuid[])",
        session.workspace_id,
        list(teams),
    )
    pairs = [(meeting_id, user_id) for meeting_id, team in teams.items() for user_id in team]
    await session.execute(
        """
        INSERT INTO qualification.meeting_people (workspace_id, meeting_id, user_id)
        SELECT $1, u.meeting_id, u.user_id
        FROM unnest($2::uuid[], $3::uuid[]) AS u (meeting_id, user_id)
        """,
        session.workspace_id,
        [meeting_id for meeting_id, _ in pairs],
        [UUID(user_id) for _, user_id in pairs],
    )


async def find_user_id(session: Session, reference: str) -> UUID | None:
    """By id or external id, as clients name people in a query."""
    found: UUID | None = await session.fetchval(
        """
        SELECT id FROM workspace.users
        WHERE workspace_id = $1 AND (external_id = $2 OR id::text = lower($2))
        ORDER BY external_id = $2 DESC LIMIT 1
        """,
        session.workspace_id,
        reference,
    )
    return found
