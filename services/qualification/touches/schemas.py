"""Touches and sequences on the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from services.kit.schemas import ExternalId, Label, Note, PastInstant, RecordId, StrictModel, refuse

Channel = Literal["email", "phone", "social", "video", "event", "direct_mail", "chat", "meeting"]
Direction = Literal["outbound", "inbound"]
State = Literal[
    "not_started", "on_track", "due", "overdue", "complete", "silent", "answered", "paused"
]


class TouchCreate(StrictModel):
    """A contact with the lead: to it (`outbound`), or from it (`inbound`)."""

    channel: Channel
    direction: Direction
    occurred_at: PastInstant | None = Field(None, description="Now by default.")
    resource_external_id: ExternalId | None = Field(None, description="What was sent.")
    subject: Label | None = None
    note: Note | None = None
    outcome: Label | None = Field(None, examples=["left_message", "connected", "bounced"])
    user_external_id: ExternalId | None = Field(
        None, description="Who made or took it; the caller by default."
    )
    external_id: ExternalId | None = Field(
        None, description="Of this lead's touches; told again, it changes nothing."
    )


class TouchItem(TouchCreate):
    """One touch of a batch; its lead by id or by external id."""

    lead_id: RecordId | None = None
    lead_external_id: ExternalId | None = None

    @model_validator(mode="after")
    def _names_one_lead(self) -> TouchItem:
        if (self.lead_id is None) == (self.lead_external_id is None):
            raise refuse("lead_unclear", "name the lead by either lead_id or lead_external_id")
        return self


class Touch(BaseModel):
    """A touch as it was told; it never changes."""

    id: UUID
    lead_id: UUID
    lead_external_id: str | None
    external_id: str | None
    channel: Channel
    direction: Direction
    subject: str | None
    note: str | None
    resource_external_id: str | None
    repeated_resource: bool = Field(description="The lead had been sent this before.")
    outcome: str | None
    user_external_id: str | None
    actor: str
    occurred_at: datetime
    recorded_at: datetime


class TouchPage(BaseModel):
    """One page, in the order in which they happened."""

    items: list[Touch]
    next_cursor: str | None


class Window(BaseModel):
    """The days in which the touches should be made, both included."""

    from_: date = Field(alias="from")
    to: date
    days: int


class Count(BaseModel):
    done: int
    in_window: int
    needed: int
    missing: int


class Channels(BaseModel):
    used: list[Channel]
    needed: int
    missing: int


class SuggestedResource(BaseModel):
    """Something the lead has not got, and why it."""

    external_id: str
    title: str
    url: str | None
    reason: str


class NextStep(BaseModel):
    """What to do next: by which channel, and with what."""

    channel: Channel
    reason: str
    resources: list[SuggestedResource]


class Cadence(BaseModel):
    """How far the sequence of touches is. `answered`: the lead replied; `silent`: it did not, and
    will be put aside; `paused`: it was put aside, disqualified or handed over."""

    lead_id: UUID
    state: State
    started_at: datetime | None
    window: Window | None
    touches: Count
    channels: Channels
    repeated_resources: list[str]
    last_touch_at: datetime | None
    answered_at: datetime | None
    silent_at: datetime | None
    next_touch_on: date | None
    next: NextStep | None
    policy_version: int


class TouchAnswer(Touch):
    """A touch, and how far the sequence is with it."""

    cadence: Cadence


class DueTouch(BaseModel):
    """A lead whose next touch is due, or was."""

    lead_id: UUID
    lead_external_id: str | None
    name: str
    company: str | None
    email: str | None
    phone: str | None
    region: str | None
    status: str
    score: int
    sdr_external_id: str | None
    owner_external_id: str | None
    next_touch_on: date
    days_overdue: int
    state: Literal["due", "overdue"]
    last_touch_at: datetime | None


class DueTouchPage(BaseModel):
    """One page, longest due first."""

    items: list[DueTouch]
    next_cursor: str | None


def touch_json(row: Any) -> dict[str, Any]:
    return {name: row[name] for name in Touch.model_fields}


def due_json(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in DueTouch.model_fields}
