"""Use cases of command plans: read one, merge what is stated into it, look back.

Every save is a version, whole and never changed; what changes nothing is no save.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.answers import check_version
from services.kit.auth import Principal
from services.kit.db import ReadSession, Session, WriteSession
from services.kit.ids import new_id
from services.kit.pagination import PageRequest
from services.kit.rows import after_number
from services.qualification.evidence.repository import author_names
from services.qualification.evidence.service import invalid, policy_now
from services.qualification.opportunities.repository import Opportunity, find_contacts
from services.qualification.opportunities.service import require_readable
from services.qualification.plans import repository
from services.qualification.plans.answer import (
    differences_json,
    plan_json,
    save_json,
    version_json,
)
from services.qualification.plans.errors import (
    ManagerReviewNotYoursError,
    PlanNotYoursError,
    PlanVersionUnknownError,
)
from services.qualification.plans.length import check_length
from services.qualification.plans.repository import BEFORE_ALL, Plan, PlanVersion
from services.qualification.plans.sections import compare, flatten, is_changed, merge
from services.workspace.policies.repository import get_policy
from services.workspace.policy import Policy
from services.workspace.users.reach import WRITE_ALL, WRITERS, reach
from services.workspace.workspaces.repository import get_workspace


async def read(session: ReadSession, principal: Principal, opportunity_id: UUID) -> dict[str, Any]:
    """Raises OpportunityUnknownError; the plan nobody wrote is empty, version 0."""
    deal = await require_readable(session, principal, opportunity_id)
    plan = await repository.get_plan(session, opportunity_id)
    return await describe(session, deal, plan, await policy_now(session))


async def describe(
    session: Session, deal: Opportunity, plan: Plan, policy: Policy
) -> dict[str, Any]:
    """The answer, with the names of those who wrote and what became of the people named."""
    elements = plan.elements.values()
    names = await author_names(session, [plan.touched_by, *(each["author"] for each in elements)])
    named = {each["contact_external_id"] for each in elements} - {None}
    contacts = await find_contacts(session, named) if named else {}
    return plan_json(deal, plan, policy, names=names, contacts=contacts, now=clock.now())


async def write(
    session: WriteSession,
    principal: Principal,
    opportunity_id: UUID,
    stated: Mapping[str, Any],
    *,
    if_match: str | None,
) -> tuple[dict[str, Any], bool]:
    """The answer and whether anything changed. Raises PlanNotYoursError for who may only read, and
    ManagerReviewNotYoursError where a review changes by who may not review."""
    deal = await require_readable(session, principal, opportunity_id)
    may_review = await _require_writer(session, principal, deal)
    policy = await policy_now(session)
    plan = await repository.lock_plan(session, opportunity_id)
    check_version(if_match, plan.version)
    now = clock.now()
    today = (await get_workspace(session)).calendar.local_date(now).isoformat()
    sections, problems = merge(plan.sections, stated, today=today, make_id=lambda: str(new_id()))
    if problems:
        raise invalid(problems)
    if not is_changed(plan.sections, sections):
        return await describe(session, deal, plan, policy), False
    if not may_review and is_changed(plan.sections, sections, "manager_review"):
        raise ManagerReviewNotYoursError
    merged = replace(plan, sections=sections)
    check_length(plan, merged, policy, pointer="")
    changed = compare(flatten(plan.sections, {}), flatten(sections, {}))
    saved = await repository.save(
        session,
        merged,
        changes=[difference.place for difference in changed],
        author=principal.actor,
        at=now,
        policy_version=policy.version,
    )
    return await describe(session, deal, saved, policy), True


async def _require_writer(session: Session, principal: Principal, deal: Opportunity) -> bool:
    """Whether the caller may also review: an owner, manager or not, does not review itself."""
    principal.require(*WRITERS)
    if principal.roles & WRITE_ALL:
        return True
    owners = await reach(session, principal.roles, principal.user_id)
    if deal.owner_id not in owners:
        raise PlanNotYoursError
    return principal.has("manager") and deal.owner_id != principal.user_id


async def list_versions(
    session: ReadSession, principal: Principal, opportunity_id: UUID, page: PageRequest
) -> list[dict[str, Any]]:
    """Who saved what when, the newest first; one more than the page holds."""
    await require_readable(session, principal, opportunity_id)
    rows = await repository.list_versions(
        session, opportunity_id, after_number(page), page.limit + 1
    )
    names = await author_names(session, (row["author"] for row in rows))
    return [save_json(row, names) for row in rows]


async def read_version(
    session: ReadSession, principal: Principal, opportunity_id: UUID, number: int
) -> dict[str, Any]:
    """The whole plan as that save left it."""
    await require_readable(session, principal, opportunity_id)
    version = await _require_version(session, opportunity_id, number)
    names = await author_names(session, [version.author])
    if version.policy_version is None:
        policy = await policy_now(session)
    else:
        policy = await get_policy(session, version.policy_version)
    return version_json(version, names, policy)


async def compare_versions(
    session: ReadSession,
    principal: Principal,
    opportunity_id: UUID,
    start: int | None,
    end: int | None,
) -> dict[str, Any]:
    """From one version to another: by default the last save."""
    await require_readable(session, principal, opportunity_id)
    if end is None:
        end = await repository.current_version(session, opportunity_id)
    if start is None:
        start = max(end - 1, 0)
    before = await _require_version(session, opportunity_id, start)
    after = await _require_version(session, opportunity_id, end)
    return {
        "opportunity_id": opportunity_id,
        "from": start,
        "to": end,
        "changes": differences_json(before, after),
    }


async def _require_version(session: Session, opportunity_id: UUID, number: int) -> PlanVersion:
    if number == 0:
        return BEFORE_ALL
    version = await repository.get_version(session, opportunity_id, number)
    if version is None:
        raise PlanVersionUnknownError(number)
    return version


async def note_meeting(session: WriteSession, opportunity_id: UUID, at: datetime) -> None:
    """A meeting with the customer was held: a plan nobody touched since is behind. For packages
    that know of meetings; an earlier meeting than the last one changes nothing."""
    await repository.note_meeting(session, opportunity_id, at)
