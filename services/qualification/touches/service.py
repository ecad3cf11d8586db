"""Keeping a lead's sequence of touches current: when the next one is due, and when silence after
the last one is an answer. Recording touches is `recording`'s, showing them `reading`'s."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from services.kit import clock
from services.kit.db import Session, WriteSession
from services.qualification import timers
from services.qualification.leads.changes import LeadChange
from services.qualification.leads.record import Lead
from services.qualification.touches import domain, repository
from services.qualification.touches.domain import Cadence, History, Rule
from services.qualification.touches.repository import Past
from services.workspace.business_hours import Calendar
from services.workspace.policy import Policy
from services.workspace.workspaces.repository import get_workspace

KIND_SILENT: Final = "sequence_silent"
"""The timer of a lead that was touched as often as it may be and did not answer."""

_NEVER_TOUCHED: Final = frozenset({"raw", "inquiry"})


async def follow(session: WriteSession, changes: Sequence[LeadChange], policy: Policy) -> None:
    """Called by every write of leads, in its transaction, after the leads are stored."""
    await keep_current(session, [change.after for change in changes if _concerns(change)], policy)


def _concerns(change: LeadChange) -> bool:
    if change.before is None:
        return change.after.status not in _NEVER_TOUCHED
    return change.has_moved or change.before.region != change.after.region


async def keep_current(
    session: WriteSession, leads: Sequence[Lead], policy: Policy, *, is_new_version: bool = False
) -> None:
    """Of leads that are locked: a few statements, however many. `is_new_version`: nothing else of
    them was written."""
    if not leads:
        return
    found = await cadences(session, leads, policy, clock.now())
    await repository.keep_next_touch(
        session,
        {lead_id: cadence.next_touch_on for lead_id, cadence in found.items()},
        is_new_version=is_new_version,
    )
    silent: dict[UUID, datetime] = {
        lead_id: cadence.silent_at
        for lead_id, cadence in found.items()
        if cadence.silent_at is not None
    }
    await timers.arm(session, KIND_SILENT, silent)
    await timers.disarm(session, KIND_SILENT, found.keys() - silent.keys())


async def cadences(
    session: Session, leads: Sequence[Lead], policy: Policy, now: datetime
) -> dict[UUID, Cadence]:
    """How far the sequence of each lead is, by the leads' own working days."""
    known = await repository.pasts(session, [lead.id for lead in leads])
    timezone = (await get_workspace(session)).timezone
    rule = Rule.of(policy)
    return {
        lead.id: domain.cadence(
            history_of(lead, known[lead.id]),
            rule,
            Calendar.of(policy, lead.region, timezone),
            now,
        )
        for lead in leads
    }


def history_of(lead: Lead, past: Past) -> History:
    return History(
        status=lead.status,
        status_since=lead.status_since,
        begun_anew_at=past.begun_anew_at,
        taken_up_at=past.taken_up_at,
        touches=past.touches,
    )
