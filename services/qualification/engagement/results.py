"""What engagement brought: leads and opportunities of each activity, added up by kind, territory or
vertical. Reads what the caller may read, and counts nothing twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from services.kit.auth import Principal
from services.kit.db import Session
from services.qualification.engagement import repository, repository_results
from services.qualification.engagement.domain import (
    SOURCED,
    Credit,
    Figures,
    Named,
    credit,
    grouped,
    summed,
)
from services.qualification.engagement.repository_results import Brought
from services.qualification.leads.service import own_leads_only
from services.qualification.opportunities.repository import Standing, get_standings
from services.workspace.users.reach import sight
from services.workspace.workspaces.repository import get_workspace

_NOBODY: Final = UUID(int=0)
_GROUPS: Final = {
    "activity": "external_id",
    "kind": "kind",
    "territory": "territory_external_id",
    "vertical": "vertical",
}
GROUPS: Final = tuple(_GROUPS)


Group = tuple[str | None, str | None, Figures]
"""Its key, its name, what is in it."""


@dataclass(frozen=True, slots=True)
class Days:
    """The days on which a lead came, or an opportunity without such a lead was opened; both ends
    are in. None is open."""

    first: date | None = None
    last: date | None = None

    def since(self, zone: ZoneInfo) -> datetime | None:
        return None if self.first is None else _midnight(self.first, zone)

    def before(self, zone: ZoneInfo) -> datetime | None:
        return None if self.last is None else _midnight(self.last + timedelta(days=1), zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class CreditedDeal:
    """An opportunity of an activity. `counts`: it is this activity's in the figures; else another
    one is its source, or helped it before."""

    standing: Standing
    role: str
    through: str
    counts: bool


async def results(
    session: Session, principal: Principal, days: Days, group_by: str
) -> tuple[list[Group], Figures]:
    """(key, name, figures) of each group, and all together. An activity only leads know is a group
    of its own where activities are asked for, else in the group without a key."""
    activities = await repository.all_activities(session)
    by_activity = {row["external_id"]: _of_activity(row) for row in activities}
    is_dated = days.first is not None or days.last is not None
    brought = await repository_results.brought(session, dated=is_dated)
    named = await repository.named_for(session)
    await _add_leads(session, principal, by_activity, days)
    await _add_deals(session, principal, by_activity, days, named, brought)
    column = _GROUPS[group_by]
    group_of = {row["external_id"]: row[column] for row in activities}
    if group_by == "activity":
        group_of |= {name: name for name in by_activity}
    names = (
        {row["external_id"]: row["name"] for row in activities} if column == "external_id" else {}
    )
    groups = [
        (key, names.get(key), figures) for key, figures in grouped(by_activity, group_of).items()
    ]
    groups.sort(key=lambda group: sort_key(group[0]))
    return groups, summed(by_activity.values())


def sort_key(key: str | None) -> tuple[bool, str]:
    """Groups in the order of their keys, the one without a key last."""
    return key is None, key or ""


async def results_of(
    session: Session, principal: Principal, activity: Mapping[str, Any]
) -> Figures:
    """Of one activity, over all time; the same as its group in `results`."""
    name = activity["external_id"]
    by_activity = {name: _of_activity(activity)}
    named, brought = await _around(session, activity)
    await _add_leads(session, principal, by_activity, Days(), only=name)
    await _add_deals(session, principal, by_activity, Days(), named, brought, only=name)
    return by_activity[name]


def _of_activity(activity: Mapping[str, Any]) -> Figures:
    figures = Figures.none()
    figures.activities = 1
    figures.cost += activity["cost"] or 0
    return figures


async def _around(
    session: Session, activity: Mapping[str, Any]
) -> tuple[list[Named], list[Brought]]:
    """Everything that decides about the opportunities the activity has to do with."""
    ids = set(await repository_results.opportunities_of(session, activity["id"]))
    ids |= {
        item.opportunity_id
        for item in await repository_results.brought(session, activity=activity["external_id"])
    }
    named = await repository.named_for(session, ids)
    return named, await repository_results.brought(session, opportunity_ids=ids)


async def _add_leads(
    session: Session,
    principal: Principal,
    by_activity: dict[str, Figures],
    days: Days,
    *,
    only: str | None = None,
) -> None:
    zone = ZoneInfo((await get_workspace(session)).timezone)
    holder_id = (principal.user_id or _NOBODY) if own_leads_only(principal) else None
    for activity, *counts in await repository_results.count_leads(
        session,
        activity=only,
        holder_id=holder_id,
        since=days.since(zone),
        before=days.before(zone),
    ):
        by_activity.setdefault(activity, Figures.none()).leads.add(*counts)


async def _add_deals(
    session: Session,
    principal: Principal,
    by_activity: dict[str, Figures],
    days: Days,
    named: Iterable[Named],
    brought: Iterable[Brought],
    *,
    only: str | None = None,
) -> None:
    workspace = await get_workspace(session)
    zone = ZoneInfo(workspace.timezone)
    since, before = days.since(zone), days.before(zone)
    came = {item.opportunity_id: item.came_at for item in brought}
    given = credit(named, {item.opportunity_id: item.activity for item in brought})
    for standing in await _visible(session, principal, given):
        activity, role = given[standing.id]
        at = came.get(standing.id) or standing.created_at
        if (since is not None and at < since) or (before is not None and at >= before):
            continue
        if only is not None and activity != only:
            continue
        figures = by_activity.setdefault(activity, Figures.none())
        deals = figures.sourced if role == SOURCED else figures.influenced
        deals.add(standing, workspace.currency)


async def _visible(
    session: Session, principal: Principal, given: Mapping[UUID, Credit]
) -> list[Standing]:
    seen = await sight(session, principal)
    standings = await get_standings(session, given)
    return [deal for deal in standings if seen.covers(deal.owner_id, deal.sdr_id)]


async def deals_of(
    session: Session, principal: Principal, activity: Mapping[str, Any]
) -> list[CreditedDeal]:
    """The opportunities behind the activity's figures, and those it is named for that count for
    another, in the order of their ids."""
    named, brought = await _around(session, activity)
    name = activity["external_id"]
    given = credit(named, {item.opportunity_id: item.activity for item in brought})
    roles = {item.opportunity_id: item.role for item in named if item.activity == name}
    deals = []
    for standing in await _visible(session, principal, given):
        counts = given[standing.id].activity == name
        deals.append(
            CreditedDeal(
                standing=standing,
                role=given[standing.id].role if counts else roles.get(standing.id, SOURCED),
                through="named" if standing.id in roles else "lead",
                counts=counts,
            )
        )
    return deals
