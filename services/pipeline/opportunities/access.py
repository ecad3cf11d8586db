"""Who writes opportunities, whose they may write, and whether what they say is a record. Whose
records anybody reaches is the kernel's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from services.kit.auth import Principal
from services.kit.db import Session
from services.workspace.users.reach import (
    EVERYTHING,
    READERS,
    RECORDERS,
    WRITE_ALL,
    WRITERS,
    Sight,
    reach,
    sight,
)

__all__ = [
    "EVERYTHING",
    "READERS",
    "RECORDERS",
    "SYSTEM",
    "WRITERS",
    "Actor",
    "Sight",
    "actor_of",
    "sight",
    "writer",
]

_APPROVERS = frozenset({"admin", "sales_ops", "manager"})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes. `owners` are the users whose records the actor may write, None for everybody's;
    `is_recorder`: POST, PUT and batches by this actor report what is so. `bypasses_gates`: what
    a stage still needs is noted and does not hold it."""

    name: str
    user_id: UUID | None = None
    owners: frozenset[UUID] | None = None
    is_recorder: bool = False
    is_manager: bool = False
    bypasses_gates: bool = False

    def may_write(self, owner_id: UUID) -> bool:
        return self.owners is None or owner_id in self.owners


SYSTEM = Actor("system", is_recorder=True, is_manager=True, bypasses_gates=True)
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
    owners = None if held & WRITE_ALL else await reach(session, held, user_id)
    return Actor(
        name=name,
        user_id=user_id,
        owners=owners,
        is_recorder=bool(held & RECORDERS),
        is_manager=bool(held & _APPROVERS),
        bypasses_gates="integration" in held,
    )
