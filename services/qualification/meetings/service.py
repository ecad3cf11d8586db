"""Use cases of meetings: plan, change, merge a calendar's entries. What came of one is told in
`outcomes`, how one prepares in `preparation`.

An entry of a batch, a PUT, a POST and a PATCH are one thing: a draft of the row, revised with what
follows from it, and stored where it changes anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.answers import check_version
from services.kit.auth import Principal
from services.kit.batch import Change, Outcome, sole
from services.kit.db import Session, WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.pagination import PageRequest
from services.kit.upsert import Draft, check_if_match, refuse_taken_ids, store_drafts
from services.qualification.meetings import repository
from services.qualification.meetings.access import viewer
from services.qualification.meetings.carrying import carry_meetings, carry_over
from services.qualification.meetings.domain import first_instant, last_instant
from services.qualification.meetings.drafting import Writer
from services.qualification.meetings.errors import (
    MeetingExistsError,
    MeetingNotFoundError,
    MeetingNotYoursError,
)
from services.qualification.meetings.repository import MEETINGS, Meeting
from services.qualification.meetings.schemas import MeetingFilters
from services.workspace.users.reach import WRITERS, as_writer
from services.workspace.workspaces.repository import get_workspace

__all__ = ["carry_over"]


async def require_meeting(session: Session, principal: Principal, meeting_id: UUID) -> Meeting:
    """Raises MeetingNotFoundError, also where the caller may not see it."""
    seen = await viewer(session, principal)
    meeting = await repository.get_meeting(session, meeting_id)
    if meeting is None or not seen.covers(meeting):
        raise MeetingNotFoundError(meeting_id)
    return meeting


async def require_writable(
    session: WriteSession, principal: Principal, meeting_id: UUID
) -> tuple[Meeting, dict[str, Any]]:
    """As `require_meeting`, with its row locked until the transaction ends."""
    principal.require(*WRITERS)
    row = await repository.lock_meeting(session, meeting_id)
    meeting = await require_meeting(session, principal, meeting_id)
    assert row is not None
    if not (await viewer(session, as_writer(principal))).covers(meeting):
        raise MeetingNotYoursError
    return meeting, row


async def list_meetings(
    session: Session, principal: Principal, page: PageRequest, filters: MeetingFilters
) -> list[Meeting]:
    """Up to one more than the page holds, the earliest first."""
    seen = await viewer(session, principal)
    user_id = None
    if filters.user_id is not None:
        user_id = await repository.find_user_id(session, filters.user_id)
        if user_id is None:
            return []
    zone = (await get_workspace(session)).timezone
    wanted = repository.MeetingFilters(
        external_id=filters.external_id,
        lead_id=filters.lead_id,
        opportunity_id=filters.opportunity_id,
        account_external_id=filters.account_external_id,
        user_id=user_id,
        begins=None if filters.from_ is None else first_instant(filters.from_, zone),
        ends=None if filters.to is None else last_instant(filters.to, zone),
        kind=filters.kind,
        is_qualification=filters.is_qualification,
        state=filters.state,
    )
    return await repository.list_meetings(
        session, seen, wanted, after=after_instant(page), limit=page.limit + 1
    )


def after_instant(page: PageRequest) -> tuple[datetime, UUID] | None:
    """The place a list in the order of time goes on from."""
    if page.after is None:
        return None
    try:
        instant, id_ = page.after
        at = datetime.fromisoformat(instant)
        if at.tzinfo is not None:
            return at, UUID(id_)
    except (ValueError, TypeError, AttributeError):
        pass
    raise InvalidPayloadError.one("query/cursor", "invalid_cursor", "is the cursor of another list")


async def create_meeting(
    session: WriteSession, principal: Principal, stated: dict[str, Any]
) -> Meeting:
    """A new meeting, owned by the caller unless somebody is named. Raises MeetingExistsError."""
    principal.require(*WRITERS)
    external_id = stated.pop("external_id", None)
    if external_id is not None and await MEETINGS.ids_named(session, [external_id]):
        raise MeetingExistsError(external_id)
    return await _store_one(session, principal, Change(external_id, stated), None)


async def change_meeting(
    session: WriteSession,
    principal: Principal,
    meeting_id: UUID,
    stated: Mapping[str, Any],
    *,
    if_match: str | None,
) -> Meeting:
    """A PATCH. No change, no new version."""
    meeting, row = await require_writable(session, principal, meeting_id)
    check_version(if_match, meeting.version)
    return await _store_one(session, principal, Change(row["external_id"], {**stated}), row)


async def _store_one(
    session: WriteSession, principal: Principal, change: Change, row: dict[str, Any] | None
) -> Meeting:
    writer = await Writer.prepare(session, principal, [change], [row] if row else [])
    draft = writer.draft(change, row)
    await refuse_taken_ids(session, MEETINGS, "meeting", [change], [draft])
    stored = sole(await _store(session, [draft]))
    return await read_back(session, stored.id)


async def read_back(session: Session, meeting_id: UUID) -> Meeting:
    """What was just written, for its answer: also where the change gave the meeting away."""
    meeting = await repository.get_meeting(session, meeting_id)
    assert meeting is not None
    return meeting


async def upsert_meetings(
    session: WriteSession,
    principal: Principal,
    changes: Sequence[Change],
    *,
    if_match: str | None = None,
) -> list[Outcome]:
    """Creates or merges each entry by its external id; one outcome a change, in order. `if_match`
    is for a single change."""
    principal.require(*WRITERS)
    current = await MEETINGS.lock_named(session, (change.external_id for change in changes))
    facts = await repository.get_meetings(session, [row["id"] for row in current.values()])
    writer = await Writer.prepare(session, principal, changes, current.values())
    drafts = []
    for change in changes:
        row = current.get(change.external_id)
        draft = writer.draft(change, row)
        if row is not None and not writer.viewer.covers(facts[row["id"]]):
            draft.refusal = MeetingNotYoursError()
        drafts.append(draft)
    check_if_match(if_match, drafts)
    await refuse_taken_ids(session, MEETINGS, "meeting", changes, drafts)
    return await _store(session, drafts)


async def _store(session: WriteSession, drafts: Sequence[Draft]) -> list[Outcome]:
    outcomes = await store_drafts(session, MEETINGS, drafts, clock.now())
    stored = [draft for draft in drafts if draft.refusal is None]
    teams = {
        draft.row["id"]: draft.row["team_ids"]
        for draft in stored
        if "team_ids" in draft.changed or (draft.is_new and draft.row["team_ids"])
    }
    await repository.store_teams(session, teams)
    linked = [
        draft.row["id"]
        for draft in stored
        if not draft.is_new and "opportunity_id" in draft.changed and draft.row["opportunity_id"]
    ]
    await carry_meetings(session, linked)
    return outcomes
