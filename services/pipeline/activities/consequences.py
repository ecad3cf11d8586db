"""What an activity means for its opportunity: a renewal nobody had worked on leaves stage 0, the
buyer's stage is taken over, and whoever follows opportunities looks at it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.kit.db import WriteSession
from services.kit.errors import ServiceError
from services.kit.upsert import Draft
from services.pipeline import following
from services.pipeline.activities import repository
from services.pipeline.activities.domain import DONE
from services.pipeline.activities.references import References
from services.pipeline.opportunities import service as opportunities
from services.pipeline.opportunities.access import SYSTEM, Actor
from services.workspace.policies.repository import get_policy, version_in_force

NO_STAGE: Final = "none"
"""Of the policy: a first activity moves no renewal."""
_GO_BY_ACTIVITIES: Final = (following.HYGIENE, following.CLOCKS)
"""Other followers have nothing to look at again."""


async def follow(
    session: WriteSession,
    actor: Actor,
    drafts: Sequence[Draft],
    found: References,
    now: datetime,
) -> None:
    """In the transaction that stored the drafts."""
    written = [each for each in drafts if each.refusal is None and (each.is_new or each.changed)]
    touched = {
        row["opportunity_id"]
        for each in written
        for row in (each.row, each.current or each.row)
        if row["opportunity_id"] is not None
    }
    if not touched:
        return
    statements: dict[UUID, dict[str, Any]] = {}
    await _promote(session, written, found, now, statements)
    await _take_over_buyer_stages(session, written, found, statements)
    if statements:
        # In the caller's name, and whatever stage it is at: what happened is not held by a gate.
        outcomes = await opportunities.upsert_many(
            session, replace(SYSTEM, name=actor.name), list(statements.values())
        )
        for outcome in outcomes:
            if isinstance(outcome, ServiceError):
                raise outcome
    await following.recheck(session, touched, _GO_BY_ACTIVITIES)


async def _promote(
    session: WriteSession,
    written: Sequence[Draft],
    found: References,
    now: datetime,
    statements: dict[UUID, dict[str, Any]],
) -> None:
    ids = {
        each.row["opportunity_id"]
        for each in written
        if each.row["state"] == DONE
        and not each.row["is_preparation"]
        and (deal := found.deals.get(each.row["opportunity_id"])) is not None
        and deal.type == "renewal"
        and deal.stage == "pending_acceptance"
    }
    if not ids:
        return
    policy = await get_policy(session, await version_in_force(session, now))
    stage = policy.choice("renewal.first_activity_stage")
    if stage == NO_STAGE:
        return
    for id_ in await repository.lock_unworked_renewals(session, sorted(ids)):
        statements[id_] = {"id": id_, "stage": stage}


async def _take_over_buyer_stages(
    session: WriteSession,
    written: Sequence[Draft],
    found: References,
    statements: dict[UUID, dict[str, Any]],
) -> None:
    """The last word counts, by when it was said and not by when it was told."""
    said = {
        each.row["id"]: each.row["opportunity_id"]
        for each in written
        if each.row["buyer_stage"] is not None
        and each.row["state"] == DONE
        and each.row["opportunity_id"] is not None
    }
    if not said:
        return
    latest = await repository.latest_buyer_stages(session, sorted(set(said.values())))
    for opportunity_id, (activity_id, buyer_stage) in latest.items():
        if activity_id in said and found.deals[opportunity_id].buyer_stage != buyer_stage:
            statement = statements.setdefault(opportunity_id, {"id": opportunity_id})
            statement["buyer_stage"] = buyer_stage
