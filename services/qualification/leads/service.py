"""Use cases of leads: create, change, merge by external id. It decides nothing about acceptance.

A batch is the general case: leads are locked in one statement, changed in memory and written in
one statement more, and each item has an outcome of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.answers import check_version
from services.kit.auth import Principal
from services.kit.batch import Outcome, Stored, required, unknown_reference
from services.kit.db import ReadSession, Session, WriteSession
from services.kit.errors import InvalidPayloadError, ServiceError
from services.kit.ids import new_id
from services.kit.pagination import PageRequest
from services.qualification.leads import repository
from services.qualification.leads.domain import check_first_status, check_move
from services.qualification.leads.errors import (
    LeadExistsError,
    LeadNotFoundError,
    LeadNotYoursError,
    LeadStatusError,
)
from services.qualification.leads.repository import Lead

WRITERS = ("admin", "integration", "sales_ops", "manager", "sdr", "rep")
READERS = (*WRITERS, "analyst")
_RECORDERS = ("admin", "integration")
_ALL_LEADS = ("admin", "integration", "sales_ops", "manager", "sdr", "analyst")
_HOLDERS = {"sdr_external_id": "sdr_id", "owner_external_id": "owner_id"}

Values = Mapping[str, Any]


def own_leads_only(principal: Principal) -> bool:
    """A salesperson sees and changes the leads it holds; everybody else all of them."""
    return not principal.has(*_ALL_LEADS)


def require_yours(principal: Principal, lead: Lead) -> None:
    """Raises unless the caller may change the lead."""
    if own_leads_only(principal) and principal.user_id not in (lead.sdr_id, lead.owner_id):
        raise LeadNotYoursError


async def require_lead(
    session: Session, principal: Principal, lead_id: UUID, *, lock: bool = False
) -> Lead:
    """Raises LeadNotFoundError, also where the caller may not see it."""
    lead = await repository.get_lead(session, lead_id, lock=lock)
    if lead is None:
        raise LeadNotFoundError(lead_id)
    is_hidden = own_leads_only(principal) and principal.user_id not in (lead.sdr_id, lead.owner_id)
    if is_hidden:
        raise LeadNotFoundError(lead_id)
    return lead


async def list_leads(
    session: ReadSession, principal: Principal, page: PageRequest, filters: Values
) -> list[Lead]:
    """Up to one more than the page holds. Holders are filtered by external id; one that does not
    exist holds nothing."""
    if page.after is not None:
        page = PageRequest(page.limit, [_cursor_id(page.after)])
    equal = {name: value for name, value in filters.items() if value is not None}
    users = await _users(session, [equal])
    for field, column in _HOLDERS.items():
        if field in equal:
            user_id = users.get(equal.pop(field))
            if user_id is None:
                return []
            equal[column] = user_id
    holder = _self(principal) if own_leads_only(principal) else None
    return await repository.list_leads(session, page, equal=equal, holder_id=holder)


def _cursor_id(after: list[Any]) -> UUID:
    try:
        return UUID(str(after[0]))
    except ValueError:
        raise InvalidPayloadError.one(
            "query/cursor", "invalid_cursor", "is not a cursor of this list"
        ) from None


def _self(principal: Principal) -> UUID:
    """A key without a person holds nothing: the nil id never matches."""
    return principal.user_id or UUID(int=0)


async def create_lead(session: WriteSession, principal: Principal, values: Values) -> Lead:
    """A new lead. Raises LeadExistsError where its id or external id is taken."""
    principal.require(*WRITERS)
    users = await _users(session, [values])
    lead = _new_lead(principal, values, users)
    if not await repository.insert_leads(session, [lead]):
        external_id = values.get("external_id")
        taken = external_id is not None and await repository.lock_by_external_id(
            session, [external_id]
        )
        raise LeadExistsError(*(("external_id", external_id) if taken else ("id", lead.id)))
    return await read_back(session, lead.id)


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
    check_version(if_match, lead.version)
    users = await _users(session, [values])
    changed = _merged(principal, lead, values, users, binding=True)
    if changed is lead:
        return lead
    await repository.update_leads(session, [changed])
    return await read_back(session, lead_id)


async def upsert(
    session: WriteSession,
    principal: Principal,
    items: Sequence[Values],
    *,
    if_match: str | None = None,
) -> list[Outcome]:
    """Creates or merges each item by its `external_id`; one outcome an item, in order. External
    ids must be distinct. `if_match` is for a single item."""
    principal.require(*WRITERS)
    users = await _users(session, items)
    outcomes: dict[str, Outcome] = {}
    by_id = {str(item["external_id"]): item for item in items}
    waiting = sorted(by_id)
    # A second round finds what another writer created between our reading and our writing.
    while waiting:
        known = await repository.lock_by_external_id(session, waiting)
        fresh: list[Lead] = []
        stale: list[Lead] = []
        for external_id in waiting:
            old = known.get(external_id)
            try:
                check_version(if_match, old.version if old else None)
                if old is None:
                    fresh.append(_new_lead(principal, by_id[external_id], users))
                    continue
                lead = _merged(principal, old, by_id[external_id], users, binding=False)
            except ServiceError as refusal:
                outcomes[external_id] = refusal
                continue
            if lead is not old:
                stale.append(lead)
            outcomes[external_id] = Stored(lead.id, lead.version, False, lead is not old)
        await repository.update_leads(session, stale)
        inserted = await repository.insert_leads(session, fresh)
        for lead in fresh:
            if lead.id in inserted:
                outcomes[str(lead.external_id)] = Stored(lead.id, lead.version, True)
        waiting = [name for name in waiting if name not in outcomes]
    return [outcomes[str(item["external_id"])] for item in items]


async def _users(session: Session, items: Sequence[Values]) -> dict[str, UUID]:
    named = {item[field] for item in items for field in _HOLDERS if item.get(field) is not None}
    return await repository.user_ids(session, sorted(named)) if named else {}


def _columns(values: Values, users: Mapping[str, UUID]) -> dict[str, Any]:
    """The payload as columns. Raises where it names a user that is not there."""
    columns = dict(values)
    for field, column in _HOLDERS.items():
        if field not in columns:
            continue
        external_id = columns.pop(field)
        if external_id is not None and external_id not in users:
            raise unknown_reference(f"/{field}", "user", external_id)
        columns[column] = None if external_id is None else users[external_id]
    return columns


def _new_lead(principal: Principal, values: Values, users: Mapping[str, UUID]) -> Lead:
    if not values.get("name"):
        raise required(["name"], "lead")
    columns = _columns(values, users)
    if own_leads_only(principal):
        columns.setdefault("owner_id", principal.user_id)
    elif not principal.has("admin", "integration", "sales_ops", "manager"):
        columns.setdefault("sdr_id", principal.user_id)
    status = columns.setdefault("status", "raw")
    refusal = None if principal.has(*_RECORDERS) else check_first_status(status)
    if refusal is not None:
        raise LeadStatusError(refusal)
    now = clock.now()
    blank: dict[str, Any] = dict.fromkeys(repository.COLUMNS) | {
        "version": 1,
        "score": 0,
        "tools": [],
        "behaviour_points": 0,
        "demographic_points": 0,
        "mql_count": 0,
        "unsubscribed": False,
        "status_since": now,
        "created_at": now,
        "updated_at": now,
    }
    columns["id"] = columns.get("id") or new_id()
    lead = Lead(**(blank | columns))
    require_yours(principal, lead)
    return lead


def _merged(
    principal: Principal,
    lead: Lead,
    values: Values,
    users: Mapping[str, UUID],
    *,
    binding: bool,
) -> Lead:
    """The lead with the values in it, the same object where nothing changes. A record of another
    system states the status as it is there; anybody else's moves are bound."""
    require_yours(principal, lead)
    columns = _columns(values, users)
    changes = {name: value for name, value in columns.items() if getattr(lead, name) != value}
    if not changes:
        return lead
    now = clock.now()
    if "status" in changes:
        refusal = None
        if binding or not principal.has(*_RECORDERS):
            refusal = check_move(lead.status, changes["status"])
        if refusal is not None:
            raise LeadStatusError(refusal)
        changes["status_since"] = now
    return replace(lead, **changes, version=lead.version + 1, updated_at=now)
