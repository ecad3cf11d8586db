"""Use cases of consults: record one, list them, tell which deals go without."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.batch import unknown_reference
from services.kit.db import ReadSession, WriteSession
from services.kit.ids import new_id
from services.kit.pagination import PageRequest
from services.kit.rows import after_id
from services.qualification.consults import domain, repository
from services.qualification.consults.domain import Counted, Share
from services.qualification.evidence.repository import author_names
from services.qualification.evidence.service import policy_now
from services.qualification.opportunities.repository import Opportunity, find_contacts
from services.qualification.opportunities.service import require_readable, require_writable
from services.qualification.plans.scope import seen_of
from services.workspace.workspaces.repository import get_workspace

_BLANK: dict[str, Any] = {
    "why_us": None,
    "goals": None,
    "next_steps": None,
    "outcome": None,
    "risk_found": None,
    "contact_external_ids": [],
    "participants": [],
    "questions": [],
    "critiques": [],
}


async def record(
    session: WriteSession, principal: Principal, opportunity_id: UUID, stated: Mapping[str, Any]
) -> dict[str, Any]:
    """Keeps a consult as it was told. Raises for a contact that is not there."""
    deal = await require_writable(session, principal, opportunity_id)
    named = stated.get("contact_external_ids") or []
    known = await find_contacts(session, named) if named else {}
    for place, contact in enumerate(named):
        if contact not in known:
            raise unknown_reference(f"/contact_external_ids/{place}", "contact", contact)
    row = {
        **_BLANK,
        **stated,
        "stage": stated.get("stage") or deal.stage,
        "id": new_id(),
        "opportunity_id": opportunity_id,
        "author": principal.actor,
        "created_at": clock.now(),
    }
    await repository.insert(session, row)
    names = await author_names(session, [principal.actor])
    return _consult_json(row, names)


def _consult_json(row: Mapping[str, Any], names: Mapping[str | None, str]) -> dict[str, Any]:
    return {**row, "author_name": names.get(row["author"])}


async def list_consults(
    session: ReadSession, principal: Principal, opportunity_id: UUID, page: PageRequest
) -> list[dict[str, Any]]:
    """In the order they were recorded; one more than the page holds."""
    await require_readable(session, principal, opportunity_id)
    rows = await repository.list_consults(session, opportunity_id, after_id(page), page.limit + 1)
    names = await author_names(session, (row["author"] for row in rows))
    return [_consult_json(row, names) for row in rows]


async def coverage(
    session: ReadSession, principal: Principal, user_id: str | None
) -> dict[str, Any]:
    """How many of the deals that should have a recent consult have one, and those that have none;
    of what the caller sees, or of one user and all below."""
    seen = await seen_of(session, principal, user_id)
    policy, now = await policy_now(session), clock.now()
    today = (await get_workspace(session)).calendar.local_date(now)
    from_stage = policy.number("consult.from_stage")
    found = await repository.deals_with_last(session, seen, from_stage)
    known = {deal.id: (deal, last) for deal, last in found}
    counted = domain.due_deals(
        (
            domain.Deal(
                deal.id,
                deal.owner_id,
                deal.segment,
                deal.net_arr,
                domain.is_recent(last, today, policy),
            )
            for deal, last in found
        ),
        policy,
    )
    return {
        "user_id": user_id,
        "as_of": now,
        "since": today - timedelta(days=policy.number("consult.max_age_days")),
        "from_stage": from_stage,
        "policy_version": policy.version,
        **_share_json(domain.share(counted)),
        "owners": _owners_json(counted, known),
        "lacking": [
            _lacking_json(each, *known[each.deal.id])
            for each in counted
            if not each.deal.is_covered
        ],
    }


def _share_json(share: Share) -> dict[str, Any]:
    return {
        "deal_count": share.deal_count,
        "covered_count": share.covered_count,
        "count_percent": share.count_percent,
        "net_arr": share.net_arr,
        "covered_net_arr": share.covered_net_arr,
        "net_arr_percent": share.net_arr_percent,
    }


def _owners_json(
    counted: list[Counted], known: Mapping[UUID, tuple[Opportunity, date | None]]
) -> list[dict[str, Any]]:
    by_owner: dict[str, list[Counted]] = {}
    for each in counted:
        deal, _ = known[each.deal.id]
        by_owner.setdefault(deal.owner_external_id or str(deal.owner_id), []).append(each)
    return [
        {
            "owner_external_id": owner,
            "rule": owned[0].rule,
            **_share_json(domain.share(owned)),
        }
        for owner, owned in sorted(by_owner.items())
    ]


def _lacking_json(counted: Counted, deal: Opportunity, last: date | None) -> dict[str, Any]:
    return {
        "opportunity_id": deal.id,
        "opportunity_external_id": deal.external_id,
        "name": deal.name,
        "account_name": deal.account_name,
        "owner_external_id": deal.owner_external_id,
        "stage": deal.stage,
        "segment": deal.segment,
        "net_arr": deal.net_arr,
        "rule": counted.rule,
        "last_held_on": last,
    }
