"""Which moment is read and whose opportunities, and whether the caller may read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.forecast import repository, repository_as_of
from services.forecast.errors import FutureInstantError, OutOfScopeError
from services.forecast.organisation import Organisation
from services.forecast.question import Axis, Batch, Moment, Organised, Person, Question, Standing
from services.kit.auth import Principal
from services.kit.db import ReadSession
from services.kit.errors import NotFoundError
from services.workspace.workspaces.repository import Workspace, get_workspace


@dataclass(frozen=True, slots=True)
class Place:
    """Where a question is answered: of whom (None: the whole company) and at which moment."""

    workspace: Workspace
    person: Person | None
    standing: Standing
    moment: Moment


@dataclass(frozen=True, slots=True)
class Scope(Place):
    """With those whose opportunities are summed; None is everybody."""

    owners: list[UUID] | None


READS_EVERYTHING = ("admin", "integration", "sales_ops", "analyst")


async def resolve_person(
    session: ReadSession, principal: Principal, reference: str | None, now: datetime
) -> Person | None:
    """The user whose subtree is read; None is the whole company, for those who may see it.

    A rep or manager who names nobody reads their own. Whom a manager may read is decided by
    today's reporting lines, also for figures of the past.
    """
    sees_everything = principal.has(*READS_EVERYTHING)
    if reference is None:
        if sees_everything:
            return None
        if principal.user_id is None:
            raise OutOfScopeError("the figures of its user, and it belongs to none")
        reference = str(principal.user_id)
    person = await repository.find_person(session, reference)
    if person is None:
        raise NotFoundError("user", reference)
    if sees_everything or person.id == principal.user_id:
        return person
    if principal.user_id is not None and principal.has("manager"):
        standing = await repository.read_standing(session, now)
        organisation = await repository.read_organisation(session, standing.batch)
        if person.id in organisation.subtree(principal.user_id):
            return person
        raise OutOfScopeError("the figures of its user and of everybody below")
    raise OutOfScopeError("the figures of its own user")


async def find_moment(
    session: ReadSession,
    workspace: Workspace,
    question: Question,
    standing: Standing,
    now: datetime,
) -> Moment:
    """The batch that answers, or the instant on the occurred axis."""
    if question.is_about_now:
        return moment_now(question, standing, now)
    # An answer's own instant may be ahead of a clock that was put back.
    latest = max(now, standing.batch.posted_at)
    if question.as_of is not None and question.as_of > latest:
        raise FutureInstantError("as_of")
    if question.axis is Axis.OCCURRED:
        return Moment(standing.batch, is_now=False, at=question.as_of)
    batch = await _find_batch(session, question, standing)
    if batch is None:
        batch = Batch(0, workspace.created_at, None)
    return Moment(batch, is_now=batch.sequence == standing.batch.sequence)


def moment_now(question: Question, standing: Standing, now: datetime) -> Moment:
    """Now is the same on both axes."""
    at = now if question.axis is Axis.OCCURRED else None
    return Moment(standing.batch, is_now=True, at=at)


async def _find_batch(session: ReadSession, question: Question, standing: Standing) -> Batch | None:
    if question.as_of is not None:
        return await repository_as_of.find_batch_at(session, question.as_of)
    assert question.as_of_sequence is not None
    if question.as_of_sequence > standing.batch.sequence:
        raise FutureInstantError("as_of_sequence")
    return await repository_as_of.find_batch_of(session, question.as_of_sequence)


async def organisation_of(
    session: ReadSession, question: Question, moment: Moment, standing: Standing
) -> Organisation:
    """The reporting lines the question asks for."""
    if question.organised is Organised.NOW:
        return await repository.read_organisation(session, standing.batch)
    return await repository.read_organisation(session, moment.batch, moment.at)


async def owners_of(
    session: ReadSession,
    question: Question,
    moment: Moment,
    standing: Standing,
    person: Person | None,
) -> list[UUID] | None:
    """Whose opportunities are summed; None is everybody's."""
    if person is None:
        return None
    organisation = await organisation_of(session, question, moment, standing)
    return organisation.subtree(person.id)


async def locate(
    session: ReadSession, principal: Principal, question: Question, now: datetime
) -> Place:
    workspace = await get_workspace(session)
    person = await resolve_person(session, principal, question.user, now)
    standing = await repository.read_standing(session, now)
    moment = await find_moment(session, workspace, question, standing, now)
    return Place(workspace, person, standing, moment)


async def resolve(
    session: ReadSession, principal: Principal, question: Question, now: datetime
) -> Scope:
    place = await locate(session, principal, question, now)
    return await with_owners(session, question, place)


async def with_owners(session: ReadSession, question: Question, place: Place) -> Scope:
    owners = await owners_of(session, question, place.moment, place.standing, place.person)
    return Scope(place.workspace, place.person, place.standing, place.moment, owners)
