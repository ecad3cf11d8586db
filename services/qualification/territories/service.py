"""Recording territories and organisations. Divisions, with their colours, are in
`service_divisions`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from services.kit import clock
from services.kit.auth import Principal
from services.kit.batch import Change, Outcome, unknown_reference
from services.kit.db import Session, WriteSession
from services.kit.errors import ForbiddenError
from services.kit.upsert import Draft, Shape, check_if_match, refuse_taken_ids, store_drafts
from services.qualification.territories import repository
from services.qualification.territories.access import require_assigner, require_writer
from services.qualification.territories.errors import (
    OrganisationNotFoundError,
    TerritoryNotFoundError,
)
from services.qualification.territories.repository import ORGANISATIONS, TERRITORIES
from services.workspace.users.reach import WRITERS
from services.workspace.users.repository import USERS

_TERRITORY = Shape(
    kind="territory",
    required=(),
    defaults={"name": None, "segment": None, "region": None, "area": None, "owner_ids": []},
)
_ORGANISATION = Shape(
    kind="organisation",
    required=(),
    defaults={
        "territory_id": None,
        "name": None,
        "account_external_id": None,
        "vertical": None,
        "route_to_market": None,
        "employees": None,
        "is_customer": False,
        "active": True,
    },
)


async def require_territory(session: Session, territory_id: UUID) -> asyncpg.Record:
    """Raises TerritoryNotFoundError."""
    territory = await repository.get_territory(session, territory_id)
    if territory is None:
        raise TerritoryNotFoundError(territory_id)
    return territory


async def require_organisation(session: Session, organisation_id: UUID) -> asyncpg.Record:
    """Raises OrganisationNotFoundError."""
    organisation = await repository.get_organisation(session, organisation_id)
    if organisation is None:
        raise OrganisationNotFoundError(organisation_id)
    return organisation


async def require_writable(
    session: Session, principal: Principal, territory_id: UUID
) -> asyncpg.Record:
    """The territory; raises where there is none, or the caller may only read it."""
    territory = await require_territory(session, territory_id)
    require_writer(principal, territory["name"], territory["owner_ids"])
    return territory


def name_by_default(stated: dict[str, Any], known: Any, external_id: str) -> None:
    """A record without a name is called by its external id."""
    if stated.get("name", known and known["name"]) is None:
        stated["name"] = external_id


async def upsert_territories(
    session: WriteSession,
    principal: Principal,
    changes: Sequence[Change],
    *,
    if_match: str | None = None,
) -> list[Outcome]:
    """One outcome a change, in order. `if_match` is for a single change."""
    principal.require(*WRITERS)
    now = clock.now()
    current = await TERRITORIES.lock_named(session, (change.external_id for change in changes))
    owners = await USERS.ids_named(
        session,
        (name for each in changes for name in each.stated.get("owner_external_ids") or ()),
    )
    drafts = []
    for change in changes:
        known = current.get(change.external_id)
        stated = dict(change.stated)
        named = stated.pop("owner_external_ids", None)
        if "owner_external_ids" in change.stated:
            found = {owners[name] for name in named or () if name in owners}
            stated["owner_ids"] = sorted(found)
        name_by_default(stated, known, change.external_id)
        draft = Draft.begin(change, known, stated, _TERRITORY, now)
        draft.refusal = draft.refusal or _refuse_territory(principal, draft)
        unknown = next((name for name in named or () if name not in owners), None)
        if draft.refusal is None and unknown is not None:
            draft.refusal = unknown_reference("/owner_external_ids", "user", unknown)
        drafts.append(draft)
    check_if_match(if_match, drafts)
    await refuse_taken_ids(session, TERRITORIES, "territory", changes, drafts)
    return await store_drafts(session, TERRITORIES, drafts, now)


def _refuse_territory(principal: Principal, draft: Draft) -> ForbiddenError | None:
    """Owners may write what they own, but neither make a territory nor give one away."""
    try:
        require_writer(
            principal, draft.external_id, draft.current["owner_ids"] if draft.current else ()
        )
        if "owner_ids" in draft.changed:
            require_assigner(principal)
    except ForbiddenError as refusal:
        return refusal
    return None


async def upsert_organisations(
    session: WriteSession,
    principal: Principal,
    territory_id: UUID,
    changes: Sequence[Change],
    *,
    if_match: str | None = None,
) -> list[Outcome]:
    """As `upsert_territories`. An organisation of another territory moves to this one, where the
    caller may write both."""
    await require_writable(session, principal, territory_id)
    now = clock.now()
    current = await ORGANISATIONS.lock_named(session, (change.external_id for change in changes))
    left = {row["territory_id"] for row in current.values()} - {territory_id}
    territories = await repository.get_territories(session, left)
    drafts = []
    for change in changes:
        known = current.get(change.external_id)
        stated = {**change.stated, "territory_id": territory_id}
        name_by_default(stated, known, change.external_id)
        draft = Draft.begin(change, known, stated, _ORGANISATION, now)
        if known is not None and known["territory_id"] in territories:
            before = territories[known["territory_id"]]
            try:
                require_writer(principal, before["name"], before["owner_ids"])
            except ForbiddenError as refusal:
                draft.refusal = refusal
        drafts.append(draft)
    check_if_match(if_match, drafts)
    await refuse_taken_ids(session, ORGANISATIONS, "organisation", changes, drafts)
    return await store_drafts(session, ORGANISATIONS, drafts, now)
