"""Use cases of signals: hear them, add up anew, explain a score.

Running totals: a signal costs the same whatever came before it. A batch is the general case; the
leads it is about are locked first, so no points are lost between writers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import ReadSession, WriteSession
from services.kit.errors import InvalidPayloadError
from services.qualification.leads import repository as leads
from services.qualification.leads import storing
from services.qualification.leads.changes import Entry, LeadChange
from services.qualification.leads.draft import Draft, Signal
from services.qualification.leads.record import Lead
from services.qualification.responses import service as responses
from services.qualification.signals import repository, silences
from services.qualification.signals.domain import (
    Measured,
    demographic,
    known_signals,
    measures_of,
)
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.policy import Policy

_SYSTEM = "system:score"


@dataclass(frozen=True, slots=True)
class Heard:
    """A signal as it is kept, and whether it was new."""

    row: dict[str, Any]
    lead_version: int
    is_new: bool


async def follow(session: WriteSession, changes: Sequence[LeadChange], policy: Policy) -> None:
    """Keeps what counted for leads in a write, in its transaction, and sets their timers."""
    rows = [_row(change, entry, policy) for change in changes for entry in change.entries]
    await repository.SIGNALS.insert(session, rows)
    await silences.follow(session, changes, policy)


def _row(change: LeadChange, entry: Entry, policy: Policy) -> dict[str, Any]:
    return {
        **asdict(entry),
        "lead_id": change.after.id,
        "policy_version": policy.version,
        "recorded_at": change.recorded_at,
        "actor": change.actor,
    }


def check_signal(signal: Signal, policy: Policy) -> None:
    """Raises InvalidPayloadError where the policy does not know the signal, or measures by it and
    it carries no number."""
    known = known_signals(policy)
    if signal.name not in known:
        raise InvalidPayloadError.one(
            "/name",
            "unknown_signal",
            f"is no signal of the policy, which knows {', '.join(sorted(known))}",
        )
    if signal.value is None and signal.name in measures_of(policy):
        raise InvalidPayloadError.one(
            "/value", "missing", f"is required for {signal.name}, which the policy measures"
        )


async def policy_now(session: ReadSession | WriteSession) -> Policy:
    return await get_policy(session, await version_in_force(session, clock.now()))


async def hear(
    session: WriteSession,
    principal: Principal,
    told: Sequence[tuple[Lead, Signal]],
    policy: Policy,
) -> list[Heard]:
    """Signals of locked leads, in order; one answer a signal. Told again by the same external id
    it has no second effect, and the answer is the first one."""
    now = clock.now()
    known = await repository.find_told(
        session,
        {(lead.id, signal.external_id) for lead, signal in told if signal.external_id is not None},
    )
    measures = await _measures(session, told, policy)
    drafts: dict[UUID, Draft] = {}
    heard: list[tuple[Lead, Entry | dict[str, Any]]] = []
    for lead, signal in told:
        first = known.get((lead.id, signal.external_id)) if signal.external_id else None
        if first is not None:
            heard.append((lead, first))
            continue
        draft = drafts.get(lead.id)
        if draft is None:
            draft = Draft(lead, lead, policy, at=now, now=now, actor=principal.actor)
            drafts[lead.id] = draft
        _learn(measures.setdefault(lead.id, {}), signal)
        heard.append((lead, draft.hear(signal, measures[lead.id])))
    changes = {lead_id: draft.change() for lead_id, draft in drafts.items()}
    await storing.store(session, list(changes.values()), policy)
    await _start_request_timers(session, told, changes, policy)
    return [_answer(lead, kept, changes.get(lead.id), policy) for lead, kept in heard]


async def _measures(
    session: WriteSession, told: Sequence[tuple[Lead, Signal]], policy: Policy
) -> dict[UUID, dict[str, Measured]]:
    """Only for leads a measure has come of: no other signal looks at any."""
    names = measures_of(policy)
    measured = sorted({lead.id for lead, signal in told if signal.name in names})
    return await repository.last_measures(session, measured, names)


def _learn(known: dict[str, Measured], signal: Signal) -> None:
    if signal.value is None:
        return
    last = known.get(signal.name)
    if last is None or signal.occurred_at >= last.occurred_at:
        known[signal.name] = Measured(signal.value, signal.occurred_at)


async def _start_request_timers(
    session: WriteSession,
    told: Sequence[tuple[Lead, Signal]],
    changes: dict[UUID, LeadChange | None],
    policy: Policy,
) -> None:
    asked: dict[UUID, responses.Request] = {}
    for lead, signal in told:
        change = changes.get(lead.id)
        if change is None or signal.name not in policy.settings["sla.request_signals"]:
            continue
        first = asked.get(lead.id)
        if first is None or signal.occurred_at < first.at:
            asked[lead.id] = responses.Request(change.after, signal.occurred_at)
    await responses.requests_made(session, list(asked.values()), policy)


def _answer(
    lead: Lead, kept: Entry | dict[str, Any], change: LeadChange | None, policy: Policy
) -> Heard:
    version = lead.version if change is None else change.after.version
    if isinstance(kept, dict):
        return Heard(kept, version, False)
    assert change is not None
    return Heard(_row(change, kept, policy), version, True)


async def rescore(session: WriteSession, lead_ids: Sequence[UUID]) -> None:
    """Adds the leads' points up from scratch, from their stored signals, and derives the rest by
    the policy in force. Where nothing was wrong nothing changes."""
    now = clock.now()
    policy = await policy_now(session)
    found = await leads.get_leads(session, sorted(lead_ids), lock=True)
    sums = await repository.totals(session, list(found))
    changes = []
    for lead in found.values():
        total = sums.get(lead.id)
        draft = Draft(lead, lead, policy, at=now, now=now, actor=_SYSTEM)
        draft.put(
            {
                "behaviour_points": 0 if total is None else total["points"],
                "last_signal_at": None if total is None else total["last_signal_at"],
            }
        )
        if draft.lead.score > lead.score and lead.merged_into_id is None:
            draft.advance(is_stated=False)
        changes.append(draft.change())
    await storing.store(session, changes, policy)
    changed = [change.after for change in changes if change is not None]
    await silences.watch(session, changed, policy)


async def explain(session: ReadSession, lead: Lead) -> dict[str, Any]:
    """What a lead's score is made of, by the policy in force."""
    policy = await policy_now(session)
    who = demographic(lead.email_domain, lead.title, lead.key_account, policy)
    kinds = await repository.by_name(session, lead.id)
    return {
        "lead_id": lead.id,
        "score": lead.score,
        "stated_score": lead.stated_score,
        "computed_score": max(0, lead.behaviour_points + lead.demographic_points),
        "threshold": policy.number("mql.threshold"),
        "behaviour_points": lead.behaviour_points,
        "behaviour": [dict(kind) for kind in kinds],
        "demographic_points": lead.demographic_points,
        "demographic": [reason._asdict() for reason in who],
        "unsubscribed": lead.unsubscribed,
        "last_signal_at": lead.last_signal_at,
        "silent_days": policy.number("score.silent_days"),
        "silent_points": policy.number("score.silent_points"),
        "status": lead.status,
        "status_reason": lead.status_reason,
        "status_details": lead.status_details,
        "policy_version": policy.version,
    }
