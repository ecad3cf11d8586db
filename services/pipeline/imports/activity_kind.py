"""How imported activities are stored, and how those of their fields are written that are not text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.kit.batch import Outcome
from services.kit.db import WriteSession
from services.pipeline.activities.schemas import ActivityItem
from services.pipeline.activities.service import Statement, record
from services.pipeline.opportunities.access import actor_of

if TYPE_CHECKING:
    from services.pipeline.imports.records import Author

TYPES: Final = {"duration_minutes": "integer", "scheduled_for": "instant", "details": "json"}


async def store_activities(
    session: WriteSession, author: Author, payloads: list[ActivityItem]
) -> list[Outcome]:
    """As a batch of the sender's would be."""
    actor = await actor_of(session, name=author.name, roles=author.roles, user_id=author.user_id)
    statements = [Statement(payload.stated(), payload.external_id) for payload in payloads]
    return await record(session, actor, statements)
