"""Use cases: a touch is recorded, one or many at once, and what follows from it for the lead.

Touches are told once and never change. The first touch of a lead takes it up; its reply makes it a
conversation; and whichever comes first is what the lead was waiting for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.batch import Outcome, Stored, unknown_reference
from services.kit.db import WriteSession
from services.kit.errors import ServiceError
from services.kit.ids import new_id
from services.qualification.leads import repository as leads
from services.qualification.leads import storing
from services.qualification.leads.access import WRITERS, may_see, require_yours
from services.qualification.leads.domain import may_move
from services.qualification.leads.draft import Draft
from services.qualification.leads.errors import LeadNotFoundError
from services.qualification.leads.record import Lead
from services.qualification.responses import service as responses
from services.qualification.touches import repository
from services.qualification.touches.domain import FIRST_TOUCH_MOVES, INBOUND, OUTBOUND, WAITING
from services.qualification.touches.errors import TouchInBatchTwiceError
from services.qualification.touches.repository import TOUCHES
from services.qualification.touches.resources.repository import RESOURCES
from services.qualification.touches.service import keep_current
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.policy import Policy

IN_SEQUENCE = "in_sequence"
REPLIED = "replied"


@dataclass(frozen=True, slots=True)
class Told:
    """A touch as it was told: of a lead by its id, or by its external id."""

    lead: UUID | str
    stated: Mapping[str, Any]


async def record_touches(
    session: WriteSession, principal: Principal, told: Sequence[Told]
) -> list[Outcome]:
    """One outcome for each, in order; a touch that was told before is the one that is stored."""
    principal.require(*WRITERS)
    found = await _lock_leads(session, told)
    names = _Names(
        await RESOURCES.ids_named(session, _stated(told, "resource_external_id")),
        await leads.user_ids(session, sorted(_stated(told, "user_external_id"))),
    )
    known = await repository.known_touches(
        session,
        {
            (lead.id, one.stated["external_id"])
            for one, lead in zip(told, found, strict=True)
            if lead is not None and one.stated.get("external_id") is not None
        },
    )
    now = clock.now()
    outcomes: list[Outcome] = []
    rows: list[dict[str, Any]] = []
    made: set[tuple[UUID, str]] = set()
    for one, maybe in zip(told, found, strict=True):
        try:
            lead = _require_lead(principal, one, maybe)
            name: str | None = one.stated.get("external_id")
            if name is not None and (lead.id, name) in known:
                outcomes.append(Stored(known[lead.id, name], 1, created=False, changed=False))
                continue
            if name is not None and (lead.id, name) in made:
                raise TouchInBatchTwiceError(name)
            row = _row(principal, lead, one.stated, names, now)
        except ServiceError as refusal:
            outcomes.append(refusal)
            continue
        if name is not None:
            made.add((lead.id, name))
        rows.append(row)
        outcomes.append(Stored(row["id"], 1, created=True))
    await TOUCHES.insert(session, rows)
    touched = {lead.id: lead for lead in found if lead is not None}
    await _follow(session, principal, touched, rows, now)
    return outcomes


@dataclass(frozen=True, slots=True)
class _Names:
    resources: Mapping[str, UUID]
    users: Mapping[str, UUID]


def _stated(told: Sequence[Told], name: str) -> set[str]:
    return {one.stated[name] for one in told if one.stated.get(name) is not None}


async def _lock_leads(session: WriteSession, told: Sequence[Told]) -> list[Lead | None]:
    """The lead of each. By its external id a merged lead is its survivor, so that whoever feeds
    touches need not know of merges."""
    ids = sorted({one.lead for one in told if isinstance(one.lead, UUID)})
    names = sorted({one.lead for one in told if isinstance(one.lead, str)})
    by_id = await leads.get_leads(session, ids, lock=True) if ids else {}
    by_name = await leads.lock_by_external_id(session, names) if names else {}
    return [
        by_id.get(one.lead) if isinstance(one.lead, UUID) else by_name.get(one.lead) for one in told
    ]


def _require_lead(principal: Principal, one: Told, lead: Lead | None) -> Lead:
    if lead is None or not may_see(principal, lead):
        raise LeadNotFoundError(one.lead)
    require_yours(principal, lead)
    return lead


def _row(
    principal: Principal, lead: Lead, stated: Mapping[str, Any], names: _Names, now: datetime
) -> dict[str, Any]:
    resource, user = stated.get("resource_external_id"), stated.get("user_external_id")
    if resource is not None and resource not in names.resources:
        raise unknown_reference("/resource_external_id", "resource", resource)
    if user is not None and user not in names.users:
        raise unknown_reference("/user_external_id", "user", user)
    return {
        "id": new_id(),
        "lead_id": lead.id,
        "external_id": stated.get("external_id"),
        "channel": stated["channel"],
        "direction": stated["direction"],
        "subject": stated.get("subject"),
        "note": stated.get("note"),
        "resource_id": names.resources.get(resource) if resource is not None else None,
        "resource_external_id": resource,
        "outcome": stated.get("outcome"),
        "user_id": names.users[user] if user is not None else principal.user_id,
        "actor": principal.actor,
        "occurred_at": stated.get("occurred_at") or now,
        "recorded_at": now,
    }


async def _follow(
    session: WriteSession,
    principal: Principal,
    touched: Mapping[UUID, Lead],
    rows: Sequence[Mapping[str, Any]],
    now: datetime,
) -> None:
    if not rows:
        return
    policy = await get_policy(session, await version_in_force(session, now))
    by_lead: dict[UUID, list[Mapping[str, Any]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row["occurred_at"], row["id"])):
        by_lead[row["lead_id"]].append(row)
    outbound = [row for row in rows if row["direction"] == OUTBOUND]
    # First, so that what ended the wait is the touch and not the status it led to.
    await responses.answered(
        session,
        [
            responses.Answer(row["lead_id"], row["occurred_at"], row["actor"], row["user_id"])
            for row in outbound
        ],
        policy,
    )
    writing = _Writing(session, policy, principal.actor, now)
    current = {lead_id: touched[lead_id] for lead_id in by_lead}
    current = await writing.each(current, by_lead, _contacted)
    current = await writing.each(current, by_lead, _replied)
    # A lead that moved was followed already.
    stayed = [lead for lead in current.values() if lead.status == touched[lead.id].status]
    written = [lead for lead in stayed if lead is not touched[lead.id]]
    await keep_current(session, written, policy)
    same = [lead for lead in stayed if lead is touched[lead.id]]
    await keep_current(session, same, policy, is_new_version=True)


@dataclass(frozen=True, slots=True)
class _Writing:
    """Changes of the touched leads, all in one go."""

    session: WriteSession
    policy: Policy
    actor: str
    now: datetime

    async def each(
        self,
        current: Mapping[UUID, Lead],
        by_lead: Mapping[UUID, Sequence[Mapping[str, Any]]],
        effect: Callable[[Lead, Sequence[Mapping[str, Any]]], _Effect],
    ) -> dict[UUID, Lead]:
        changes = []
        for lead_id, lead in current.items():
            found = effect(lead, by_lead[lead_id])
            draft = Draft(
                lead, found.lead, self.policy, at=found.at, now=self.now, actor=self.actor
            )
            if found.status is not None and may_move(lead.status, found.status):
                draft.move(found.status, found.reason, None)
            changes.append(draft.change())
        await storing.store(self.session, changes, self.policy)
        return {
            lead.id: lead if change is None else change.after
            for lead, change in zip(current.values(), changes, strict=True)
        }


@dataclass(frozen=True, slots=True)
class _Effect:
    """What touches mean for their lead: what it keeps of them, and the status they lead to."""

    lead: Lead
    at: datetime
    status: str | None = None
    reason: str | None = None


def _contacted(lead: Lead, touches: Sequence[Mapping[str, Any]]) -> _Effect:
    """Whoever is contacted is being worked, also a recycled lead once its day has come. What
    happened before that day, or before a new sign of interest, is not an answer to it."""
    last = touches[-1]["occurred_at"]
    seen = replace(
        lead,
        last_touch_at=last if lead.last_touch_at is None else max(lead.last_touch_at, last),
    )
    outbound = [touch["occurred_at"] for touch in touches if touch["direction"] == OUTBOUND]
    seen = replace(seen, first_response_at=_first_response(lead, outbound))
    ready = lead.status_since if lead.status in WAITING else lead.woken_at
    counting = [at for at in outbound if ready is None or at >= ready]
    if not counting or (lead.status not in FIRST_TOUCH_MOVES and lead.woken_at is None):
        return _Effect(seen, last)
    at = max(counting[0], lead.status_since)
    return _Effect(seen, at, "accepted", IN_SEQUENCE)


def _first_response(lead: Lead, outbound: Sequence[datetime]) -> datetime | None:
    """The first contact since the lead first qualified, also where it is told of late."""
    begun = [at for at in (lead.first_mql_at, lead.first_pql_at) if at is not None]
    if not begun:
        return lead.first_response_at
    answers = [at for at in outbound if at >= min(begun)]
    if lead.first_response_at is not None:
        answers.append(lead.first_response_at)
    return min(answers, default=None)


def _replied(lead: Lead, touches: Sequence[Mapping[str, Any]]) -> _Effect:
    """A reply to whoever took the lead up."""
    replies = [
        touch["occurred_at"]
        for touch in touches
        if touch["direction"] == INBOUND and touch["occurred_at"] >= lead.status_since
    ]
    if not replies or lead.status != "accepted":
        return _Effect(lead, touches[-1]["occurred_at"])
    return _Effect(lead, replies[0], "qualifying", REPLIED)
