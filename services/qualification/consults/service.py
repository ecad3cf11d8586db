"""Use cases of consults: record one, list them, tell which deals go without."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.batch import unknown_reference
from services.kit.db import ReadSession, Session, WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.ids import new_id
from services.kit.pagination import PageRequest
from services.kit.rows import after_id
from services.qualification.consults import domain, repository
from services.qualification.consults.domain import Counted, Share
from services.qualification.evidence.repository import author_names
from services.qualification.evidence.service import policy_now
from services.qualification.opportunities.repository import find_contacts, get_opportunities
from services.qualification.opportunities.service import require_readable, require_writable
from services.qualification.plans.scope import seen_of
from services.workspace.policy import Policy
from services.workspace.users.repository import external_ids
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
    session: ReadSession, principal: Principal, user_id: str | None, page: PageRequest
) -> dict[str, Any]:
    """How many of the deals that should have a recent consult have one, and a page of those that
    have none; of what the caller sees, or of one user and all below."""
    seen = await seen_of(session, principal, user_id)
    policy, now = await policy_now(session), clock.now()
    today = (await get_workspace(session)).calendar.local_date(now)
    from_stage = policy.number("consult.from_stage")
    found = await repository.deals_with_last(session, seen, from_stage)
    counted = domain.due_deals((_deal(row, today, policy) for row in found), policy)
    after = _after(page)
    without = [
        each
        for each in counted
        if not each.deal.is_covered and (after is None or _order(each) > after)
    ]
    shown, cursor = page.cut(without, lambda each: [str(each.deal.net_arr), each.deal.id])
    last = {row["id"]: row["last_held_on"] for row in found}
    return {
        "user_id": user_id,
        "as_of": now,
        "since": today - timedelta(days=policy.number("consult.max_age_days")),
        "from_stage": from_stage,
        "policy_version": policy.version,
        **_share_json(domain.share(counted)),
        "owners": await _owners_json(session, counted),
        "lacking": await _lacking_json(session, shown, last),
        "next_cursor": cursor,
    }


def _deal(row: Mapping[str, Any], today: date, policy: Policy) -> domain.Deal:
    return domain.Deal(
        row["id"],
        row["owner_id"],
        row["segment"],
        row["net_arr"],
        domain.is_recent(row["last_held_on"], today, policy),
    )


def _order(counted: Counted) -> tuple[Decimal, UUID]:
    """The largest first."""
    return -counted.deal.net_arr, counted.deal.id


def _after(page: PageRequest) -> tuple[Decimal, UUID] | None:
    """The place of the last deal of the page before."""
    if page.after is None:
        return None
    try:
        net_arr, id_ = page.after
        place = -Decimal(str(net_arr)), UUID(str(id_))
    except (ValueError, InvalidOperation):
        place = None
    if place is None or not place[0].is_finite():
        raise InvalidPayloadError.one(
            "query/cursor", "invalid_cursor", "is the cursor of another list"
        )
    return place


def _share_json(share: Share) -> dict[str, Any]:
    return {
        "deal_count": share.deal_count,
        "covered_count": share.covered_count,
        "count_percent": share.count_percent,
        "net_arr": share.net_arr,
        "covered_net_arr": share.covered_net_arr,
        "net_arr_percent": share.net_arr_percent,
    }


async def _owners_json(session: Session, counted: list[Counted]) -> list[dict[str, Any]]:
    by_owner: dict[UUID, list[Counted]] = {}
    for each in counted:
        by_owner.setdefault(each.deal.owner_id, []).append(each)
    names = await external_ids(session, list(by_owner))
    return [
        {
            "owner_external_id": names[owner],
            "rule": owned[0].rule,
            **_share_json(domain.share(owned)),
        }
        for owner, owned in sorted(by_owner.items(), key=lambda item: names[item[0]])
    ]


async def _lacking_json(
    session: Session, shown: list[Counted], last: Mapping[UUID, date | None]
) -> list[dict[str, Any]]:
    deals = await get_opportunities(session, [each.deal.id for each in shown])
    return [
        {
            "opportunity_id": deal.id,
            "opportunity_external_id": deal.external_id,
            "name": deal.name,
            "account_name": deal.account_name,
            "owner_external_id": deal.owner_external_id,
            "stage": deal.stage,
            "segment": deal.segment,
            "net_arr": deal.net_arr,
            "rule": each.rule,
            "last_held_on": last[deal.id],
        }
        for each, deal in ((each, deals[each.deal.id]) for each in shown)
    ]
