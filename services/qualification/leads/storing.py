"""Keeps what a write made of leads: the leads, their history and signals, and whatever follows them.

Set-based: a thousand leads take as many statements as one. Every write of a lead ends here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from services.kit.db import WriteSession
from services.kit.ids import new_id
from services.qualification.leads import repository
from services.qualification.leads.changes import LeadChange
from services.workspace.policy import Policy


async def store(
    session: WriteSession, changes: Sequence[LeadChange | None], policy: Policy
) -> None:
    """Changes of leads that are there and locked; None is a draft that changed nothing."""
    made = [change for change in changes if change is not None]
    await repository.update_leads(session, [change.after for change in made])
    await _follow(session, made, policy)


async def store_new(
    session: WriteSession, changes: Sequence[LeadChange], policy: Policy
) -> set[UUID]:
    """New leads; answers with the ids that went in, since an id or external id may be taken."""
    inserted = await repository.insert_leads(session, [change.after for change in changes])
    await _follow(session, [change for change in changes if change.after.id in inserted], policy)
    return inserted


async def _follow(session: WriteSession, changes: Sequence[LeadChange], policy: Policy) -> None:
    if not changes:
        return
    # Whoever follows leads also moves them, so they are looked up when they are needed.
    from services.qualification.leads.waking import follow as follow_wakings
    from services.qualification.responses.service import follow as follow_responses
    from services.qualification.signals.service import follow as follow_signals
    from services.qualification.touches.service import follow as follow_touches

    await _keep_moves(session, changes)
    await follow_wakings(session, changes)
    await follow_signals(session, changes, policy)
    await follow_responses(session, changes, policy)
    await follow_touches(session, changes, policy)


async def _keep_moves(session: WriteSession, changes: Sequence[LeadChange]) -> None:
    rows = [
        {
            "id": new_id(),
            "lead_id": change.after.id,
            "actor": change.actor,
            "recorded_at": change.recorded_at,
            **asdict(move),
        }
        for change in changes
        for move in change.moves
    ]
    await repository.MOVES.insert(session, rows)
