"""What is known of an opportunity's MEDDPPICC, as the questions need it."""

from __future__ import annotations

from uuid import UUID

from services.kit.db import Session
from services.qualification.evidence.views import evidence_of
from services.qualification.questions.domain import Gap, gaps_of
from services.workspace.policy import Policy


async def known_gaps(
    session: Session, opportunity_id: UUID | None, policy: Policy
) -> dict[str, Gap]:
    """Every element by how little is known of it; without an opportunity nothing is."""
    required_by = policy.settings["meddppicc.required_by_stage"]
    if opportunity_id is None:
        return gaps_of({}, (), required_by)
    found = (await evidence_of(session, [opportunity_id], policy)).get(opportunity_id)
    if found is None:
        return gaps_of({}, (), required_by)
    return gaps_of(found.scores, found.gaps, required_by)
