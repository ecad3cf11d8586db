"""What the worker does about touches: a lead that never answered is put aside."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from services.kit import clock
from services.kit.db import WriteSession
from services.qualification import timers
from services.qualification.leads import repository as leads
from services.qualification.leads import storing
from services.qualification.leads.domain import may_move
from services.qualification.leads.draft import Draft
from services.qualification.touches.service import KIND_SILENT, cadences
from services.workspace.policies.repository import get_policy, version_in_force

ACTOR: Final = "system:timer"
NO_RESPONSE: Final = "no_response"


async def recycle_silent(session: WriteSession, lead_id: UUID) -> None:
    """The handler: the sequence was complete and nobody answered for as long as the policy of
    today waits. A touch or a reply meanwhile, or another status, leaves the lead as it is."""
    lead = await leads.get_lead(session, lead_id, lock=True)
    if lead is None or lead.merged_into_id is not None:
        return
    now = clock.now()
    policy = await get_policy(session, await version_in_force(session, now))
    silent_at = (await cadences(session, [lead], policy, now))[lead_id].silent_at
    if silent_at is None or not may_move(lead.status, "recycle"):
        return
    if silent_at > now:
        await timers.rearm(session, KIND_SILENT, lead_id, silent_at)
        return
    draft = Draft(lead, lead, policy, at=now, now=now, actor=ACTOR)
    draft.move("recycle", NO_RESPONSE, None)
    await storing.store(session, [draft.change()], policy)
