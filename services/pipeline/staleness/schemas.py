"""Clocks on the wire: what they are asked for and how they are told."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.kit.schemas import Day, Note, StrictModel

Kind = Literal["stale", "renewal", "acceptance", "action", "no_show"]
StepName = Literal[
    "warn", "close", "would_close", "notice", "will_churn", "missed", "not_acted", "rebook_over"
]


class Step(BaseModel):
    """What a clock does once; `on` is the company's day on which it begins."""

    name: StepName
    offset_days: int | None = Field(description="Of a renewal's notice: days from its date.")
    at: datetime
    on: date
    done_at: datetime | None


class Clock(BaseModel):
    """One clock. `since` is what it is measured from; `state` is warned once a step was done,
    paused until `paused_until`, ended where an acceptance was answered."""

    kind: Kind
    state: Literal["running", "warned", "paused", "ended"]
    since: Literal[
        "stage", "next_step", "activity", "command_plan", "renewal_date", "meeting", "opened",
        "accepted",
    ]  # fmt: skip
    started_at: datetime
    steps: list[Step]
    paused_until: date | None
    deadline_at: datetime | None
    ended_at: datetime | None
    outcome: Literal["met", "missed", "declined"] | None
    minutes: int | None
    policy_version: int


class Clocks(BaseModel):
    """Every clock of one opportunity, worked out now."""

    opportunity_id: UUID
    stage: str
    clocks: list[Clock]
    not_stale_because: Literal["closed", "off", "type", "stage", "segment"] | None = Field(
        description="Why no clock for want of progress runs; null where one does."
    )
    last_progress_at: datetime
    last_progress: Literal["stage", "next_step", "activity", "command_plan"]


class DueClock(BaseModel):
    """What a clock does next."""

    opportunity_id: UUID
    opportunity_external_id: str | None
    name: str
    owner_external_id: str
    stage: str
    segment: str
    kind: Kind
    step: StepName
    at: datetime
    on: date
    days_left: int = Field(description="Whole days of the company from today; 0 is today.")
    since: str
    started_at: datetime


class DueClockPage(BaseModel):
    """The soonest first."""

    items: list[DueClock]
    next_cursor: str | None


class AcceptanceReport(BaseModel):
    """Acceptances that began within a period. `missed`: answered too late, or still open past the
    deadline. `met_rate` is of those met or missed."""

    from_: date = Field(alias="from")
    to: date
    user_id: str | None
    met: int
    missed: int
    still_open_past_deadline: int
    open: int
    declined: int
    met_rate: str | None
    median_hours: str | None = Field(description="From the start to acceptance or hand-back.")
    sla_hours: int
    counted_in: Literal["hours", "business_hours"]
    policy_version: int


class ExceptionPost(StrictModel):
    """Why a renewal may be won after its window, what that means, and until when."""

    reason: Note
    impact: Note
    new_date: Day


class RenewalException(BaseModel):
    """Leave to renew late; its clock stands still to the end of `new_date`."""

    id: UUID
    opportunity_id: UUID
    reason: str
    impact: str
    new_date: date
    actor: str
    granted_at: datetime
    policy_version: int


class RenewalExceptions(BaseModel):
    """The newest first; it is the one in force."""

    items: list[RenewalException]
