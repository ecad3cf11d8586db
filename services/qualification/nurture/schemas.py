"""What nurture activities look like on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from services.kit.schemas import Day, ExternalId, Label, Note, PastInstant, StrictModel

NurtureKind = Literal[
    "mail", "call", "content", "event", "social", "newsletter", "meeting", "other"
]


class NurtureCreate(StrictModel):
    """Something planned for a lead that has no immediate need."""

    kind: NurtureKind
    title: Label
    planned_on: Day
    resource_external_id: ExternalId | None = None
    note: Note | None = None


class NurtureUpdate(StrictModel):
    """What is absent stays; `done_at` null takes it back."""

    kind: NurtureKind = Field(default_factory=lambda: "other")
    title: Label = Field(default_factory=str)
    planned_on: Day = Field(default_factory=lambda: date.min)
    resource_external_id: ExternalId | None = None
    note: Note | None = None
    done_at: PastInstant | None = None


class NurtureActivity(BaseModel):
    """A planned activity; `is_due` where its day has come and it is not done."""

    id: UUID
    version: int
    lead_id: UUID
    kind: NurtureKind
    title: str
    resource_external_id: str | None
    planned_on: date
    is_due: bool
    done_at: datetime | None
    note: str | None
    actor: str
    created_at: datetime
    updated_at: datetime


class NurturePage(BaseModel):
    """A page of activities, in the order asked for."""

    items: list[NurtureActivity]
    next_cursor: str | None


class PlannedActivity(NurtureActivity):
    """An activity with whose lead it is for."""

    lead_name: str
    lead_status: str
    sdr_external_id: str | None
    owner_external_id: str | None


class PlannedPage(BaseModel):
    """What is still to be done, the earliest day first."""

    items: list[PlannedActivity]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class PlannedFilters:
    """The query parameters of the list of what is to be done."""

    due_before: Annotated[Day | None, Query(description="Planned before this day.")] = None
    sdr_external_id: Annotated[ExternalId | None, Query()] = None
    kind: Annotated[NurtureKind | None, Query()] = None
