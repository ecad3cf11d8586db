"""Reading the usage map of a territory or an organisation, and the shares' history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from services.kit import clock
from services.kit.db import ReadSession, Session
from services.kit.errors import InvalidPayloadError
from services.qualification.opportunities.repository import get_accounts
from services.qualification.territories import repository, repository_map
from services.qualification.territories.colours import Axis
from services.qualification.territories.domain import Figures, Shade, figures_of
from services.qualification.territories.errors import OrganisationNotFoundError
from services.qualification.territories.service import require_organisation, require_territory
from services.qualification.territories.usage_map import (
    Group,
    TerritoryFace,
    Tile,
    UsageMap,
    in_order,
)
from services.workspace.fiscal import FiscalCalendar
from services.workspace.workspaces.repository import get_workspace

Interval = Literal["day", "week", "month"]

POINTS_MAX = 400
"""A year of days. More is asked for in weeks or months."""


async def read_map(
    session: ReadSession, territory_id: UUID, *, as_of: datetime | None = None, axis: Axis
) -> UsageMap:
    """The whole territory's, now or as of an instant. Raises TerritoryNotFoundError."""
    territory = await require_territory(session, territory_id)
    at = as_of or clock.now()
    groups = await _groups(session, territory_id, at, axis)
    return UsageMap(territory=face_of(territory), as_of=at, axis=axis, groups=groups, around=groups)


async def read_organisation_map(
    session: ReadSession, organisation_id: UUID, *, as_of: datetime | None = None, axis: Axis
) -> UsageMap:
    """One organisation's, seen in its territory. Raises OrganisationNotFoundError, also where it
    has been taken off the map."""
    organisation = await require_organisation(session, organisation_id)
    whole = await read_map(session, organisation["territory_id"], as_of=as_of, axis=axis)
    shown = whole.only(organisation_id)
    if not shown.groups:
        raise OrganisationNotFoundError(organisation_id)
    return shown


def face_of(territory: asyncpg.Record) -> TerritoryFace:
    return TerritoryFace(
        **{name: territory[name] for name in TerritoryFace.__dataclass_fields__},
    )


async def organisations_with_accounts(
    session: Session, territory_id: UUID
) -> list[tuple[dict[str, Any], Mapping[str, Any]]]:
    """The active organisations, each with its account (empty where there is none): what it does
    not say itself of vertical, route and employees is the account's."""
    rows = await repository_map.organisations_of(session, territory_id)
    named = [row["account_external_id"] for row in rows if row["account_external_id"] is not None]
    accounts = await get_accounts(session, named) if named else {}
    found: list[tuple[dict[str, Any], Mapping[str, Any]]] = []
    for row in rows:
        account = accounts.get(row["account_external_id"], {})
        filled = dict(row)
        for field in ("vertical", "route_to_market", "employees"):
            if filled[field] is None:
                filled[field] = account.get(field)
        found.append((filled, account))
    return found


async def _groups(session: Session, territory_id: UUID, at: datetime, axis: Axis) -> list[Group]:
    organisations = await organisations_with_accounts(session, territory_id)
    rows = await repository_map.divisions_at(
        session, [organisation["id"] for organisation, _ in organisations], at, axis
    )
    held = await repository.standings(session, [row["id"] for row in rows], at, axis)
    tiles: dict[UUID, list[Tile]] = {}
    for row in rows:
        fields = dict(row)
        del fields["created_at"]
        tile = Tile(**fields, standing=held.get(row["id"]))
        tiles.setdefault(tile.organisation_id, []).append(tile)
    groups = [
        Group(**organisation, tiles=in_order(tiles.get(organisation["id"], [])))
        for organisation, _ in organisations
    ]
    return sorted(groups, key=lambda group: group.sort_key)


@dataclass(frozen=True, slots=True)
class SharesPoint:
    """The figures at the end of an interval: `day` is the company's, `as_of` its last instant."""

    day: date
    as_of: datetime
    figures: Figures


async def read_shares(
    session: ReadSession,
    territory_id: UUID,
    *,
    first_day: date | None,
    last_day: date | None,
    interval: Interval,
) -> tuple[TerritoryFace, list[SharesPoint]]:
    """One point an interval, as it is known now to have been; a year of weeks by default. Today's
    organisations and divisions are looked at, also where they were in another territory then."""
    territory = await require_territory(session, territory_id)
    calendar = (await get_workspace(session)).calendar
    now = clock.now()
    today = calendar.local_date(now)
    last = min(last_day or today, today)
    first = first_day or last - timedelta(days=364)
    if first > last:
        raise InvalidPayloadError.one(
            "query/from", "reversed_interval", "must not be later than `to`, nor than today"
        )
    moments = list(_moments(calendar, first, last, interval, now))
    if len(moments) > POINTS_MAX:
        raise InvalidPayloadError.one(
            "query/interval",
            "too_many_points",
            f"makes {len(moments)} points of this time; at most {POINTS_MAX} are answered, so"
            " ask for a longer interval or less time",
        )
    organisations = await repository_map.organisations_of(session, territory_id)
    ids = [row["id"] for row in organisations]
    divisions = await repository_map.divisions_at(session, ids, now, "occurred")
    said = await repository_map.said_until(session, ids, now)
    return face_of(territory), _replay(divisions, said, moments)


def _replay(
    divisions: Sequence[Mapping[str, Any]],
    said: Sequence[Any],
    moments: Sequence[tuple[date, datetime]],
) -> list[SharesPoint]:
    """Says the statements again in their order and counts at every moment. Moments ascend."""
    rows = {row["id"]: row for row in divisions}
    colours: dict[UUID, str | None] = {}
    begun = sorted((row["created_at"], row["id"]) for row in divisions)
    points: list[SharesPoint] = []
    next_said = next_begun = 0
    for day, at in moments:
        before = (next_said, next_begun)
        while next_said < len(said) and said[next_said].occurred_at <= at:
            colours[said[next_said].division_id] = said[next_said].colour
            next_said += 1
        while next_begun < len(begun) and begun[next_begun][0] <= at:
            colours.setdefault(begun[next_begun][1], None)
            next_begun += 1
        if points and before == (next_said, next_begun):
            figures = points[-1].figures
        else:
            figures = figures_of(
                Shade(id_, rows[id_]["parent_id"], colour, rows[id_]["users"])
                for id_, colour in colours.items()
            )
        points.append(SharesPoint(day, at, figures))
    return points


def _moments(
    calendar: FiscalCalendar, first: date, last: date, interval: Interval, now: datetime
) -> Iterator[tuple[date, datetime]]:
    """The last day of each interval from the first day on, and the company's midnight after it."""
    zone = ZoneInfo(calendar.timezone)
    begin = first
    while begin <= last:
        following = _following(begin, interval)
        end = min(following - timedelta(days=1), last)
        midnight = datetime.combine(end + timedelta(days=1), time(), zone).astimezone(UTC)
        yield end, min(midnight - timedelta(microseconds=1), now)
        begin = following


def _following(day: date, interval: Interval) -> date:
    """Months end with the calendar's; weeks and days are counted from the first day."""
    if interval == "month":
        return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return day + timedelta(days=1 if interval == "day" else 7)
