"""Use cases of leads: create, change, merge by external id. It decides nothing about acceptance.

A batch is the general case: leads are locked in one statement, changed in memory and written in
one statement more, and each item has an outcome of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.answers import check_version
from services.kit.auth import Principal
from services.kit.batch import Outcome, Stored
from services.kit.db import ReadSession, Session, WriteSession
from services.kit.errors import ServiceError
from services.kit.pagination import PageRequest
from services.qualification.leads import listing, repository, storing
from services.qualification.leads.access import (
    READERS,
    WRITERS,
    own_leads_only,
    require_lead,
    require_yours,
    self_id,
)
from services.qualification.leads.changes import LeadChange
from services.qualification.leads.domain import may_move
from services.qualification.leads.draft import Draft
from services.qualification.leads.errors import LeadExistsError
from services.qualification.leads.listing import LeadQuery
from services.qualification.leads.record import Lead
from services.qualification.leads.stating import HOLDERS, Telling, Values, merged, new_lead
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.policy import Policy
from services.workspace.workspaces.repository import get_workspace

__all__ = [
    "READERS",
    "WRITERS",
    "change_lead",
    "create_lead",
    "list_leads",
    "make_query",
    "move_lead",
    "own_leads_only",
    "read_back",
    "require_lead",
    "require_yours",
    "upsert",
]

_FLAGS = ("min_score", "woken", "include_merged", "order")


async def make_query(
    session: ReadSession, principal: Principal, filters: dict[str, Any]
) -> LeadQuery | None:
    """The filters as columns. Holders are named by external id; one that does not exist holds
    nothing, which is None."""
    equal = {
        name: value for name, value in filters.items() if value is not None and name not in _FLAGS
    }
    if "email_domain" in equal:
        equal["email_domain"] = equal["email_domain"].lower()
    users = await _users(session, [equal])
    for field, column in HOLDERS.items():
        if field in equal:
            user_id = users.get(equal.pop(field))
            if user_id is None:
                return None
            equal[column] = user_id
    return LeadQuery(
        equal=equal,
        min_score=filters.get("min_score"),
        is_woken=filters.get("woken"),
        with_merged=bool(filters.get("include_merged")),
        by_score=filters.get("order") == "score",
        holder_id=self_id(principal) if own_leads_only(principal) else None,
    )


async def list_leads(session: ReadSession, page: PageRequest, query: LeadQuery) -> list[Lead]:
    """Up to one more than the page holds."""
    return await listing.list_leads(session, page, query)


async def create_lead(session: WriteSession, principal: Principal, values: Values) -> Lead:
    """A new lead. Raises LeadExistsError where its id or external id is taken."""
    principal.require(*WRITERS)
    telling = await _telling(session, principal, [values], is_binding=False)
    change = new_lead(telling, values)
    if not await storing.store_new(session, [change], telling.policy):
        external_id = values.get("external_id")
        taken = external_id is not None and await repository.lock_by_external_id(
            session, [external_id]
        )
        raise LeadExistsError(*(("external_id", external_id) if taken else ("id", change.after.id)))
    return await read_back(session, change.after.id)


async def read_back(session: Session, lead_id: UUID) -> Lead:
    """What was just written, for its answer: also where the change gave the lead away."""
    lead = await repository.get_lead(session, lead_id)
    assert lead is not None
    return lead


async def change_lead(
    session: WriteSession,
    principal: Principal,
    lead_id: UUID,
    values: Values,
    *,
    if_match: str | None,
) -> Lead:
    """A PATCH: the moves of status bind everybody. No change, no new version."""
    principal.require(*WRITERS)
    lead = await require_lead(session, principal, lead_id, lock=True)
    require_yours(principal, lead)
    check_version(if_match, lead.version)
    telling = await _telling(session, principal, [values], is_binding=True)
    change = merged(telling, lead, values)
    if change is None:
        return lead
    await storing.store(session, [change], telling.policy)
    return await read_back(session, lead_id)


async def move_lead(
    session: WriteSession,
    actor: str,
    lead: Lead,
    to_status: str,
    *,
    reason: str | None = None,
    details: str | None = None,
    occurred_at: datetime | None = None,
) -> Lead:
    """A move by the product itself: an answer that came, a hand-over. The lead must be locked; it
    comes back as it was where the life cycle does not allow the move. Holders that the caller has
    replaced in `lead` are stored with it."""
    if lead.merged_into_id is not None or not may_move(lead.status, to_status):
        return lead
    now = clock.now()
    policy = await _policy(session, now)
    draft = Draft(lead, lead, policy, at=occurred_at or now, now=now, actor=actor)
    draft.move(to_status, reason, details)
    change = draft.change()
    assert change is not None
    await storing.store(session, [change], policy)
    return change.after


async def upsert(
    session: WriteSession,
    principal: Principal,
    items: Sequence[Values],
    *,
    if_match: str | None = None,
) -> list[Outcome]:
    """Creates or merges each item by its `external_id`; one outcome an item, in order. External
    ids must be distinct; that of a merged lead is its survivor's. `if_match` is for a single
    item."""
    principal.require(*WRITERS)
    telling = await _telling(session, principal, items, is_binding=False)
    outcomes: dict[str, Outcome] = {}
    by_id = {str(item["external_id"]): item for item in items}
    waiting = sorted(by_id)
    # A further round finds what another writer created between our reading and our writing, and
    # what this one did to a lead that two of the names mean.
    while waiting:
        known = await repository.lock_by_external_id(session, waiting)
        fresh: list[LeadChange] = []
        stale: dict[UUID, LeadChange] = {}
        for external_id in waiting:
            old = known.get(external_id)
            if old is not None and old.id in stale:
                continue
            try:
                check_version(if_match, old.version if old else None)
                if old is None:
                    fresh.append(new_lead(telling, by_id[external_id]))
                    continue
                change = merged(telling, old, by_id[external_id])
            except ServiceError as refusal:
                outcomes[external_id] = refusal
                continue
            if change is not None:
                stale[old.id] = change
            version = old.version if change is None else change.after.version
            outcomes[external_id] = Stored(old.id, version, False, change is not None)
        await storing.store(session, list(stale.values()), telling.policy)
        inserted = await storing.store_new(session, fresh, telling.policy)
        for change in fresh:
            if change.after.id in inserted:
                lead = change.after
                outcomes[str(lead.external_id)] = Stored(lead.id, lead.version, True)
        waiting = [name for name in waiting if name not in outcomes]
    return [outcomes[str(item["external_id"])] for item in items]


async def _telling(
    session: WriteSession, principal: Principal, items: Sequence[Values], *, is_binding: bool
) -> Telling:
    now = clock.now()
    return Telling(
        principal=principal,
        policy=await _policy(session, now),
        users=await _users(session, items),
        now=now,
        today=(await get_workspace(session)).calendar.local_date(now),
        is_binding=is_binding,
    )


async def _policy(session: Session, now: datetime) -> Policy:
    return await get_policy(session, await version_in_force(session, now))


async def _users(session: Session, items: Sequence[Values]) -> dict[str, UUID]:
    named = {item[field] for item in items for field in HOLDERS if item.get(field) is not None}
    return await repository.user_ids(session, sorted(named)) if named else {}
