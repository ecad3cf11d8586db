"""Use cases of one test: look at it, make it again under another policy, compare it with another.

What is stored never changes. A test made again counts like any other where it repeats the last one
under the policy in force; every other one is a what-if.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import ReadSession, Session, WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.ids import NIL
from services.qualification.acceptance import repository, repository_conversions, subjects
from services.qualification.acceptance.comparison import Compared, compare
from services.qualification.acceptance.domain import Evidence
from services.qualification.acceptance.errors import AssessmentNotFoundError
from services.qualification.acceptance.evidence import from_json
from services.qualification.acceptance.repository import StoredAssessment
from services.qualification.acceptance.service import judged
from services.qualification.leads.access import READERS, WRITERS, require_lead, require_yours
from services.qualification.leads.errors import LeadNotFoundError
from services.qualification.opportunities.errors import OpportunityUnknownError
from services.workspace.policies.repository import get_policies, get_policy, version_in_force
from services.workspace.policy import Policy


async def require_assessment(
    session: Session, principal: Principal, assessment_id: UUID, *, writing: bool = False
) -> StoredAssessment:
    """For whoever may see what it is about: the lead, or the opportunity the lead became. Raises
    AssessmentNotFoundError."""
    principal.require(*READERS)
    found = await repository.get_assessment(session, assessment_id)
    if found is None:
        raise AssessmentNotFoundError(assessment_id)
    lead_id, opportunity_id = await _chain(session, found)
    try:
        if lead_id is None:
            raise LeadNotFoundError(lead_id)
        lead = await require_lead(session, principal, lead_id)
        if writing:
            principal.require(*WRITERS)
            require_yours(principal, lead)
    except LeadNotFoundError:
        require = subjects.require_writable if writing else subjects.require_readable
        try:
            await require(session, principal, opportunity_id or NIL)
        except OpportunityUnknownError:
            raise AssessmentNotFoundError(assessment_id) from None
    return found


async def _chain(session: Session, test: StoredAssessment) -> tuple[UUID | None, UUID | None]:
    """The lead and the opportunity it became: their tests are one row of tests."""
    if test.lead_id is not None:
        conversion = await repository_conversions.of_lead(session, test.lead_id)
        return test.lead_id, conversion.opportunity_id if conversion is not None else None
    assert test.opportunity_id is not None
    conversion = await repository_conversions.get(session, test.opportunity_id)
    return conversion.lead_id if conversion is not None else None, test.opportunity_id


async def retest(
    session: WriteSession, principal: Principal, assessment_id: UUID, policy_version: int | None
) -> StoredAssessment:
    """The stored evidence under another policy, the one in force by default, as a test of its own
    with what came out differently."""
    old = await require_assessment(session, principal, assessment_id, writing=True)
    now = clock.now()
    in_force = await version_in_force(session, now)
    policy = await _policy(session, in_force if policy_version is None else policy_version)
    lead_id, opportunity_id = await _chain(session, old)
    last = await repository.last_assessment(session, lead_id=lead_id, opportunity_id=opportunity_id)
    made = judged(
        _resegmented(from_json(old.earlier), policy),
        policy,
        at=now,
        actor=principal.actor,
        lead_id=old.lead_id,
        lead_version=old.lead_version,
        opportunity_id=old.opportunity_id,
        opportunity_version=old.opportunity_version,
        retest_of=old.id,
        is_binding=policy.version == in_force and last is not None and last.id == old.id,
        carried=old.carried,
    )
    compared = compare(
        _side(old, await get_policy(session, old.policy_version)), _side(made, policy)
    )
    made = replace(made, comparison=compared)
    await repository.insert_assessment(session, made)
    return made


async def _policy(session: Session, version: int) -> Policy:
    """Raises InvalidPayloadError where the workspace has no such version."""
    policies = await get_policies(session)
    if version not in policies:
        raise InvalidPayloadError.one(
            "/policy_version",
            "unknown_reference",
            f"there is no version {version} of the policy; GET /v1/policies lists them",
        )
    return policies[version]


def _resegmented(evidence: Evidence, policy: Policy) -> Evidence:
    """A segment that was derived is derived anew; one that was stated stands."""
    if evidence.segment_source != "employees":
        return evidence
    return replace(evidence, segment=policy.segment_of(evidence.employees))


def _side(test: StoredAssessment, policy: Policy) -> Compared:
    return Compared(
        str(test.id), test.verdict, test.is_convertible, test.criteria, test.evidence, policy
    )


async def compare_with(
    session: ReadSession, principal: Principal, assessment_id: UUID, other_id: UUID | None
) -> dict[str, Any]:
    """From the other test to this one; the other is by default the one this repeats."""
    test = await require_assessment(session, principal, assessment_id)
    other_id = other_id or test.retest_of
    if other_id is None:
        raise InvalidPayloadError.one(
            "query/with", "missing", "name the test to compare with: this one repeats no other"
        )
    other = await require_assessment(session, principal, other_id)
    return compare(
        _side(other, await get_policy(session, other.policy_version)),
        _side(test, await get_policy(session, test.policy_version)),
    )
