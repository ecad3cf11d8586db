"""Use cases: activities are logged and changed, one or many at once, set-based.

Published: `record` (also for imports).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.batch import Change, DuplicateInBatchError, Outcome, Stored
from services.kit.db import WriteSession
from services.kit.errors import IdTakenError
from services.kit.upsert import Draft, check_if_match, refuse_taken_ids, store_drafts
from services.pipeline.activities import consequences, references, repository
from services.pipeline.activities.drafting import Around, draft
from services.pipeline.activities.errors import (
    ActivityExternalIdTakenError,
    ActivityNotFoundError,
)
from services.pipeline.activities.repository import ACTIVITIES
from services.pipeline.opportunities.access import Actor


@dataclass(slots=True)
class Statement:
    """What is stated of one activity: of the one with this external id, of that one (`target`), or
    of a new one."""

    stated: Mapping[str, Any]
    external_id: str | None = None
    target: UUID | None = None
    current: dict[str, Any] | None = field(default=None)

    @property
    def change(self) -> Change:
        stated = {name: value for name, value in self.stated.items() if name != "external_id"}
        return Change(self.external_id or "", stated)


async def record(
    session: WriteSession,
    actor: Actor,
    statements: Sequence[Statement],
    *,
    if_match: str | None = None,
    only_create: bool = False,
    is_recording: bool = True,
) -> list[Outcome]:
    """One outcome a statement, in order. `only_create`: one that is there already is a conflict,
    unless the statement would not change it. `if_match` is for a single statement."""
    now = clock.now()
    rows = await _match(session, statements, by_id=only_create)
    found = await references.find(session, [each.stated for each in statements], rows)
    around = Around(actor, found, now, is_recorded=is_recording and actor.is_recorder)
    changes = [statement.change for statement in statements]
    drafts = [
        draft(change, statement.current, around)
        for change, statement in zip(changes, statements, strict=True)
    ]
    check_if_match(if_match, drafts)
    if only_create:
        _refuse_others(drafts)
    _refuse_twins(statements, drafts)
    await refuse_taken_ids(session, ACTIVITIES, "activity", changes, drafts)
    outcomes = await store_drafts(session, ACTIVITIES, drafts, now)
    await consequences.follow(session, actor, drafts, found, now)
    return outcomes


async def change(
    session: WriteSession,
    actor: Actor,
    activity_id: UUID,
    stated: Mapping[str, Any],
    *,
    if_match: str | None = None,
) -> list[Outcome]:
    """One that is there."""
    statement = Statement(stated, target=activity_id)
    return await record(session, actor, [statement], if_match=if_match, is_recording=False)


async def _match(
    session: WriteSession, statements: Sequence[Statement], *, by_id: bool
) -> list[dict[str, Any]]:
    """Finds and locks what is there."""
    names = [each.external_id for each in statements if each.external_id is not None]
    ids = [each.target for each in statements if each.target is not None]
    if by_id:
        ids += [each.stated["id"] for each in statements if each.stated.get("id") is not None]
    rows = await repository.lock(session, names, ids)
    named = {row["external_id"]: row for row in rows if row["external_id"] is not None}
    by_ids = {row["id"]: row for row in rows}
    for statement in statements:
        if statement.external_id is not None:
            statement.current = named.get(statement.external_id)
        if statement.target is not None:
            statement.current = by_ids.get(statement.target)
            if statement.current is None:
                raise ActivityNotFoundError(statement.target)
        elif statement.current is None and by_id and statement.stated.get("id") in by_ids:
            statement.current = by_ids[statement.stated["id"]]
    return rows


def _refuse_others(drafts: Sequence[Draft]) -> None:
    for drafted in drafts:
        if drafted.refusal is None and drafted.current is not None and drafted.changed:
            external_id = drafted.current["external_id"]
            if external_id is not None and drafted.external_id == external_id:
                drafted.refusal = ActivityExternalIdTakenError(external_id)
            else:
                drafted.refusal = IdTakenError("activity", drafted.current["id"])


def _refuse_twins(statements: Sequence[Statement], drafts: Sequence[Draft]) -> None:
    """The second of two statements about one activity; the first applies."""
    seen: dict[str, int] = {}
    for place, (statement, drafted) in enumerate(zip(statements, drafts, strict=True)):
        if statement.external_id is None:
            continue
        first = seen.setdefault(statement.external_id, place)
        if first != place:
            drafted.refusal = DuplicateInBatchError(statement.external_id, first)


__all__ = ["Statement", "Stored", "change", "record"]
