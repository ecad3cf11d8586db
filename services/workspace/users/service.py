"""Recording users and whom they report to.

Items of one request are decided together: a manager may be defined by a later item, and a circle
is looked for in what all of them would make. Every line goes through the outbox, since it moves
the figures of whoever is above.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.answers import check_version
from services.kit.auth import Principal
from services.kit.batch import Change, Outcome, Stored, required, unknown_reference
from services.kit.db import WriteSession
from services.kit.errors import InvalidPayloadError, ServiceError
from services.kit.ids import new_id
from services.kit.rows import merge
from services.workspace.outbox import KIND_REPORTING_LINE, OUTBOX
from services.workspace.users import repository
from services.workspace.users.domain import Circle, Hierarchy, Line
from services.workspace.users.errors import ReportingLineCycleError
from services.workspace.users.schemas import DEFAULT_PLAN_TYPE, DEFAULT_ROLE

_DEFAULTS: dict[str, Any] = {
    "role": DEFAULT_ROLE,
    "plan_type": DEFAULT_PLAN_TYPE,
    "active": True,
}
_BLANK: dict[str, Any] = {"email": None, "segment": None, "region": None, "timezone": None}


@dataclass(slots=True)
class _Draft:
    """One item on its way: the row it would be, the line it would record, or why not."""

    external_id: str
    current: dict[str, Any] | None
    row: dict[str, Any] | None = None
    has_changed: bool = False
    names_manager: bool = False
    manager: str | None = None
    effective_from: datetime | None = None
    line: Line | None = None
    refusal: ServiceError | None = None


async def upsert_users(
    session: WriteSession,
    principal: Principal,
    changes: Sequence[Change],
    *,
    if_match: str | None = None,
) -> list[Outcome]:
    """One outcome a change, in order. `if_match` is for a single change."""
    now = clock.now()
    await repository.lock_hierarchy(session)
    named: set[str | None] = {change.external_id for change in changes}
    managers = {change.stated.get("manager_external_id") for change in changes}
    known = await repository.USERS.lock_named(session, filter(None, named | managers))
    drafts = [_draft(change, known.get(change.external_id), now) for change in changes]
    if if_match is not None:
        current = drafts[0].current
        check_version(if_match, current["version"] if current else None)
    await _decide_lines(session, drafts, {name: row["id"] for name, row in known.items()}, now)
    return await _store(session, principal, drafts, now)


def _draft(change: Change, current: dict[str, Any] | None, now: datetime) -> _Draft:
    stated = dict(change.stated)
    draft = _Draft(change.external_id, current)
    draft.names_manager = "manager_external_id" in stated
    draft.manager = stated.pop("manager_external_id", None)
    draft.effective_from = stated.pop("effective_from", None)
    if draft.effective_from is not None and not draft.names_manager:
        draft.refusal = InvalidPayloadError.one(
            "/effective_from",
            "manager_missing",
            "is when a reporting line begins; send manager_external_id with it",
        )
    for name, default in _DEFAULTS.items():
        if name in stated and stated[name] is None:
            stated[name] = default
    if stated.get("name", "") is None or (current is None and "name" not in stated):
        draft.refusal = required(["name"], "user")
    elif current is None:
        draft.has_changed = True
        draft.row = {
            "id": new_id(), "external_id": change.external_id, **_DEFAULTS, **_BLANK, **stated,
            "version": 1, "created_at": now, "updated_at": now,
        }  # fmt: skip
    else:
        changed = merge(current, stated)
        draft.has_changed = changed is not None
        draft.row = changed or dict(current)
    return draft


async def _decide_lines(
    session: WriteSession, drafts: list[_Draft], known: dict[str, UUID], now: datetime
) -> None:
    """Gives each draft its line or refuses it. A refused item takes its user and line with it, so
    what relied on them is decided anew until nothing changes."""
    with_manager = [draft for draft in drafts if draft.names_manager and not draft.refusal]
    if not with_manager:
        return
    hierarchy = Hierarchy(await repository.recorded_lines(session))
    while True:
        _refuse_unknown_managers(drafts, with_manager, known)
        ids = _ids(drafts, known)
        for draft in with_manager:
            if draft.refusal is None and draft.line is None:
                _propose_line(draft, ids, hierarchy, now)
            elif draft.refusal is not None and draft.line is not None:
                hierarchy.remove(draft.line)
                draft.line = None
        if not await _refuse_circle(session, with_manager, hierarchy):
            return


def _ids(drafts: list[_Draft], known: dict[str, UUID]) -> dict[str, UUID]:
    """Every user that is there or will be."""
    new = {
        draft.external_id: draft.row["id"]
        for draft in drafts
        if draft.refusal is None and draft.current is None and draft.row is not None
    }
    return known | new


def _refuse_unknown_managers(
    drafts: list[_Draft], with_manager: list[_Draft], known: dict[str, UUID]
) -> None:
    while True:
        ids = _ids(drafts, known)
        unknown = [
            draft
            for draft in with_manager
            if draft.refusal is None and draft.manager is not None and draft.manager not in ids
        ]
        for draft in unknown:
            assert draft.manager is not None
            draft.refusal = unknown_reference("/manager_external_id", "user", draft.manager)
        if not unknown:
            return


def _propose_line(draft: _Draft, ids: dict[str, UUID], hierarchy: Hierarchy, now: datetime) -> None:
    """No line where the manager already holds at that instant."""
    assert draft.row is not None
    user_id = draft.row["id"]
    manager_id = None if draft.manager is None else ids[draft.manager]
    begin = draft.effective_from
    if begin is None:
        begin = now if hierarchy.has_line(user_id) else repository.ALWAYS
    if hierarchy.manager_at(user_id, begin) != manager_id:
        draft.line = Line(user_id, manager_id, begin)
        hierarchy.add(draft.line)


async def _refuse_circle(
    session: WriteSession, with_manager: list[_Draft], hierarchy: Hierarchy
) -> bool:
    """Refuses the last item that closes a circle; False when there is none."""
    for draft in reversed(with_manager):
        if draft.line is None:
            continue
        circle = hierarchy.circle_of(draft.line)
        if circle is not None:
            draft.refusal = await _cycle_error(session, with_manager, circle)
            return True
    return False


async def _cycle_error(
    session: WriteSession, with_manager: list[_Draft], circle: Circle
) -> ReportingLineCycleError:
    names = await repository.external_ids(session, circle.chain)
    names |= {draft.row["id"]: draft.external_id for draft in with_manager if draft.row}
    since = None if circle.since == repository.ALWAYS else circle.since
    return ReportingLineCycleError([names[user_id] for user_id in circle.chain], since)


async def _store(
    session: WriteSession, principal: Principal, drafts: list[_Draft], now: datetime
) -> list[Outcome]:
    created: list[dict[str, Any]] = []
    updated: list[dict[str, Any]] = []
    lines: list[Line] = []
    outcomes: list[Outcome] = []
    for draft in drafts:
        if draft.refusal is not None:
            outcomes.append(draft.refusal)
            continue
        assert draft.row is not None
        is_changed = draft.has_changed or draft.line is not None
        if draft.current is None:
            created.append(draft.row)
        elif is_changed:
            draft.row |= {"version": draft.current["version"] + 1, "updated_at": now}
            updated.append(draft.row)
        if draft.line is not None:
            lines.append(draft.line)
        outcomes.append(
            Stored(draft.row["id"], draft.row["version"], draft.current is None, is_changed)
        )
    await repository.USERS.insert(session, created)
    await repository.USERS.update(session, updated)
    await _record_lines(session, principal, lines, now)
    return outcomes


async def _record_lines(
    session: WriteSession, principal: Principal, lines: list[Line], now: datetime
) -> None:
    """The rows, and their work: known from the batch that posts them, and for a line that begins
    later another batch at its beginning, which is when the figures move."""
    if not lines:
        return
    rows = [
        {
            "id": new_id(), **line._asdict(), "recorded_at": now,
            "recorded_by": principal.actor, "sequence": None,
        }
        for line in lines
    ]  # fmt: skip
    await repository.LINES.insert(session, rows)
    await OUTBOX.append_many(
        session, kind=KIND_REPORTING_LINE, rows=[(row["user_id"], 0, row["id"]) for row in rows]
    )
    for row in rows:
        if row["effective_from"] > now:
            await OUTBOX.append(
                session,
                kind=KIND_REPORTING_LINE,
                subject_id=row["user_id"],
                event_id=row["id"],
                due_at=row["effective_from"],
            )
