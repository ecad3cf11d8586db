"""Onboarding plans: begun with their subscriptions, moved on by who does the steps and by use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

import asyncpg

from services.kit import clock
from services.kit.answers import check_version
from services.kit.batch import unknown_reference
from services.kit.db import Session, WriteSession
from services.kit.errors import FieldProblem, InvalidPayloadError
from services.kit.ids import new_id
from services.pipeline.customers.onboarding import repository
from services.pipeline.customers.onboarding.domain import (
    STEPS_MAX,
    TRAININGS_MAX,
    Doer,
    is_over,
    merged_steps,
    merged_trainings,
    next_due,
    plan_for,
)
from services.pipeline.customers.onboarding.errors import OnboardingNotFoundError
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.policy import Policy
from services.workspace.users.repository import USERS
from services.workspace.workspaces.repository import get_workspace

_DAYS = ("first_value_on", "adoption_done_on")


async def begin(
    session: WriteSession, subscriptions: Sequence[Mapping[str, Any]], *, today: date, now: datetime
) -> None:
    """Plans for new subscriptions; not for those that go on from another one, nor for those whose
    onboarding would have been over."""
    if not subscriptions:
        return
    policy = await get_policy(session, await version_in_force(session, now))
    template = policy.settings["customers.onboarding_steps"]
    fresh = [each for each in subscriptions if not is_over(each["start_date"], today, template)]
    if not fresh:
        return
    going_on = await repository.continuing(
        session, [each["id"] for each in fresh], policy.number("customers.continuation_days")
    )
    rows = [
        _blank(each["id"], each["start_date"], policy, now)
        for each in fresh
        if each["id"] not in going_on
    ]
    await repository.insert(session, rows)


def _blank(subscription_id: UUID, start: date, policy: Policy, now: datetime) -> dict[str, Any]:
    steps = plan_for(start, policy.settings["customers.onboarding_steps"])
    return {
        "id": new_id(),
        "subscription_id": subscription_id,
        "version": 1,
        "started_on": start,
        "steps": steps,
        "trainings": [],
        "first_value_on": None,
        "adoption_done_on": None,
        "next_due_on": next_due(steps),
        "completed_at": None if steps else now,
        "policy_version": policy.version,
        "created_at": now,
        "updated_at": now,
    }


async def require(session: Session, subscription_id: UUID) -> asyncpg.Record:
    found = await repository.get_onboarding(session, subscription_id)
    if found is None:
        raise OnboardingNotFoundError(subscription_id)
    return found


async def put(
    session: WriteSession,
    actor: str,
    subscription: Mapping[str, Any],
    stated: Mapping[str, Any],
    *,
    if_match: str | None,
) -> bool:
    """Merges what is stated; a subscription without a plan gets the policy's. Whether it is new."""
    now = clock.now()
    today = (await get_workspace(session)).calendar.local_date(now)
    current = (await repository.lock_of(session, [subscription["id"]])).get(subscription["id"])
    check_version(if_match, None if current is None else current["version"])
    base = current
    if base is None:
        policy = await get_policy(session, await version_in_force(session, now))
        base = _blank(subscription["id"], subscription["start_date"], policy, now)
    row = dict(base)
    row["steps"] = await _steps(session, base, stated["steps"], Doer(actor, today))
    trainings = [_training(each) for each in stated["trainings"]]
    row["trainings"] = merged_trainings(base["trainings"], trainings)
    if len(row["trainings"]) > TRAININGS_MAX:
        raise InvalidPayloadError.one(
            "/trainings", "too_many_items", f"would make more than {TRAININGS_MAX} trainings"
        )
    row |= {name: stated[name] for name in _DAYS if name in stated}
    row["next_due_on"] = next_due(row["steps"])
    if row["next_due_on"] is not None:
        row["completed_at"] = None
    elif row["completed_at"] is None:
        row["completed_at"] = now
    if current is None:
        await repository.insert(session, [row])
        return True
    if row != current:
        row |= {"version": current["version"] + 1, "updated_at": now}
        await repository.update(session, [row])
    return False


async def _steps(
    session: WriteSession,
    base: Mapping[str, Any],
    stated: Sequence[Mapping[str, Any]],
    doer: Doer,
) -> list[dict[str, Any]]:
    named = [each.get("done_by_external_id") for each in stated]
    known = await USERS.ids_named(session, filter(None, named))
    for place, name in enumerate(named):
        if name is not None and name not in known:
            raise unknown_reference(f"/steps/{place}/done_by_external_id", "user", name)
    steps, lacking = merged_steps(
        base["steps"],
        [{**each, "done_by": each.get("done_by_external_id")} for each in stated],
        doer,
    )
    if lacking:
        raise InvalidPayloadError(
            [
                FieldProblem(
                    "/steps", "missing", f"{name[:100]!r} is a new step: give role, due_on"
                )
                for name in lacking
            ]
        )
    if len(steps) > STEPS_MAX:
        raise InvalidPayloadError.one(
            "/steps", "too_many_items", f"would make more than {STEPS_MAX} steps"
        )
    return steps


def _training(stated: Mapping[str, Any]) -> dict[str, Any]:
    told = dict(stated)
    if "contact_external_ids" in told:
        told["contacts"] = told.pop("contact_external_ids") or []
    return told


async def note_use(
    session: WriteSession, reached: Mapping[UUID, Iterable[tuple[date, Fraction]]], policy: Policy
) -> None:
    """What was used, by subscription and day: the first days of value and of adoption follow."""
    now = clock.now()
    goals = {
        "first_value_on": policy.number("customers.first_value_percent"),
        "adoption_done_on": policy.number("customers.adoption_done_percent"),
    }
    updated = []
    for subscription_id, row in (await repository.lock_of(session, reached)).items():
        changed = dict(row)
        for name, percent in goals.items():
            days = [day for day, use in reached[subscription_id] if use >= percent]
            if row[name] is None and days:
                changed[name] = min(days)
        if changed != row:
            updated.append({**changed, "version": row["version"] + 1, "updated_at": now})
    await repository.update(session, updated)


def item_of(row: Mapping[str, Any], today: date) -> dict[str, Any]:
    """An open onboarding as the report tells it."""
    open_steps = [step for step in row["steps"] if step["done_on"] is None]
    first = min(open_steps, key=lambda step: step["due_on"], default=None)
    due_on = row["next_due_on"]
    overdue = 0 if due_on is None else max((today - due_on).days, 0)
    return {
        "id": row["id"],
        "subscription_id": row["subscription_id"],
        "subscription_external_id": row["subscription_external_id"],
        "account_external_id": row["account_external_id"],
        "owner_external_id": row["owner_external_id"],
        "started_on": row["started_on"],
        "steps_done": len(row["steps"]) - len(open_steps),
        "steps_total": len(row["steps"]),
        "next_step": first and first["name"],
        "next_step_role": first and first["role"],
        "next_due_on": due_on,
        "is_overdue": overdue > 0,
        "overdue_days": overdue,
        "first_value_on": row["first_value_on"],
        "adoption_done_on": row["adoption_done_on"],
    }
