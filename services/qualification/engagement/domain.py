"""What decides about engagement: when an activity is next, which activity is credited with an
opportunity, and what the opportunities credited come to.

Pure: no database, no clock. An opportunity is credited to one activity at most, so that sums over
activities, kinds, territories or verticals all add up to the same total.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

CADENCES: Final = ("once", "weekly", "monthly", "quarterly", "yearly")
STATES: Final = ("planned", "running", "done", "cancelled")
PARTNER_STATES: Final = ("approached", "agreed", "active", "declined")

SOURCED: Final = "sourced"
INFLUENCED: Final = "influenced"

_MONTHS: Final = {"monthly": 1, "quarterly": 3, "yearly": 12}
_ZERO: Final = Decimal("0.00")
# Neither open nor won nor lost: it turned out to be no deal, or another one.
_SET_ASIDE: Final = ("unqualified", "duplicate")


def next_on(
    starts_on: date | None, ends_on: date | None, cadence: str, state: str, today: date
) -> date | None:
    """The first day from today on that the activity begins; None where there is none. A monthly
    one of the 31st is on the last day of shorter months, and on the 31st again after them."""
    if starts_on is None or state in ("done", "cancelled"):
        return None
    if starts_on >= today:
        day = starts_on
    elif cadence == "once":
        return None
    elif cadence == "weekly":
        day = today + timedelta(days=(starts_on - today).days % 7)
    else:
        day = _turn_of_months(starts_on, today, _MONTHS[cadence])
    return None if ends_on is not None and day > ends_on else day


def _turn_of_months(start: date, today: date, step: int) -> date:
    months = (today.year - start.year) * 12 + today.month - start.month
    turns = months // step
    day = _months_later(start, turns * step)
    return day if day >= today else _months_later(start, (turns + 1) * step)


def _months_later(start: date, months: int) -> date:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))


class Named(NamedTuple):
    """A person named an activity for an opportunity. Activities are known by external id here, as
    leads name them."""

    opportunity_id: UUID
    activity: str
    role: str
    named_at: datetime


class Credit(NamedTuple):
    """Which activity an opportunity counts for, and as what."""

    activity: str
    role: str


def credit(named: Iterable[Named], brought: Mapping[UUID, str]) -> dict[UUID, Credit]:
    """The one credit of each opportunity: what a person named as its source; else the activity
    that brought its lead (`brought`); else whatever was named first as having helped."""
    given: dict[UUID, Credit] = {}
    helped: dict[UUID, Named] = {}
    for item in named:
        if item.role == SOURCED:
            given[item.opportunity_id] = Credit(item.activity, SOURCED)
            continue
        known = helped.setdefault(item.opportunity_id, item)
        if (item.named_at, item.activity) < (known.named_at, known.activity):
            helped[item.opportunity_id] = item
    for opportunity_id, activity in brought.items():
        given.setdefault(opportunity_id, Credit(activity, SOURCED))
    for opportunity_id, item in helped.items():
        given.setdefault(opportunity_id, Credit(item.activity, INFLUENCED))
    return given


class Deal(Protocol):
    """What is asked of an opportunity."""

    @property
    def stage(self) -> str: ...
    @property
    def forecast_category(self) -> str: ...
    @property
    def net_arr(self) -> Decimal: ...
    @property
    def currency(self) -> str: ...
    @property
    def sales_accepted_date(self) -> date | None: ...


@dataclass(slots=True)
class Deals:
    """What opportunities come to. `open_net_arr` is the open pipeline: positive Net ARR from stage
    1 on that is not omitted. Money of another currency than the company's is left out and
    counted."""

    opportunities: int = 0
    sales_accepted: int = 0
    pending: int = 0
    open: int = 0
    open_net_arr: Decimal = _ZERO
    won: int = 0
    won_net_arr: Decimal = _ZERO
    lost: int = 0
    set_aside: int = 0
    foreign_currency: int = 0

    def add(self, deal: Deal, currency: str) -> None:
        """One more opportunity."""
        self.opportunities += 1
        self.sales_accepted += deal.sales_accepted_date is not None
        is_foreign = deal.currency != currency
        net_arr = _ZERO if is_foreign else deal.net_arr
        self.foreign_currency += is_foreign and deal.net_arr != 0
        if deal.stage == "closed_won":
            self.won += 1
            self.won_net_arr += net_arr
        elif deal.stage == "closed_lost":
            self.lost += 1
        elif deal.stage in _SET_ASIDE:
            self.set_aside += 1
        elif deal.stage == "pending_acceptance":
            self.pending += 1
        else:
            self.open += 1
            if deal.forecast_category != "omitted":
                self.open_net_arr += max(net_arr, _ZERO)

    def __iadd__(self, other: Deals) -> Deals:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
        return self


@dataclass(slots=True)
class LeadCounts:
    """Leads that came, by what they are now and by what they ever were."""

    total: int
    by_status: dict[str, int]
    mql: int
    pql: int
    sql: int

    @classmethod
    def none(cls) -> LeadCounts:
        return cls(0, {}, 0, 0, 0)

    def add(self, status: str, number: int, mql: int, pql: int, sql: int) -> None:
        """So many more of one status."""
        self.total += number
        self.by_status[status] = self.by_status.get(status, 0) + number
        self.mql += mql
        self.pql += pql
        self.sql += sql

    def __iadd__(self, other: LeadCounts) -> LeadCounts:
        for status, number in other.by_status.items():
            self.by_status[status] = self.by_status.get(status, 0) + number
        self.total += other.total
        self.mql += other.mql
        self.pql += other.pql
        self.sql += other.sql
        return self


@dataclass(slots=True)
class Figures:
    """What engagement brought: leads, the opportunities it is the source of, and those it helped
    that have another source or none. `cost` is what the activities cost, over all time."""

    activities: int
    cost: Decimal
    leads: LeadCounts
    sourced: Deals
    influenced: Deals

    @classmethod
    def none(cls) -> Figures:
        return cls(0, _ZERO, LeadCounts.none(), Deals(), Deals())

    def __iadd__(self, other: Figures) -> Figures:
        self.activities += other.activities
        self.cost += other.cost
        self.leads += other.leads
        self.sourced += other.sourced
        self.influenced += other.influenced
        return self


def summed(parts: Iterable[Figures]) -> Figures:
    total = Figures.none()
    for part in parts:
        total += part
    return total


def grouped(by_activity: Mapping[str, Figures], group_of: Mapping[str, Any]) -> dict[Any, Figures]:
    """The figures of activities added up by their group; activities nobody recorded, which only
    leads name, have none."""
    groups: dict[Any, Figures] = {}
    for activity, figures in by_activity.items():
        group = groups.setdefault(group_of.get(activity), Figures.none())
        group += figures
    return groups
