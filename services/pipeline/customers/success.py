"""Puts together what is known of customers: reads set-based, judges by the domain, tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

from services.kit.db import Session
from services.kit.money import ZERO
from services.pipeline.customers import repository
from services.pipeline.customers.domain import (
    ACTION,
    RED,
    Bought,
    Champions,
    Held,
    Milestone,
    Term,
    category_of,
    count_champions,
    milestones,
    phase_of,
    shown,
    use_band,
    use_of,
    users_of,
)
from services.pipeline.customers.onboarding.repository import open_of_accounts
from services.pipeline.customers.reviews.repository import held_at
from services.pipeline.customers.terms.repository import before_of
from services.workspace.policy import Policy

Row = Mapping[str, Any]

_FAR: Final = date.max


@dataclass(frozen=True, kw_only=True)
class Running:
    """An active subscription. Each thing is judged when it is asked for, and once: a list that
    looks for one of them among many customers needs no more."""

    row: Row
    before: Bought | None
    held: Sequence[Held]
    onboarding_due_on: date | None
    today: date
    policy: Policy

    @property
    def term(self) -> Term:
        return Term(self.row["start_date"], self.row["end_date"])

    @cached_property
    def placed(self) -> tuple[str, date]:
        """The phase and its first day."""
        found = phase_of(self.term, self.today, self.policy)
        assert found is not None
        return found

    @property
    def phase(self) -> str:
        return self.placed[0]

    @cached_property
    def category(self) -> str | None:
        if self.before is None:
            return None
        bought = Bought(self.row["tier"], self.row["seats"], self.row["arr"])
        return category_of(self.before, bought, self.policy.settings["customers.tiers"])

    @cached_property
    def use(self) -> Fraction | None:
        return use_of(users_of(self.row["usage"]), self.row["seats"])

    @cached_property
    def band(self) -> str | None:
        return use_band(self.use, self.term, self.today, self.policy)

    @cached_property
    def milestones(self) -> tuple[Milestone, ...]:
        return milestones(self.term, self.today, self.held, self.policy)


@dataclass(slots=True)
class Customer:
    """An account, its active subscriptions (the first to end first) and its champions."""

    account: Row
    today: date
    running: list[Running] = field(default_factory=list)
    champions: list[Row] = field(default_factory=list)
    counted: Champions = field(default_factory=lambda: Champions(0, 0, 0))
    suggestions: int = 0

    @property
    def flags(self) -> list[str]:
        return [*self.counted.flags, *(name for name, holds in _FLAGS.items() if holds(self))]

    def has(self, flag: str) -> bool:
        holds = _FLAGS.get(flag)
        return flag in self.counted.flags if holds is None else holds(self)

    def _states(self) -> set[str]:
        return {each.state for one in self.running for each in one.milestones}

    def _is_late(self) -> bool:
        due = [one.onboarding_due_on for one in self.running if one.onboarding_due_on is not None]
        return any(day < self.today for day in due)


_FLAGS: Final[Mapping[str, Callable[[Customer], bool]]] = {
    "review_due": lambda customer: "due" in customer._states(),
    "review_overdue": lambda customer: "overdue" in customer._states(),
    "use_red": lambda customer: any(one.band == RED for one in customer.running),
    "onboarding_overdue": Customer._is_late,
    "suggestion_open": lambda customer: customer.suggestions > 0,
}


async def read_customers(
    session: Session, accounts: Sequence[Row], today: date, policy: Policy
) -> list[Customer]:
    """In the order of the accounts."""
    ids = [row["id"] for row in accounts]
    bought = await repository.active_subscriptions(session, ids, today)
    before = await before_of(
        session, [row["id"] for row in bought], policy.number("customers.continuation_days")
    )
    held = await held_at(session, ids)
    due = await open_of_accounts(session, ids)
    suggested = await repository.open_suggestions(session, ids)
    found = {row["id"]: Customer(row, today) for row in accounts}
    for row in bought:
        reviews = held.get(row["account_id"], ())
        found[row["account_id"]].running.append(
            Running(
                row=row,
                before=before.get(row["id"]),
                held=[each for each in reviews if each.subscription_id in (None, row["id"])],
                onboarding_due_on=due.get(row["id"]),
                today=today,
                policy=policy,
            )
        )
    people = defaultdict(list)
    for row in await repository.champions(session, ids):
        people[row["account_id"]].append(row)
    goal = policy.number("customers.champions_goal")
    for id_, customer in found.items():
        customer.champions = people[id_]
        customer.counted = count_champions([each["left_at"] for each in people[id_]], today, goal)
        customer.suggestions = suggested.get(id_, 0)
    return list(found.values())


def next_steps(customer: Customer) -> list[dict[str, Any]]:
    """What to do, by the day it is due; what has no day comes last."""
    steps = []
    for one in customer.running:
        name = one.row["external_id"]
        if one.onboarding_due_on is not None:
            steps.append(_step("onboarding", "Do the next step of onboarding.",
                               one.onboarding_due_on, name))  # fmt: skip
        steps += [
            _step(*_of_milestone(each), each.due_on, name)
            for each in one.milestones
            if each.state in ("due", "overdue")
        ]
        if one.band == RED:
            sentence = f"Help the users: {shown(one.use)} % of the seats are used."
            steps.append(_step("raise_use", sentence, None, name))
    steps += [_step(code, sentence, None, None) for code, sentence in _of_people(customer)]
    if customer.suggestions:
        sentence = f"Decide on the suggestions that are open: {customer.suggestions}."
        steps.append(_step("decide_suggestions", sentence, None, None))
    return sorted(steps, key=lambda step: step["due_on"] or _FAR)


def _of_milestone(milestone: Milestone) -> tuple[str, str]:
    when = f"{milestone.months} months before the end"
    if milestone.kind == ACTION:
        return "csm_action", f"Act on what the review found: it is due {when}."
    return "renewal_review", f"Review the account: it is due {when}."


def _of_people(customer: Customer) -> list[tuple[str, str]]:
    counted = customer.counted
    found = []
    if counted.active == 0:
        found.append(("find_champion", "Find a champion: nobody at the account is one."))
    elif counted.active < counted.goal:
        found.append(
            (
                "find_another_champion",
                f"Support {counted.active}, and find another champion: {counted.goal} are the goal.",
            )
        )
    if counted.left:
        found.append(
            (
                "replace_champion",
                "A champion has left: see who takes over, then unmark the contact.",
            )
        )
    return found


def _step(code: str, message: str, due_on: date | None, subscription: str | None) -> dict[str, Any]:
    return {
        "code": code,
        "message": message,
        "due_on": due_on,
        "subscription_external_id": subscription,
    }


def told(customer: Customer, policy: Policy) -> dict[str, Any]:
    """An account's success plan."""
    account, counted = customer.account, customer.counted
    flags = set(counted.flags)
    return {
        "account_id": account["id"],
        "account_external_id": account["external_id"],
        "name": account["name"],
        "segment": account["segment"],
        "owner_external_id": account["owner_external_id"],
        "subscriptions": [_told(one, customer.today) for one in customer.running],
        "champions": {
            "active": counted.active,
            "goal": counted.goal,
            **{name: name in flags for name in ("no_champion", "single_champion", "champion_left")},
            "champions": [_person(row, customer.today) for row in customer.champions],
        },
        "flags": customer.flags,
        "next_steps": next_steps(customer),
        "open_suggestions": customer.suggestions,
        "policy_version": policy.version,
    }


def _told(one: Running, today: date) -> dict[str, Any]:
    row = one.row
    day = (row["usage"] or {}).get("measured_on")
    return {
        "subscription_id": row["id"],
        "subscription_external_id": row["external_id"],
        "start_date": row["start_date"],
        "end_date": row["end_date"],
        "months_left": one.term.months_left(today),
        "arr": row["arr"],
        "currency": row["currency"],
        "tier": row["tier"],
        "phase": one.phase,
        "phase_since": one.placed[1],
        "category": one.category,
        "use": {
            "users": users_of(row["usage"]),
            "seats": row["seats"],
            "percent": shown(one.use),
            "band": one.band,
            "measured_on": day if isinstance(day, str) else None,
        },
        "milestones": [
            {
                "kind": each.kind,
                "months": each.months,
                "due_on": each.due_on,
                "state": each.state,
                "held_on": each.held_on,
            }
            for each in one.milestones
        ],
        "onboarding_due_on": one.onboarding_due_on,
    }


def _person(row: Row, today: date) -> dict[str, Any]:
    left_at = row["left_at"]
    return {
        "contact_id": row["id"],
        "contact_external_id": row["external_id"],
        "name": row["name"],
        "title": row["title"],
        "left_at": left_at,
        "is_active": left_at is None or left_at > today,
    }


def item_of(customer: Customer) -> dict[str, Any]:
    """A customer as the list tells it: by the subscription that ends first."""
    account, running = customer.account, customer.running
    first = running[0]
    step = next(iter(next_steps(customer)), None)
    return {
        "account_id": account["id"],
        "account_external_id": account["external_id"],
        "name": account["name"],
        "segment": account["segment"],
        "region": account["region"],
        "owner_external_id": account["owner_external_id"],
        "subscriptions": len(running),
        "arr": sum((one.row["arr"] for one in running), ZERO),
        "ends_on": first.term.end,
        "phase": first.phase,
        "phases": sorted({one.phase for one in running}),
        "category": first.category,
        "categories": sorted({one.category for one in running if one.category is not None}),
        "band": first.band,
        "bands": sorted({one.band for one in running if one.band is not None}),
        "champions": customer.counted.active,
        "flags": customer.flags,
        "next_step": step and step["code"],
        "next_due_on": step and step["due_on"],
    }
