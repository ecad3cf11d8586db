"""Use cases of response timers: they follow what happens to leads. Reading them is `reading`'s.

Whatever is told, in whichever order, the figures are those of when it happened: a wait that is told
of late ends with the answer that is known already, and an answer that is told of late ends a wait
when it was given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.kit import clock
from services.kit.db import Session, WriteSession
from services.kit.ids import new_id
from services.qualification.leads.changes import LeadChange
from services.qualification.leads.record import Lead
from services.qualification.responses import domain, repository
from services.qualification.responses.domain import Consequence, Event, Kind, Timer
from services.workspace.business_hours import Calendar
from services.workspace.policies.repository import get_policy
from services.workspace.policy import Policy
from services.workspace.workspaces.repository import get_workspace


@dataclass(frozen=True, slots=True)
class Request:
    """A lead asked for an answer: by a form, for services, about a renewal."""

    lead: Lead
    at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """Somebody contacted a lead."""

    lead_id: UUID
    at: datetime
    actor: str
    user_id: UUID | None


@dataclass(slots=True)
class _Book:
    """The timers of some leads while one write changes them."""

    policy: Policy
    policies: dict[int, Policy]
    timezone: str
    timers: dict[UUID, list[Timer]]
    started: set[UUID] = field(default_factory=set)
    changed: set[UUID] = field(default_factory=set)

    def running(self, lead_id: UUID) -> list[Timer]:
        return [timer for timer in self.timers[lead_id] if timer.is_open]

    def start(self, lead: Lead, kind: Kind, at: datetime) -> None:
        """A second wait of a kind does not begin before the first has ended."""
        if any(timer.kind == kind for timer in self.running(lead.id)):
            return
        calendar = Calendar.of(self.policy, lead.region, self.timezone)
        timer = Timer(
            id=new_id(),
            lead_id=lead.id,
            kind=kind,
            started_at=at,
            due_at=domain.due_at(kind, at, calendar, self.policy),
            sdr_id=lead.sdr_id,
            owner_id=lead.owner_id,
            region=lead.region,
            source=lead.source,
            calendar=calendar.name,
            policy_version=self.policy.version,
        )
        self.timers[lead.id].append(timer)
        self.started.add(timer.id)

    def stop(self, timer: Timer, event: Event) -> None:
        """By the working hours it was started under, whatever the policy says now."""
        calendar = Calendar.of(self.policies[timer.policy_version], timer.calendar, self.timezone)
        mine = self.timers[timer.lead_id]
        mine[mine.index(timer)] = domain.stop(timer, event, calendar)
        self.changed.add(timer.id)

    async def store(self, session: WriteSession) -> None:
        every = [timer for timers in self.timers.values() for timer in timers]
        await repository.store(
            session,
            [timer for timer in every if timer.id in self.started],
            [timer for timer in every if timer.id in self.changed - self.started],
        )


async def _open_book(session: Session, policy: Policy, timers: Iterable[Timer]) -> _Book:
    by_lead: dict[UUID, list[Timer]] = defaultdict(list)
    policies = {policy.version: policy}
    for timer in timers:
        by_lead[timer.lead_id].append(timer)
        if timer.policy_version not in policies:
            policies[timer.policy_version] = await get_policy(session, timer.policy_version)
    workspace = await get_workspace(session)
    return _Book(policy, policies, workspace.timezone, by_lead)


async def follow(session: WriteSession, changes: Sequence[LeadChange], policy: Policy) -> None:
    """Called by every write of leads, in its transaction, after the leads are stored."""
    concerned = [(change, steps) for change in changes if (steps := list(_steps(change)))]
    if not concerned:
        return
    known = {change.after.id for change, _ in concerned if change.before is not None}
    timers = await repository.open_timers(session, known) if known else []
    book = await _open_book(session, policy, timers)
    for change, steps in concerned:
        for step in steps:
            _apply(book, change, step)
    told_late = {
        change.after.id
        for change, steps in concerned
        if change.before is not None and any(step.at < change.recorded_at for step in steps)
    }
    await _end_what_was_answered(session, book, told_late)
    await book.store(session)


@dataclass(frozen=True, slots=True)
class _Step:
    """One of the moves of a write that means something for timers."""

    status: str
    at: datetime
    found: Consequence


def _steps(change: LeadChange) -> Iterator[_Step]:
    """A write may carry a lead through several statuses; who holds it changes with the last."""
    if any(move.reason == domain.MERGED for move in change.moves):
        return
    before = change.before.status if change.before is not None else None
    moves = [
        (move.to_status, move.occurred_at)
        for move in change.moves
        if move.from_status != move.to_status
    ] or [(change.after.status, change.occurred_at)]
    for place, (status, at) in enumerate(moves, start=1):
        found = domain.consequence(
            before,
            status,
            has_changed_hands=change.has_changed_hands and place == len(moves),
        )
        if found is not domain.NOTHING:
            yield _Step(status, at, found)
        before = status


def _apply(book: _Book, change: LeadChange, step: _Step) -> None:
    lead, at, found = change.after, step.at, step.found
    if found.stops is not None:
        event = Event(found.stops, at, change.actor, _responder(change))
        for timer in book.running(lead.id):
            if found.only_mql and timer.kind != "mql":
                continue
            is_over = timer.kind == "mql" and step.status not in domain.WAITING
            if found.restarts and is_over:
                book.stop(timer, Event(domain.WITHDRAWN, at, change.actor, None))
                continue
            book.stop(timer, event)
            if found.restarts:
                book.start(lead, _kind(timer), max(at, timer.started_at))
    if found.starts:
        book.start(lead, "mql", at)


def _kind(timer: Timer) -> Kind:
    return "mql" if timer.kind == "mql" else "request"


def _responder(change: LeadChange) -> UUID | None:
    """Who answered: the user who recorded it, or whoever holds the lead where a system did."""
    named, _, user = change.actor.partition(":")
    if named == "user":
        return UUID(user)
    return change.after.sdr_id or change.after.owner_id


async def _end_what_was_answered(session: Session, book: _Book, lead_ids: set[UUID]) -> None:
    """A wait told of after its answer."""
    late = [
        timer for lead_id in lead_ids for timer in book.running(lead_id) if timer.id in book.started
    ]
    if not late:
        return
    answers = await repository.first_answers(session, late)
    for timer in late:
        if timer.id in answers:
            book.stop(timer, answers[timer.id])


async def request_made(session: WriteSession, lead: Lead, at: datetime, policy: Policy) -> None:
    """One of the signals that ask for an answer has come, at this instant."""
    await requests_made(session, [Request(lead, at)], policy)


async def requests_made(session: WriteSession, requests: Sequence[Request], policy: Policy) -> None:
    """As `request_made`, of many leads at once."""
    if not requests:
        return
    now = clock.now()
    timers = await repository.open_timers(session, {request.lead.id for request in requests})
    book = await _open_book(session, policy, timers)
    for request in sorted(requests, key=lambda request: request.at):
        book.start(request.lead, "request", request.at)
    await _end_what_was_answered(
        session, book, {request.lead.id for request in requests if request.at < now}
    )
    await book.store(session)


async def answered(session: WriteSession, answers: Sequence[Answer], policy: Policy) -> None:
    """Leads were contacted: what they were waiting for has come."""
    if not answers:
        return
    timers = await repository.timers_of(session, {answer.lead_id for answer in answers})
    book = await _open_book(session, policy, timers)
    for answer in sorted(answers, key=lambda answer: answer.at):
        event = Event(domain.TOUCH, answer.at, answer.actor, answer.user_id)
        for timer in list(book.timers[answer.lead_id]):
            if domain.can_stop(timer, event):
                book.stop(timer, event)
    await book.store(session)


async def merged(
    session: WriteSession, survivor: Lead, *, at: datetime, actor: str, policy: Policy
) -> None:
    """The survivor of a merge got the others' timers. It waits for nothing that it was not told
    to wait for: an MQL that somebody works on already has its answer."""
    timers = await repository.open_timers(session, [survivor.id])
    book = await _open_book(session, policy, timers)
    event = Event(domain.MERGED, at, actor, None)
    for timer in book.running(survivor.id):
        if survivor.status in domain.ANSWERING or (
            timer.kind == "mql" and survivor.status not in domain.WAITING
        ):
            book.stop(timer, event)
    await book.store(session)
