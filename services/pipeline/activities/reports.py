"""Use cases that only read: follow-ups, qualification calls, counts. Cut to the caller's reach."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from heapq import nsmallest
from typing import Any, Final, TypeAlias
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import Session
from services.kit.errors import InvalidPayloadError
from services.pipeline.activities import repository_reports as statements
from services.pipeline.activities.domain import REPORTED_KINDS, purpose_of
from services.pipeline.activities.follow_up import BIT, NEW_CYCLE, NEXT, STEPS, Doing, cycle_of
from services.pipeline.activities.follow_up import following_step as following
from services.pipeline.activities.periods import Period
from services.pipeline.opportunities.record import Row
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.users.reach import find_subtree, sight
from services.workspace.users.repository import user_names

_PLURAL: Final = {
    "call": "calls",
    "email": "emails",
    "meeting": "meetings",
    "social": "social",
    "calendar": "calendar",
    "demo": "demos",
    "objection": "objections",
    "breakup_email": "breakup_emails",
    "documentation": "documentation",
    "note": "notes",
}
COUNTS: Final = (
    *(_PLURAL[kind] for kind in REPORTED_KINDS), "objections_handled", "no_shows", "planned",
)  # fmt: skip
CALLS: Final = ("calls", "customers", "uptier", "seats", "other", "prospects", "iqms")
Place: TypeAlias = tuple[int, str, str]
_RANK: Final = {"overdue": 0, "on_track": 1, "not_started": 1, "complete": 2}


async def users_of(session: Session, principal: Principal, user: str | None) -> list[UUID] | None:
    """Whose work is reported: the user's and the subtree's, as far as the caller reaches. None is
    everybody's."""
    owners = (await sight(session, principal)).owners
    if user is not None:
        named = await find_subtree(session, user)
        owners = named if owners is None else owners & named
    return None if owners is None else sorted(owners)


async def _follow_up_days(session: Session) -> int:
    policy = await get_policy(session, await version_in_force(session, clock.now()))
    return policy.number("follow_up.days")


async def follow_up_of(session: Session, opportunity: Row) -> dict[str, Any]:
    """The current cycle of one opportunity, step by step."""
    rows = await statements.read_steps(session, opportunity["id"])
    days = await _follow_up_days(session)
    cycle = cycle_of((Doing(*row) for row in rows), opportunity["created_at"], days)
    points = await statements.read_open_points(session, opportunity["id"])
    return {
        "opportunity_id": opportunity["id"],
        "state": cycle.state_at(clock.now()),
        "cycle_started_at": cycle.started_at,
        "completed_at": cycle.completed_at,
        "due_at": cycle.due_at,
        "next_step": cycle.next_step,
        "next": cycle.advice,
        "steps": [
            {
                "step": step.step,
                "state": step.state,
                "activity_id": None if step.activity is None else step.activity.id,
                "kind": None if step.activity is None else step.activity.kind,
                "at": None if step.activity is None else step.activity.occurred_at,
                "to_do": NEXT[step.step] if step.state == "open" else None,
            }
            for step in cycle.steps
        ],
        "open_objections": [
            {
                "activity_id": row["id"],
                "objection": row["details"]["objection"],
                "occurred_at": row["occurred_at"],
            }
            for row in points
            if row["kind"] == "objection"
        ],
        "breakup_emails": [
            {"activity_id": row["id"], "subject": row["subject"], "occurred_at": row["occurred_at"]}
            for row in points
            if row["kind"] == "breakup_email"
        ],
    }


async def follow_ups(
    session: Session, principal: Principal, user: str | None, after: Place | None, limit: int
) -> list[dict[str, Any]]:
    """Where open opportunities stand, overdue first, then by when it is due: at most `limit` after
    that place. All are put in order; only what is shown is told."""
    owners = await users_of(session, principal, user)
    if owners is None:
        raise InvalidPayloadError.one(
            "query/user_id", "missing", "name a user, whose opportunities and reports' are shown"
        )
    days = await _follow_up_days(session)
    now = clock.now()
    placed = ((_place_of(row, days, now), row) for row in await statements.read_follow_ups(
        session, owners))  # fmt: skip
    rest = (each for each in placed if after is None or each[0] > after)
    first = nsmallest(limit, rest, key=lambda each: each[0])
    return [_item(row, days, now) for _, row in first]


def order_of(item: Mapping[str, Any]) -> Place:
    """The place of an item in the list; also its cursor."""
    at = item["due_at"] or item["completed_at"]
    return _RANK[item["state"]], at.isoformat(), str(item["opportunity_id"])


def _place_of(row: Mapping[str, Any], days: int, now: datetime) -> Place:
    state, due = _standing(row, days, now)
    return _RANK[state], (due or row["documented_at"]).isoformat(), str(row["id"])


def _standing(row: Mapping[str, Any], days: int, now: datetime) -> tuple[str, datetime | None]:
    """The state, and when it is due; None once it is complete."""
    if row["documented_at"] is not None:
        return "complete", None
    started = row["connected_at"]
    due = (started or row["created_at"]) + timedelta(days=days)
    if due < now:
        return "overdue", due
    return "not_started" if started is None else "on_track", due


def _item(row: Mapping[str, Any], days: int, now: datetime) -> dict[str, Any]:
    steps = row["steps"] or 0
    done = [step for step in STEPS if steps & BIT[step]]
    state, due = _standing(row, days, now)
    step = following(done)
    return {
        "opportunity_id": row["id"],
        "opportunity_external_id": row["external_id"],
        "name": row["name"],
        "account_external_id": row["account_external_id"],
        "owner_external_id": row["owner_external_id"],
        "stage": row["stage"],
        "state": state,
        "cycle_started_at": row["connected_at"],
        "completed_at": row["documented_at"],
        "due_at": due,
        "days_overdue": (now - due).days if due is not None and due < now else 0,
        "done": done,
        "next_step": step,
        "next": NEW_CYCLE if due is None else NEXT[step],
        "appointment_at": row["appointment_at"],
        "last_activity_at": row["last_at"],
        "open_objections": row["open_objections"] or 0,
        "last_breakup_email_at": row["broken_up_at"],
    }


async def qualification_calls(
    session: Session, principal: Principal, user: str | None, period: Period, today: Any
) -> dict[str, Any]:
    """Counts of qualification calls, and how many customers were contacted."""
    users = await users_of(session, principal, user)
    calls: dict[UUID | None, dict[str, int]] = defaultdict(lambda: dict.fromkeys(CALLS, 0))
    for row in await statements.read_qualification_calls(session, users, period):
        _count_call(calls[row["user_id"]], row)
    customers = {
        row["owner_id"]: (row["accounts"], row["contacted"])
        for row in await statements.read_customers(session, users, period, min(period.last, today))
    }
    people = {*calls, *customers}
    names = await user_names(session, [each for each in people if each is not None])
    groups = []
    for each in people:
        name = names.get(each) if each is not None else None
        groups.append(
            {
                "user_external_id": None if name is None else name[0],
                "user_name": None if name is None else name[1],
                **(calls[each] if each in calls else dict.fromkeys(CALLS, 0)),
                **_coverage([customers[each]] if each in customers else []),
            }
        )
    groups.sort(key=lambda group: (-group["calls"], group["user_external_id"] or ""))
    total = {name: sum(group[name] for group in groups) for name in CALLS}
    return {
        "from": period.first,
        "to": period.last,
        "user_id": user,
        "total": {**total, **_coverage(customers.values())},
        "users": groups,
    }


def _count_call(counts: dict[str, int], row: Mapping[str, Any]) -> None:
    counts["calls"] += 1
    if row["is_customer"]:
        counts["customers"] += 1
        counts[purpose_of(row["purpose"], row["subject"], row["body"])] += 1
    else:
        counts["prospects"] += 1
        counts["iqms"] += row["is_first"]


def _coverage(found: Collection[tuple[int, int]]) -> dict[str, Any]:
    accounts = sum(accounts for accounts, _ in found)
    contacted = sum(contacted for _, contacted in found)
    share = None if not accounts else f"{Decimal(contacted) / accounts:.4f}"
    return {
        "customer_accounts": accounts,
        "customers_contacted": contacted,
        "share_contacted": share,
    }


async def counts(
    session: Session,
    principal: Principal,
    user: str | None,
    period: Period,
    group_by: str | None,
) -> dict[str, Any]:
    """How much was done, by kind, and by whom or when."""
    users = await users_of(session, principal, user)
    rows = await statements.read_counts(session, users, period, group_by)
    by_key: dict[str | None, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        by_key[row["key"]].append(row)
    keys = sorted(by_key, key=lambda key: (key is None, key or ""))
    groups: list[dict[str, Any]] = [
        {"key": key, **_counted(by_key[key])} for key in keys if group_by is not None
    ]
    if group_by == "user":
        ids = {key: UUID(key) for key in keys if key is not None}
        names = await user_names(session, ids.values())
        for group in groups:
            name = names.get(ids[group["key"]]) if group["key"] is not None else None
            group["key"] = None if name is None else name[0]
            group["name"] = None if name is None else name[1]
    return {
        "from": period.first,
        "to": period.last,
        "user_id": user,
        "group_by": group_by,
        "total": _counted(rows),
        "groups": groups,
    }


def _counted(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    found = dict.fromkeys(COUNTS, 0)
    for row in rows:
        found[_PLURAL[row["kind"]]] += row["done"]
        found["objections_handled"] += row["handled"]
        found["no_shows"] += row["no_shows"]
        found["planned"] += row["planned"]
    return found
