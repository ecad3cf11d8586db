"""What hand-overs look like on the wire. No decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.kit.schemas import (
    Currency,
    Day,
    ExternalId,
    Label,
    Note,
    PositiveMoney,
    RecordId,
    StrictModel,
)
from services.qualification.acceptance.repository_conversions import StoredConversion
from services.qualification.acceptance.schemas import AssessmentCreate
from services.qualification.leads.schemas import HandOff, SourceKind

State = Literal["requested", "opened", "failed"]


class _Deal(StrictModel):
    """What is said of the opportunity; what is left out follows from lead, contact and test."""

    owner_external_id: ExternalId | None = Field(
        None, description="The salesperson who gets it; may be whoever hands it over."
    )
    name: Label | None = None
    amount: PositiveMoney | None = Field(None, description="An estimate, where there is one.")
    currency: Currency | None = Field(None, description="The workspace's own by default.")
    close_date: Day | None = Field(
        None, description="The policy's number of months from the day of the request by default."
    )
    next_step: Note | None = None
    note: Note | None = Field(None, description="For whoever gets it; kept with the hand-over.")


class ConversionCreate(_Deal):
    """How a lead is handed over. Everything may be left out, and the body too."""


class ContactConversionCreate(_Deal, AssessmentCreate):
    """An opportunity straight from a contact: the evidence of the test, and the deal. The segment
    is the account's where it is not stated."""

    id: RecordId | None = Field(
        None, description="The opportunity's id; sent again, it is the same hand-over."
    )
    contact_external_id: ExternalId
    sdr_external_id: ExternalId | None = None
    source_kind: SourceKind | None = None
    region: Label | None = None


class Conversion(BaseModel):
    """A hand-over: `failed` says why, and asking again tries again by the same id."""

    opportunity_id: UUID
    state: State
    reason: str | None
    lead_id: UUID | None
    contact_external_id: str | None
    assessment_id: UUID | None = Field(
        description="The test it was asked on; null where another system handed it over."
    )
    hand_off: HandOff
    settled_at: datetime | None


class ConversionPage(BaseModel):
    """One page, in the order in which hand-overs were first asked for."""

    items: list[Conversion]
    next_cursor: str | None


def conversion_json(stored: StoredConversion) -> dict[str, Any]:
    """A stored hand-over as its answer."""
    return {
        "opportunity_id": stored.opportunity_id,
        "state": stored.state,
        "reason": stored.reason,
        "lead_id": stored.lead_id,
        "contact_external_id": stored.contact_external_id,
        "assessment_id": stored.assessment_id,
        "hand_off": {
            "from_external_id": stored.sdr_external_id,
            "to_external_id": stored.owner_external_id,
            "at": stored.requested_at,
            "by": stored.requested_by,
            "to_self": stored.is_to_self,
            "note": stored.note,
        },
        "settled_at": stored.settled_at,
    }
