"""Use cases of colleagues' input: a call prep before a meeting, a review of what came of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.batch import unknown_reference
from services.kit.db import Session, WriteSession
from services.kit.ids import new_id
from services.kit.pagination import PageRequest
from services.kit.rows import after_id
from services.qualification.leads.repository import user_ids
from services.qualification.meetings import preparation_rows as rows
from services.qualification.meetings.schemas_preparation import Review, ReviewPost
from services.qualification.meetings.service import require_meeting, require_writable
from services.workspace.users.repository import user_names


async def add_review(
    session: WriteSession, principal: Principal, meeting_id: UUID, told: ReviewPost
) -> dict[str, Any]:
    """A colleague's input. Before the meeting it is a call prep, logged under the words teams look
    for: "Prep w/" and the colleague's name."""
    meeting, _ = await require_writable(session, principal, meeting_id)
    users = await user_ids(session, [told.reviewer])
    if told.reviewer not in users:
        raise unknown_reference("/reviewer", "user", told.reviewer)
    reviewer_id = users[told.reviewer]
    name = (await user_names(session, [reviewer_id]))[reviewer_id].name
    phase = told.phase or ("after" if meeting.state == "held" else "before")
    review = {
        "id": new_id(),
        "meeting_id": meeting.id,
        "phase": phase,
        "reviewer_id": reviewer_id,
        "subject": f"{'Prep' if phase == 'before' else 'Review'} w/ {name}",
        "input": told.input,
        "critiques": told.critiques,
        "recorded_at": clock.now(),
        "actor": principal.actor,
    }
    await rows.REVIEWS.insert(session, [review])
    shown = {**review, "reviewer": told.reviewer}
    return {name: shown[name] for name in Review.model_fields}


async def list_reviews(
    session: Session, principal: Principal, meeting_id: UUID, page: PageRequest
) -> list[dict[str, Any]]:
    """Up to one more than the page holds, in the order in which they were given."""
    await require_meeting(session, principal, meeting_id)
    return await rows.list_reviews(session, meeting_id, after=after_id(page), limit=page.limit + 1)
