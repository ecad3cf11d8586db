"""Use cases of partners: recruit one in an activity, and follow how far it comes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.kit import clock
from services.kit.answers import check_version
from services.kit.auth import Principal
from services.kit.db import Session, WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.ids import new_id
from services.qualification.engagement import repository_partners as repository
from services.qualification.engagement.errors import PartnerNameTakenError, PartnerNotFoundError
from services.qualification.engagement.kinds import PARTNER_KINDS
from services.qualification.engagement.repository_partners import MOVES, PARTNERS, name_key
from services.qualification.engagement.schemas_partners import PartnerRecruited, PartnerUpdate
from services.qualification.engagement.service import require_activity, require_yours


async def recruit(
    session: WriteSession, principal: Principal, activity_id: UUID, body: PartnerRecruited
) -> tuple[UUID, int, bool]:
    """The partner's id, its version and whether it is new. One that is known is brought up to
    what was sent."""
    activity = await require_activity(session, activity_id)
    require_yours(principal, activity)
    kind = body.kind or activity["kind"]
    if kind not in PARTNER_KINDS:
        raise InvalidPayloadError.one(
            "/kind", "missing", f"must be one of {', '.join(PARTNER_KINDS)}"
        )
    now = clock.now()
    stated = body.stated()
    known = await repository.lock_partner_named(session, kind, body.name)
    if known is not None:
        del stated["name"]
        version = await _follow(session, principal, known, stated, activity_id, now)
        return known["id"], version, False
    at, partner_id = body.occurred_at or now, new_id()
    row = {
        "id": partner_id,
        "version": 1,
        "kind": kind,
        "name": body.name,
        "name_key": name_key(body.name),
        "state": body.state,
        "state_since": at,
        "next_step": body.next_step,
        "next_step_date": body.next_step_date,
        "activity_id": activity_id,
        "created_at": now,
        "updated_at": now,
    }
    await PARTNERS.insert(session, [row])
    await _record(session, principal, row, None, activity_id, at, now)
    return partner_id, 1, True


async def change(
    session: WriteSession,
    principal: Principal,
    partner_id: UUID,
    body: PartnerUpdate,
    *,
    if_match: str | None,
) -> None:
    """Changes what is sent; whoever may add to the activity it was first approached in may."""
    known = await repository.lock_partner(session, partner_id)
    if known is None:
        raise PartnerNotFoundError(partner_id)
    require_yours(principal, await require_activity(session, known["activity_id"]))
    check_version(if_match, known["version"])
    stated = body.stated()
    if "name" in stated and name_key(stated["name"]) != known["name_key"]:
        if await repository.lock_partner_named(session, known["kind"], stated["name"]):
            raise PartnerNameTakenError(stated["name"])
        stated["name_key"] = name_key(stated["name"])
    await _follow(session, principal, known, stated, None, clock.now())


async def _follow(
    session: WriteSession,
    principal: Principal,
    known: dict[str, Any],
    stated: Mapping[str, Any],
    activity_id: UUID | None,
    now: datetime,
) -> int:
    """The version after the change; no change, no new one. A change of state is kept for ever."""
    at = stated.get("occurred_at") or now
    changes = {
        name: value
        for name, value in stated.items()
        if name not in ("occurred_at", "kind") and known[name] != value
    }
    if not changes:
        return int(known["version"])
    row = {**known, **changes, "version": known["version"] + 1, "updated_at": now}
    if "state" in changes:
        if at < known["state_since"]:
            since = clock.isoformat(known["state_since"])
            raise InvalidPayloadError.one(
                "/occurred_at", "before_last_move", f"is before its last change of state, {since}"
            )
        row["state_since"] = at
    await repository.update_partner(session, row)
    if "state" in changes:
        await _record(session, principal, row, known["state"], activity_id, at, now)
    return int(row["version"])


async def _record(
    session: WriteSession,
    principal: Principal,
    row: Mapping[str, Any],
    from_state: str | None,
    activity_id: UUID | None,
    at: datetime,
    now: datetime,
) -> None:
    move = {
        "id": new_id(),
        "partner_id": row["id"],
        "activity_id": activity_id,
        "from_state": from_state,
        "to_state": row["state"],
        "next_step": row["next_step"],
        "actor": principal.actor,
        "occurred_at": at,
        "recorded_at": now,
    }
    await MOVES.insert(session, [move])


async def require_partner(session: Session, partner_id: UUID) -> asyncpg.Record:
    """Raises PartnerNotFoundError."""
    found = await repository.get_partner(session, partner_id)
    if found is None:
        raise PartnerNotFoundError(partner_id)
    return found
