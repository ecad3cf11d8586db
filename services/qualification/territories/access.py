"""Who may read and write what is kept about territories: everybody reads; salespeople write in the
territories they own, managers and operations in all of them."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from services.kit.auth import Principal
from services.qualification.territories.errors import OwnersNotYoursError, TerritoryNotYoursError
from services.workspace.users.reach import READERS, WRITERS

ASSIGNERS = ("admin", "integration", "sales_ops", "manager")
"""Who writes everywhere, and says whose a territory is."""


def require_reader(principal: Principal) -> None:
    principal.require(*READERS)


def require_writer(principal: Principal, name: str, owner_ids: Iterable[UUID]) -> None:
    """Raises ForbiddenError without a role that writes, TerritoryNotYoursError where the territory
    is somebody else's."""
    principal.require(*WRITERS)
    if principal.has(*ASSIGNERS):
        return
    if principal.user_id is None or principal.user_id not in set(owner_ids):
        raise TerritoryNotYoursError(name)


def require_assigner(principal: Principal) -> None:
    """Raises OwnersNotYoursError for who may work a territory, but not give it away."""
    if not principal.has(*ASSIGNERS):
        raise OwnersNotYoursError
