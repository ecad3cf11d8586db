"""Meetings on the wire. Reading and checking of single fields; no decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field, Strict

from services.kit.schemas import Day, Email, ExternalId, Instant, Label, RecordId, StrictModel
from services.qualification.meetings.repository import Meeting as Stored

Kind = Literal["iqm", "discovery", "demo", "technical", "review", "other"]
State = Literal["planned", "held", "no_show", "cancelled"]
Minutes = Annotated[int, Strict(), Field(ge=1, le=1440)]


class Attendee(StrictModel):
    """One of the buyer's people. A contact of pipeline brings its name, title, persona and buying
    role, where those are not stated."""

    contact_external_id: ExternalId | None = None
    name: Label | None = None
    title: Label | None = None
    email: Email | None = None
    persona: Label | None = Field(None, description="A key of GET /v1/personas.")
    buying_role: Label | None = None


Attendees = Annotated[list[Attendee], Field(max_length=100)]


class _MeetingFields(StrictModel):
    """Every field may be left out; null clears it, except where a meeting must have a value."""

    subject: Label | None = Field(
        None, description="With the word qual or qualification it counts as a qualification call."
    )
    kind: Kind | None = None
    scheduled_at: Instant | None = None
    duration_minutes: Minutes | None = None
    lead_id: RecordId | None = None
    lead_external_id: ExternalId | None = None
    opportunity_id: RecordId | None = None
    opportunity_external_id: ExternalId | None = None
    account_external_id: ExternalId | None = None
    attendees: Attendees | None = None
    team: Annotated[list[ExternalId], Field(max_length=100)] | None = Field(
        None, description="Our own people besides the owner, by external id."
    )
    buyer_stage: Label | None = Field(None, description="A key of GET /v1/buyer-process.")
    owner_external_id: ExternalId | None = None
    state: Literal["planned", "cancelled"] | None = None


class MeetingCreate(_MeetingFields):
    """A new meeting; `id` may be made by the client."""

    id: RecordId | None = None
    external_id: ExternalId | None = None
    subject: Label
    scheduled_at: Instant


class MeetingUpdate(_MeetingFields):
    """Changes of a meeting: what is absent stays."""


class MeetingPut(_MeetingFields):
    """A calendar's entry, made or merged by the external id of the path."""

    external_id: ExternalId | None = None


class MeetingItem(_MeetingFields):
    """One entry of a batch."""

    external_id: ExternalId


class AttendeeOut(BaseModel):
    contact_external_id: str | None
    name: str | None
    title: str | None
    email: str | None
    persona: str | None
    buying_role: str | None


class Meeting(BaseModel):
    """A meeting as it is now."""

    id: UUID
    external_id: str | None
    version: int
    subject: str
    kind: Kind
    is_qualification: bool
    state: State
    scheduled_at: datetime
    duration_minutes: int | None
    held_at: datetime | None
    lead_id: UUID | None
    lead_external_id: str | None
    opportunity_id: UUID | None
    opportunity_external_id: str | None
    account_external_id: str | None
    attendees: list[AttendeeOut]
    team: list[str]
    buyer_stage: str | None
    owner_external_id: str | None
    next_step: str | None
    next_step_date: date | None
    rebook_until: date | None
    created_at: datetime
    updated_at: datetime


class MeetingPage(BaseModel):
    """One page, the earliest first."""

    items: list[Meeting]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class MeetingFilters:
    """The query parameters of the list. Days are the company's."""

    external_id: Annotated[str | None, Query(max_length=255)] = None
    lead_id: Annotated[UUID | None, Query()] = None
    opportunity_id: Annotated[UUID | None, Query()] = None
    account_external_id: Annotated[str | None, Query(max_length=255)] = None
    user_id: Annotated[
        str | None, Query(max_length=300, description="Owns it or takes part: id or external id.")
    ] = None
    from_: Annotated[Day | None, Query(alias="from")] = None
    to: Annotated[Day | None, Query()] = None
    kind: Annotated[Kind | None, Query()] = None
    is_qualification: Annotated[bool | None, Query()] = None
    state: Annotated[State | None, Query()] = None


_SHOWN = tuple(Meeting.model_fields)


def meeting_json(meeting: Stored) -> dict[str, Any]:
    """A stored meeting as its answer."""
    return {name: getattr(meeting, name) for name in _SHOWN}
