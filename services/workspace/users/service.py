"""Recording users and whom they report to.

Items of one request are decided together: a manager may be defined by a later item, and a circle
is looked for in what all of them would make. Every line goes through the outbox, since it moves
the figures of whoever is above.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.kit import clock
from services.kit.batch import Change, Outcome, unknown_reference
from services.kit.db import WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.ids import new_id
from services.kit.upsert import Draft, Shape, check_if_match, refuse_taken_ids, store_drafts
from services.workspace.outbox import KIND_PLAN_TYPE, KIND_REPORTING_LINE, OUTBOX
from services.workspace.users import repository
from services.workspace.users.domain import Circle, Hierarchy, Line
from services.workspace.users.errors import ReportingLineCycleError
from services.workspace.users.schemas import DEFAULT_PLAN_TYPE, DEFAULT_ROLE

_SHAPE = Shape(
    kind="user",
    required=("name",),
    defaults={
        "email": None,
        "role": DEFAULT_ROLE,
        "segment": None,
        "region": None,
        "plan_type": DEFAULT_PLAN_TYPE,
        "timezone": None,
        "active": True,
    },
)


@dataclass(slots=True)
class _Reporting:
    """What a change says about whom its user reports to, and the line it would record."""

    draft: Draft
    manager: str | None
    effective_from: datetime | None
    line: Line | None = None


async def upsert_users(
    session: WriteSession,
    actor: str,
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
    drafts = []
    reporting = []
    for change in changes:
        stated = dict(change.stated)
        names_manager = "manager_external_id" in stated
        manager = stated.pop("manager_external_id", None)
        begin = stated.pop("effective_from", None)
        draft = Draft.begin(change, known.get(change.external_id), stated, _SHAPE, now)
        drafts.append(draft)
        if names_manager:
            reporting.append(_Reporting(draft, manager, begin))
        elif begin is not None:
            draft.refusal = draft.refusal or _manager_missing()
    check_if_match(if_match, drafts)
    await refuse_taken_ids(session, repository.USERS, "user", changes, drafts)
    ids = {name: row["id"] for name, row in known.items()}
    await _decide_lines(session, drafts, reporting, ids, now)
    outcomes = await store_drafts(session, repository.USERS, drafts, now)
    await _record_lines(session, actor, [each.line for each in reporting if each.line], now)
    await _record_plans(session, actor, drafts, now)
    return outcomes


def _manager_missing() -> InvalidPayloadError:
    return InvalidPayloadError.one(
        "/effective_from",
        "manager_missing",
        "is when a reporting line begins; send manager_external_id with it",
    )


async def _decide_lines(
    session: WriteSession,
    drafts: list[Draft],
    reporting: list[_Reporting],
    known: dict[str, UUID],
    now: datetime,
) -> None:
    """Gives each draft its line or refuses it. A refused item takes its user and line with it, so
    what relied on them is decided anew until nothing changes."""
    if not any(each.draft.refusal is None for each in reporting):
        return
    hierarchy = Hierarchy(await repository.recorded_lines(session))
    while True:
        ids = _refuse_unknown_managers(drafts, reporting, known)
        for each in reporting:
            if each.draft.refusal is None and each.line is None:
                _propose_line(each, ids, hierarchy, now)
            elif each.draft.refusal is not None and each.line is not None:
                hierarchy.remove(each.line)
                each.line = None
        if not await _refuse_circle(session, reporting, hierarchy):
            break
    for each in reporting:
        if each.line is not None:
            # The line is a row of its own; that there is one makes the user's next version.
            each.draft.changed.add("manager_external_id")


def _refuse_unknown_managers(
    drafts: list[Draft], reporting: list[_Reporting], known: dict[str, UUID]
) -> dict[str, UUID]:
    """The ids of every user that is there or will be."""
    while True:
        ids = known | {
            draft.external_id: draft.row["id"]
            for draft in drafts
            if draft.refusal is None and draft.is_new
        }
        has_refused = False
        for each in reporting:
            if each.draft.refusal is None and each.manager is not None and each.manager not in ids:
                each.draft.refusal = unknown_reference("/manager_external_id", "user", each.manager)
                has_refused = True
        if not has_refused:
            return ids


def _propose_line(
    each: _Reporting, ids: dict[str, UUID], hierarchy: Hierarchy, now: datetime
) -> None:
    """No line where the manager already holds at that instant."""
    user_id = each.draft.row["id"]
    manager_id = None if each.manager is None else ids[each.manager]
    begin = each.effective_from
    if begin is None:
        begin = now if hierarchy.has_line(user_id) else repository.ALWAYS
    if hierarchy.manager_at(user_id, begin) != manager_id:
        each.line = Line(user_id, manager_id, begin)
        hierarchy.add(each.line)


async def _refuse_circle(
    session: WriteSession, reporting: list[_Reporting], hierarchy: Hierarchy
) -> bool:
    """Refuses the last item that closes a circle; False when there is none."""
    for each in reversed(reporting):
        circle = hierarchy.circle_of(each.line) if each.line is not None else None
        if circle is not None:
            each.draft.refusal = await _cycle_error(session, reporting, circle)
            return True
    return False


async def _cycle_error(
    session: WriteSession, reporting: list[_Reporting], circle: Circle
) -> ReportingLineCycleError:
    names = await repository.external_ids(session, circle.chain)
    names |= {each.draft.row["id"]: each.draft.external_id for each in reporting}
    since = None if circle.since == repository.ALWAYS else circle.since
    return ReportingLineCycleError([names[user_id] for user_id in circle.chain], since)


async def _record_lines(
    session: WriteSession, actor: str, lines: list[Line], now: datetime
) -> None:
    """The rows, and their work: known from the batch that posts them, and for a line that begins
    later another batch at its beginning, which is when the figures move."""
    if not lines:
        return
    rows = [
        {
            "id": new_id(), **line._asdict(), "recorded_at": now,
            "recorded_by": actor, "sequence": None,
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


async def _record_plans(
    session: WriteSession, actor: str, drafts: Sequence[Draft], now: datetime
) -> None:
    """What a gap is measured by moves an answer, so it is kept by sequence like a line."""
    rows = [
        {
            "id": new_id(), "user_id": draft.row["id"], "plan_type": draft.row["plan_type"],
            "recorded_at": now, "recorded_by": actor, "sequence": None,
        }
        for draft in drafts
        if draft.refusal is None
        and draft.row["plan_type"]
        != (DEFAULT_PLAN_TYPE if draft.current is None else draft.current["plan_type"])
    ]  # fmt: skip
    if rows:
        await repository.PLANS.insert(session, rows)
        await OUTBOX.append_many(
            session, kind=KIND_PLAN_TYPE, rows=[(row["user_id"], 0, row["id"]) for row in rows]
        )
