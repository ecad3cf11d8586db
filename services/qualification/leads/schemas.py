"""What leads look like on the wire. Reading and checking of single fields; no decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, Strict

from services.kit.schemas import (
    Count,
    Email,
    ExternalId,
    Label,
    Note,
    RecordId,
    StrictModel,
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
    # A default made by a factory stays out of the contract: absent is not this value.
    status: LeadStatus = Field(default_factory=lambda: "raw")
    score: Score = Field(default_factory=int)


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


class Conversion(BaseModel):
    """The hand-over of a lead: `failed` says why, and asking again tries again by the same id."""

    opportunity_id: UUID
    state: Literal["requested", "opened", "failed"]
    reason: str | None = None


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
    conversion: Conversion | None
    created_at: datetime
    updated_at: datetime


class LeadPage(BaseModel):
    """One page, oldest lead first."""

    items: list[Lead]
    next_cursor: str | None


def lead_json(lead: Any) -> dict[str, Any]:
    """A stored lead as its answer."""
    shown = {name: getattr(lead, name) for name in Lead.model_fields if name != "conversion"}
    shown["conversion"] = None
    if lead.opportunity_id is not None:
        shown["conversion"] = {
            "opportunity_id": lead.opportunity_id,
            "state": lead.conversion_state,
            "reason": lead.conversion_reason,
        }
    return shown
