"""Leads that fall silent: after each period without a signal their points go down, once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from services.kit import clock
from services.kit.db import WriteSession
from services.qualification import timers
from services.qualification.leads import repository as leads
from services.qualification.leads import storing
from services.qualification.leads.changes import LeadChange
from services.qualification.leads.draft import Draft
from services.qualification.leads.record import Lead
from services.qualification.signals import repository
from services.qualification.signals.domain import RECYCLED, SILENCE, UNSUBSCRIBED
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.policy import Policy

KIND_SILENCE: Final = "lead_silence"
ACTOR: Final = "system:timer"
_SAYS_NOTHING: Final = frozenset({SILENCE, RECYCLED, UNSUBSCRIBED})
_DONE: Final = ("qualified", "disqualified")
_PERIODS_MAX: Final = 500


async def follow(session: WriteSession, changes: Sequence[LeadChange], policy: Policy) -> None:
    """Every sign of life pushes the timer. Who has no points has none to lose."""
    if policy.number("score.silent_points") == 0:
        return
    period = timedelta(days=policy.number("score.silent_days"))
    due = {}
    for change in changes:
        heard = [e.occurred_at for e in change.entries if e.name not in _SAYS_NOTHING]
        if heard and change.after.behaviour_points > 0:
            last = change.after.last_signal_at
            due[change.after.id] = max(heard if last is None else [*heard, last]) + period
    await timers.arm(session, KIND_SILENCE, due)


async def watch(session: WriteSession, changed: Sequence[Lead], policy: Policy) -> None:
    """Leads whose points came from elsewhere fall silent too; the handler knows when."""
    period = timedelta(days=policy.number("score.silent_days"))
    due = {
        lead.id: lead.last_signal_at + period
        for lead in changed
        if _can_lose(lead) and lead.last_signal_at is not None
    }
    await timers.arm(session, KIND_SILENCE, due)


async def fall_silent(session: WriteSession, lead_id: UUID) -> None:
    """The handler. Periods the worker was away for are made up for, each at its own end."""
    now = clock.now()
    policy = await get_policy(session, await version_in_force(session, now))
    lead = await leads.get_lead(session, lead_id, lock=True)
    if lead is None or not _can_lose(lead) or policy.number("score.silent_points") == 0:
        return
    begins = [lead.last_signal_at, await repository.last_renewal(session, lead_id)]
    known = [instant for instant in begins if instant is not None]
    if not known:
        return
    period = timedelta(days=policy.number("score.silent_days"))
    due_at = max(known) + period
    draft = Draft(lead, lead, policy, at=now, now=now, actor=ACTOR)
    for _ in range(_PERIODS_MAX):
        if due_at > now or draft.lead.behaviour_points == 0:
            break
        draft.fall_silent(due_at)
        due_at += period
    await storing.store(session, [draft.change()], policy)
    if draft.lead.behaviour_points > 0:
        await timers.rearm(session, KIND_SILENCE, lead_id, due_at)


def _can_lose(lead: Lead) -> bool:
    is_alive = lead.merged_into_id is None and lead.status not in _DONE
    return is_alive and lead.behaviour_points > 0
