"""Use cases of merges: several leads that are one person become one of them, and nothing is lost.

What belonged to the others belongs to the survivor, which is as far along as the furthest of them;
they stay, as they were, and say what they are part of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.answers import check_version
from services.kit.auth import Principal
from services.kit.db import ReadSession, WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.ids import new_id
from services.kit.pagination import PageRequest
from services.qualification import timers
from services.qualification.leads import repository as leads
from services.qualification.leads import storing
from services.qualification.leads.access import (
    READERS,
    WRITERS,
    may_see,
    require_lead,
    require_yours,
)
from services.qualification.leads.changes import LeadChange, Move
from services.qualification.leads.draft import Draft
from services.qualification.leads.errors import LeadNotFoundError
from services.qualification.leads.record import Lead
from services.qualification.meetings.carrying import carry_over
from services.qualification.merges import domain, repository
from services.qualification.merges.domain import KEEPABLE, Merged
from services.qualification.merges.errors import LeadAlreadyMergedError, LeadsBothConvertedError
from services.qualification.merges.repository import MERGES
from services.qualification.responses import service as responses
from services.qualification.responses.domain import MERGED
from services.qualification.signals import service as signals
from services.qualification.signals.silences import KIND_SILENCE
from services.qualification.touches.service import keep_current
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.policy import Policy


@dataclass(frozen=True, slots=True)
class Asked:
    """Which leads become part of which, and whose fields stand."""

    survivor_id: UUID
    merged_ids: Sequence[UUID]
    keep: Mapping[str, UUID]
    if_match: str | None = None


async def merge_leads(session: WriteSession, principal: Principal, asked: Asked) -> Lead:
    """The survivor. Raises LeadNotFoundError, LeadAlreadyMergedError or LeadsBothConvertedError;
    then nothing has changed."""
    principal.require(*WRITERS)
    keep = _columns(asked)
    survivor, others = await _lock(session, principal, asked)
    converted = await repository.lock_conversions(session, [survivor.id, *asked.merged_ids])
    if len(converted) > 1:
        by_id = {lead.id: lead for lead in (survivor, *others)}
        raise LeadsBothConvertedError([by_id[lead_id] for lead_id in converted])
    now = clock.now()
    policy = await get_policy(session, await version_in_force(session, now))
    merged_ids = [lead.id for lead in others]
    freed = await repository.free_names(session, [survivor.id, *merged_ids])
    moved = await repository.move_children(session, merged_ids, survivor.id)
    found = domain.merge(survivor, others, keep=keep, is_converted=bool(converted))
    await _store(session, principal, survivor, found, policy, now)
    await leads.update_leads(session, [_ended(lead, survivor, now) for lead in others])
    await repository.flatten(session, merged_ids, survivor.id, now)
    await MERGES.insert(
        session,
        [
            {
                "id": new_id(),
                "survivor_id": survivor.id,
                "merged_id": lead.id,
                "snapshot": {"merged": asdict(lead), "survivor": asdict(survivor)},
                "moved": {
                    **moved[lead.id],
                    "renamed": freed.get(lead.id, {}),
                    "fields": [taken.field for taken in found.taken if taken.lead_id == lead.id],
                },
                "rule": domain.rule_of(survivor, lead, policy.settings["score.generic_domains"]),
                "actor": principal.actor,
                "merged_at": now,
            }
            for lead in others
        ],
    )
    await repository.disarm_all(session, merged_ids)
    await signals.rescore(session, [survivor.id, *merged_ids])
    return await _settle(session, principal, survivor.id, policy, now)


def _columns(asked: Asked) -> dict[str, UUID]:
    """Whose value stands, by column. Raises InvalidPayloadError where it is nobody's here."""
    known = {asked.survivor_id, *asked.merged_ids}
    for name, lead_id in asked.keep.items():
        if name not in KEEPABLE:
            raise InvalidPayloadError.one(
                f"/keep/{name}", "unknown_field", f"is none of {', '.join(KEEPABLE)}"
            )
        if lead_id not in known:
            raise InvalidPayloadError.one(
                f"/keep/{name}", "unknown_reference", "is none of the leads that are merged"
            )
    return {KEEPABLE[name]: lead_id for name, lead_id in asked.keep.items()}


async def _lock(
    session: WriteSession, principal: Principal, asked: Asked
) -> tuple[Lead, list[Lead]]:
    """All of them, in the order of their ids, so that merges that cross wait for each other."""
    ids = sorted({asked.survivor_id, *asked.merged_ids})
    found = await leads.get_leads(session, ids, lock=True)
    for lead_id in (asked.survivor_id, *asked.merged_ids):
        lead = found.get(lead_id)
        if lead is None or not may_see(principal, lead):
            raise LeadNotFoundError(lead_id)
        if lead.merged_into_id is not None:
            raise LeadAlreadyMergedError(lead)
        require_yours(principal, lead)
    survivor = found[asked.survivor_id]
    check_version(asked.if_match, survivor.version)
    return survivor, domain.oldest_first(found[lead_id] for lead_id in asked.merged_ids)


async def _store(
    session: WriteSession,
    principal: Principal,
    before: Lead,
    found: Merged,
    policy: Policy,
    now: datetime,
) -> None:
    draft = Draft(before, found.lead, policy, at=now, now=now, actor=principal.actor)
    draft.put({})
    change = draft.change()
    if change is not None and (change.moves or found.status_of is not None):
        # Status and holders are another lead's, and so is when they began: nothing begins anew.
        change = replace(change, moves=(_move(before, change, found.status_of),))
    await storing.store(session, [change], policy)


def _move(before: Lead, change: LeadChange, source: Lead | None) -> Move:
    after = change.after
    return Move(
        from_status=before.status,
        to_status=after.status,
        reason=MERGED,
        details=None if source is None else f"The status of the merged lead {source.id}.",
        score=after.score,
        sdr_id=after.sdr_id,
        owner_id=after.owner_id,
        occurred_at=change.recorded_at,
    )


def _ended(lead: Lead, survivor: Lead, now: datetime) -> Lead:
    return replace(
        lead,
        merged_into_id=survivor.id,
        next_touch_on=None,
        version=lead.version + 1,
        updated_at=now,
    )


async def _settle(
    session: WriteSession, principal: Principal, survivor_id: UUID, policy: Policy, now: datetime
) -> Lead:
    """What follows from everything together: waits, the sequence of touches, silence, meetings."""
    survivor = await leads.get_lead(session, survivor_id)
    assert survivor is not None
    await responses.merged(session, survivor, at=now, actor=principal.actor, policy=policy)
    await keep_current(session, [survivor], policy)
    if survivor.behaviour_points > 0 and survivor.last_signal_at is not None:
        period = timedelta(days=policy.number("score.silent_days"))
        due_at = max(survivor.last_signal_at + period, now)
        await timers.arm(session, KIND_SILENCE, {survivor_id: due_at})
    if survivor.opportunity_id is not None:
        await carry_over(session, survivor_id, survivor.opportunity_id)
    stored = await leads.get_lead(session, survivor_id)
    assert stored is not None
    return stored


async def list_merges(
    session: ReadSession, principal: Principal, lead_id: UUID, page: PageRequest
) -> list[dict[str, Any]]:
    """Up to one more than the page holds, in the order they were done."""
    principal.require(*READERS)
    await require_lead(session, principal, lead_id)
    return [dict(row) for row in await repository.list_merges(session, lead_id, page)]
