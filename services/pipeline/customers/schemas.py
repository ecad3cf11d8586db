"""Customers on the wire: success plans of an account, and the list of customers."""

from __future__ import annotations

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

Phase = Literal["implementation", "adoption", "expansion", "renewal"]
Category = Literal["flat", "expanded", "uptier", "downtier"]
Band = Literal["red", "yellow", "green"]
Flag = Literal[
    "no_champion",
    "single_champion",
    "champion_left",
    "champions_below_goal",
    "review_due",
    "review_overdue",
    "use_red",
    "onboarding_overdue",
    "suggestion_open",
]


class Milestone(BaseModel):
    """A review before the end of a term, or the customer success manager's action between two."""

    kind: Literal["renewal_review", "csm_action"]
    months: int = Field(description="So many before the end.")
    due_on: date
    state: Literal["upcoming", "due", "overdue", "done"]
    held_on: date | None


class LicenceUse(BaseModel):
    """What is used of the seats. `band` goes by the age of the subscription too."""

    users: int | None
    seats: int | None
    percent: str | None
    band: Band | None
    measured_on: str | None


class SubscriptionSuccess(BaseModel):
    """An active subscription."""

    subscription_id: UUID
    subscription_external_id: str | None
    start_date: date
    end_date: date
    months_left: int
    arr: str
    currency: str
    tier: str | None
    phase: Phase
    phase_since: date
    category: Category | None = Field(
        description="Of the last renewal or purchase; null where it is the first."
    )
    use: LicenceUse
    milestones: list[Milestone]
    onboarding_due_on: date | None = Field(description="Of the next open step of its onboarding.")


class Champion(BaseModel):
    contact_id: UUID
    contact_external_id: str | None
    name: str
    title: str | None
    left_at: date | None
    is_active: bool


class ChampionsOfAccount(BaseModel):
    """One is a risk: when the person leaves, so may the use."""

    active: int
    goal: int
    no_champion: bool
    single_champion: bool
    champion_left: bool
    champions: list[Champion]


class NextStep(BaseModel):
    """Something to do; what is overdue comes first."""

    code: str
    message: str
    due_on: date | None
    subscription_external_id: str | None


class Success(BaseModel):
    """What there is to know of a customer, by today's policy."""

    account_id: UUID
    account_external_id: str | None
    name: str
    segment: str
    owner_external_id: str | None
    subscriptions: list[SubscriptionSuccess]
    champions: ChampionsOfAccount
    flags: list[Flag]
    next_steps: list[NextStep]
    open_suggestions: int
    policy_version: int


class CustomerItem(BaseModel):
    """An account with an active subscription; phase, category and band are those of the one that
    ends first."""

    account_id: UUID
    account_external_id: str | None
    name: str
    segment: str
    region: str | None
    owner_external_id: str | None
    subscriptions: int
    arr: str
    ends_on: date
    phase: Phase
    phases: list[Phase]
    category: Category | None
    categories: list[Category]
    band: Band | None
    bands: list[Band]
    champions: int
    flags: list[Flag]
    next_step: str | None
    next_due_on: date | None


class CustomerPage(BaseModel):
    """In the order of the accounts' ids."""

    items: list[CustomerItem]
    next_cursor: str | None
