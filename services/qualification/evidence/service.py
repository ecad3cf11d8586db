"""Use cases of MEDDPPICC: read it, merge what is stated into it, tell how it came to be.

The elements are a section of the command plan, so a save of theirs is a version of the plan too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.answers import check_version
from services.kit.auth import Principal
from services.kit.batch import unknown_reference
from services.kit.db import ReadSession, Session, WriteSession
from services.kit.errors import FieldProblem, InvalidPayloadError
from services.kit.pagination import PageRequest
from services.qualification.evidence import domain, repository
from services.qualification.evidence.answer import evidence_json
from services.qualification.evidence.domain import Elements, Problem
from services.qualification.evidence.repository import Change
from services.qualification.opportunities.repository import Opportunity, find_contacts
from services.qualification.opportunities.service import require_readable, require_writable
from services.qualification.plans import repository as plans
from services.qualification.plans.length import check_length
from services.qualification.plans.repository import Plan
from services.qualification.plans.sections import Place
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.policy import Policy


async def policy_now(session: Session) -> Policy:
    return await get_policy(session, await version_in_force(session, clock.now()))


async def read(session: ReadSession, principal: Principal, opportunity_id: UUID) -> dict[str, Any]:
    """Raises OpportunityUnknownError; an opportunity nobody wrote about has all nine unknown."""
    deal = await require_readable(session, principal, opportunity_id)
    plan = await plans.get_plan(session, opportunity_id)
    return await describe(session, deal, plan, await policy_now(session))


async def describe(
    session: Session, deal: Opportunity, plan: Plan, policy: Policy
) -> dict[str, Any]:
    """The answer, with the names of those who wrote and what became of the people named."""
    elements = domain.elements_from_json(plan.elements)
    names = await repository.author_names(session, (each.author for each in elements.values()))
    named = {each.contact_external_id for each in elements.values() if each.contact_external_id}
    contacts = await find_contacts(session, named) if named else {}
    return evidence_json(deal, plan, policy, names=names, contacts=contacts, now=clock.now())


async def write(
    session: WriteSession,
    principal: Principal,
    opportunity_id: UUID,
    stated: Mapping[str, Mapping[str, Any] | None],
    *,
    if_match: str | None,
) -> tuple[dict[str, Any], bool]:
    """The answer and whether anything changed. Whoever may change the opportunity may write, its
    SDR too. Two who write different elements at once lose nothing: each waits for the other and
    merges into what is there then."""
    deal = await require_writable(session, principal, opportunity_id)
    policy = await policy_now(session)
    plan = await plans.lock_plan(session, opportunity_id)
    check_version(if_match, plan.elements_version)
    now = clock.now()
    before = domain.elements_from_json(plan.elements)
    after = domain.merge(before, stated, principal.actor, now)
    changed = domain.changed(before, after)
    if not changed:
        return await describe(session, deal, plan, policy), False
    await _check(session, before, after, changed)
    merged = replace(
        plan,
        elements=domain.elements_to_json(after),
        elements_version=plan.elements_version + 1,
        elements_at=now,
    )
    check_length(plan, merged, policy, pointer="/elements")
    changes = [_change(name, before, after) for name in changed]
    await repository.insert_changes(
        session, opportunity_id, merged.elements_version, changes, author=principal.actor, at=now
    )
    saved = await plans.save(
        session,
        merged,
        changes=_places(changes),
        author=principal.actor,
        at=now,
        policy_version=policy.version,
    )
    return await describe(session, deal, saved, policy), True


async def _check(
    session: WriteSession, before: Elements, after: Elements, changed: Sequence[str]
) -> None:
    """Raises InvalidPayloadError with everything that is wrong with what changed."""
    problems = [problem for name in changed for problem in domain.check(name, after[name])]
    if problems:
        raise invalid(problems)
    named = {
        name: contact
        for name in changed
        if (contact := after[name].contact_external_id) is not None
        and contact != before[name].contact_external_id
    }
    known = await find_contacts(session, named.values()) if named else {}
    for name, contact in named.items():
        if contact not in known:
            pointer = f"/elements/{name}/contact_external_id"
            raise unknown_reference(pointer, "contact", contact)


def invalid(problems: Sequence[Problem]) -> InvalidPayloadError:
    return InvalidPayloadError([FieldProblem(*problem) for problem in problems])


def _change(name: str, before: Elements, after: Elements) -> Change:
    old, new = before[name], after[name]
    return Change(name, None if old.is_empty else old.told(), None if new.is_empty else new.told())


def _places(changes: Sequence[Change]) -> list[Place]:
    """The single values that changed."""
    empty = domain.UNKNOWN.told()
    return [
        Place("meddppicc", change.element, field)
        for change in changes
        for field in empty
        if (change.before or empty)[field] != (change.after or empty)[field]
    ]


async def history(
    session: ReadSession, principal: Principal, opportunity_id: UUID, page: PageRequest
) -> list[dict[str, Any]]:
    """Every change of every element, the oldest first; one more than the page holds."""
    await require_readable(session, principal, opportunity_id)
    rows = await repository.list_changes(session, opportunity_id, _after(page), page.limit + 1)
    names = await repository.author_names(session, (row["author"] for row in rows))
    return [
        {
            "version": row["version"],
            "element": row["element"],
            "before": row["before"],
            "after": row["after"],
            "author": row["author"],
            "author_name": names.get(row["author"]),
            "changed_at": row["changed_at"],
        }
        for row in rows
    ]


def _after(page: PageRequest) -> tuple[int, str] | None:
    match page.after:
        case None:
            return None
        case [int(version), str(element)] if 0 <= version < 2**31:
            return version, element
    raise InvalidPayloadError.one("query/cursor", "invalid_cursor", "is the cursor of another list")
