"""Who may see and change a lead.

Whoever qualifies leads, or manages those who do, has all of them. A salesperson has the leads it
works as their SDR, and those it owns once an SDR has taken them up: an MQL or PQL is qualified
before it reaches the one who sells. A lead without an SDR is its owner's from the start.
"""

from __future__ import annotations

from uuid import UUID

from services.kit.auth import Principal
from services.kit.db import Session
from services.qualification.leads import repository
from services.qualification.leads.domain import UNTOUCHED
from services.qualification.leads.errors import (
    LeadMergedError,
    LeadNotFoundError,
    LeadNotYoursError,
)
from services.qualification.leads.record import Lead
from services.workspace.users.reach import as_writer

WRITERS = ("admin", "integration", "sales_ops", "manager", "sdr", "rep")
READERS = (*WRITERS, "analyst")
RECORDERS = ("admin", "integration")
_ALL_LEADS = ("admin", "integration", "sales_ops", "manager", "sdr", "analyst")


def own_leads_only(principal: Principal) -> bool:
    """A salesperson sees and changes the leads that are its own; everybody else all of them."""
    return not principal.has(*_ALL_LEADS)


def is_recorder(principal: Principal) -> bool:
    return principal.has(*RECORDERS)


def self_id(principal: Principal) -> UUID:
    """A key without a person holds nothing: the nil id never matches."""
    return principal.user_id or UUID(int=0)


def is_seen_by(lead: Lead, user_id: UUID | None) -> bool:
    """Whether a salesperson who may only see its own leads sees this one."""
    if user_id is None:
        return False
    if lead.sdr_id == user_id:
        return True
    return lead.owner_id == user_id and (lead.sdr_id is None or lead.status not in UNTOUCHED)


def may_see(principal: Principal, lead: Lead) -> bool:
    return not own_leads_only(principal) or is_seen_by(lead, principal.user_id)


def require_yours(principal: Principal, lead: Lead) -> None:
    """Raises unless the caller may change the lead: LeadNotYoursError, or LeadMergedError where
    nobody may any more."""
    if not may_see(as_writer(principal), lead):
        raise LeadNotYoursError
    if lead.merged_into_id is not None:
        raise LeadMergedError(lead)


async def require_lead(
    session: Session, principal: Principal, lead_id: UUID, *, lock: bool = False
) -> Lead:
    """Raises LeadNotFoundError, also where the caller may not see it."""
    lead = await repository.get_lead(session, lead_id, lock=lock)
    if lead is None or not may_see(principal, lead):
        raise LeadNotFoundError(lead_id)
    return lead
