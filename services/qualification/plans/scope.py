"""Whose opportunities a report is about: those the caller sees, or one user's and all below."""

from __future__ import annotations

from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import ReadSession
from services.kit.errors import ForbiddenError, NotFoundError
from services.kit.rows import Filters
from services.workspace.users.reach import Sight, sight
from services.workspace.users.repository import subtree


class UserUnknownError(NotFoundError):
    """404: a report names a user that is not there."""

    def __init__(self, reference: str) -> None:
        super().__init__("user", reference)


class OutOfReachError(ForbiddenError):
    """403: a report about somebody whose opportunities the caller may not see."""

    code = "out_of_reach"

    def __init__(self) -> None:
        super().__init__("You may ask about yourself and about those who report to you.")


async def seen_of(session: ReadSession, principal: Principal, reference: str | None) -> Sight:
    """`reference` is a user's id or external id; None is everything the caller sees."""
    seen = await sight(session, principal)
    if reference is None:
        return seen
    user_id = await _find_user(session, reference)
    below = await subtree(session, user_id, at=clock.now(), sequence=None, with_unposted=True)
    if seen.owners is None:
        return Sight(frozenset(below))
    if user_id not in seen.owners:
        raise OutOfReachError
    return Sight(seen.owners & frozenset(below))


async def _find_user(session: ReadSession, reference: str) -> UUID:
    found: UUID | None = await session.fetchval(
        """
        SELECT id FROM workspace.users
        WHERE workspace_id = $1 AND (external_id = $2 OR id::text = lower($2))
        ORDER BY (external_id = $2) DESC LIMIT 1
        """,
        session.workspace_id,
        reference,
    )
    if found is None:
        raise UserUnknownError(reference)
    return found


def within(where: Filters, seen: Sight) -> None:
    """Keeps a statement over opportunities (`o`) to those."""
    if seen.owners is None:
        return
    owners = sorted(seen.owners)
    if seen.sdr_id is None:
        where.require("o.owner_id = ANY({}::uuid[])", owners)
        return
    # One parameter carries both: the owners, and the SDR as the last of the list.
    where.require(
        "(o.owner_id = ANY(({0}::uuid[])[2:]) OR o.sdr_id = ({0}::uuid[])[1])",
        [seen.sdr_id, *owners],
    )
