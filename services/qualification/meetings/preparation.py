"""Use cases of preparing a meeting: what records answer is worked out at every look, what people
put down is merged and kept, and both together are how ready one is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.answers import check_version
from services.kit.auth import Principal
from services.kit.batch import unknown_reference
from services.kit.db import Session, WriteSession
from services.qualification.leads import repository as leads
from services.qualification.meetings import preparation_rows as rows
from services.qualification.meetings.readiness import (
    CHECKS,
    Prepared,
    Readiness,
    hours_ahead,
    readiness,
)
from services.qualification.meetings.repository import Meeting
from services.qualification.meetings.schemas_preparation import (
    AgendaSent,
    PreparationPut,
)
from services.qualification.meetings.service import require_meeting, require_writable
from services.qualification.opportunities.repository import Opportunity, get_opportunity
from services.qualification.questions.catalogue import (
    read_buyer_process,
    read_personas,
    read_questions,
)
from services.qualification.questions.domain import Choice, Persona
from services.qualification.questions.known import known_gaps
from services.qualification.questions.service import choose_for, suggestion
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.policy import Policy
from services.workspace.workspaces.repository import get_workspace

SUGGESTED = 8


@dataclass(frozen=True, slots=True)
class Judged:
    """How ready one is, under which policy."""

    percent: int
    policy_version: int


@dataclass(frozen=True, slots=True)
class _Records:
    """What records answer about a meeting."""

    policy: Policy
    opportunity: Opportunity | None
    answers: Mapping[str, Mapping[str, Any]]
    buyers: Sequence[dict[str, Any]]
    personas: Mapping[str, Persona]


async def read_preparation(
    session: Session, principal: Principal, meeting_id: UUID
) -> dict[str, Any]:
    """Raises MeetingNotFoundError."""
    meeting = await require_meeting(session, principal, meeting_id)
    return await describe(session, meeting, await rows.get_preparation(session, meeting_id))


async def readiness_of(session: Session, meeting: Meeting) -> Judged:
    """As the preparation says, for whoever keeps it."""
    records = await _records(session, meeting)
    ready = _judge(records, await rows.get_preparation(session, meeting.id))
    return Judged(ready.percent, records.policy.version)


async def describe(
    session: Session, meeting: Meeting, prepared: Mapping[str, Any]
) -> dict[str, Any]:
    """The whole preparation as its answer."""
    records = await _records(session, meeting)
    ready = _judge(records, prepared)
    personas = [buyer["persona"] for buyer in records.buyers if buyer["persona"]]
    chosen = await choose_for(
        session,
        records.opportunity,
        lead_id=meeting.lead_id,
        personas=personas,
        buyer_stage=meeting.buyer_stage,
    )
    opportunity_id = records.opportunity.id if records.opportunity else None
    gaps = await known_gaps(session, opportunity_id, records.policy)
    process = await read_buyer_process(session, retired=True)
    stage = process.get(meeting.buyer_stage or "")
    agenda = _agenda_json(meeting, prepared, records.policy)
    return {
        "meeting_id": meeting.id,
        "version": prepared["version"],
        "research": [_check_json(key, records.answers, prepared) for key in CHECKS],
        "buyers": records.buyers,
        "buyer_stage": None
        if stage is None
        else {
            "key": stage.key,
            "name": stage.name,
            "buyer_actions": list(stage.buyer_actions),
            "selling_activities": list(stage.selling_activities),
        },
        "pre_call_questions": prepared["pre_call_questions"],
        "suggested_questions": [_question_json(choice) for choice in chosen[:SUGGESTED]],
        "call_plan": {
            "meddppicc_gaps": [
                {
                    "element": gap.element,
                    "score": gap.score,
                    "is_required": gap.is_required,
                    "required_from": gap.required_from,
                }
                for gap in sorted(gaps.values(), key=lambda gap: -gap.size)
                if gap.size
            ],
            **{
                name: prepared["call_plan"].get(name) or []
                for name in ("gaps", "objectives", "researched")
            },
        },
        "agenda": agenda,
        "reviews": await rows.list_reviews(session, meeting.id, limit=50),
        "readiness_percent": ready.percent,
        "missing": [one._asdict() for one in ready.missing],
        "warnings": _warnings(agenda),
        "policy_version": records.policy.version,
    }


async def _records(session: Session, meeting: Meeting) -> _Records:
    now = clock.now()
    policy = await get_policy(session, await version_in_force(session, now))
    opportunity = None
    if meeting.opportunity_id is not None:
        opportunity = await get_opportunity(session, meeting.opportunity_id)
    personas = await read_personas(session)
    account = await rows.find_account(session, meeting)
    external_id = account["external_id"] if account else meeting.account_external_id
    contact = await rows.past_contact(session, meeting, external_id)
    answers: dict[str, Mapping[str, Any]] = {"past_contact": _contact_answer(contact)}
    if account is not None:
        today = (await get_workspace(session)).calendar.local_date(now)
        deals = await rows.deals_of(session, account["id"], today)
        is_customer = deals.pop("is_customer")
        answers["customer_or_prospect"] = {
            "answer": "customer" if is_customer else "prospect",
            "facts": {"account": account["name"], "opportunities": deals},
        }
    buyers = await _buyers(session, meeting, personas)
    return _Records(policy, opportunity, answers, buyers, personas)


def _contact_answer(contact: dict[str, Any]) -> dict[str, Any]:
    times = [contact[name] for name in ("last_touch_at", "last_meeting_at", "last_signal_at")]
    last = max(filter(None, times), default=None)
    return {"answer": "none" if last is None else clock.isoformat(last), "facts": contact}


async def _buyers(
    session: Session, meeting: Meeting, personas: dict[str, Persona]
) -> list[dict[str, Any]]:
    """Whom one will meet, each with the persona that fits; where nobody is named, the lead."""
    people = [
        (one, "contact" if one["contact_external_id"] else "attendee") for one in meeting.attendees
    ]
    if not people and meeting.lead_id is not None:
        lead = await leads.get_lead(session, meeting.lead_id)
        if lead is not None:
            fields = {"name": lead.name, "title": lead.title, "persona": lead.persona}
            people = [({**fields, "buying_role": None}, "lead")]
    return [_buyer_json(one, source, personas) for one, source in people]


def _buyer_json(
    one: Mapping[str, Any], source: str, personas: dict[str, Persona]
) -> dict[str, Any]:
    found = suggestion(one["title"], one["persona"], personas, source)
    persona = personas.get(found["persona"] or "")
    lists = ("obstacles", "objections", "initiatives", "metrics")
    return {
        "name": one["name"],
        "buying_role": one["buying_role"],
        **found,
        **{name: list(getattr(persona, name)) if persona else [] for name in lists},
    }


def _judge(records: _Records, prepared: Mapping[str, Any]) -> Readiness:
    return readiness(
        Prepared(
            answered=frozenset(records.answers),
            ticked=frozenset(prepared["checks"]),
            personas=[buyer["persona"] for buyer in records.buyers if buyer["persona"]],
            pre_call_questions=prepared["pre_call_questions"],
            call_plan=prepared["call_plan"],
            agenda=prepared["agenda"],
            is_agenda_sent=bool(prepared["sendings"]),
        )
    )


def _check_json(
    key: str, answers: Mapping[str, Mapping[str, Any]], prepared: Mapping[str, Any]
) -> dict[str, Any]:
    tick = prepared["checks"].get(key)
    answer = answers.get(key, {})
    source = "records" if answer else ("person" if tick else None)
    blank = dict.fromkeys(("note", "link", "checked_at", "checked_by"))
    return {
        "key": key,
        "is_done": source is not None,
        "source": source,
        "answer": answer.get("answer"),
        "facts": answer.get("facts"),
        **(tick or blank),
    }


def _question_json(choice: Choice) -> dict[str, str]:
    return {
        "question_id": choice.question.external_id,
        "text": choice.question.text,
        "element": choice.question.element,
        "reason": choice.reason,
    }


def _agenda_json(meeting: Meeting, prepared: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    sendings = prepared["sendings"]
    asked = policy.number("meeting.agenda_ahead_hours")
    ahead = None
    if sendings:
        # The first one is when the buyer could begin to think about it.
        first = min(datetime.fromisoformat(one["sent_at"]) for one in sendings)
        ahead = hours_ahead(first, meeting.scheduled_at)
    return {
        "items": prepared["agenda"].get("items") or [],
        "objectives": prepared["agenda"].get("objectives") or [],
        "sendings": sendings,
        "sent_ahead_hours": None if ahead is None else str(ahead),
        "asked_ahead_hours": asked,
        "is_in_time": None if ahead is None else ahead >= asked,
    }


def _warnings(agenda: Mapping[str, Any]) -> list[dict[str, str]]:
    if agenda["is_in_time"] is not False:
        return []
    message = (
        f"The agenda went out {agenda['sent_ahead_hours']} hours ahead; the policy asks for"
        f" {agenda['asked_ahead_hours']}."
    )
    return [{"key": "agenda_sent", "message": message}]


async def put_preparation(
    session: WriteSession,
    principal: Principal,
    meeting_id: UUID,
    body: PreparationPut,
    *,
    if_match: str | None,
) -> dict[str, Any]:
    """Merges what was prepared. No change, no new version."""
    meeting, _ = await require_writable(session, principal, meeting_id)
    known = await rows.get_preparation(session, meeting_id)
    check_version(if_match, known["version"] or None)
    await _require_known(session, body)
    return await _save(session, meeting, known, _merged(known, body, principal.actor))


async def _save(
    session: WriteSession, meeting: Meeting, known: dict[str, Any], prepared: dict[str, Any]
) -> dict[str, Any]:
    if prepared != known:
        prepared["version"] = known["version"] + 1
        await rows.store_preparation(session, meeting.id, prepared, clock.now())
    return await describe(session, meeting, prepared)


async def _require_known(session: Session, body: PreparationPut) -> None:
    """Raises InvalidPayloadError where a question or a persona is not in the catalogue."""
    items = (body.agenda.items if body.agenda else None) or []
    if any(item.question_ids for item in items):
        questions = await read_questions(session, retired=True)
        for place, item in enumerate(items):
            for number, name in enumerate(item.question_ids):
                if name not in questions:
                    pointer = f"/agenda/items/{place}/question_ids/{number}"
                    raise unknown_reference(pointer, "question", name)
    researched = (body.call_plan.researched if body.call_plan else None) or []
    if researched:
        personas = await read_personas(session, retired=True)
        for place, one in enumerate(researched):
            if one.persona not in personas:
                pointer = f"/call_plan/researched/{place}/persona"
                raise unknown_reference(pointer, "persona", one.persona)


def _merged(known: Mapping[str, Any], body: PreparationPut, actor: str) -> dict[str, Any]:
    merged = dict(known)
    stated = body.model_fields_set
    if "checks" in stated:
        merged["checks"] = _merged_checks(known["checks"], body, actor)
    if "pre_call_questions" in stated:
        merged["pre_call_questions"] = body.pre_call_questions or []
    for name, part in (("call_plan", body.call_plan), ("agenda", body.agenda)):
        if name in stated:
            fields = {} if part is None else part.model_dump(include=part.model_fields_set)
            old = {} if part is None else known[name]
            merged[name] = {
                key: value for key, value in {**old, **fields}.items() if value is not None
            }
    return merged


def _merged_checks(known: Mapping[str, Any], body: PreparationPut, actor: str) -> dict[str, Any]:
    """Who ticks anew what says the same changes nothing."""
    if body.checks is None:
        return {}
    checks = dict(known)
    for key in body.checks.model_fields_set:
        tick = getattr(body.checks, key)
        if tick is None:
            checks.pop(key, None)
            continue
        old = known.get(key, {"note": None, "link": None})
        new = {**old, **tick.model_dump(include=tick.model_fields_set)}
        if key not in known or new != old:
            new |= {"checked_at": clock.isoformat(clock.now()), "checked_by": actor}
        checks[key] = new
    return checks


async def note_agenda_sent(
    session: WriteSession, principal: Principal, meeting_id: UUID, sent: AgendaSent
) -> dict[str, Any]:
    """The same sending told again is the one that is known."""
    meeting, _ = await require_writable(session, principal, meeting_id)
    known = await rows.get_preparation(session, meeting_id)
    told = {"sent_at": clock.isoformat(sent.sent_at or clock.now()), "to": sent.to}
    sendings = known["sendings"]
    if told not in sendings:
        sendings = sorted([*sendings, told], key=lambda one: one["sent_at"])
    return await _save(session, meeting, known, {**known, "sendings": sendings})
