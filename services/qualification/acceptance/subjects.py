"""The opportunity a test is about: open in pipeline, or asked for and not opened yet; what it says
by itself, and who may read and write about it: whoever may do so with the opportunity."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from services.kit.auth import Principal
from services.kit.db import Session
from services.kit.ids import NIL
from services.qualification.acceptance import repository_conversions
from services.qualification.acceptance.evidence import Known
from services.qualification.acceptance.repository_conversions import StoredConversion
from services.qualification.events import OpportunityRequest
from services.qualification.opportunities import repository as opportunities
from services.qualification.opportunities.errors import (
    OpportunityNotYoursError,
    OpportunityUnknownError,
)
from services.workspace.users.reach import WRITERS, as_writer, sight


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """`version` is None while pipeline has not opened it."""

    opportunity_id: UUID
    version: int | None
    lead_id: UUID | None
    known: Known


async def require_readable(session: Session, principal: Principal, opportunity_id: UUID) -> Subject:
    """Raises OpportunityUnknownError; absent and out of sight are not told apart."""
    seen = await sight(session, principal)
    conversion = await repository_conversions.get(session, opportunity_id)
    lead_id = conversion.lead_id if conversion is not None else None
    found = await opportunities.get_opportunity(session, opportunity_id)
    if found is not None and seen.covers(found.owner_id, found.sdr_id):
        known = Known(
            segment=found.segment,
            segment_source="opportunity",
            source_kind=found.source_kind,
            use_case=found.use_case,
            seats=found.seats,
            next_step_date=found.next_step_date,
        )
        return Subject(
            opportunity_id=opportunity_id, version=found.version, lead_id=lead_id, known=known
        )
    is_seen = conversion is not None and seen.covers(conversion.owner_id or NIL, conversion.sdr_id)
    if found is not None or conversion is None or not is_seen:
        raise OpportunityUnknownError(opportunity_id)
    return Subject(
        opportunity_id=opportunity_id, version=None, lead_id=lead_id, known=_asked(conversion)
    )


async def require_writable(session: Session, principal: Principal, opportunity_id: UUID) -> Subject:
    """As `require_readable`. Raises OpportunityNotYoursError for who may only read."""
    if principal.has(*WRITERS):
        with suppress(OpportunityUnknownError):
            return await require_readable(session, as_writer(principal), opportunity_id)
    await require_readable(session, principal, opportunity_id)
    raise OpportunityNotYoursError


def _asked(conversion: StoredConversion) -> Known:
    """What pipeline was asked to open says as much as the opportunity will."""
    request = OpportunityRequest.from_json(dict(conversion.request))
    return Known(
        segment=request.segment or "unknown",
        segment_source="opportunity",
        source_kind=request.source_kind,
        use_case=request.use_case,
        seats=request.seats,
        next_step_date=request.next_step_date,
    )
