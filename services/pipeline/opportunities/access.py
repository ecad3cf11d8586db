"""Whose opportunities a caller may see and write, and whether what they say is a record.

An admin, an integration and sales operations reach everything; a manager the own subtree; a rep
the own records; an SDR those owned or worked on; an analyst reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import Session
from services.kit.errors import ForbiddenError
from services.workspace.users.repository import subtree

RECORDERS = frozenset({"admin", "integration"})
_WRITE_ALL = RECORDERS | {"sales_ops"}
_READ_ALL = _WRITE_ALL | {"analyst"}
_APPROVERS = frozenset({"admin", "sales_ops", "manager"})
WRITERS = ("admin", "integration", "sales_ops", "manager", "rep", "sdr")
READERS = (*WRITERS, "analyst")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes. `owners` are the users whose records the actor may write, None for everybody's;
    `is_recorder`: POST, PUT and batches by this actor report what is so."""

    name: str
    user_id: UUID | None = None
    owners: frozenset[UUID] | None = None
    is_recorder: bool = False
    is_manager: bool = False

    def may_write(self, owner_id: UUID) -> bool:
        return self.owners is None or owner_id in self.owners


SYSTEM = Actor("system", is_recorder=True, is_manager=True)
"""The product itself: timers, policies and hand-overs."""


async def writer(session: Session, principal: Principal) -> Actor:
    """Raises ForbiddenError unless the caller may write opportunities at all."""
    principal.require(*WRITERS)
    return await actor_of(
        session, name=principal.actor, roles=principal.roles, user_id=principal.user_id
    )


async def actor_of(
    session: Session, *, name: str, roles: Iterable[str], user_id: UUID | None
) -> Actor:
    """For who wrote the request that is now carried out, such as an import."""
    held = frozenset(roles)
    owners = None if held & _WRITE_ALL else await _reach(session, held, user_id)
    return Actor(
        name=name,
        user_id=user_id,
        owners=owners,
        is_recorder=bool(held & RECORDERS),
        is_manager=bool(held & _APPROVERS),
    )


@dataclass(frozen=True, slots=True)
class Sight:
    """What a caller may read: everything, or what these users own, or the SDR worked on."""

    owners: frozenset[UUID] | None = None
    sdr_id: UUID | None = None

    def covers(self, owner_id: UUID, sdr_id: UUID | None) -> bool:
        if self.owners is None or owner_id in self.owners:
            return True
        return self.sdr_id is not None and self.sdr_id == sdr_id


EVERYTHING = Sight()


async def sight(session: Session, principal: Principal) -> Sight:
    """Raises ForbiddenError unless the caller may read opportunities at all."""
    principal.require(*READERS)
    if principal.roles & _READ_ALL:
        return EVERYTHING
    owners = await _reach(session, principal.roles, principal.user_id)
    return Sight(owners, principal.user_id if principal.has("sdr") else None)


async def _reach(session: Session, roles: frozenset[str], user_id: UUID | None) -> frozenset[UUID]:
    if user_id is None:
        raise ForbiddenError(
            "The token belongs to no user, so it owns no records; make a key for a user, or one"
            " with a wider role."
        )
    if "manager" in roles:
        now = clock.now()
        return frozenset(await subtree(session, user_id, at=now, sequence=None, with_unposted=True))
    return frozenset((user_id,))
