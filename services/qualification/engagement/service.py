"""Use cases of engagement activities: record them, and name them for opportunities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg

from services.kit import clock
from services.kit.auth import Principal
from services.kit.batch import Change, Outcome, unknown_reference
from services.kit.db import Session, WriteSession
from services.kit.errors import FieldProblem, InvalidPayloadError
from services.kit.upsert import Draft, Shape, check_if_match, refuse_taken_ids, store_drafts
from services.qualification.engagement import repository
from services.qualification.engagement.domain import SOURCED, next_on
from services.qualification.engagement.errors import (
    ActivityNotFoundError,
    ActivityNotYoursError,
    OpportunityNotNamedError,
    OpportunitySourcedElsewhereError,
)
from services.qualification.engagement.kinds import KINDS
from services.qualification.engagement.repository import ACTIVITIES
from services.qualification.opportunities.service import require_writable
from services.workspace.users.repository import USERS
from services.workspace.workspaces.repository import get_workspace

WRITE_ALL: Final = ("admin", "integration", "sales_ops", "manager")
WRITERS: Final = (*WRITE_ALL, "rep", "sdr")

_SHAPE = Shape(
    kind="engagement activity",
    required=("kind",),
    defaults={
        "name": None,
        "state": "planned",
        "territory_external_id": None,
        "owner_id": None,
        "starts_on": None,
        "ends_on": None,
        "cadence": "once",
        "vertical": None,
        "organisation_external_ids": [],
        "division_external_ids": [],
        "partner_name": None,
        "answers": [],
        "value_messages": [],
        "briefing_materials": [],
        "cost": None,
        "notes": None,
    },
)
_NESTED = ("answers", "briefing_materials")


async def upsert_activities(
    session: WriteSession,
    principal: Principal,
    changes: Sequence[Change],
    *,
    if_match: str | None = None,
) -> list[Outcome]:
    """One outcome a change, in order. Who may record only its own owns what it records, unless it
    is stated otherwise. `if_match` is for a single change."""
    principal.require(*WRITERS)
    now = clock.now()
    current = await ACTIVITIES.lock_named(session, (change.external_id for change in changes))
    owners = await USERS.ids_named(
        session, filter(None, (change.stated.get("owner_external_id") for change in changes))
    )
    drafts = []
    for change in changes:
        known = current.get(change.external_id)
        draft = Draft.begin(change, known, _columns(change.stated, owners), _SHAPE, now)
        if draft.refusal is None:
            _settle(draft, principal, change.stated, owners)
        drafts.append(draft)
    check_if_match(if_match, drafts)
    await refuse_taken_ids(session, ACTIVITIES, "engagement activity", changes, drafts)
    return await store_drafts(session, ACTIVITIES, drafts, now)


def _columns(stated: Mapping[str, Any], owners: Mapping[str, UUID]) -> dict[str, Any]:
    columns = dict(stated)
    if "owner_external_id" in columns:
        columns["owner_id"] = owners.get(columns.pop("owner_external_id"))
    for name in _NESTED:
        if columns.get(name) is not None:
            columns[name] = [item.model_dump(mode="json") for item in columns[name]]
    return columns


def _settle(
    draft: Draft, principal: Principal, stated: Mapping[str, Any], owners: Mapping[str, UUID]
) -> None:
    """What follows from the values, and what refuses them."""
    if not principal.has(*WRITE_ALL):
        if draft.is_new and "owner_external_id" not in stated:
            draft.revise({"owner_id": principal.user_id})
        held = draft.row["owner_id"] if draft.current is None else draft.current["owner_id"]
        if held is None or held != principal.user_id:
            draft.refusal = ActivityNotYoursError()
            return
    if draft.row["name"] is None:
        draft.revise({"name": KINDS[draft.row["kind"]].title})
    owner = stated.get("owner_external_id")
    if owner is not None and owner not in owners:
        draft.refusal = unknown_reference("/owner_external_id", "user", owner)
        return
    problems = [*_wrong_dates(draft.row), *_wrong_answers(draft.row, stated)]
    if problems:
        draft.refusal = InvalidPayloadError(problems)


def _wrong_dates(row: Mapping[str, Any]) -> list[FieldProblem]:
    starts, ends = row["starts_on"], row["ends_on"]
    if starts is None or ends is None or starts <= ends:
        return []
    return [FieldProblem("/ends_on", "ends_before_start", f"is before starts_on, {starts}")]


def _wrong_answers(row: Mapping[str, Any], stated: Mapping[str, Any]) -> list[FieldProblem]:
    known = [question.key for question in KINDS[row["kind"]].questions]
    return [
        FieldProblem(
            f"/answers/{place}/question_key",
            "unknown_question",
            f"is not a question of {row['kind']}; known: {', '.join(known)}",
        )
        for place, answer in enumerate(stated.get("answers") or ())
        if answer.question_key not in known
    ]


async def shown(session: Session, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Activities as their answers: with the next day each begins, and the company's currency."""
    workspace = await get_workspace(session)
    today = workspace.calendar.local_date(clock.now())
    return [
        {
            **{name: value for name, value in row.items() if name != "owner_id"},
            "next_on": next_on(
                row["starts_on"], row["ends_on"], row["cadence"], row["state"], today
            ),
            "currency": workspace.currency,
        }
        for row in rows
    ]


async def require_activity(session: Session, activity_id: UUID) -> asyncpg.Record:
    """Raises ActivityNotFoundError."""
    found = await repository.get_activity(session, activity_id)
    if found is None:
        raise ActivityNotFoundError(activity_id)
    return found


def require_yours(principal: Principal, activity: Mapping[str, Any]) -> None:
    """Raises unless the caller may add to the activity."""
    principal.require(*WRITERS)
    if not principal.has(*WRITE_ALL) and activity["owner_id"] != (principal.user_id or ""):
        raise ActivityNotYoursError


async def name_for_opportunity(
    session: WriteSession, principal: Principal, activity_id: UUID, opportunity_id: UUID, role: str
) -> tuple[dict[str, Any], bool]:
    """Whoever may write about the opportunity says what the activity was to it; whether that is
    new. Said again, nothing changes. Raises OpportunitySourcedElsewhereError."""
    await require_activity(session, activity_id)
    await require_writable(session, principal, opportunity_id)
    known = await repository.find_naming(session, activity_id, opportunity_id)
    if known is not None and known["role"] == role:
        return dict(known), False
    if role == SOURCED:
        for other in await repository.named_for(session, [opportunity_id]):
            if other.role == SOURCED:
                raise OpportunitySourcedElsewhereError(other.activity)
    naming: dict[str, Any] = {
        "activity_id": activity_id,
        "opportunity_id": opportunity_id,
        "role": role,
        "named_by": principal.actor,
        "named_at": clock.now(),
    }
    await repository.store_naming(session, naming)
    return naming, known is None


async def take_back_naming(
    session: WriteSession, principal: Principal, activity_id: UUID, opportunity_id: UUID
) -> None:
    """Raises OpportunityNotNamedError where it was not named."""
    await require_activity(session, activity_id)
    await require_writable(session, principal, opportunity_id)
    if not await repository.delete_naming(session, activity_id, opportunity_id):
        raise OpportunityNotNamedError(opportunity_id)
