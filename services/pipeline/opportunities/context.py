"""Gathers what decisions of this moment depend on; decides nothing itself."""

from __future__ import annotations

from datetime import datetime

from services.kit.db import Session
from services.pipeline.opportunities.access import SYSTEM, Actor
from services.pipeline.opportunities.drafts import Circumstances
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.workspaces.repository import get_workspace


async def circumstances_of(
    session: Session,
    actor: Actor,
    *,
    now: datetime,
    is_recording: bool,
    policy_version: int | None = None,
) -> Circumstances:
    """`policy_version` is the one in force at `now`, for whoever has read it already."""
    workspace = await get_workspace(session)
    if policy_version is None:
        policy_version = await version_in_force(session, now)
    return Circumstances(
        now=now,
        policy=await get_policy(session, policy_version),
        calendar=workspace.calendar,
        currency=workspace.currency,
        is_recording=is_recording,
        is_manager=actor.is_manager,
        is_product=actor == SYSTEM,
    )
