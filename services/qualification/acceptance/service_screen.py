"""Use cases of the screen by budget, authority, need and timeline: keep one, list them. Nothing
follows from it."""

from __future__ import annotations

from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import ReadSession, WriteSession
from services.kit.ids import new_id
from services.kit.pagination import PageRequest
from services.kit.rows import after_id
from services.qualification.acceptance import repository, screening
from services.qualification.acceptance.repository import StoredScreen
from services.qualification.acceptance.schemas_screens import ScreenCreate
from services.qualification.leads.access import READERS, WRITERS, require_lead, require_yours


async def screen_lead(
    session: WriteSession, principal: Principal, lead_id: UUID, found: ScreenCreate
) -> StoredScreen:
    """Keeps what was found out, with its author and date."""
    principal.require(*WRITERS)
    lead = await require_lead(session, principal, lead_id)
    require_yours(principal, lead)
    answers = found.answers()
    made = StoredScreen(
        id=new_id(),
        lead_id=lead.id,
        lead_version=lead.version,
        answers=answers,
        score=screening.score(answers),
        screened_at=clock.now(),
        screened_by=principal.actor,
    )
    await repository.insert_screen(session, made)
    return made


async def list_screens(
    session: ReadSession, principal: Principal, lead_id: UUID, page: PageRequest
) -> list[StoredScreen]:
    """Up to one more than the page holds, oldest first."""
    principal.require(*READERS)
    await require_lead(session, principal, lead_id)
    return await repository.list_screens(
        session, lead_id, limit=page.limit + 1, after=after_id(page)
    )
