"""What is recorded when something is handed over: the request pipeline will act on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.qualification.acceptance.schemas_conversions import (
    ContactConversionCreate,
    ConversionCreate,
)
from services.qualification.events import (
    OpportunityRequest,
    RequestedAccount,
    RequestedContact,
)
from services.qualification.leads.record import Lead

_NAME_LENGTH_MAX = 255


def of_lead(
    lead: Lead,
    deal: ConversionCreate,
    *,
    opportunity_id: UUID,
    owner_external_id: str,
    evidence: Mapping[str, Any],
    actor: str,
    at: datetime,
) -> OpportunityRequest:
    """The lead as an opportunity at stage 0, named for who buys and what for. `evidence` is that
    of its last test, which knows at least what the lead says."""
    buyer = lead.company or lead.account_external_id or lead.name
    return OpportunityRequest(
        opportunity_id=opportunity_id,
        lead_id=lead.id,
        name=deal.name or _named(buyer, evidence),
        account_external_id=lead.account_external_id,
        owner_external_id=owner_external_id,
        sdr_external_id=lead.sdr_external_id,
        source_kind=lead.source_kind,
        region=lead.region,
        requested_at=at,
        actor=actor,
        contact=RequestedContact(
            # A lead that no other system knows has no name there but its id here.
            external_id=lead.external_id or f"lead:{lead.id}",
            name=lead.name,
            email=lead.email,
            title=lead.title,
            persona=lead.persona,
            buying_role=_buying_role(evidence),
        ),
        account=RequestedAccount(
            name=lead.company or lead.account_external_id or lead.name,
            employees=lead.employees,
            vertical=lead.industry,
            region=lead.region,
        ),
        **_deal(deal, evidence),
    )


def of_contact(
    contact: Mapping[str, Any],
    account: Mapping[str, Any] | None,
    deal: ContactConversionCreate,
    *,
    opportunity_id: UUID,
    owner_external_id: str,
    sdr_external_id: str | None,
    evidence: Mapping[str, Any],
    actor: str,
    at: datetime,
) -> OpportunityRequest:
    """A contact that is there as an opportunity at stage 0; all it learns is its buying role."""
    buyer = str(account["name"] if account is not None else contact["name"])
    return OpportunityRequest(
        opportunity_id=opportunity_id,
        lead_id=None,
        name=deal.name or _named(buyer, evidence),
        account_external_id=contact["account_external_id"],
        owner_external_id=owner_external_id,
        sdr_external_id=sdr_external_id,
        source_kind=evidence["source_kind"],
        region=deal.region,
        requested_at=at,
        actor=actor,
        contact=RequestedContact(
            external_id=contact["external_id"], buying_role=_buying_role(evidence)
        ),
        **_deal(deal, evidence),
    )


def _named(buyer: str, evidence: Mapping[str, Any]) -> str:
    use_case = evidence["fit"]["use_case"]
    return (f"{buyer} – {use_case}" if use_case else buyer)[:_NAME_LENGTH_MAX]


def _buying_role(evidence: Mapping[str, Any]) -> str | None:
    role: str | None = evidence["authority"]["buying_role"]
    return None if role == "none" else role


def _deal(deal: ConversionCreate | ContactConversionCreate, evidence: Mapping[str, Any]) -> Any:
    following = evidence["timing"]["next_step_date"]
    segment = evidence["segment"]
    return {
        "use_case": evidence["fit"]["use_case"],
        "seats": evidence["fit"]["potential_seats"],
        "next_step_date": None if following is None else date.fromisoformat(following),
        "segment": None if segment == "unknown" else segment,
        "amount": deal.amount,
        "currency": deal.currency,
        "close_date": deal.close_date,
        "next_step": deal.next_step,
    }
