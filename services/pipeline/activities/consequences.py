"""What an activity means for its opportunity: a renewal nobody had worked on leaves stage 0, the
buyer's stage is taken over, and whoever follows opportunities looks at it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from services.pipeline.activities.repository import Deal
from services.pipeline.opportunities import service as opportunities
from services.pipeline.opportunities.access import SYSTEM, Actor
from services.workspace.policies.repository import get_policy, version_in_force

NO_STAGE: Final = "none"
"""Of the policy: a first activity moves no renewal."""
_GO_BY_ACTIVITIES: Final = (following.HYGIENE, following.CLOCKS)
"""Other followers have nothing to look at again."""
_SAYING: Final = ("buyer_stage", "state", "occurred_at", "opportunity_id")


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
    unworked, said = _unworked(written, found), _said(written)
    if unworked or said:
        # All at once, so that two who log about the same ones take turns: the second sees the first.
        deals = await repository.lock_deals(session, sorted({*unworked, *said.values()}))
        await _promote(session, [deals[id_] for id_ in sorted(unworked)], now, statements)
        await _take_over_buyer_stages(session, said, deals, statements)
    if statements:
        # In the caller's name, and whatever stage it is at: what happened is not held by a gate.
        outcomes = await opportunities.upsert_many(
            session, replace(SYSTEM, name=actor.name), list(statements.values())
        )
        for outcome in outcomes:
            if isinstance(outcome, ServiceError):
                raise outcome
    await following.recheck(session, touched, _GO_BY_ACTIVITIES)


def _unworked(written: Sequence[Draft], found: References) -> set[UUID]:
    """Renewals at stage 0 about which something was done."""
    return {
        each.row["opportunity_id"]
        for each in written
        if each.row["state"] == DONE
        and not each.row["is_preparation"]
        and (deal := found.deals.get(each.row["opportunity_id"])) is not None
        and _is_unworked(deal)
    }


def _is_unworked(deal: Deal) -> bool:
    return deal.type == "renewal" and deal.stage == "pending_acceptance"


def _said(written: Sequence[Draft]) -> dict[UUID, UUID]:
    """By activity, the opportunity about whose buyer it says something new. What only corrects a
    word of it says nothing: the opportunity may have been changed since."""
    return {
        each.row["id"]: each.row["opportunity_id"]
        for each in written
        if each.row["buyer_stage"] is not None
        and each.row["state"] == DONE
        and each.row["opportunity_id"] is not None
        and (each.is_new or not each.changed.isdisjoint(_SAYING))
    }


async def _promote(
    session: WriteSession,
    deals: Sequence[Deal],
    now: datetime,
    statements: dict[UUID, dict[str, Any]],
) -> None:
    if not deals:
        return
    policy = await get_policy(session, await version_in_force(session, now))
    stage = policy.choice("renewal.first_activity_stage")
    if stage == NO_STAGE:
        return
    for deal in deals:
        if _is_unworked(deal):
            statements[deal.id] = {"id": deal.id, "stage": stage}


async def _take_over_buyer_stages(
    session: WriteSession,
    said: Mapping[UUID, UUID],
    deals: Mapping[UUID, Deal],
    statements: dict[UUID, dict[str, Any]],
) -> None:
    """The last word counts, by when it was said and not by when it was told."""
    if not said:
        return
    latest = await repository.latest_buyer_stages(session, sorted(set(said.values())))
    for opportunity_id, (activity_id, buyer_stage) in latest.items():
        if activity_id in said and deals[opportunity_id].buyer_stage != buyer_stage:
            statement = statements.setdefault(opportunity_id, {"id": opportunity_id})
            statement["buyer_stage"] = buyer_stage
