"""What qualification knows of an opportunity, shown beside its gate: nothing here holds a move."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.kit.db import Session
from services.pipeline.opportunities.stages import STAGE
from services.qualification.views import evidence_of
from services.workspace.policy import Policy


async def evidence_for(
    session: Session, opportunity_id: UUID, next_stage: str | None, policy: Policy
) -> dict[str, Any] | None:
    """How sure MEDDPPICC is, and what the next stage wants that it and the command plan lack.
    Where there is no next stage, nothing is wanted."""
    found = (await evidence_of(session, [opportunity_id], policy)).get(opportunity_id)
    if found is None:
        return None
    rank = None if next_stage is None else STAGE[next_stage].rank
    return {
        "percent": found.percent,
        "colour": found.colour,
        "gaps": [] if rank is None else list(found.gaps_at(rank)),
        "plan_missing": [] if rank is None else list(found.missing_at(rank)),
        "is_plan_stale": found.is_stale,
        "policy_version": found.policy_version,
    }
