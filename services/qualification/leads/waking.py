"""Recycled leads that are to be worked again on a day: when they wake, and waking them.

There is no way back to an earlier status: a woken lead stays recycled, says that it is woken, and
waits for its SDR or for a new sign of interest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from services.kit import clock
from services.kit.db import WriteSession
from services.qualification import timers
from services.qualification.leads import repository, storing
from services.qualification.leads.changes import LeadChange
from services.qualification.leads.draft import Draft
from services.qualification.leads.record import Lead
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.workspaces.repository import get_workspace

KIND_WAKE: Final = "lead_wake"
ACTOR: Final = "system:timer"


def start_of(day: date, timezone: str) -> datetime:
    """The first instant of a day where the company is."""
    return datetime.combine(day, time.min, ZoneInfo(timezone)).astimezone(UTC)


async def follow(session: WriteSession, changes: Sequence[LeadChange]) -> None:
    """Sets the alarm of leads that were put aside until a day, and takes back that of others."""
    zone = (await get_workspace(session)).timezone
    due: dict[UUID, datetime] = {}
    gone: list[UUID] = []
    for change in changes:
        before, after = change.before, change.after
        day = _sleeps_until(after)
        if day == (None if before is None else _sleeps_until(before)):
            continue
        if day is None:
            gone.append(after.id)
        else:
            due[after.id] = start_of(day, zone)
    await timers.arm(session, KIND_WAKE, due)
    await timers.disarm(session, KIND_WAKE, gone)


def _sleeps_until(lead: Lead) -> date | None:
    return lead.recycle_until if lead.status == "recycle" and lead.woken_at is None else None


async def wake(session: WriteSession, lead_id: UUID) -> None:
    """The handler: the day has begun."""
    lead = await repository.get_lead(session, lead_id, lock=True)
    day = None if lead is None or lead.merged_into_id is not None else _sleeps_until(lead)
    if lead is None or day is None:
        return
    now = clock.now()
    due_at = start_of(day, (await get_workspace(session)).timezone)
    if due_at > now:
        await timers.rearm(session, KIND_WAKE, lead_id, due_at)
        return
    policy = await get_policy(session, await version_in_force(session, now))
    draft = Draft(lead, lead, policy, at=now, now=now, actor=ACTOR)
    draft.wake(now)
    await storing.store(session, [draft.change()], policy)
