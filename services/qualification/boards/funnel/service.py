"""Use cases of the funnel: its figures, and the leads behind each of them. Read only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import ReadSession
from services.kit.errors import InvalidPayloadError
from services.kit.pagination import PageRequest
from services.kit.rows import after_id
from services.qualification.boards.days import Period
from services.qualification.boards.errors import FutureInstantError, GroupError, PeriodError
from services.qualification.boards.funnel import repository
from services.qualification.boards.funnel.domain import Tally, warnings_of
from services.qualification.boards.funnel.question import FunnelQuestion
from services.qualification.leads import repository as leads
from services.qualification.leads.access import READERS, own_leads_only, self_id
from services.workspace.fiscal import FiscalCalendar, FiscalCalendarError
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.policy import Policy
from services.workspace.policy_settings import SEGMENT_KEYS
from services.workspace.users.repository import user_names
from services.workspace.workspaces.repository import get_workspace

_NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The parameters every question to the funnel has; what is None was not said."""

    first_day: date | None
    last_day: date | None
    fiscal_quarter: str | None
    group_by: str | None
    axis: str
    as_of: datetime | None


async def read_funnel(session: ReadSession, principal: Principal, asked: Asked) -> dict[str, Any]:
    """The figures of each group and of all; a salesperson's are those of the leads it holds."""
    principal.require(*READERS)
    question, policy_version = await _question(session, principal, asked)
    groups = await repository.count_steps(session, question)
    labels = await _labels(session, question, list(groups))
    whole = Tally.total(groups.values())
    shown = [] if asked.group_by is None else sorted(groups, key=lambda key: _order(labels[key]))
    period = question.period
    return {
        "axis": question.axis,
        "from": period.first_day,
        "to": period.last_day,
        "fiscal_quarter": await _quarter(session, period),
        "group_by": asked.group_by,
        "as_of": question.as_of,
        "policy_version": policy_version,
        "groups": [{"group": labels[key], **groups[key].to_json()} for key in shown],
        "total": whole.to_json(),
        "warnings": [warning.to_json() for warning in warnings_of(whole, question.axis)],
    }


async def _quarter(session: ReadSession, period: Period) -> str | None:
    """The label of the fiscal quarter the period is, None where it is another one."""
    calendar = (await get_workspace(session)).calendar
    quarter = calendar.quarter_of(period.first_day)
    is_whole = (quarter.first_day, quarter.last_day) == (period.first_day, period.last_day)
    return quarter.label if is_whole and calendar.has_label(period.first_day) else None


async def list_leads(
    session: ReadSession,
    principal: Principal,
    asked: Asked,
    page: PageRequest,
    *,
    step: str,
    group: str | None,
    skipped: bool | None,
) -> list[dict[str, Any]]:
    """Up to one more than the page holds of the leads a figure counts; `group` None is all of
    them, and an empty one those without a value."""
    principal.require(*READERS)
    question, _ = await _question(session, principal, asked)
    key = await _key(session, question, group)
    if key == (_NOBODY,):
        return []
    rows = await repository.list_step(
        session,
        question,
        step,
        group=key,
        skipped=skipped,
        after=after_id(page),
        limit=page.limit + 1,
    )
    labels = await _labels(session, question, [row["key"] for row in rows])
    items = []
    for row in rows:
        item = dict(row)
        items.append(item | {"group": labels[item.pop("key")]})
    return items


async def _question(
    session: ReadSession, principal: Principal, asked: Asked
) -> tuple[FunnelQuestion, int]:
    now = clock.now()
    as_of = asked.as_of or now
    if as_of > now:
        raise FutureInstantError
    calendar = (await get_workspace(session)).calendar
    version = await version_in_force(session, now)
    today = calendar.local_date(as_of)
    period = Period.of(calendar, *_days(calendar, asked, today))
    holder = self_id(principal) if own_leads_only(principal) else None
    question = FunnelQuestion(
        period=period,
        axis=asked.axis,
        as_of=as_of,
        as_of_day=today,
        timezone=calendar.timezone,
        group_by=asked.group_by,
        months=period.months(calendar),
        segments=_segments(await get_policy(session, version)),
        holder_id=holder,
    )
    return question, version


def _days(calendar: FiscalCalendar, asked: Asked, today: date) -> tuple[date, date]:
    """The first and the last day; the fiscal quarter of the moment where nothing was said."""
    first, last = asked.first_day, asked.last_day
    if asked.fiscal_quarter is not None:
        if first is not None or last is not None:
            raise PeriodError("fiscal_quarter", "stands in place of `from` and `to`")
        try:
            quarter = calendar.parse(asked.fiscal_quarter)
        except FiscalCalendarError as error:
            raise InvalidPayloadError.one(
                "query/fiscal_quarter", "invalid_fiscal_quarter", str(error)
            ) from error
        return quarter.first_day, quarter.last_day
    if first is None:
        if last is not None:
            raise PeriodError("to", "needs `from`, the day to begin with")
        quarter = calendar.quarter_of(today)
        return quarter.first_day, quarter.last_day
    last = last or max(first, today)
    if last < first:
        raise PeriodError("from", "must not be later than `to`")
    return first, last


def _segments(policy: Policy) -> list[tuple[int, str]]:
    """The least head count of each segment, the largest first."""
    ranges = policy.settings["segments"]
    return sorted(((ranges[name][0], name) for name in SEGMENT_KEYS), reverse=True)


async def _labels(
    session: ReadSession, question: FunnelQuestion, keys: list[Any]
) -> Mapping[Any, str | None]:
    """What each group is called outside."""
    if question.group_by == "month":
        return {key: None if key is None else question.months[key - 1].label for key in keys}
    if question.group_by == "sdr":
        names = await user_names(session, [key for key in keys if key is not None])
        return {key: names[key].external_id if key in names else None for key in keys}
    return {key: key for key in keys}


def _order(label: str | None) -> tuple[bool, str]:
    return label is None, label or ""


async def _key(
    session: ReadSession, question: FunnelQuestion, group: str | None
) -> tuple[Any] | None:
    """What the statement groups by, of the group asked for; nobody's where there is none."""
    if group is None:
        return None
    if question.group_by is None:
        raise GroupError("needs `group_by`: say what it is a group of")
    if not group:
        return (None,)
    if question.group_by == "sdr":
        return ((await leads.user_ids(session, [group])).get(group, _NOBODY),)
    if question.group_by != "month":
        return (group,)
    labels = [month.label for month in question.months]
    if group not in labels:
        raise GroupError(f"is not a month of the period; those are {labels[0]} to {labels[-1]}")
    return (labels.index(group) + 1,)
