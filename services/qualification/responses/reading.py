"""Reading response timers: lists, and the report of how quickly leads are answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import ReadSession
from services.kit.pagination import PageRequest
from services.qualification.leads.access import READERS, own_leads_only, require_lead, self_id
from services.qualification.responses import domain, repository
from services.qualification.responses.domain import Timer
from services.qualification.responses.repository import Wanted
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.workspaces.repository import get_workspace

DAYS_DEFAULT: Final = 30


def _holder(principal: Principal) -> UUID | None:
    """A salesperson sees timers of the leads it holds; a key without a person holds none."""
    return self_id(principal) if own_leads_only(principal) else None


async def list_timers(
    session: ReadSession,
    principal: Principal,
    page: PageRequest,
    wanted: dict[str, Any],
    after: tuple[datetime, UUID] | None,
) -> list[dict[str, Any]]:
    """Up to one more than the page holds, by when they are due. Raises LeadNotFoundError where
    they are asked for of a lead the caller may not see."""
    principal.require(*READERS)
    if wanted.get("lead_id") is not None:
        await require_lead(session, principal, wanted["lead_id"])
    now = clock.now()
    narrowed = Wanted(now=now, holder_id=_holder(principal), **wanted)
    rows = await repository.list_timers(session, page, narrowed, after)
    return [{**dict(row), "state": _state(dict(row), now)} for row in rows]


def _state(row: dict[str, Any], now: datetime) -> domain.State:
    return domain.state_of(Timer(**{name: row[name] for name in repository.TIMERS.columns}), now)


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of a period, whole days of the company's time zone."""

    first_day: date
    last_day: date
    group_by: str | None
    goal_percent: int
    total: dict[str, Any]
    groups: list[dict[str, Any]]


async def report(
    session: ReadSession,
    principal: Principal,
    *,
    first_day: date | None,
    last_day: date | None,
    group_by: str | None,
) -> Report:
    """Of timers that started in the period, the last thirty days by default."""
    principal.require(*READERS)
    now = clock.now()
    zone = ZoneInfo((await get_workspace(session)).timezone)
    last = last_day or max(now.astimezone(zone).date(), first_day or date.min)
    first = first_day or last - timedelta(days=DAYS_DEFAULT - 1)
    rows = await repository.report(
        session,
        begin=_midnight(first, zone),
        end=_midnight(last + timedelta(days=1), zone),
        now=now,
        group_by=group_by,
        holder_id=_holder(principal),
    )
    policy = await get_policy(session, await version_in_force(session, now))
    goal = policy.number("sla.goal_percent")
    figures = [_with_goal(row, goal) for row in rows]
    groups = [row for row in figures if not row.pop("is_total")]
    return Report(first, last, group_by, goal, figures[-1], groups if group_by else [])


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _with_goal(row: dict[str, Any], goal: int) -> dict[str, Any]:
    """What is overdue now is late already, whoever answers it."""
    judged = row["met"] + row["missed"] + row["overdue"]
    if judged == 0:
        return {**row, "met_percent": None, "is_goal_met": None}
    percent = Decimal(100 * row["met"]) / judged
    return {
        **row,
        "met_percent": percent.quantize(Decimal("0.01"), ROUND_HALF_UP),
        "is_goal_met": percent >= goal,
    }
