"""Who may read and write what qualification keeps about an opportunity: whoever may do so with
the opportunity itself. Absent and out of sight are not told apart."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from services.kit.auth import Principal
from services.kit.db import Session
from services.qualification.opportunities import repository
from services.qualification.opportunities.errors import (
    OpportunityNotYoursError,
    OpportunityUnknownError,
)
from services.qualification.opportunities.repository import Opportunity
from services.workspace.users.reach import WRITERS, as_writer, sight


async def require_readable(
    session: Session, principal: Principal, opportunity_id: UUID
) -> Opportunity:
    """Raises ForbiddenError without a role that reads, OpportunityUnknownError otherwise."""
    seen = await sight(session, principal)
    found = await repository.get_opportunity(session, opportunity_id)
    if found is None or not seen.covers(found.owner_id, found.sdr_id):
        raise OpportunityUnknownError(opportunity_id)
    return found


async def require_writable(
    session: Session, principal: Principal, opportunity_id: UUID
) -> Opportunity:
    """As `require_readable`; evidence may be added by whoever owns the opportunity, worked it as
    its SDR, or manages its owner. Raises OpportunityNotYoursError for who may only read."""
    if principal.has(*WRITERS):
        with suppress(OpportunityUnknownError):
            return await require_readable(session, as_writer(principal), opportunity_id)
    await require_readable(session, principal, opportunity_id)
    raise OpportunityNotYoursError
