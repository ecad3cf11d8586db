"""What leads look like on the wire. Reading and checking of single fields; no decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field, Strict

from services.kit.schemas import (
    Count,
    Day,
    Email,
    ExternalId,
    Flag,
    Label,
    Note,
    PastInstant,
    RecordId,
    StrictModel,
    Text,
)

SourceKind = Literal["inbound", "outbound", "self_serve", "partner"]
LeadStatus = Literal[
    "raw",
    "inquiry",
    "mql",
    "pql",
    "accepted",
    "qualifying",
    "qualified",
    "recycle",
    "disqualified",
]
Persona = Literal[
    "technology_leader",
    "business_application_leader",
    "security_leader",
    "coo_cxo_leader",
    "financial_leader",
]
Score = Annotated[int, Strict(), Field(ge=0, le=1_000_000)]
Region = Label
Tools = Annotated[list[Label], Field(max_length=100)]
Address = Annotated[str, Text(2000)]


class _LeadFields(StrictModel):
    """Every field may be left out; null clears it, except where a lead must have a value."""

    email: Email | None = None
    title: Label | None = None
    company: Label | None = None
    account_external_id: ExternalId | None = None
    employees: Count | None = None
    region: Region | None = None
    source_kind: SourceKind | None = None
    source: Label | None = None
    use_case: Label | None = None
    seats: Count | None = None
    persona: Persona | None = None
    sdr_external_id: ExternalId | None = None
    owner_external_id: ExternalId | None = None
    notes: Note | None = None
    industry: Label | None = None
    tools: Tools | None = Field(None, description="What they build and deliver software with.")
    phone: Label | None = None
    campaign: Label | None = None
    engagement_external_id: ExternalId | None = Field(
        None, description="The engagement activity that brought the lead."
    )
    landing_page: Address | None = None
    key_account: Flag | None = Field(None, description="False by default.")
    unsubscribed: Flag | None = Field(
        None, description="False by default; true starts the points of behaviour again."
    )
    # A default made by a factory stays out of the contract: absent is not this value.
    status: LeadStatus = Field(default_factory=lambda: "raw")
    status_reason: Label | None = Field(
        None, description="Why the lead has its status; a side exit needs one of its own list."
    )
    status_details: Note | None = None
    recycle_until: Day | None = Field(
        None, description="The day a recycled lead comes back to be worked."
    )
    score: Score | None = Field(
        None, description="As another system states it; null returns to the computed one."
    )
    occurred_at: PastInstant | None = Field(
        None, description="When it happened, where that was earlier; now by default."
    )


class LeadCreate(_LeadFields):
    """A new lead; `id` may be made by the client."""

    id: RecordId | None = None
    external_id: ExternalId | None = None
    name: Label


class LeadUpdate(_LeadFields):
    """Changes of a lead: what is absent stays."""

    name: Label = Field(default_factory=str)


class LeadUpsert(LeadUpdate):
    """A lead of another system, made or merged by the external id of the path."""

    external_id: ExternalId | None = None


class LeadItem(LeadUpdate):
    """One lead of a batch."""

    external_id: ExternalId


class HandOff(BaseModel):
    """Who gave it to whom; `to_self` where one person did both."""

    from_external_id: str | None
    to_external_id: str | None
    at: datetime
    by: str
    to_self: bool
    note: str | None


class LeadConversion(BaseModel):
    """The hand-over of a lead: `failed` says why, and asking again tries again by the same id."""

    opportunity_id: UUID
    state: Literal["requested", "opened", "failed"]
    reason: str | None = None
    hand_off: HandOff


class Lead(BaseModel):
    """A lead as it is now."""

    id: UUID
    external_id: str | None
    version: int
    name: str
    email: str | None
    title: str | None
    company: str | None
    account_external_id: str | None
    employees: int | None
    region: str | None
    source_kind: SourceKind | None
    source: str | None
    use_case: str | None
    seats: int | None
    persona: Persona | None
    sdr_external_id: str | None
    owner_external_id: str | None
    status: LeadStatus
    status_since: datetime
    score: int
    notes: str | None
    conversion: LeadConversion | None
    created_at: datetime
    updated_at: datetime
    industry: str | None
    tools: list[str]
    email_domain: str | None
    phone: str | None
    campaign: str | None
    engagement_external_id: str | None
    landing_page: str | None
    key_account: bool
    behaviour_points: int
    demographic_points: int
    stated_score: int | None
    fit_score: int | None
    unsubscribed: bool
    status_reason: str | None
    status_details: str | None
    recycle_until: date | None
    is_woken: bool
    first_mql_at: datetime | None
    first_pql_at: datetime | None
    mql_count: int
    first_response_at: datetime | None
    sql_at: datetime | None
    last_signal_at: datetime | None
    last_touch_at: datetime | None
    next_touch_on: date | None
    merged_into_id: UUID | None


class LeadPage(BaseModel):
    """One page, in the order asked for."""

    items: list[Lead]
    next_cursor: str | None


class Move(BaseModel):
    """One change of a lead's status or holders; where only the holders changed, the status is the
    same before and after. `score` is the one it moved with, holders are those from then on."""

    id: UUID
    from_status: LeadStatus | None
    to_status: LeadStatus
    reason: str | None
    details: str | None
    score: int
    sdr_external_id: str | None
    owner_external_id: str | None
    actor: str
    occurred_at: datetime
    recorded_at: datetime


class MovePage(BaseModel):
    """A lead's history, oldest record first."""

    items: list[Move]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class LeadFilters:
    """The query parameters of the list; they combine."""

    status: Annotated[LeadStatus | None, Query()] = None
    source: Annotated[Label | None, Query()] = None
    source_kind: Annotated[SourceKind | None, Query()] = None
    region: Annotated[Label | None, Query()] = None
    industry: Annotated[Label | None, Query()] = None
    email_domain: Annotated[Label | None, Query()] = None
    email: Annotated[Email | None, Query()] = None
    campaign: Annotated[Label | None, Query()] = None
    engagement_external_id: Annotated[ExternalId | None, Query()] = None
    account_external_id: Annotated[ExternalId | None, Query()] = None
    external_id: Annotated[ExternalId | None, Query()] = None
    sdr_external_id: Annotated[ExternalId | None, Query()] = None
    owner_external_id: Annotated[ExternalId | None, Query()] = None
    min_score: Annotated[int | None, Query(ge=-(2**31), lt=2**31)] = None
    woken: Annotated[bool | None, Query(description="Recycled ones whose day has come.")] = None
    include_merged: Annotated[bool, Query()] = False
    order: Annotated[Literal["id", "score"], Query()] = "id"


def lead_json(lead: Any) -> dict[str, Any]:
    """A stored lead as its answer."""
    shown = {name: getattr(lead, name, None) for name in Lead.model_fields}
    shown["is_woken"] = lead.woken_at is not None
    if lead.opportunity_id is not None:
        shown["conversion"] = {
            "opportunity_id": lead.opportunity_id,
            "state": lead.conversion_state,
            "reason": lead.conversion_reason,
            "hand_off": {
                "from_external_id": lead.handed_from,
                "to_external_id": lead.handed_to,
                "at": lead.handed_at,
                "by": lead.handed_by,
                "to_self": lead.is_handed_to_self,
                "note": lead.hand_off_note,
            },
        }
    return shown
