"""Account families. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID


def circle_through(account_id: UUID, parents: Mapping[UUID, UUID | None]) -> list[UUID] | None:
    """The accounts from this one up to itself again; None where its line of parents ends, or runs
    into a circle it is no part of."""
    chain = [account_id]
    seen = {account_id}
    above = parents.get(account_id)
    while above is not None:
        chain.append(above)
        if above == account_id:
            return chain
        if above in seen:
            return None
        seen.add(above)
        above = parents.get(above)
    return None
