"""Use cases of nurture: what is planned over time for leads without an immediate need."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.answers import check_version
from services.kit.auth import Principal
from services.kit.db import ReadSession, Session, WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.ids import new_id
from services.kit.pagination import PageRequest
from services.kit.rows import after_id, merge
from services.qualification.leads.access import (
    READERS,
    WRITERS,
    own_leads_only,
    require_lead,
    require_yours,
    self_id,
)
from services.qualification.leads.repository import user_ids
from services.qualification.nurture import repository
from services.qualification.nurture.errors import NurtureActivityNotFoundError
from services.qualification.nurture.schemas import PlannedFilters
from services.workspace.workspaces.repository import get_workspace

Row = dict[str, Any]


async def today(session: Session) -> date:
    """Where the company is."""
    return (await get_workspace(session)).calendar.local_date(clock.now())


async def plan(
    session: WriteSession, principal: Principal, lead_id: UUID, stated: Mapping[str, Any]
) -> Row:
    """A new activity of the lead."""
    principal.require(*WRITERS)
    require_yours(principal, await require_lead(session, principal, lead_id, lock=True))
    now = clock.now()
    row = {
        "id": new_id(),
        "lead_id": lead_id,
        "version": 1,
        "resource_external_id": None,
        "note": None,
        "done_at": None,
        "actor": principal.actor,
        "created_at": now,
        "updated_at": now,
        **stated,
    }
    await repository.insert(session, row)
    return row


async def change(
    session: WriteSession,
    principal: Principal,
    lead_id: UUID,
    activity_id: UUID,
    stated: Mapping[str, Any],
    *,
    if_match: str | None,
) -> Row:
    """What is sent, such as that it is done. No change, no new version."""
    principal.require(*WRITERS)
    require_yours(principal, await require_lead(session, principal, lead_id, lock=True))
    current = await _require(session, lead_id, activity_id)
    check_version(if_match, current["version"])
    changed = merge(current, stated)
    if changed is None:
        return current
    changed |= {"version": current["version"] + 1, "updated_at": clock.now()}
    await repository.update(session, changed)
    return changed


async def read(session: ReadSession, principal: Principal, lead_id: UUID, activity_id: UUID) -> Row:
    principal.require(*READERS)
    await require_lead(session, principal, lead_id)
    return await _require(session, lead_id, activity_id)


async def _require(session: Session, lead_id: UUID, activity_id: UUID) -> Row:
    found = await repository.get_activity(session, lead_id, activity_id)
    if found is None:
        raise NurtureActivityNotFoundError(activity_id)
    return found


async def list_of_lead(
    session: ReadSession, principal: Principal, lead_id: UUID, page: PageRequest
) -> list[Any]:
    """Up to one more than the page holds."""
    principal.require(*READERS)
    await require_lead(session, principal, lead_id)
    return await repository.list_of_lead(session, lead_id, page)


async def list_planned(
    session: ReadSession, principal: Principal, page: PageRequest, filters: PlannedFilters
) -> list[Any]:
    """What is to be done for the leads the caller may see, up to one more than the page holds."""
    principal.require(*READERS)
    sdr_id = None
    if filters.sdr_external_id is not None:
        named = await user_ids(session, [filters.sdr_external_id])
        if not named:
            return []
        sdr_id = named[filters.sdr_external_id]
    return await repository.list_planned(
        session,
        page,
        due_before=filters.due_before,
        sdr_id=sdr_id,
        kind=filters.kind,
        after=_after(page),
        holder_id=self_id(principal) if own_leads_only(principal) else None,
    )


def _after(page: PageRequest) -> tuple[date, UUID] | None:
    if page.after is None:
        return None
    try:
        day = date.fromisoformat(str(page.after[0]))
        last = after_id(PageRequest(page.limit, page.after[1:]))
    except (ValueError, IndexError) as error:
        raise InvalidPayloadError.one(
            "query/cursor", "invalid_cursor", "is the cursor of another list"
        ) from error
    assert last is not None
    return day, last
