"""Onboardings on the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from services.kit.schemas import (
    Count,
    Day,
    ExternalId,
    Flag,
    Label,
    Note,
    PastDay,
    StrictModel,
    refuse,
)
from services.pipeline.customers.onboarding.domain import STEPS_MAX, TRAININGS_MAX

_CONTACTS_MAX = 200


class StepPut(StrictModel):
    """What is said of one step. A new name is a new step, which needs its role and its day."""

    name: Label
    role: Label | None = None
    due_on: Day | None = None
    done: Flag | None = Field(None, description="False opens it again.")
    done_on: PastDay | None = Field(None, description="Today by default.")
    done_by_external_id: ExternalId | None = Field(None, description="A user; the caller else.")
    note: Note | None = None


class TrainingPut(StrictModel):
    """A training that was held; name and day say which."""

    name: Label
    held_on: PastDay
    attendees: Count | None = None
    contact_external_ids: list[ExternalId] | None = Field(None, max_length=_CONTACTS_MAX)


def _different(steps: list[StepPut]) -> list[StepPut]:
    if len({step.name for step in steps}) < len(steps):
        raise refuse("duplicate_step", "each step may appear once")
    return steps


class OnboardingPut(StrictModel):
    """Merged into the plan: steps and trainings not named stay as they are."""

    steps: Annotated[list[StepPut], AfterValidator(_different)] | None = Field(
        None, max_length=STEPS_MAX
    )
    trainings: list[TrainingPut] | None = Field(None, max_length=TRAININGS_MAX)
    first_value_on: PastDay | None = Field(
        None, description="Told by use too: the first day on which enough seats are used."
    )
    adoption_done_on: PastDay | None = None


class Step(BaseModel):
    name: str
    role: str
    due_on: date
    done_on: date | None
    done_by: str | None
    note: str | None


class Training(BaseModel):
    name: str
    held_on: date
    attendees: int | None
    contacts: list[str]


class Onboarding(BaseModel):
    """How a subscription is taken into use."""

    id: UUID
    version: int
    subscription_id: UUID
    subscription_external_id: str | None
    account_external_id: str | None
    owner_external_id: str | None
    started_on: date
    steps: list[Step]
    trainings: list[Training]
    first_value_on: date | None
    adoption_done_on: date | None
    next_due_on: date | None
    completed_at: datetime | None
    policy_version: int
    created_at: datetime
    updated_at: datetime


class OnboardingItem(BaseModel):
    """One open onboarding; `next_step` is its first open step."""

    id: UUID
    subscription_id: UUID
    subscription_external_id: str | None
    account_external_id: str | None
    owner_external_id: str | None
    started_on: date
    steps_done: int
    steps_total: int
    next_step: str | None
    next_step_role: str | None
    next_due_on: date | None
    is_overdue: bool
    overdue_days: int
    first_value_on: date | None
    adoption_done_on: date | None


class OnboardingPage(BaseModel):
    """What is overdue longest comes first."""

    items: list[OnboardingItem]
    next_cursor: str | None


def stated_of(body: OnboardingPut) -> dict[str, Any]:
    """The fields sent, with steps and trainings as what was sent of each."""
    stated = body.stated()
    for name in ("steps", "trainings"):
        stated[name] = [each.stated() for each in stated.get(name) or ()]
    return stated
