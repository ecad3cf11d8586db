"""Use case: how many qualification calls were held, with prospects and with customers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import Session
from services.kit.errors import InvalidPayloadError
from services.kit.rows import Filters
from services.qualification.meetings.access import Viewer, viewer
from services.qualification.meetings.domain import first_instant, last_instant
from services.qualification.meetings.repository import find_user_id
from services.qualification.opportunities.repository import ACCOUNTS, OPPORTUNITIES
from services.workspace.fiscal import FiscalCalendar
from services.workspace.users.repository import subtree, user_names
from services.workspace.workspaces.repository import get_workspace

DAYS_MAX: Final = 1100
_COUNTS: Final = ("calls", "prospect", "customer", "no_show", "planned")


async def count_calls(
    session: Session,
    principal: Principal,
    *,
    first: date | None,
    last: date | None,
    user: str | None,
    group_by: str | None,
) -> dict[str, Any]:
    """The counts of some days of the company, by default its fiscal quarter so far; `user` is that
    user and everybody below. Whose meetings the caller does not see are not counted."""
    workspace = await get_workspace(session)
    calendar = workspace.calendar
    now = clock.now()
    last = last or calendar.local_date(now)
    first = first or min(last, calendar.quarter_of(last).first_day)
    if not 0 <= (last - first).days <= DAYS_MAX:
        raise InvalidPayloadError.one(
            "query/from", "invalid_period", f"must be at most {DAYS_MAX} days before `to`"
        )
    seen = await viewer(session, principal)
    owners = None
    if user is not None:
        user_id = await find_user_id(session, user)
        if user_id is None:
            raise InvalidPayloadError.one("query/user_id", "unknown_reference", "is no user here")
        owners = await subtree(session, user_id, at=now, sequence=None, with_unposted=True)
    begins, ends = first_instant(first, workspace.timezone), last_instant(last, workspace.timezone)
    counted = await _count(session, seen, owners, begins, ends, workspace.timezone)
    return {
        "from": first,
        "to": last,
        "user_id": user,
        "group_by": group_by,
        "total": _sum(counted),
        "groups": await _groups(session, counted, group_by, calendar),
    }


async def _groups(
    session: Session,
    counted: Iterable[Mapping[str, Any]],
    group_by: str | None,
    calendar: FiscalCalendar,
) -> list[dict[str, Any]]:
    grouped: dict[Any, list[Mapping[str, Any]]] = {}
    for row in counted:
        if group_by == "user":
            grouped.setdefault(row["owner_id"], []).append(row)
        elif group_by == "week":
            grouped.setdefault(_week_of(row["day"], calendar), []).append(row)
    blank = dict.fromkeys(("user_external_id", "user_name", "fiscal_quarter", "fiscal_week"))
    if group_by == "week":
        return [
            {**blank, "week_start": start, "fiscal_quarter": quarter, "fiscal_week": week,
             **_sum(grouped[start, quarter, week])}
            for start, quarter, week in sorted(grouped)
        ]  # fmt: skip
    names = await user_names(session, [key for key in grouped if key is not None])
    found = []
    for owner_id, rows in grouped.items():
        name = names.get(owner_id)
        shown = {} if name is None else {"user_external_id": name[0], "user_name": name[1]}
        found.append({**blank, "week_start": None, **shown, **_sum(rows)})
    return sorted(found, key=lambda row: (-row["calls"], row["user_external_id"] or ""))


def _week_of(day: date, calendar: FiscalCalendar) -> tuple[date, str, int]:
    quarter = calendar.quarter_of(day)
    week = calendar.week_of_quarter(day)
    return quarter.first_day + timedelta(days=7 * week), quarter.label, week


def _sum(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    total = dict.fromkeys(_COUNTS, 0)
    for row in rows:
        for name in _COUNTS:
            total[name] += row[name]
    return total


async def _count(
    session: Session,
    seen: Viewer,
    owners: list[UUID] | None,
    begins: datetime,
    ends: datetime,
    timezone: str,
) -> list[Mapping[str, Any]]:
    """By owner and day. Whoever had bought by the day of the call was a customer then, whatever
    was bought or lost since."""
    where = Filters("m.workspace_id = {}", session.workspace_id)
    where.require("m.is_qualification AND m.happens_at >= {}", begins)
    where.require("m.happens_at < {}", ends)
    where.where("m.owner_id = ANY({}::uuid[])", owners)
    seen.keep_to(where)
    where.values.append(timezone)
    zone = f"${len(where.values)}::text"
    rows = await session.fetch(
        f"""
        WITH calls AS (
            SELECT m.owner_id, m.state, (m.happens_at AT TIME ZONE {zone})::date AS day,
                   coalesce(o.account_id, own.id, of_lead.id) AS account_id
            FROM qualification.meetings AS m
            LEFT JOIN {OPPORTUNITIES} AS o ON o.workspace_id = $1 AND o.id = m.opportunity_id
            LEFT JOIN {ACCOUNTS} AS own
              ON own.workspace_id = $1 AND own.external_id = m.account_external_id
            LEFT JOIN qualification.leads AS l ON l.workspace_id = $1 AND l.id = m.lead_id
            LEFT JOIN {ACCOUNTS} AS of_lead
              ON of_lead.workspace_id = $1 AND of_lead.external_id = l.account_external_id
            WHERE {where}
        ), bought AS MATERIALIZED (
            SELECT w.account_id, min(w.close_date) AS since FROM {OPPORTUNITIES} AS w
            WHERE w.workspace_id = $1 AND w.stage = 'closed_won'
              AND w.account_id IN (SELECT c.account_id FROM calls AS c)
            GROUP BY w.account_id
        )
        SELECT c.owner_id, c.day,
               count(*) FILTER (WHERE c.state = 'held') AS calls,
               count(*) FILTER (WHERE c.state = 'held' AND b.since <= c.day) AS customer,
               count(*) FILTER (WHERE c.state = 'held'
                   AND coalesce(b.since > c.day, true)) AS prospect,
               count(*) FILTER (WHERE c.state = 'no_show') AS no_show,
               count(*) FILTER (WHERE c.state = 'planned') AS planned
        FROM calls AS c LEFT JOIN bought AS b ON b.account_id = c.account_id
        GROUP BY c.owner_id, c.day ORDER BY c.day, c.owner_id
        """,
        *where.values,
    )
    return [dict(row) for row in rows]
