"""Answers on their way into an opportunity's MEDDPPICC: appended to what is known, never lowering
a score. Answers about a lead wait on their meetings until the lead has an opportunity.

The opportunity need not be open yet: evidence is kept by the id that was promised for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.kit import clock
from services.kit.db import Session, WriteSession
from services.kit.errors import InvalidPayloadError
from services.qualification.evidence import domain as evidence
from services.qualification.evidence import repository as changes
from services.qualification.evidence.repository import Change
from services.qualification.meetings.domain import (
    NAMELESS_CHAMPION_MAX,
    evidence_with,
    score_with,
)
from services.qualification.plans import repository as plans
from services.qualification.plans.length import check_length
from services.qualification.plans.repository import Plan
from services.qualification.plans.sections import Place
from services.qualification.plans.service import note_meeting
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.workspaces.repository import get_workspace


class Answer(NamedTuple):
    """An answer that is not in the opportunity's evidence yet."""

    id: UUID
    held_at: datetime
    element: str
    answer: str
    score: int | None
    contact_external_id: str | None
    actor: str


async def carry_over(session: WriteSession, lead_id: UUID, opportunity_id: UUID) -> list[UUID]:
    """At a conversion: the lead's meetings are about the opportunity too from now on, and what was
    answered in them is its evidence. The ids of the meetings that were linked. Asked again, it
    carries what came since."""
    rows = await session.fetch(
        """
        UPDATE qualification.meetings
        SET opportunity_id = $3, version = version + 1, updated_at = $4
        WHERE workspace_id = $1 AND lead_id = $2 AND opportunity_id IS NULL RETURNING id
        """,
        session.workspace_id,
        lead_id,
        opportunity_id,
        clock.now(),
    )
    linked = [row["id"] for row in rows]
    await carry_meetings(session, linked)
    return linked


async def carry_meetings(session: WriteSession, meeting_ids: Sequence[UUID]) -> None:
    """Everything answered about the opportunities of these meetings that they do not have yet."""
    if not meeting_ids:
        return
    for opportunity_id, held_at in sorted((await _last_held(session, meeting_ids)).items()):
        await note_meeting(session, opportunity_id, held_at)
        if not await _waiting(session, opportunity_id):
            continue
        # What another writer carried meanwhile is seen behind the lock.
        plan = await plans.lock_plan(session, opportunity_id)
        carried = await _append(session, plan, await _waiting(session, opportunity_id))
        await session.execute(
            "UPDATE qualification.meeting_answers SET carried_to = $3"
            " WHERE workspace_id = $1 AND id = ANY($2::uuid[])",
            session.workspace_id,
            carried,
            opportunity_id,
        )


async def _last_held(session: Session, meeting_ids: Iterable[UUID]) -> dict[UUID, datetime]:
    rows = await session.fetch(
        """
        SELECT opportunity_id, max(held_at) AS held_at FROM qualification.meetings
        WHERE workspace_id = $1 AND id = ANY($2::uuid[]) AND opportunity_id IS NOT NULL
          AND held_at IS NOT NULL
        GROUP BY opportunity_id
        """,
        session.workspace_id,
        list(meeting_ids),
    )
    return {row["opportunity_id"]: row["held_at"] for row in rows}


async def _waiting(session: Session, opportunity_id: UUID) -> list[Answer]:
    """In the order in which they were given."""
    rows = await session.fetch(
        """
        SELECT a.id, m.happens_at AS held_at, a.element, a.answer, a.score,
               a.contact_external_id, a.actor
        FROM qualification.meetings AS m
        JOIN qualification.meeting_answers AS a ON a.workspace_id = $1 AND a.meeting_id = m.id
        WHERE m.workspace_id = $1 AND m.opportunity_id = $2
          AND a.carried_to IS DISTINCT FROM $2
        ORDER BY m.happens_at, m.id, a.position
        """,
        session.workspace_id,
        opportunity_id,
    )
    return [Answer(*row) for row in rows]


async def _append(session: WriteSession, plan: Plan, answers: Sequence[Answer]) -> list[UUID]:
    """The ids of the answers that are in the evidence now. One for which the plan has no room
    waits: it stays on its meeting, and is tried again with the next answers."""
    now = clock.now()
    policy = await get_policy(session, await version_in_force(session, now))
    calendar = (await get_workspace(session)).calendar
    merged = plan
    before = known = evidence.elements_from_json(plan.elements)
    carried = []
    for answer in answers:
        stated = _stated(known[answer.element], answer, calendar.local_date(answer.held_at))
        elements = evidence.merge(known, {answer.element: stated}, answer.actor, now)
        longer = _with(plan, elements, now)
        try:
            check_length(merged, longer, policy, pointer="/answers")
        except InvalidPayloadError:
            continue
        merged, known = longer, elements
        carried.append(answer.id)
    changed = evidence.changed(before, known)
    if changed:
        actor = answers[-1].actor
        told = [Change(name, _told(before[name]), _told(known[name])) for name in changed]
        await changes.insert_changes(
            session, plan.opportunity_id, merged.elements_version, told, author=actor, at=now
        )
        await plans.save(
            session,
            merged,
            changes=[place for change in told for place in _places(change)],
            author=actor,
            at=now,
            policy_version=policy.version,
        )
    return carried


def _stated(element: evidence.Element, answer: Answer, day: date) -> dict[str, Any]:
    contact = element.contact_external_id or answer.contact_external_id
    score = score_with(element.score, answer.score)
    if answer.element == "champion" and contact is None:
        score = min(score, NAMELESS_CHAMPION_MAX)
    return {
        "score": score,
        "evidence": evidence_with(element.evidence, answer.answer, day),
        "contact_external_id": contact,
    }


def _with(plan: Plan, elements: Mapping[str, evidence.Element], now: datetime) -> Plan:
    return replace(
        plan,
        elements=evidence.elements_to_json(elements),
        elements_version=plan.elements_version + 1,
        elements_at=now,
    )


def _told(element: evidence.Element) -> dict[str, Any] | None:
    return None if element.is_empty else element.told()


def _places(change: Change) -> list[Place]:
    before, after = change.before or {}, change.after or {}
    return [
        Place("meddppicc", change.element, field)
        for field in after
        if before.get(field) != after[field]
    ]
