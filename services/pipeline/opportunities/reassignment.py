"""Bulk change of owner. Unlike a PATCH it may touch closed records: who gets the credit is decided
by whoever reassigns, and the figures follow from the instant given."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from services.kit import clock
from services.kit.db import WriteSession
from services.kit.errors import ForbiddenError, InvalidPayloadError, ServiceError
from services.pipeline.opportunities import events, repository
from services.pipeline.opportunities.access import Actor
from services.pipeline.opportunities.context import circumstances_of
from services.pipeline.opportunities.decisions import draft, finish
from services.pipeline.opportunities.drafts import REASSIGNED, Change
from services.pipeline.opportunities.errors import (
    NotYourOpportunityError,
    OpportunityNotFoundError,
)
from services.pipeline.opportunities.families import Families
from services.pipeline.opportunities.record import Row
from services.pipeline.opportunities.references import References, Wanted
from services.pipeline.opportunities.schemas_reassignment import REASSIGN_MAX, Reassignment
from services.pipeline.opportunities.stages import OPEN_STAGES, STAGE

_ALL_STAGES: Final = tuple(STAGE)
_NO_FAMILIES: Final = Families({})


async def reassign(
    session: WriteSession, actor: Actor, request: Reassignment
) -> list[dict[str, Any]]:
    """One result a record, in the order named, or in the order of ids for an owner's."""
    if not actor.is_manager and not actor.is_recorder:
        raise ForbiddenError("Reassigning needs one of the roles admin, integration, sales_ops,"
                             " manager.")  # fmt: skip
    now = clock.now()
    users = Wanted(users={request.to_owner_external_id})
    if request.from_owner_external_id is not None:
        users.users.add(request.from_owner_external_id)
    found = await repository.find_references(session, users)
    _check_users(request, found)
    rows = await _select(session, request, found)
    if not actor.may_write(found.users[request.to_owner_external_id].id):
        raise NotYourOpportunityError("The new owner is out of your reach")
    circumstances = await circumstances_of(
        session,
        actor,
        is_recording=True,
        now=now,
    )
    stated = {"owner_external_id": request.to_owner_external_id, "occurred_at": request.occurred_at}
    references = await _connected(session, rows, stated)
    changes: list[Change] = []
    results: list[dict[str, Any]] = []
    for name, row in rows:
        try:
            if row is None or not actor.may_write(row["owner_id"]):
                raise OpportunityNotFoundError(name)
            drafted = draft(row, stated, references, circumstances, reason=request.reason)
            drafted.findings.clear()
            change = finish(drafted, _NO_FAMILIES, circumstances, kind=REASSIGNED)
        except ServiceError as refusal:
            results.append(_refused(name, refusal))
            continue
        if change is not None:
            changes.append(change)
        after = row if change is None else change.row
        results.append(
            {
                "status": 200,
                "id": after["id"],
                "external_id": after["external_id"],
                "version": after["version"],
            }
        )
    await repository.update_rows(session, [change.row for change in changes])
    await events.record_many(session, changes, actor.name, now)
    return results


def _check_users(request: Reassignment, found: References) -> None:
    for field in ("to_owner_external_id", "from_owner_external_id"):
        name = getattr(request, field)
        if name is not None and name not in found.users:
            raise InvalidPayloadError.one(
                f"/{field}", "unknown_user", f"there is no user {name[:100]!r} in this workspace"
            )


async def _select(
    session: WriteSession, request: Reassignment, found: References
) -> list[tuple[object, Row | None]]:
    """The records asked for, locked, each once, with the name it was asked for by."""
    if request.from_owner_external_id is not None:
        owner = found.users[request.from_owner_external_id]
        stages = _ALL_STAGES if request.include_closed else OPEN_STAGES
        ids = await repository.ids_of_owner(session, owner.id, stages, REASSIGN_MAX + 1)
        if len(ids) > REASSIGN_MAX:
            raise InvalidPayloadError.one(
                "/from_owner_external_id",
                "too_many_records",
                f"owns more than {REASSIGN_MAX} of them; name them by ids, in parts",
            )
        rows = await repository.lock_many(session, ids=ids)
        # Who was given away while this waited for the lock is no longer this owner's.
        return [(row["id"], row) for row in rows if row["owner_id"] == owner.id]
    rows = await repository.lock_many(session, request.external_ids, request.ids)
    by_id = {row["id"]: row for row in rows}
    by_external_id = {row["external_id"]: row for row in rows}
    named: list[tuple[object, Row | None]] = [
        *((each, by_id.get(each)) for each in request.ids),
        *((each, by_external_id.get(each)) for each in request.external_ids),
    ]
    seen: set[UUID] = set()
    return [
        (name, row)
        for name, row in named
        if row is None or (row["id"] not in seen and not seen.add(row["id"]))  # type: ignore[func-returns-value]
    ]


async def _connected(
    session: WriteSession, rows: list[tuple[object, Row | None]], stated: dict[str, Any]
) -> References:
    wanted = Wanted()
    wanted.add(stated, None)
    for _, row in rows:
        if row is not None:
            wanted.add(stated, row)
    return await repository.find_references(session, wanted)


def _refused(name: object, refusal: ServiceError) -> dict[str, Any]:
    key = "id" if isinstance(name, UUID) else "external_id"
    return {"status": refusal.status, key: name, "error": refusal.problem()}
