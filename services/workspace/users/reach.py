"""Whose records a caller may see and write: everybody's, a manager's subtree, or one's own.

An admin, an integration and sales operations reach everything; a manager the own subtree; a rep
the own records; an SDR those owned or worked on; an analyst reads. What a record is, and who owns
it, is the service's business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import Session
from services.kit.errors import ForbiddenError, InvalidPayloadError
from services.workspace.users.repository import find_user, subtree

RECORDERS: Final = frozenset({"admin", "integration"})
WRITE_ALL: Final = RECORDERS | {"sales_ops"}
READ_ALL: Final = WRITE_ALL | {"analyst"}
WRITERS: Final = ("admin", "integration", "sales_ops", "manager", "rep", "sdr")
READERS: Final = (*WRITERS, "analyst")


@dataclass(frozen=True, slots=True)
class Sight:
    """Whose records a caller may read or write: everybody's (None), or what these users own, or
    the SDR worked on."""

    owners: frozenset[UUID] | None = None
    sdr_id: UUID | None = None

    def covers(self, owner_id: UUID, sdr_id: UUID | None) -> bool:
        if self.owners is None or owner_id in self.owners:
            return True
        return self.sdr_id is not None and self.sdr_id == sdr_id


EVERYTHING: Final = Sight()


def as_writer(principal: Principal) -> Principal:
    """The caller without the role that only reads. It shows everybody's records, and must not open
    them to what another role of the same key may write."""
    return replace(principal, roles=principal.roles & frozenset(WRITERS))


async def sight(session: Session, principal: Principal) -> Sight:
    """What the caller may read. Raises ForbiddenError unless it may read records at all."""
    principal.require(*READERS)
    if principal.roles & READ_ALL:
        return EVERYTHING
    owners = await reach(session, principal.roles, principal.user_id)
    return Sight(owners, principal.user_id if principal.has("sdr") else None)


async def reach(session: Session, roles: frozenset[str], user_id: UUID | None) -> frozenset[UUID]:
    """The users whose records are one's own, for roles that do not reach everything. Raises
    ForbiddenError for a token without a user."""
    if user_id is None:
        raise ForbiddenError(
            "The token belongs to no user, so it owns no records; make a key for a user, or one"
            " with a wider role."
        )
    if "manager" in roles:
        now = clock.now()
        return frozenset(await subtree(session, user_id, at=now, sequence=None, with_unposted=True))
    return frozenset((user_id,))


async def find_subtree(session: Session, user: str) -> frozenset[UUID]:
    """The user named by id or external id, and everybody below by today's lines. Raises
    InvalidPayloadError where there is no such user."""
    user_id = await find_user(session, user)
    if user_id is None:
        raise InvalidPayloadError.one("query/user_id", "unknown_user", "names no user")
    now = clock.now()
    return frozenset(await subtree(session, user_id, at=now, sequence=None, with_unposted=True))
