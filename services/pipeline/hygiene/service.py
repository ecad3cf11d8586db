"""Use cases of hygiene: what is wrong within a caller's reach, snoozes, and the weekly review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from services.kit.auth import Principal
from services.kit.batch import unknown_reference
from services.kit.db import Session, WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.money import ZERO
from services.kit.pagination import PageRequest
from services.pipeline import following
from services.pipeline.hygiene import listing, marking, told
from services.pipeline.hygiene.catalogue import RULE
from services.pipeline.hygiene.domain import Moment, days_after
from services.pipeline.hygiene.errors import FindingNotFoundError
from services.pipeline.hygiene.follower import moment
from services.pipeline.hygiene.listing import Asked
from services.pipeline.opportunities.access import writer
from services.pipeline.opportunities.errors import OpportunityNotFoundError
from services.pipeline.opportunities.service import require
from services.workspace.fiscal import FiscalCalendarError
from services.workspace.users.reach import Sight, find_subtree, sight
from services.workspace.users.repository import user_names
from services.workspace.workspaces.repository import get_workspace

_ENDED_SHOWN: Final = 50


async def seen_of(session: Session, principal: Principal, user: str | None) -> Sight:
    """What the caller sees, or of it what one user and all below own."""
    seen = await sight(session, principal)
    if user is None:
        return seen
    named = await find_subtree(session, user)
    return Sight(named if seen.owners is None else seen.owners & named)


async def asked_of(
    session: Session, principal: Principal, at: Moment, filters: Mapping[str, Any]
) -> Asked:
    """Raises InvalidPayloadError for a user, an account or a quarter there is none of."""
    account_id = None
    if filters.get("account") is not None:
        account_id = await listing.find_account(session, filters["account"])
        if account_id is None:
            raise unknown_reference("query/account", "account", filters["account"])
    return Asked(
        now=at.now,
        seen=await seen_of(session, principal, filters.get("user_id")),
        rule=filters.get("rule"),
        severity=filters.get("severity"),
        snoozed=filters.get("snoozed", "false"),
        fiscal_quarter=_quarter(at, filters.get("fiscal_quarter")),
        opportunity_id=filters.get("opportunity_id"),
        account_id=account_id,
    )


def _quarter(at: Moment, label: str | None) -> int | None:
    if label is None:
        return None
    try:
        return at.calendar.parse(label).key
    except FiscalCalendarError as error:
        raise InvalidPayloadError.one(
            "query/fiscal_quarter", "invalid_fiscal_quarter", str(error)
        ) from error


async def list_findings(
    session: Session, principal: Principal, page: PageRequest, filters: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], str | None, dict[str, Any]]:
    """A page, the cursor of the next, and how fresh it is."""
    at = await moment(session)
    asked = await asked_of(session, principal, at, filters)
    rows, cursor = page.cut(
        await listing.list_findings(session, page, asked), lambda row: [row["id"]]
    )
    items = [told.finding(row, at) for row in rows]
    return items, cursor, await listing.freshness(session, at.now)


async def summary(
    session: Session,
    principal: Principal,
    group_by: str,
    filters: Mapping[str, Any],
    weeks: int,
) -> dict[str, Any]:
    at = await moment(session)
    asked = await asked_of(session, principal, at, {**filters, "snoozed": "all"})
    totals = await listing.sums(session, asked, "all")
    total = dict(totals[0]) if totals else {}
    if group_by == "week":
        items = await _weeks(session, asked, at, weeks)
    else:
        rows = await listing.sums(session, asked, group_by)
        names = await _names(session, group_by, [row["key"] for row in rows])
        items = [{**row, "name": names.get(row["key"])} for row in rows]
    return {
        "group_by": group_by,
        "user_id": filters.get("user_id"),
        "currency": (await get_workspace(session)).currency,
        **{name: total.get(name, 0) for name in ("findings", "snoozed", "opportunities")},
        "net_arr": total.get("net_arr", ZERO),
        "items": items,
        **await listing.freshness(session, at.now),
    }


async def _weeks(session: Session, asked: Asked, at: Moment, weeks: int) -> list[dict[str, Any]]:
    """This week and those before it, also where nothing began or ended."""
    monday = at.today - timedelta(days=at.today.weekday())
    first = monday - timedelta(weeks=weeks - 1)
    rows = await listing.per_week(session, asked, at.start_of(first), at.calendar.timezone)
    counted = {week: (opened, closed) for week, opened, closed in rows}
    items = []
    for number in range(weeks):
        week = first + timedelta(weeks=number)
        opened, closed = counted.get(week, (0, 0))
        items.append({"key": week.isoformat(), "name": None, "opened": opened, "closed": closed})
    return items


async def _names(session: Session, group_by: str, keys: Sequence[str]) -> dict[str, str]:
    if group_by == "user":
        users = await user_names(session, [UUID(key) for key in keys])
        return {str(id_): user.name for id_, user in users.items()}
    if group_by == "rule":
        return {key: RULE[key].what for key in keys}
    return {}


async def of_opportunity(
    session: Session, principal: Principal, opportunity_id: UUID
) -> dict[str, Any]:
    seen = await sight(session, principal)
    await require(session, seen, opportunity_id)
    at = await moment(session)
    asked = Asked(now=at.now, seen=seen, snoozed="all", opportunity_id=opportunity_id)
    rows = await listing.list_findings(session, PageRequest(len(RULE), None), asked)
    state = await marking.get_state(session, opportunity_id)
    is_open = state is not None and state["is_open"]
    return {
        "opportunity_id": opportunity_id,
        "findings": [told.finding(row, at) for row in rows],
        "ended": [
            told.ended(row) for row in await listing.ended_of(session, opportunity_id, _ENDED_SHOWN)
        ],
        "reviewed_at": None if state is None else state["reviewed_at"],
        "reviewed_by": None if state is None else state["reviewed_by"],
        "review_due_on": _due_on(at, state["review_from"]) if is_open and state else None,
        **await listing.freshness(session, at.now),
    }


def _due_on(at: Moment, review_from: datetime) -> date:
    return days_after(at.day(review_from), at.number("review.max_age_days") + 1)


async def snooze(
    session: WriteSession,
    principal: Principal,
    opportunity_id: UUID,
    *,
    rule: str,
    until: datetime,
    reason: str,
) -> dict[str, Any]:
    """Raises FindingNotFoundError where nothing stands that could be snoozed."""
    await _writable(session, principal, [opportunity_id])
    at = await moment(session)
    days = at.number("hygiene.snooze_days_max")
    if not at.now < until <= at.now + timedelta(days=days):
        raise InvalidPayloadError.one(
            "/until", "snooze_must_end", f"must be later than now and at most {days} days ahead"
        )
    marked = await marking.snooze(
        session, opportunity_id, rule, until=until, reason=reason, actor=principal.actor, at=at.now
    )
    if not marked:
        raise FindingNotFoundError(rule)
    # So that it is looked at again when the snooze ends.
    await following.recheck(session, [opportunity_id], (following.HYGIENE,))
    asked = Asked(now=at.now, seen=Sight(), snoozed="all", opportunity_id=opportunity_id, rule=rule)
    rows = await listing.list_findings(session, PageRequest(1, None), asked)
    return told.finding(rows[0], at)


async def wake(
    session: WriteSession, principal: Principal, opportunity_id: UUID, rule: str
) -> None:
    """Raises FindingNotFoundError where nothing is snoozed."""
    await _writable(session, principal, [opportunity_id])
    if not await marking.wake(session, opportunity_id, rule):
        raise FindingNotFoundError(rule)


async def review(
    session: WriteSession, principal: Principal, ids: Sequence[UUID], note: str | None
) -> list[dict[str, Any]]:
    """All of them or none; who may change an opportunity may say that it was looked at."""
    at = await moment(session)
    rows = await _writable(session, principal, ids)
    await marking.review(session, rows, actor=principal.actor, note=note, at=at)
    await following.recheck(session, ids, (following.HYGIENE,))
    return [
        {"opportunity_id": id_, "reviewed_at": at.now, "reviewed_by": principal.actor}
        for id_ in dict.fromkeys(ids)
    ]


async def _writable(
    session: WriteSession, principal: Principal, ids: Sequence[UUID]
) -> list[Mapping[str, Any]]:
    """Raises OpportunityNotFoundError for the first that is not there or out of reach."""
    actor = await writer(session, principal)
    rows = await marking.find_opportunities(session, ids)
    known = {row["id"]: row for row in rows}
    for id_ in ids:
        row = known.get(id_)
        if row is None or not actor.may_write(row["owner_id"]):
            raise OpportunityNotFoundError(id_)
    return list(rows)


async def reviews(
    session: Session, principal: Principal, page: PageRequest, user: str | None, *, due: bool
) -> tuple[list[dict[str, Any]], str | None]:
    """Open opportunities, the one looked at longest ago first."""
    at = await moment(session)
    days = at.number("review.max_age_days")
    before = at.start_of(days_after(at.today, -days)) if due else None
    seen = await seen_of(session, principal, user)
    rows = await listing.reviews_due(session, page, seen, before, _after(page))
    rows, cursor = page.cut(
        rows, lambda row: [row["review_from"].isoformat(), row["opportunity_id"]]
    )
    items = []
    for row in rows:
        item = dict(row)
        due_on = _due_on(at, item.pop("review_from"))
        items.append({**item, "due_on": due_on, "is_due": due_on <= at.today})
    return items, cursor


def _after(page: PageRequest) -> tuple[datetime, UUID] | None:
    if page.after is None:
        return None
    try:
        instant, id_ = page.after
        return datetime.fromisoformat(str(instant)).astimezone(UTC), UUID(str(id_))
    except (ValueError, OverflowError) as error:
        raise InvalidPayloadError.one(
            "query/cursor", "invalid_cursor", "is the cursor of another list"
        ) from error
