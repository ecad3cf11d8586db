"""Activities on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field, Strict

from services.kit.schemas import (
    Day,
    ExternalId,
    Instant,
    Label,
    Note,
    RecordId,
    StrictModel,
    Text,
)

CONTACTS_MAX = 100
ATTENDEES_MAX = 200

Kind = Literal[
    "call",
    "email",
    "meeting",
    "social",
    "calendar",
    "demo",
    "objection",
    "breakup_email",
    "documentation",
    "note",
]
State = Literal["planned", "done", "cancelled", "no_show"]
Direction = Literal["outbound", "inbound"]
StepName = Literal["connect", "discover", "document", "appointment", "follow_up_documentation"]
Purpose = Literal["uptier", "seats", "other"]
Body = Annotated[str, Text(20_000, lines=True)]
Minutes = Annotated[int, Strict(), Field(ge=0, le=10_080)]
Interest = Annotated[int, Strict(), Field(ge=0, le=3)]


class Details(StrictModel):
    """What only some kinds have; of those sent, absent is unchanged and null takes away. `interest`
    0 to 3 and `attendees` of what is live, `location` of meetings, demos and calendar entries,
    `what_was_shown` of a demo, `resource` and `url` of documentation."""

    what_was_shown: Note | None = None
    attendees: list[Label] | None = Field(None, max_length=ATTENDEES_MAX)
    location: Label | None = None
    interest: Interest | None = Field(
        None, description="How interested the buyer is: 0 not at all, 3 very."
    )
    objection: Note | None = None
    response: Note | None = None
    state: Literal["open", "handled"] | None = Field(
        None, description="Of an objection; open by default."
    )
    resource: Label | None = None
    url: Annotated[str, Text(2000)] | None = None


class ActivityFields(StrictModel):
    """All optional but `kind` of a new one: an absent field is unchanged, null clears it."""

    id: RecordId | None = Field(None, description="Chosen for a new record; never changes.")
    kind: Kind | None = None
    direction: Direction | None = None
    subject: Label | None = Field(
        None,
        description="With the word qual or qualification it counts as a qualification call; with"
        " `Prep w/` and a name as a preparation.",
    )
    body: Body | None = None
    state: State | None = Field(None, description="Planned where it is in the future, else done.")
    occurred_at: Instant | None = Field(None, description="In the future only where planned.")
    scheduled_for: Instant | None = None
    duration_minutes: Minutes | None = None
    contact_external_ids: list[ExternalId] | None = Field(None, max_length=CONTACTS_MAX)
    user_external_id: ExternalId | None = Field(
        None, description="Who did it; the caller by default."
    )
    step: StepName | None = Field(
        None, description="A step of the follow-up it does, beside those it implies."
    )
    outcome: Label | None = Field(
        None,
        examples=["connected", "no_answer", "left_message", "replied", "bounced", "held"],
    )
    purpose: Purpose | None = Field(
        None, description="What a qualification call with a customer is about; else by its words."
    )
    buyer_stage: Label | None = Field(
        None, description="Where the buyer is in its process; the opportunity takes it over."
    )
    rebooks: ExternalId | None = Field(
        None, description="Id or external id of the one nobody came to."
    )
    details: Details | None = None

    def stated(self) -> dict[str, Any]:
        """As sent, the details too."""
        stated = super().stated()
        if isinstance(stated.get("details"), Details):
            stated["details"] = stated["details"].stated()
        return stated


class ActivityOn(ActivityFields):
    """With what it is about: an opportunity, or an account alone."""

    opportunity_external_id: ExternalId | None = None
    opportunity_id: RecordId | None = None
    account_external_id: ExternalId | None = Field(
        None, description="Of an opportunity's activity it is the opportunity's."
    )


class ActivityCreate(ActivityFields):
    """A new activity of the opportunity or account of the path."""

    kind: Kind
    external_id: ExternalId | None = None


class ActivityPut(ActivityOn):
    """The external id is the path's; repeating it is allowed."""

    external_id: ExternalId | None = None


class ActivityItem(ActivityOn):
    """One activity of a batch."""

    external_id: ExternalId


class ActivityUpdate(ActivityOn):
    """A change of an activity; also of what it is about."""


class Activity(BaseModel):
    """Something done or planned. `rebooked_by`: the one planned in its place."""

    id: UUID
    external_id: str | None
    version: int
    kind: Kind
    direction: Direction | None
    subject: str | None
    body: str | None
    state: State
    occurred_at: datetime
    scheduled_for: datetime | None
    duration_minutes: int | None
    opportunity_id: UUID | None
    opportunity_external_id: str | None
    account_id: UUID | None
    account_external_id: str | None
    contact_external_ids: list[str]
    user_external_id: str | None
    actor: str
    is_qualification: bool
    is_preparation: bool
    step: StepName | None
    steps: list[StepName]
    outcome: str | None
    purpose: Purpose | None
    buyer_stage: str | None
    rebooks: UUID | None
    rebooked_by: UUID | None
    details: Details | None
    created_at: datetime
    updated_at: datetime


class ActivityPage(BaseModel):
    items: list[Activity]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class OwnFilters:
    """The query parameters of the activities of one record."""

    kind: Annotated[Kind | None, Query()] = None
    state: Annotated[State | None, Query()] = None
    first: Annotated[
        Day | None, Query(alias="from", description="First day, as the company counts days.")
    ] = None
    last: Annotated[Day | None, Query(alias="to", description="Last day.")] = None
    qualification: Annotated[bool | None, Query(description="Qualification calls only.")] = None


@dataclass(frozen=True, slots=True)
class ActivityFilters(OwnFilters):
    """Those of the list of all."""

    user_id: Annotated[
        str | None,
        Query(max_length=255, description="Done by this user (id or external id) or the subtree."),
    ] = None
    opportunity_id: Annotated[UUID | None, Query()] = None
    opportunity_external_id: Annotated[ExternalId | None, Query()] = None
    account_external_id: Annotated[ExternalId | None, Query()] = None
    external_id: Annotated[ExternalId | None, Query()] = None
