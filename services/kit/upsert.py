"""Merging what clients state into records: drafts of rows, which become one insert and one update.

A use case makes a draft of each change, revises it with what it derives, refuses what it must, and
stores the rest. The rules: absent is unchanged, null clears or returns to the default, a new record
needs its required fields, and what changes nothing makes no new version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.kit.answers import check_version
from services.kit.batch import Change, Outcome, Stored, required
from services.kit.db import WriteSession
from services.kit.errors import (
    FieldProblem,
    IdMismatchError,
    IdTakenError,
    InvalidPayloadError,
    ServiceError,
)
from services.kit.ids import new_id
from services.kit.rows import Rows, merge


@dataclass(frozen=True, slots=True)
class Shape:
    """What a kind of record needs: the columns without which there is none, named as clients name
    them, and the value of every other stated column where nothing is stated."""

    kind: str
    required: tuple[str, ...]
    defaults: Mapping[str, Any]


@dataclass(slots=True)
class Draft:
    """One change on its way. `row` is what the record would be; `changed` the columns in which it
    differs from what is stored; `refusal` why it will not be."""

    external_id: str
    current: dict[str, Any] | None
    row: dict[str, Any]
    changed: set[str] = field(default_factory=set)
    refusal: ServiceError | None = None

    @classmethod
    def begin(
        cls,
        change: Change,
        current: dict[str, Any] | None,
        stated: Mapping[str, Any],
        shape: Shape,
        now: datetime,
    ) -> Draft:
        """`stated` are columns: references are already ids, or left for `revise`."""
        stated = dict(stated)
        sent_id = stated.pop("id", None)
        if current is None:
            draft = cls(change.external_id, None, _blank(change, shape, now, sent_id))
        else:
            draft = cls(change.external_id, current, dict(current))
            if sent_id not in (None, current["id"]):
                draft.refusal = IdMismatchError(sent_id, current["id"])
                return draft
        missing = [
            name
            for name in shape.required
            if (change.stated.get(name, "") is None)
            or (current is None and name not in change.stated)
        ]
        if missing:
            cleared = [name for name in missing if name in change.stated and current is not None]
            draft.refusal = _cannot_clear(cleared) if cleared else required(missing, shape.kind)
            return draft
        draft.revise(
            {
                name: shape.defaults.get(name) if value is None else value
                for name, value in stated.items()
            }
        )
        return draft

    @property
    def is_new(self) -> bool:
        return self.current is None

    def revise(self, values: Mapping[str, Any]) -> None:
        """Puts values into the row; what the record already says is no change."""
        revised = merge(self.row, values)
        if revised is not None:
            self.changed |= {name for name in values if self.row[name] != revised[name]}
            self.row = revised
        if self.current is not None:
            self.changed = {name for name in self.changed if self.row[name] != self.current[name]}


def _blank(change: Change, shape: Shape, now: datetime, sent_id: UUID | None) -> dict[str, Any]:
    return {
        **dict.fromkeys(shape.required),
        **shape.defaults,
        "id": sent_id or new_id(),
        "external_id": change.external_id,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }


def _cannot_clear(names: Sequence[str]) -> InvalidPayloadError:
    return InvalidPayloadError(
        [
            FieldProblem(
                f"/{name}", "required_field", "cannot be cleared; leave it out or send one"
            )
            for name in names
        ]
    )


async def refuse_taken_ids(
    session: WriteSession, rows: Rows, kind: str, changes: Sequence[Change], drafts: Sequence[Draft]
) -> None:
    """A client may choose the id of a new record, but not one that another record has or takes.
    Before anything refers to the drafts, since what is refused must not be referred to."""
    chosen = [
        draft
        for change, draft in zip(changes, drafts, strict=True)
        if draft.is_new and draft.refusal is None and change.stated.get("id") is not None
    ]
    if not chosen:
        return
    taken = await rows.ids_there(session, [draft.row["id"] for draft in chosen])
    for draft in chosen:
        if draft.row["id"] in taken:
            draft.refusal = IdTakenError(kind, draft.row["id"])
        taken.add(draft.row["id"])


def check_if_match(if_match: str | None, drafts: Sequence[Draft]) -> None:
    """For the single change of a PUT; raises StaleVersionError."""
    if if_match is not None:
        current = drafts[0].current
        check_version(if_match, current["version"] if current else None)


async def store_drafts(
    session: WriteSession, rows: Rows, drafts: Sequence[Draft], now: datetime
) -> list[Outcome]:
    """Inserts what is new, updates what has changed under its next version, leaves the rest."""
    outcomes: list[Outcome] = []
    created, updated = [], []
    for draft in drafts:
        if draft.refusal is not None:
            outcomes.append(draft.refusal)
            continue
        if draft.current is None:
            created.append(draft.row)
        elif draft.changed:
            draft.row |= {"version": draft.current["version"] + 1, "updated_at": now}
            updated.append(draft.row)
        outcomes.append(
            Stored(
                draft.row["id"],
                draft.row["version"],
                draft.is_new,
                draft.is_new or bool(draft.changed),
            )
        )
    await rows.insert(session, created)
    await rows.update(session, updated)
    return outcomes
