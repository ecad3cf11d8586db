"""Engagement activities and their kinds on the wire. Checks of single fields; no decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from services.kit.schemas import (
    Day,
    ExternalId,
    Label,
    Note,
    PastInstant,
    PositiveMoney,
    RecordId,
    StrictModel,
    WebAddress,
)
from services.qualification.engagement import kinds

KindKey = Literal[
    "trade_show",
    "lunch_and_learn",
    "workshop",
    "meetup",
    "marketing_campaign",
    "division_programme",
    "cloud_provider",
    "system_integrator",
    "reseller",
    "original_equipment_manufacturer",
    "industry_membership",
]
State = Literal["planned", "running", "done", "cancelled"]
Cadence = Literal["once", "weekly", "monthly", "quarterly", "yearly"]


class Answer(StrictModel):
    """What an account answered to one of the kind's questions."""

    question_key: Label
    answer: Note
    account_external_id: ExternalId | None = None
    answered_by: Label | None = Field(None, description="Who of the account said it.")
    at: PastInstant | None = None


class Briefing(StrictModel):
    """A material handed over; `walked_through_on` is the day its talking points were gone through."""

    title: Label
    url: WebAddress | None = None
    walked_through_on: Day | None = None


class ActivityFields(StrictModel):
    """All optional: an absent field is unchanged, null clears it; lists are replaced whole."""

    id: RecordId | None = Field(None, description="Chosen for a new record; never changes.")
    kind: KindKey | None = Field(None, description="A new activity needs one.")
    name: Label | None = Field(None, description="The kind's title by default.")
    state: State | None = Field(None, description="`planned` by default.")
    territory_external_id: ExternalId | None = None
    owner_external_id: ExternalId | None = None
    starts_on: Day | None = None
    ends_on: Day | None = Field(None, description="The last day it may begin again on.")
    cadence: Cadence | None = Field(None, description="`once` by default.")
    vertical: Label | None = None
    organisation_external_ids: Annotated[list[ExternalId], Field(max_length=200)] | None = None
    division_external_ids: Annotated[list[ExternalId], Field(max_length=200)] | None = None
    partner_name: Label | None = None
    answers: Annotated[list[Answer], Field(max_length=200)] | None = None
    value_messages: Annotated[list[Label], Field(max_length=50)] | None = Field(
        None, description="Those used: keys of the kind's messages, or words of one's own."
    )
    briefing_materials: Annotated[list[Briefing], Field(max_length=50)] | None = None
    cost: PositiveMoney | None = None
    notes: Note | None = None


class ActivityPut(ActivityFields):
    """The external id is the path's; repeating it is allowed."""

    external_id: ExternalId | None = None


class ActivityItem(ActivityFields):
    """One activity that names itself."""

    external_id: ExternalId


class ShownAnswer(BaseModel):
    question_key: str
    answer: str
    account_external_id: str | None
    answered_by: str | None
    at: datetime | None


class ShownBriefing(BaseModel):
    title: str
    url: str | None
    walked_through_on: date | None


class Activity(BaseModel):
    """An engagement activity. `next_on` is the next day it begins, by its cadence."""

    id: UUID
    external_id: str
    version: int
    kind: KindKey
    name: str
    state: State
    territory_external_id: str | None
    owner_external_id: str | None
    starts_on: date | None
    ends_on: date | None
    cadence: Cadence
    next_on: date | None
    vertical: str | None
    organisation_external_ids: list[str]
    division_external_ids: list[str]
    partner_name: str | None
    answers: list[ShownAnswer]
    value_messages: list[str]
    briefing_materials: list[ShownBriefing]
    cost: Decimal | None
    currency: str
    notes: str | None
    created_at: datetime
    updated_at: datetime


class ActivityPage(BaseModel):
    items: list[Activity]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ActivityFilters:
    """The query parameters of the list; they combine."""

    external_id: Annotated[ExternalId | None, Query()] = None
    kind: Annotated[KindKey | None, Query()] = None
    state: Annotated[State | None, Query()] = None
    territory_external_id: Annotated[ExternalId | None, Query()] = None
    owner_external_id: Annotated[ExternalId | None, Query()] = None
    vertical: Annotated[Label | None, Query()] = None
    opportunity_id: Annotated[
        UUID | None, Query(description="Those a person named for this opportunity.")
    ] = None


class KindLine(BaseModel):
    """A question, a message or a material; records name it by its key."""

    key: str
    text: str


class Kind(BaseModel):
    """A kind of engagement activity as the product ships it."""

    key: KindKey
    title: str
    group: str
    purpose: str
    serves: list[Literal["entry", "growth"]] = Field(
        description="A first point of entry, growth of what is there, or both."
    )
    routes_to_market: list[str] = Field(description="Those it goes with; empty: with any.")
    work_with: list[str]
    roles: list[Literal["internal_champion", "force_multiplier"]]
    recruits_partners: bool
    questions: list[KindLine] = Field(description="What to ask the account.")
    steps: list[str]
    value_messages: list[KindLine] = Field(description="What to sell the partner on.")
    briefing_materials: list[KindLine] = Field(description="What to hand over.")


class KindList(BaseModel):
    items: list[Kind]
    next_cursor: None


class Naming(StrictModel):
    """What an activity was to an opportunity: `sourced` brought it, `influenced` helped it along."""

    role: Literal["sourced", "influenced"]


class NamedOpportunity(BaseModel):
    """An opportunity and the activity a person named for it."""

    activity_id: UUID
    opportunity_id: UUID
    role: Literal["sourced", "influenced"]
    named_by: str
    named_at: datetime


def kind_json(kind: kinds.Kind) -> dict[str, Any]:
    """A kind of the catalogue as its answer."""
    shown: dict[str, Any] = {
        name: getattr(kind, name) for name in Kind.model_fields if name != "routes_to_market"
    }
    for name in ("questions", "value_messages", "briefing_materials"):
        shown[name] = [line._asdict() for line in shown[name]]
    shown["routes_to_market"] = kind.routes
    return {name: shown[name] for name in Kind.model_fields}
