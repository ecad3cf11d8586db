"""What is recorded when a lead is converted: the request pipeline will act on."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.qualification.events import OpportunityRequest
from services.qualification.leads.repository import Lead


def opportunity_requested(
    lead: Lead,
    *,
    opportunity_id: UUID,
    owner_external_id: str,
    evidence: dict[str, Any],
    actor: str,
    at: datetime,
) -> OpportunityRequest:
    """The lead as an opportunity at stage 0, named for who buys and what for. `evidence` is that
    of its last test, which knows at least what the lead says."""
    buyer = lead.company or lead.account_external_id or lead.name
    use_case, next_step = evidence["fit"]["use_case"], evidence["timing"]["next_step_date"]
    return OpportunityRequest(
        opportunity_id=opportunity_id,
        lead_id=lead.id,
        name=(f"{buyer} – {use_case}" if use_case else buyer)[:255],
        account_external_id=lead.account_external_id,
        owner_external_id=owner_external_id,
        sdr_external_id=lead.sdr_external_id,
        source_kind=lead.source_kind,
        region=lead.region,
        use_case=use_case,
        seats=evidence["fit"]["potential_seats"],
        next_step_date=None if next_step is None else date.fromisoformat(next_step),
        requested_at=at,
        actor=actor,
    )
