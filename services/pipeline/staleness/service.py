"""Clocks as they are shown: of one opportunity, what is due soon, how fast deals are accepted; and
leave to renew late."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any, Final
from uuid import UUID

from services.kit import clock as kit_clock
from services.kit.auth import Principal
from services.kit.db import Session, WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.ids import new_id
from services.kit.pagination import PageRequest
from services.pipeline import following
from services.pipeline.opportunities.access import WRITERS, sight
from services.pipeline.opportunities.service import require
from services.pipeline.opportunities.stages import STAGE
from services.pipeline.staleness import repository
from services.pipeline.staleness.domain import Clock, Rules, why_not_stale
from services.pipeline.staleness.errors import NoOpenRenewalError
from services.pipeline.staleness.look import Case, look_at, rules_at
from services.workspace.users.reach import as_writer, find_subtree

GRANTERS: Final = ("admin", "sales_ops", "manager")


async def read_one(session: Session, principal: Principal, opportunity_id: UUID) -> dict[str, Any]:
    """Worked out now, so that what happened a moment ago is in it."""
    row = await require(session, await sight(session, principal), opportunity_id)
    rules = await rules_at(session, kit_clock.now())
    case = (await look_at(session, [opportunity_id], rules))[opportunity_id]
    return {
        "opportunity_id": opportunity_id,
        "stage": row["stage"],
        "clocks": [_told(case, clock, rules) for clock in case.clocks],
        "not_stale_because": why_not_stale(case.deal, rules.policy),
        "last_progress_at": case.deal.progress.at,
        "last_progress": case.deal.progress.what,
    }


def _told(case: Case, clock: Clock, rules: Rules) -> dict[str, Any]:
    done = case.done(clock)
    return {
        "kind": clock.kind,
        "state": _state(clock, done),
        "since": clock.since,
        "started_at": clock.started_at,
        "steps": [
            {
                "name": step.name,
                "offset_days": step.offset,
                "at": step.at,
                "on": rules.day(step.at),
                "done_at": _instant(done.get(step.key)),
            }
            for step in sorted(clock.steps, key=lambda step: step.at)
        ],
        "paused_until": clock.paused_until,
        "deadline_at": clock.deadline_at,
        "ended_at": clock.ended_at,
        "outcome": clock.outcome,
        "minutes": clock.minutes,
        "policy_version": rules.policy.version,
    }


def _state(clock: Clock, done: Mapping[str, str]) -> str:
    if clock.ended_at is not None:
        return "ended"
    if clock.paused_until is not None:
        return "paused"
    return "warned" if done else "running"


def _instant(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(stored)


async def read_due(
    session: Session,
    principal: Principal,
    page: PageRequest,
    *,
    user: str | None,
    within_days: int,
    kind: str | None,
) -> tuple[list[dict[str, Any]], list[Any] | None]:
    """What clocks do until the end of so many days, and the place to go on from. Who moved on
    since the clock was last worked out is left out."""
    seen = await sight(session, principal)
    owners, sdr_id = seen.owners, seen.sdr_id
    if user is not None:
        named = await find_subtree(session, user)
        owners, sdr_id = (named if owners is None else owners & named), None
    rules = await rules_at(session, kit_clock.now())
    until = rules.midnight(rules.day(rules.now) + timedelta(days=within_days + 1))
    rows = await repository.list_due(
        session,
        until=until - timedelta(microseconds=1),
        owners=owners,
        sdr_id=sdr_id,
        kind=kind,
        after=_after(page),
        limit=page.limit + 1,
    )
    shown, place = rows[: page.limit], None
    if len(rows) > page.limit:
        last = shown[-1]
        place = [last["due_at"].isoformat(), str(last["opportunity_id"]), last["kind"]]
    cases = await look_at(session, {row["opportunity_id"] for row in shown}, rules)
    items = [_due_item(row, cases.get(row["opportunity_id"]), rules) for row in shown]
    return [item for item in items if item is not None and item["at"] < until], place


def _after(page: PageRequest) -> tuple[datetime, UUID, str] | None:
    if page.after is None:
        return None
    try:
        due_at, opportunity_id, kind = page.after
        found = datetime.fromisoformat(str(due_at)), UUID(str(opportunity_id)), str(kind)
    except ValueError as error:
        raise _other_cursor() from error
    if found[0].tzinfo is None:
        raise _other_cursor()
    return found


def _other_cursor() -> InvalidPayloadError:
    return InvalidPayloadError.one(
        "query/cursor", "invalid_cursor", "is the cursor of another list"
    )


def _due_item(row: Mapping[str, Any], case: Case | None, rules: Rules) -> dict[str, Any] | None:
    clocks = [] if case is None else [each for each in case.clocks if each.kind == row["kind"]]
    if case is None or not clocks:
        return None
    (clock,) = clocks
    left = clock.left(case.done(clock))
    if not left:
        return None
    step = left[0]
    on = rules.day(step.at)
    return {
        "opportunity_id": row["opportunity_id"],
        "opportunity_external_id": row["external_id"],
        "name": row["name"],
        "owner_external_id": row["owner_external_id"],
        "stage": row["stage"],
        "segment": row["segment"] or "unknown",
        "kind": clock.kind,
        "step": step.name,
        "at": step.at,
        "on": on,
        "days_left": max(0, (on - rules.day(rules.now)).days),
        "since": clock.since,
        "started_at": clock.started_at,
    }


async def read_acceptance(
    session: Session, principal: Principal, first: date, last: date, user: str | None
) -> dict[str, Any]:
    """Of acceptances that began from one day to another, both of the company."""
    if last < first:
        raise InvalidPayloadError.one("query/to", "range_reversed", "must not be before from")
    owners = (await sight(session, principal)).owners
    if user is not None:
        named = await find_subtree(session, user)
        owners = named if owners is None else owners & named
    rules = await rules_at(session, kit_clock.now())
    rows = await repository.read_acceptances(
        session,
        rules.midnight(first),
        rules.midnight(last + timedelta(days=1)),
        owners,
        rules.now,
    )
    counts = {row["outcome"]: row["count"] for row in rows}
    minutes = [each for row in rows for each in row["minutes"] if each is not None]
    overdue = counts.get("overdue", 0)
    met, missed = counts.get("met", 0), counts.get("missed", 0) + overdue
    is_business = rules.policy.is_on("accept.sla_business")
    return {
        "from": first,
        "to": last,
        "user_id": user,
        "met": met,
        "missed": missed,
        "still_open_past_deadline": overdue,
        "open": counts.get("open", 0),
        "declined": counts.get("declined", 0),
        "met_rate": f"{Decimal(met) / (met + missed):.4f}" if met + missed else None,
        "median_hours": f"{Decimal(median(minutes)) / 60:.2f}" if minutes else None,
        "sla_hours": rules.policy.number("accept.sla_hours"),
        "counted_in": "business_hours" if is_business else "hours",
        "policy_version": rules.policy.version,
    }


async def grant_exception(
    session: WriteSession,
    principal: Principal,
    opportunity_id: UUID,
    *,
    reason: str,
    impact: str,
    new_date: date,
) -> dict[str, Any]:
    """Leave to renew late, to the end of a day; its clock stands still until then."""
    principal.require(*GRANTERS)
    principal.require(*WRITERS)
    seen = await sight(session, as_writer(principal))
    row = await require(session, seen, opportunity_id)
    await repository.lock_open(session, [opportunity_id])
    row = await require(session, seen, opportunity_id)
    if row["type"] != "renewal" or not STAGE[row["stage"]].is_open:
        raise NoOpenRenewalError(row["type"], row["stage"])
    rules = await rules_at(session, kit_clock.now())
    if new_date <= rules.day(rules.now):
        raise InvalidPayloadError.one("/new_date", "date_not_ahead", "must be a day to come")
    granted = {
        "id": new_id(),
        "opportunity_id": opportunity_id,
        "reason": reason,
        "impact": impact,
        "new_date": new_date,
        "actor": principal.actor,
        "granted_at": rules.now,
        "policy_version": rules.policy.version,
    }
    await repository.add_extension(session, granted)
    await following.recheck(session, [opportunity_id], [following.CLOCKS])
    return granted


async def list_exceptions(
    session: Session, principal: Principal, opportunity_id: UUID
) -> list[dict[str, Any]]:
    await require(session, await sight(session, principal), opportunity_id)
    return [dict(row) for row in await repository.list_extensions(session, opportunity_id)]
