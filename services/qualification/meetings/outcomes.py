"""Use cases after a meeting: tell what came of it, look at what was told, find its moments.

All of an outcome is checked before anything of it is stored; the telling, the meeting, its moments,
its answers and the evidence they become are one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.batch import unknown_reference
from services.kit.db import Session, WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.ids import new_id
from services.kit.pagination import PageRequest
from services.kit.rows import after_number
from services.qualification.evidence.views import evidence_of
from services.qualification.meetings import outcome_rows as rows
from services.qualification.meetings import repository
from services.qualification.meetings.access import viewer
from services.qualification.meetings.carrying import carry_meetings
from services.qualification.meetings.domain import (
    NAMELESS_CHAMPION_MAX,
    first_instant,
    last_instant,
    rebook_until,
)
from services.qualification.meetings.errors import MeetingCancelledError, OutcomeNotToldError
from services.qualification.meetings.preparation import readiness_of
from services.qualification.meetings.repository import MEETINGS, Meeting
from services.qualification.meetings.schemas_outcome import AnswerPost, MomentFilters, OutcomePost
from services.qualification.meetings.service import (
    after_instant,
    read_back,
    require_meeting,
    require_writable,
)
from services.qualification.opportunities.repository import find_contacts
from services.qualification.questions.catalogue import read_questions
from services.qualification.questions.domain import Question
from services.workspace.workspaces.repository import get_workspace

_SAID = ("question_external_id", "element", "answer", "score", "contact_external_id")


async def tell_outcome(
    session: WriteSession, principal: Principal, meeting_id: UUID, told: OutcomePost
) -> tuple[dict[str, Any], bool]:
    """The outcome and whether it is another one than before. Raises MeetingCancelledError, and
    InvalidPayloadError naming what is wrong."""
    meeting, row = await require_writable(session, principal, meeting_id)
    if meeting.state == "cancelled":
        raise MeetingCancelledError
    content = await _checked(session, meeting, told)
    last = await rows.last_outcome(session, meeting_id)
    # A meeting that was planned again may be missed again.
    is_known = last is not None and (last["state"], last["content"]) == (meeting.state, content)
    if is_known:
        return await describe(session, meeting), False
    now = clock.now()
    readiness = await readiness_of(session, meeting)
    await rows.insert_outcome(
        session,
        meeting_id,
        version=1 if last is None else last["version"] + 1,
        state="no_show" if told.no_show else "held",
        content=content,
        readiness_percent=readiness.percent,
        policy_version=readiness.policy_version,
        at=now,
        actor=principal.actor,
    )
    held_at = None if told.no_show else datetime.fromisoformat(content["held_at"])
    await MEETINGS.update(session, [await _changed(session, row, told, held_at, now)])
    moments = [
        _moment(meeting_id, held_at, *one) for one in enumerate(content["moments_that_matter"])
    ]
    await rows.replace_moments(session, meeting_id, moments)
    before = await rows.answers_of(session, meeting_id)
    answers = _merged(before, meeting_id, content["answers"], principal.actor, now)
    await rows.replace_answers(session, meeting_id, answers)
    await carry_meetings(session, [meeting_id])
    return await describe(session, await read_back(session, meeting_id)), True


async def _changed(
    session: Session,
    row: dict[str, Any],
    told: OutcomePost,
    held_at: datetime | None,
    now: datetime,
) -> dict[str, Any]:
    """The meeting's row as the outcome leaves it."""
    until = None
    if told.no_show:
        calendar = (await get_workspace(session)).calendar
        until = rebook_until(calendar.local_date(row["scheduled_at"]))
    opportunity_id = row["opportunity_id"]
    if opportunity_id is None and row["lead_id"] is not None:
        # It may have been converted while this meeting was being planned.
        opportunity_id = await rows.conversion_of(session, row["lead_id"])
    return {
        **row,
        "state": "no_show" if told.no_show else "held",
        "held_at": held_at,
        "happens_at": held_at or row["scheduled_at"],
        "next_step": told.next_step,
        "next_step_date": told.next_step_date,
        "rebook_until": until,
        "opportunity_id": opportunity_id,
        "version": row["version"] + 1,
        "updated_at": now,
    }


async def _checked(session: Session, meeting: Meeting, told: OutcomePost) -> dict[str, Any]:
    """What is stored and compared. Raises InvalidPayloadError."""
    held_at = None if told.no_show else _held_at(meeting, told.held_at)
    if told.no_show:
        _require_nothing_happened(meeting, told)
    questions = await read_questions(session, retired=True) if told.answers else {}
    answers = [
        _answer(f"/answers/{place}", answer, questions) for place, answer in enumerate(told.answers)
    ]
    named = {answer["contact_external_id"] for answer in answers} - {None}
    known = await find_contacts(session, named) if named else {}
    for place, answer in enumerate(answers):
        contact = answer["contact_external_id"]
        if contact is not None and contact not in known:
            raise unknown_reference(f"/answers/{place}/contact_external_id", "contact", contact)
    return {
        "held_at": None if held_at is None else clock.isoformat(held_at),
        "notes": told.notes,
        "moments_that_matter": [one.model_dump() for one in told.moments_that_matter],
        "next_step": told.next_step,
        "next_step_date": None if told.next_step_date is None else told.next_step_date.isoformat(),
        "answers": answers,
    }


def _held_at(meeting: Meeting, stated: datetime | None) -> datetime:
    if stated is not None:
        return stated
    if meeting.held_at is not None:
        return meeting.held_at
    if meeting.scheduled_at > clock.now():
        raise InvalidPayloadError.one(
            "/held_at", "missing", "is needed: the meeting is planned for later than now"
        )
    return meeting.scheduled_at


def _require_nothing_happened(meeting: Meeting, told: OutcomePost) -> None:
    for field in ("held_at", "moments_that_matter", "answers"):
        if getattr(told, field):
            raise InvalidPayloadError.one(
                f"/{field}", "nobody_came", "must be left out where nobody came"
            )
    if meeting.scheduled_at > clock.now():
        raise InvalidPayloadError.one(
            "/no_show", "not_yet", "cannot be said before the time of the meeting"
        )


def _answer(pointer: str, told: AnswerPost, questions: Mapping[str, Question]) -> dict[str, Any]:
    element = told.element
    if told.question_id is not None:
        if told.question_id not in questions:
            raise unknown_reference(f"{pointer}/question_id", "question", told.question_id)
        element = element or questions[told.question_id].element  # type: ignore[assignment]
    if element is None:
        raise InvalidPayloadError.one(
            f"{pointer}/element", "missing", "is needed where no question is named"
        )
    return {
        "question_id": told.question_id,
        "answer": told.answer,
        "element": element,
        "score": told.score,
        "contact_external_id": told.contact_external_id,
    }


def _moment(
    meeting_id: UUID, held_at: datetime | None, position: int, told: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "meeting_id": meeting_id,
        "position": position,
        **told,
        "occurred_at": held_at,
    }


def _merged(
    before: Sequence[dict[str, Any]],
    meeting_id: UUID,
    told: Sequence[Mapping[str, Any]],
    actor: str,
    now: datetime,
) -> list[dict[str, Any]]:
    """The answers as told now; one that was told before in the same words stays what it was, so
    that it is not carried a second time."""
    known = {tuple(answer[name] for name in _SAID): answer for answer in before}
    merged = []
    for position, answer in enumerate(told):
        said = {"question_external_id": answer["question_id"], **answer}
        kept = known.pop(tuple(said[name] for name in _SAID), None)
        merged.append(
            {
                "id": new_id() if kept is None else kept["id"],
                "meeting_id": meeting_id,
                "position": position,
                **{name: said[name] for name in _SAID},
                "carried_to": None if kept is None else kept["carried_to"],
                "recorded_at": now if kept is None else kept["recorded_at"],
                "actor": actor if kept is None else kept["actor"],
            }
        )
    return merged


async def read_outcome(session: Session, principal: Principal, meeting_id: UUID) -> dict[str, Any]:
    """Raises MeetingNotFoundError, and OutcomeNotToldError where nothing was told yet."""
    return await describe(session, await require_meeting(session, principal, meeting_id))


async def describe(session: Session, meeting: Meeting) -> dict[str, Any]:
    """The outcome in force as its answer."""
    last = await rows.last_outcome(session, meeting.id)
    if last is None:
        raise OutcomeNotToldError
    answers = await rows.answers_of(session, meeting.id)
    return {
        "meeting_id": meeting.id,
        **{name: last[name] for name in ("version", "state")},
        **last["content"],
        "rebook_until": meeting.rebook_until,
        "answers": [
            {
                "question_id": answer["question_external_id"],
                **{name: answer[name] for name in (*_SAID[1:], "carried_to")},
            }
            for answer in answers
        ],
        "warnings": await _warnings(session, meeting, answers),
        "readiness_percent": last["readiness_percent"],
        "policy_version": last["policy_version"],
        "recorded_at": last["recorded_at"],
        "actor": last["actor"],
    }


async def _warnings(
    session: Session, meeting: Meeting, answers: Sequence[Mapping[str, Any]]
) -> list[dict[str, str]]:
    """Where an answer did not do to the evidence what was stated."""
    if meeting.opportunity_id is None or not answers:
        return []
    found = (await evidence_of(session, [meeting.opportunity_id])).get(meeting.opportunity_id)
    scores: Mapping[str, int] = {} if found is None else found.scores
    warned = []
    for place, answer in enumerate(answers):
        known, element = scores.get(answer["element"]), answer["element"].replace("_", " ")
        stated = answer["score"]
        if answer["carried_to"] != meeting.opportunity_id:
            code, message = (
                "not_carried",
                (
                    "The opportunity's plan is as long as the policy allows; shorten it, and tell the"
                    " next answer."
                ),
            )
        elif known is not None and stated is not None and stated < known:
            code = "score_kept"
            message = f"What is known of {element} stays at {known}; lower it in MEDDPPICC itself."
        elif known == NAMELESS_CHAMPION_MAX and stated is not None and stated > known:
            code = "champion_not_named"
            message = f"Without a contact the champion counts as an advocate: {known}."
        else:
            continue
        pointer = f"/answers/{place}"
        warned.append({"code": code, "pointer": pointer, "message": message})
    return warned


async def list_tellings(
    session: Session, principal: Principal, meeting_id: UUID, page: PageRequest
) -> list[dict[str, Any]]:
    """Up to one more than the page holds, the first one first."""
    await require_meeting(session, principal, meeting_id)
    return await rows.list_outcomes(
        session, meeting_id, after=after_number(page), limit=page.limit + 1
    )


async def list_moments(
    session: Session, principal: Principal, page: PageRequest, filters: MomentFilters
) -> list[dict[str, Any]]:
    """Up to one more than the page holds, in the order of time."""
    seen = await viewer(session, principal)
    zone = (await get_workspace(session)).timezone
    wanted = repository.MeetingFilters(
        lead_id=filters.lead_id,
        opportunity_id=filters.opportunity_id,
        account_external_id=filters.account_external_id,
        begins=None if filters.from_ is None else first_instant(filters.from_, zone),
        ends=None if filters.to is None else last_instant(filters.to, zone),
    )
    return await rows.list_moments(
        session, seen, wanted, after=after_instant(page), limit=page.limit + 1
    )
