"""Use cases: test a lead, and hand one over that passed. Opening the opportunity is not done here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import ReadSession, WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.ids import new_id
from services.kit.pagination import PageRequest
from services.qualification.acceptance import events, repository
from services.qualification.acceptance.domain import (
    CRITERIA,
    Assessment,
    Evidence,
    assess,
    what_is_unmet,
)
from services.qualification.acceptance.errors import LeadNotConvertibleError
from services.qualification.acceptance.repository import StoredAssessment, StoredConversion
from services.qualification.acceptance.schemas import AssessmentCreate
from services.qualification.events import KIND_OPPORTUNITY_REQUESTED, OUTBOX
from services.qualification.leads import repository as leads
from services.qualification.leads.repository import Lead
from services.qualification.leads.service import READERS, WRITERS, require_lead, require_yours
from services.workspace.policies.repository import get_policy, version_in_force


async def assess_lead(
    session: WriteSession, principal: Principal, lead_id: UUID, known: AssessmentCreate
) -> StoredAssessment:
    """Tests the lead under the policy in force and keeps the answer with everything it used."""
    principal.require(*WRITERS)
    lead = await require_lead(session, principal, lead_id)
    require_yours(principal, lead)
    now = clock.now()
    policy = await get_policy(session, await version_in_force(session, now))
    evidence = known.to_evidence(
        segment=known.segment or policy.segment_of(lead.employees),
        source_kind=lead.source_kind,
        use_case=lead.use_case,
        seats=lead.seats,
    )
    found = assess(evidence, policy)
    made = StoredAssessment(
        id=new_id(),
        lead_id=lead.id,
        lead_version=lead.version,
        policy_version=policy.version,
        segment=evidence.segment,
        evidence=_evidence_json(evidence),
        criteria=_criteria_json(found),
        verdict=found.verdict,
        is_convertible=found.is_convertible,
        assessed_at=now,
        assessed_by=principal.actor,
    )
    await repository.insert_assessment(session, made)
    return made


def _evidence_json(evidence: Evidence) -> dict[str, Any]:
    """What the test used, also what came from the lead, so that it can be read again for ever."""
    return {
        "segment": evidence.segment,
        "source_kind": evidence.source_kind,
        "authority": {
            "buying_role": evidence.buying_role,
            "directly_involved": evidence.directly_involved,
        },
        "initiative": {"kind": evidence.initiative, "shown_by": list(evidence.signs)},
        "fit": {
            "current_tools": list(evidence.current_tools),
            "use_case": evidence.use_case,
            "potential_seats": evidence.seats,
            "new_account_or_buying_group": evidence.needs_seats,
        },
        "timing": {
            "iqm_date": _day(evidence.iqm_date),
            "next_step_date": _day(evidence.next_step_date),
        },
    }


def _day(value: Any) -> str | None:
    return None if value is None else value.isoformat()


def _criteria_json(found: Assessment) -> dict[str, Any]:
    return {
        name: {
            "result": finding.result,
            "source": finding.source,
            "evidence": finding.evidence,
            "reasons": [reason._asdict() for reason in finding.reasons],
        }
        for name, finding in ((name, found.findings[name]) for name in CRITERIA)
    }


async def list_assessments(
    session: ReadSession, principal: Principal, lead_id: UUID, page: PageRequest
) -> list[StoredAssessment]:
    """Up to one more than the page holds, oldest first."""
    principal.require(*READERS)
    await require_lead(session, principal, lead_id)
    after = None
    if page.after is not None:
        try:
            after = UUID(str(page.after[0]))
        except ValueError:
            raise InvalidPayloadError.one(
                "query/cursor", "invalid_cursor", "is not a cursor of this list"
            ) from None
    return await repository.list_assessments(session, lead_id, page.limit + 1, after)


async def convert_lead(
    session: WriteSession, principal: Principal, lead_id: UUID
) -> StoredConversion:
    """Asks for the lead's opportunity; the same id whenever it is asked. A conversion pipeline
    refused is asked for anew. Raises LeadNotConvertibleError with everything unmet."""
    principal.require(*WRITERS)
    # The lock makes two calls at once one after the other; what follows is read behind it.
    stored = await require_lead(session, principal, lead_id, lock=True)
    require_yours(principal, stored)
    known = await repository.lock_conversion(session, lead_id)
    if known is not None and known.state != "failed":
        return known
    lead = await _with_owner(session, principal, stored)
    last = await repository.last_assessment(session, lead_id)
    owner_external_id = lead.owner_external_id or lead.sdr_external_id
    unmet = what_is_unmet(
        lead.status, owner_external_id is not None, last.conclusion if last else None
    )
    if last is None or owner_external_id is None or unmet:
        raise LeadNotConvertibleError(unmet)
    now = clock.now()
    opportunity_id = known.opportunity_id if known is not None else new_id()
    request = events.opportunity_requested(
        lead,
        opportunity_id=opportunity_id,
        owner_external_id=owner_external_id,
        evidence=last.evidence,
        actor=principal.actor,
        at=now,
    )
    await repository.request_conversion(
        session,
        lead_id=lead_id,
        opportunity_id=opportunity_id,
        assessment_id=last.id,
        request=request.to_json(),
        at=now,
        actor=principal.actor,
    )
    await OUTBOX.append(session, kind=KIND_OPPORTUNITY_REQUESTED, subject_id=lead_id)
    await _qualify(session, stored, lead)
    return StoredConversion(opportunity_id, "requested", None)


async def _with_owner(session: WriteSession, principal: Principal, lead: Lead) -> Lead:
    """A salesperson who holds a lead without an owner hands it to itself."""
    if lead.owner_id is not None or principal.user_id is None or not principal.has("rep"):
        return lead
    external_id = await leads.user_external_id(session, principal.user_id)
    return replace(lead, owner_id=principal.user_id, owner_external_id=external_id)


async def _qualify(session: WriteSession, old: Lead, lead: Lead) -> None:
    """Qualified is what a converted lead is."""
    now = clock.now()
    if lead.status != "qualified":
        lead = replace(lead, status="qualified", status_since=now)
    if lead != old:
        await leads.update_leads(session, [replace(lead, version=old.version + 1, updated_at=now)])
