"""What is recorded of leads as another system tells it: which of their moves are known already, and
hand-overs that happened there. For `services.lead_import`; nothing here asks whether a lead passed
a test, since the hand-over is a fact."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.batch import Outcome, Stored, unknown_reference
from services.kit.db import Session, WriteSession
from services.kit.errors import ConflictError, ServiceError
from services.kit.schemas import ExternalId, Note, PastInstant, StrictModel
from services.qualification.acceptance.repository_conversions import StoredConversion, ask
from services.qualification.events import OpportunityRequest
from services.qualification.leads import repository as leads
from services.qualification.leads import service as leads_service
from services.qualification.leads.record import Lead
from services.qualification.opportunities.repository import (
    Opportunity,
    get_opportunities,
    ids_named,
)


class HandedOverElsewhereError(ConflictError):
    """409: the lead became another opportunity, or the opportunity came from another lead."""

    def __init__(self, lead: str, opportunity: str) -> None:
        super().__init__(
            f"Lead {lead[:100]!r} or opportunity {opportunity[:100]!r} has been handed over with"
            " another one; each has one hand-over."
        )


class HandOverItem(StrictModel):
    """A hand-over as it happened: the lead (`external_id`), the opportunity it became, who gave it
    to whom. The holders are the lead's where they are left out."""

    external_id: ExternalId
    opportunity_external_id: ExternalId
    sdr_external_id: ExternalId | None = None
    owner_external_id: ExternalId | None = None
    occurred_at: PastInstant | None = None
    note: Note | None = None


class Told(NamedTuple):
    """A move that is known: when it happened and what the lead was from then on."""

    at: datetime
    status: str


async def told_moves(session: Session, external_ids: Iterable[str]) -> dict[str, list[Told]]:
    """Every move that is known of these leads, the latest last; those of a merged one are its
    survivor's."""
    rows = await session.fetch(
        """
        SELECT l.external_id, m.occurred_at, m.to_status
        FROM qualification.leads AS l
        JOIN qualification.lead_moves AS m
          ON m.workspace_id = $1 AND m.lead_id = coalesce(l.merged_into_id, l.id)
        WHERE l.workspace_id = $1 AND l.external_id = ANY($2::text[])
        ORDER BY m.occurred_at, m.id
        """,
        session.workspace_id,
        list(external_ids),
    )
    found: dict[str, list[Told]] = {}
    for row in rows:
        found.setdefault(row["external_id"], []).append(Told(row["occurred_at"], row["to_status"]))
    return found


async def handed_over(session: Session, external_ids: Iterable[str]) -> set[str]:
    """Those of the leads that have a hand-over already."""
    rows = await session.fetch(
        """
        SELECT l.external_id
        FROM qualification.leads AS l
        JOIN qualification.conversions AS c
          ON c.workspace_id = $1 AND c.lead_id = coalesce(l.merged_into_id, l.id)
        WHERE l.workspace_id = $1 AND l.external_id = ANY($2::text[])
        """,
        session.workspace_id,
        list(external_ids),
    )
    return {row["external_id"] for row in rows}


@dataclass(slots=True)
class _Known:
    """What the items of a batch are about."""

    leads: dict[str, Lead]
    opportunities: dict[str, Opportunity]
    opportunity_of: dict[UUID, UUID]
    lead_of: dict[UUID, UUID | None]


async def record_hand_overs(
    session: WriteSession, principal: Principal, items: Sequence[HandOverItem]
) -> list[Outcome]:
    """One outcome an item, in order. The lead is qualified as of the hand-over and linked to its
    opportunity, which must be there. Said again, nothing changes: also not what has become of the
    lead since."""
    known = await _known(session, items)
    outcomes: list[Outcome | None] = []
    fresh: list[tuple[int, HandOverItem]] = []
    for place, item in enumerate(items):
        outcome = _settled(item, known)
        outcomes.append(outcome)
        if outcome is None:
            fresh.append((place, item))
    qualified = await leads_service.upsert(
        session, principal, [_as_lead(item) for _, item in fresh]
    )
    known.leads |= await leads.lock_by_external_id(session, [item.external_id for _, item in fresh])
    for (place, item), outcome in zip(fresh, qualified, strict=True):
        if isinstance(outcome, ServiceError):
            outcomes[place] = outcome
            continue
        opportunity = known.opportunities[item.opportunity_external_id]
        lead = known.leads[item.external_id]
        await ask(session, _hand_over(principal, item, lead, opportunity))
        outcomes[place] = Stored(opportunity.id, 1, True)
    return [outcome for outcome in outcomes if outcome is not None]


async def _known(session: WriteSession, items: Sequence[HandOverItem]) -> _Known:
    found = await leads.lock_by_external_id(session, [item.external_id for item in items])
    ids = await ids_named(session, [item.opportunity_external_id for item in items])
    opportunities = await get_opportunities(session, ids.values())
    rows = await session.fetch(
        """
        SELECT lead_id, opportunity_id FROM qualification.conversions
        WHERE workspace_id = $1
          AND (lead_id = ANY($2::uuid[]) OR opportunity_id = ANY($3::uuid[]))
        """,
        session.workspace_id,
        [lead.id for lead in found.values()],
        list(opportunities),
    )
    return _Known(
        leads=found,
        opportunities={name: opportunities[id_] for name, id_ in ids.items()},
        opportunity_of={row["lead_id"]: row["opportunity_id"] for row in rows if row["lead_id"]},
        lead_of={row["opportunity_id"]: row["lead_id"] for row in rows},
    )


def _settled(item: HandOverItem, known: _Known) -> Outcome | None:
    """What is refused or known already; None is to be recorded, and counts as known from now on."""
    lead = known.leads.get(item.external_id)
    opportunity = known.opportunities.get(item.opportunity_external_id)
    if lead is None:
        return unknown_reference("/external_id", "lead", item.external_id)
    if opportunity is None:
        return unknown_reference(
            "/opportunity_external_id", "opportunity", item.opportunity_external_id
        )
    became = known.opportunity_of.setdefault(lead.id, opportunity.id)
    came_from = known.lead_of.get(opportunity.id, lead.id)
    if became != opportunity.id or came_from != lead.id:
        return HandedOverElsewhereError(item.external_id, item.opportunity_external_id)
    if opportunity.id in known.lead_of:
        return Stored(opportunity.id, 1, False, False)
    known.lead_of[opportunity.id] = lead.id
    return None


def _as_lead(item: HandOverItem) -> dict[str, Any]:
    stated: dict[str, Any] = {"external_id": item.external_id, "status": "qualified"}
    for name in ("sdr_external_id", "owner_external_id", "occurred_at"):
        if getattr(item, name) is not None:
            stated[name] = getattr(item, name)
    return stated


def _hand_over(
    principal: Principal, item: HandOverItem, lead: Lead, opportunity: Opportunity
) -> StoredConversion:
    at = item.occurred_at or clock.now()
    owner_external_id = lead.owner_external_id or opportunity.owner_external_id or ""
    request = OpportunityRequest(
        opportunity_id=opportunity.id,
        lead_id=lead.id,
        name=opportunity.name,
        account_external_id=opportunity.account_external_id,
        owner_external_id=owner_external_id,
        sdr_external_id=lead.sdr_external_id,
        source_kind=lead.source_kind,
        region=lead.region,
        use_case=lead.use_case,
        seats=lead.seats,
        next_step_date=None,
        requested_at=at,
        actor=principal.actor,
    )
    return StoredConversion(
        opportunity_id=opportunity.id,
        lead_id=lead.id,
        contact_external_id=None,
        assessment_id=None,
        request=request.to_json(),
        state="opened",
        reason=None,
        sdr_id=lead.sdr_id,
        owner_id=lead.owner_id or opportunity.owner_id,
        is_to_self=lead.sdr_id is not None and lead.sdr_id == lead.owner_id,
        note=item.note,
        requested_at=at,
        requested_by=principal.actor,
        settled_at=at,
    )
