"""Many opportunities at once, set-based: one statement for each kind of thing, whatever the
number of items. A single POST or PUT is the same with one item.

Published: `upsert_many` (also for imports).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.answers import check_version
from services.kit.batch import DuplicateInBatchError, Outcome, Stored
from services.kit.db import WriteSession
from services.kit.errors import IdMismatchError, IdTakenError, ServiceError
from services.kit.ids import new_id
from services.pipeline.opportunities import events, gates, linked, repository
from services.pipeline.opportunities.access import Actor
from services.pipeline.opportunities.alerts import tell_lost
from services.pipeline.opportunities.context import circumstances_of
from services.pipeline.opportunities.decisions import draft, finish
from services.pipeline.opportunities.drafts import Change, Circumstances, Draft
from services.pipeline.opportunities.errors import (
    ExternalIdTakenError,
    NotYourOpportunityError,
)
from services.pipeline.opportunities.family_rows import find_families
from services.pipeline.opportunities.order_types import needs_family
from services.pipeline.opportunities.record import Row
from services.pipeline.opportunities.references import References, Wanted

Statement = Mapping[str, Any]


@dataclass(slots=True)
class _Item:
    """One statement on its way: the record it is about, then its draft or the refusal."""

    stated: Statement
    current: Row | None = None
    drafted: Draft | None = None
    change: Change | None = None
    refusal: ServiceError | None = None


async def upsert_many(
    session: WriteSession,
    actor: Actor,
    statements: Sequence[Statement],
    *,
    recording: bool = True,
    if_match: str | None = None,
    only_create: bool = False,
    reason: str | None = None,
    is_stored: bool = True,
) -> list[Outcome]:
    """One outcome a statement, in order; each is `OpportunityWrite.stated()` of a valid payload,
    and names its record by `external_id`, or by `id`, or is new. A bad one fails alone.

    An actor who may not record is bound as by PATCH, whatever `recording` says. `only_create`:
    a record that is there already is a conflict, unless the statement would not change it.
    `is_stored` False: outcomes as they would be, and nothing is written.
    """
    now = clock.now()
    circumstances = await circumstances_of(
        session,
        actor,
        is_recording=recording and actor.is_recorder,
        now=now,
    )
    items = [_Item(stated) for stated in statements]
    await _match(session, items)
    if if_match is not None:
        current = items[0].current
        check_version(if_match, None if current is None else current["version"])
    references = await _references(session, actor, items)
    for item in items:
        _draft(item, actor, references, circumstances, only_create, reason)
    await _hold(session, actor, items, circumstances)
    await _finish(session, items, circumstances, only_create)
    if is_stored:
        await _store(session, actor, items, circumstances)
    return [_outcome(item) for item in items]


async def _match(session: WriteSession, items: Sequence[_Item]) -> None:
    """Finds and locks the records the statements are about."""
    external_ids = [item.stated["external_id"] for item in items if item.stated.get("external_id")]
    ids = [item.stated["id"] for item in items if item.stated.get("id")]
    rows = await repository.lock_many(session, external_ids, ids)
    by_external_id = {row["external_id"]: row for row in rows if row["external_id"]}
    by_id = {row["id"]: row for row in rows}
    seen: dict[UUID, int] = {}
    for place, item in enumerate(items):
        external_id, id_ = item.stated.get("external_id"), item.stated.get("id")
        current = by_external_id.get(external_id) if external_id else None
        if current is None and id_ in by_id:
            current = by_id[id_]
            if external_id is not None and current["external_id"] != external_id:
                item.refusal = IdTakenError("opportunity", current["id"])
        elif current is not None and id_ not in (None, current["id"]):
            item.refusal = IdMismatchError(id_, current["id"])
        item.current = current
        identity = id_ if current is None else current["id"]
        if identity is not None and item.refusal is None:
            first = seen.setdefault(identity, place)
            if first != place:
                item.refusal = DuplicateInBatchError(str(identity), first)


async def _references(session: WriteSession, actor: Actor, items: Sequence[_Item]) -> References:
    wanted = Wanted()
    for item in items:
        wanted.add(item.stated, item.current)
    if actor.user_id is not None:
        wanted.user_ids.add(actor.user_id)
    return await repository.find_references(session, wanted)


def _draft(
    item: _Item,
    actor: Actor,
    references: References,
    circumstances: Circumstances,
    only_create: bool,
    reason: str | None,
) -> None:
    if item.refusal is not None:
        return
    current, stated = item.current, item.stated
    if current is None and "owner_external_id" not in stated and actor.user_id is not None:
        stated = {
            **stated,
            "owner_external_id": references.users_by_id[actor.user_id].external_id,
        }
    try:
        if current is not None and not actor.may_write(current["owner_id"]):
            raise NotYourOpportunityError("The record belongs to somebody out of your reach")
        if only_create and current is not None and stated.get("id") is None:
            raise ExternalIdTakenError(current["external_id"], current["id"])
        drafted = draft(
            current,
            stated,
            references,
            circumstances,
            new_id=stated.get("id") or new_id(),
            reason=reason,
        )
        if not actor.may_write(drafted.row["owner_id"]):
            raise NotYourOpportunityError("The owner is out of your reach")
        item.drafted = drafted
    except ServiceError as refusal:
        item.refusal = refusal


async def _hold(
    session: WriteSession, actor: Actor, items: Sequence[_Item], circumstances: Circumstances
) -> None:
    """At the gates of stages; as many statements for all that move as for one, none where none
    does."""
    is_recording = circumstances.is_recording or actor.bypasses_gates
    drafts = [item.drafted for item in items if item.drafted is not None]
    refused: dict[UUID, ServiceError] = {
        **await gates.hold_many(session, drafts, circumstances, is_recording=is_recording),
        **await linked.hold(session, drafts, circumstances),
    }
    for item in items:
        if item.drafted is not None and item.drafted.row["id"] in refused:
            item.refusal, item.drafted = refused[item.drafted.row["id"]], None


async def _finish(
    session: WriteSession, items: Sequence[_Item], circumstances: Circumstances, only_create: bool
) -> None:
    """Order types, item by item, since an earlier item may win the account."""
    drafts = [item.drafted for item in items if item.drafted is not None]
    families = await find_families(
        session, [each.row["account_id"] for each in drafts if needs_family(each)]
    )
    for item in items:
        if item.drafted is None:
            continue
        item.change = finish(item.drafted, families, circumstances)
        if item.change is not None and only_create and item.current is not None:
            item.change, item.refusal = None, IdTakenError("opportunity", item.current["id"])
        elif item.change is not None:
            families.note(item.change.row, item.current)


async def _store(
    session: WriteSession, actor: Actor, items: Sequence[_Item], circumstances: Circumstances
) -> None:
    changes = [item.change for item in items if item.change is not None]
    await repository.insert_rows(session, [each.row for each in changes if each.is_new])
    await repository.update_rows(session, [each.row for each in changes if not each.is_new])
    await events.record_many(session, changes, actor.name, circumstances.now)
    await tell_lost(session, changes, circumstances)
    await follow_through(session, actor, changes)


async def follow_through(session: WriteSession, actor: Actor, changes: Sequence[Change]) -> None:
    """What these changes do to opportunities that belong to the changed ones, in the same
    transaction. Raises what refuses it."""
    found = await linked.consequences(session, changes)
    if not found:
        return
    outcomes = await upsert_many(
        session,
        linked.acting(actor),
        [each.statement for each in found],
        reason="Follows the opportunity it belongs to",
    )
    made = {}
    for each, outcome in zip(found, outcomes, strict=True):
        if isinstance(outcome, ServiceError):
            raise outcome
        if each.debooks is not None:
            made[each.debooks] = outcome.id
    await linked.keep_debooks(session, made, actor.name, clock.now())


def _outcome(item: _Item) -> Outcome:
    if item.refusal is not None:
        return item.refusal
    row = item.change.row if item.change is not None else item.current
    assert row is not None
    return Stored(
        id=row["id"],
        version=row["version"],
        created=item.current is None,
        changed=item.change is not None,
        record=row,
    )
