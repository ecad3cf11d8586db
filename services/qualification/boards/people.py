"""Whose list is read: one person's and everybody's below, or the whole company's.

As everywhere, who names nobody reads the own list; a manager may read those of everybody below,
and whoever reads all records anybody's.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import ReadSession
from services.qualification.boards.errors import OutOfReachError, PersonUnknownError
from services.workspace.users.reach import READ_ALL, READERS
from services.workspace.users.repository import subtree


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a list."""

    id: UUID
    external_id: str
    name: str
    role: str
    active: bool


@dataclass(frozen=True, slots=True)
class People:
    """The person asked about (None: the company) and whose work is on the list (None: all)."""

    person: Person | None
    ids: list[UUID] | None


async def people_of(session: ReadSession, principal: Principal, reference: str | None) -> People:
    """`reference` is a user's id or external id. Raises PersonUnknownError, OutOfReachError."""
    principal.require(*READERS)
    reads_all = bool(principal.roles & READ_ALL)
    if reference is None and principal.user_id is None:
        if reads_all:
            return People(None, None)
        raise OutOfReachError("the list of its user, and it belongs to none")
    person = await _find(session, reference or str(principal.user_id))
    leads_others = reads_all or principal.has("manager")
    if reads_all or person.id == principal.user_id:
        return People(person, await _below(session, person.id) if leads_others else [person.id])
    if principal.user_id is None or not leads_others:
        raise OutOfReachError("the list of its own user")
    if person.id not in await _below(session, principal.user_id):
        raise OutOfReachError("the lists of its user and of everybody below")
    return People(person, await _below(session, person.id))


async def _below(session: ReadSession, user_id: UUID) -> list[UUID]:
    return await subtree(session, user_id, at=clock.now(), sequence=None, with_unposted=True)


async def _find(session: ReadSession, reference: str) -> Person:
    row = await session.fetchrow(
        """
        SELECT id, external_id, name, role, active FROM workspace.users
        WHERE workspace_id = $1 AND (external_id = $2 OR id::text = lower($2))
        ORDER BY (external_id = $2) DESC LIMIT 1
        """,
        session.workspace_id,
        reference,
    )
    if row is None:
        raise PersonUnknownError(reference)
    return Person(**dict(row))


async def members(session: ReadSession, ids: list[UUID] | None) -> list[Person]:
    """By external id, also those who left."""
    rows = await session.fetch(
        """
        SELECT id, external_id, name, role, active FROM workspace.users
        WHERE workspace_id = $1 AND ($2::uuid[] IS NULL OR id = ANY($2::uuid[]))
        ORDER BY external_id
        """,
        session.workspace_id,
        ids,
    )
    return [Person(**dict(row)) for row in rows]
