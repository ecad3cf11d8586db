"""Use cases of the acceptance test: of a lead, of an opportunity, and what was found before.

Tests made again are in `service_retest`, hand-overs in `service_convert`, screens in
`service_screen`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import ReadSession, Session, WriteSession
from services.kit.ids import new_id
from services.kit.pagination import PageRequest
from services.kit.rows import after_id
from services.qualification.acceptance import repository, repository_conversions, subjects
from services.qualification.acceptance.domain import CRITERIA, Assessment, Evidence, assess
from services.qualification.acceptance.evidence import Known, gather, to_json
from services.qualification.acceptance.repository import StoredAssessment
from services.qualification.acceptance.schemas import AssessmentCreate
from services.qualification.leads.access import READERS, WRITERS, require_lead, require_yours
from services.qualification.leads.record import Lead
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.policy import Policy


async def assess_lead(
    session: WriteSession, principal: Principal, lead_id: UUID, stated: AssessmentCreate
) -> StoredAssessment:
    """Tests the lead under the policy in force and keeps the answer with everything it used."""
    principal.require(*WRITERS)
    lead = await require_lead(session, principal, lead_id)
    require_yours(principal, lead)
    now = clock.now()
    policy = await policy_at(session, now)
    evidence, _ = gather(stated.said(), known_of_lead(lead, policy))
    made = judged(
        evidence,
        policy,
        at=now,
        actor=principal.actor,
        lead_id=lead.id,
        lead_version=lead.version,
        # A lead that is handed over speaks for its opportunity too.
        opportunity_id=lead.opportunity_id,
    )
    await repository.insert_assessment(session, made)
    return made


async def assess_opportunity(
    session: WriteSession, principal: Principal, opportunity_id: UUID, stated: AssessmentCreate
) -> StoredAssessment:
    """As `assess_lead`; what is left out comes from the opportunity and from its last test, or
    that of the lead it came from."""
    subject = await subjects.require_writable(session, principal, opportunity_id)
    now = clock.now()
    policy = await policy_at(session, now)
    last = await repository.last_assessment(
        session, lead_id=subject.lead_id, opportunity_id=opportunity_id
    )
    evidence, carried = gather(stated.said(), subject.known, last.earlier if last else None)
    made = judged(
        evidence,
        policy,
        at=now,
        actor=principal.actor,
        opportunity_id=opportunity_id,
        opportunity_version=subject.version,
        carried=carried,
    )
    await repository.insert_assessment(session, made)
    return made


async def policy_at(session: Session, at: datetime) -> Policy:
    return await get_policy(session, await version_in_force(session, at))


def known_of_lead(lead: Lead, policy: Policy) -> Known:
    return Known(
        segment=policy.segment_of(lead.employees),
        segment_source="employees",
        employees=lead.employees,
        source_kind=lead.source_kind,
        use_case=lead.use_case,
        seats=lead.seats,
    )


def judged(
    evidence: Evidence, policy: Policy, *, at: datetime, actor: str, **about: Any
) -> StoredAssessment:
    """The test as it is stored; `about` says what of and how it came to be."""
    found = assess(evidence, policy)
    return StoredAssessment(
        id=new_id(),
        policy_version=policy.version,
        segment=evidence.segment,
        evidence=to_json(evidence),
        criteria=_criteria_json(found),
        verdict=found.verdict,
        is_convertible=found.is_convertible,
        assessed_at=at,
        assessed_by=actor,
        **about,
    )


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


async def list_of_lead(
    session: ReadSession, principal: Principal, lead_id: UUID, page: PageRequest
) -> list[StoredAssessment]:
    """Up to one more than the page holds, oldest first."""
    principal.require(*READERS)
    await require_lead(session, principal, lead_id)
    return await repository.list_assessments(
        session, lead_id=lead_id, limit=page.limit + 1, after=after_id(page)
    )


async def list_of_opportunity(
    session: ReadSession, principal: Principal, opportunity_id: UUID, page: PageRequest
) -> list[StoredAssessment]:
    """The tests of the opportunity and of the lead it came from, in one order."""
    await subjects.require_readable(session, principal, opportunity_id)
    conversion = await repository_conversions.get(session, opportunity_id)
    return await repository.list_assessments(
        session,
        lead_id=conversion.lead_id if conversion else None,
        opportunity_id=opportunity_id,
        limit=page.limit + 1,
        after=after_id(page),
    )
