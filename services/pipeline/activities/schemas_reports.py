"""Follow-ups and reports of activities on the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.pipeline.activities.schemas import Kind, StepName

FollowUpState = Literal["overdue", "on_track", "not_started", "complete"]
GroupBy = Literal["kind", "user", "day"]


class FollowUpStep(BaseModel):
    """One of the five steps; `skipped` where a later one was taken."""

    step: StepName
    state: Literal["done", "open", "skipped"]
    activity_id: UUID | None
    kind: Kind | None
    at: datetime | None
    to_do: str | None


class OpenObjection(BaseModel):
    activity_id: UUID
    objection: str
    occurred_at: datetime


class BreakupEmail(BaseModel):
    activity_id: UUID
    subject: str | None
    occurred_at: datetime


class FollowUp(BaseModel):
    """The current cycle: it begins with the last connect. `due_at` is null once it is complete."""

    opportunity_id: UUID
    state: FollowUpState
    cycle_started_at: datetime | None
    completed_at: datetime | None
    due_at: datetime | None
    next_step: StepName
    next: str
    steps: list[FollowUpStep]
    open_objections: list[OpenObjection]
    breakup_emails: list[BreakupEmail]


class FollowUpItem(BaseModel):
    """Where one opportunity stands."""

    opportunity_id: UUID
    opportunity_external_id: str | None
    name: str
    account_external_id: str | None
    owner_external_id: str
    stage: str
    state: FollowUpState
    cycle_started_at: datetime | None
    completed_at: datetime | None
    due_at: datetime | None
    days_overdue: int
    done: list[StepName]
    next_step: StepName
    next: str
    appointment_at: datetime | None
    last_activity_at: datetime | None
    open_objections: int
    last_breakup_email_at: datetime | None


class FollowUpPage(BaseModel):
    items: list[FollowUpItem]
    next_cursor: str | None


class Calls(BaseModel):
    """Qualification calls that were held: with customers, for a higher tier, more seats or else;
    with prospects, of which `iqms` were the first. And customers, of whom how many were
    contacted."""

    calls: int
    customers: int
    uptier: int
    seats: int
    other: int
    prospects: int
    iqms: int
    customer_accounts: int
    customers_contacted: int
    share_contacted: str | None


class CallsOfUser(Calls):
    """Null where nobody is named."""

    user_external_id: str | None
    user_name: str | None


class QualificationCalls(BaseModel):
    from_: date = Field(alias="from")
    to: date
    user_id: str | None
    total: Calls
    users: list[CallsOfUser]


class Counts(BaseModel):
    """What was done; `no_shows` and `planned` of every kind."""

    calls: int
    emails: int
    meetings: int
    social: int
    calendar: int
    demos: int
    objections: int
    objections_handled: int
    breakup_emails: int
    documentation: int
    notes: int
    no_shows: int
    planned: int


class CountGroup(Counts):
    """`key` is a kind, a day, or a user's external id, whose `name` is told too."""

    key: str | None
    name: str | None = None


class ActivityCounts(BaseModel):
    from_: date = Field(alias="from")
    to: date
    user_id: str | None
    group_by: GroupBy | None
    total: Counts
    groups: list[CountGroup]
