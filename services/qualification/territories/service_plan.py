"""The plan on a page: the map's figures, how they buy, the team and the ranks together, and what
is not filled in yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from services.kit.db import ReadSession
from services.qualification.territories import service_buying, service_map, service_ranks
from services.qualification.territories.answers import map_json
from services.qualification.territories.domain import ROLES
from services.qualification.territories.usage_map import UsageMap
from services.workspace.workspaces.repository import get_workspace

_USAGE = (
    "counts",
    "users",
    "shares",
    "point_of_entry_needed",
    "early_adopters",
    "next_divisions",
)
_NEXT_SHOWN = 10


async def read_plan(session: ReadSession, territory_id: UUID) -> dict[str, Any]:
    """Everything of steps 1 and 2 in one answer. Raises TerritoryNotFoundError."""
    usage_map = await service_map.read_map(session, territory_id, axis="occurred")
    usage = map_json(usage_map)
    verticals = await service_buying.read_verticals(session, territory_id)
    team = await service_buying.read_team(session, territory_id)
    ranks = await service_ranks.read_ranks(session, territory_id)
    today = (await get_workspace(session)).calendar.local_date(usage_map.as_of)
    missing = [
        *_of_the_territory(usage_map),
        *_of_the_map(usage_map),
        *_of_the_verticals(verticals, today),
        *_of_the_team(team),
        *_of_the_ranks(ranks),
    ]
    return {
        "territory": usage["territory"],
        "as_of": usage_map.as_of,
        "usage": {
            **{name: usage[name] for name in _USAGE},
            "next_divisions": usage["next_divisions"][:_NEXT_SHOWN],
        },
        "verticals": verticals | {"territory": usage["territory"]},
        "team": team,
        "ranks": {name: ranks[name] for name in ("fiscal_year", "complete", "lacking")},
        "is_complete": not missing,
        "missing": missing,
    }


def _lack(code: str, where: str, count: int, message: str) -> dict[str, Any]:
    return {"code": code, "where": where, "count": count, "message": message}


def _of_the_territory(usage_map: UsageMap) -> Iterator[dict[str, Any]]:
    face = usage_map.territory
    for field in ("segment", "region"):
        if getattr(face, field) is None:
            yield _lack(f"no_{field}", "territory", 1, f"The territory has no {field}.")
    if not face.owner_ids:
        yield _lack("no_owner", "territory", 1, "Nobody owns the territory.")


def _of_the_map(usage_map: UsageMap) -> Iterator[dict[str, Any]]:
    groups = usage_map.groups
    if not groups:
        yield _lack("no_organisations", "usage", 1, "No organisation is listed.")
    bare = [group for group in groups if not group.tiles]
    if bare:
        message = f"{len(bare)} organisations are not broken down into divisions."
        yield _lack("no_divisions", "usage", len(bare), message)
    unstated = usage_map.figures.counts["unstated"]
    if unstated:
        message = f"Of {unstated} divisions nobody has said the colour."
        yield _lack("no_colour", "usage", unstated, message)
    nameless = sum(
        tile.contact is None and tile.colour == "yellow" for group in groups for tile in group.tiles
    )
    if nameless:
        message = f"In {nameless} divisions that evaluate the product nobody is named."
        yield _lack("no_contact", "usage", nameless, message)


def _of_the_verticals(verticals: Mapping[str, Any], today: date) -> Iterator[dict[str, Any]]:
    without = verticals["without_vertical"]
    if without:
        message = f"{without} organisations have no vertical."
        yield _lack("no_vertical", "verticals", without, message)
    unrouted = sum(each["routes"]["unstated"] for each in verticals["items"])
    if unrouted:
        message = f"Of {unrouted} organisations it is not known how they buy."
        yield _lack("no_route", "verticals", unrouted, message)
    top = [each for each in verticals["items"] if each["is_top_three"]]
    for each in top:
        if each["routes_strategy"] is None:
            message = f"{each['vertical']} has no strategy for its routes to market."
            yield _lack("no_strategy", "verticals", 1, message)
    if top and not any(each["objectives"] for each in verticals["items"]):
        yield _lack("no_objectives", "verticals", 1, "No vertical has an objective.")
    for each in verticals["items"]:
        yield from _of_the_objectives(each, today)


def _of_the_objectives(vertical: Mapping[str, Any], today: date) -> Iterator[dict[str, Any]]:
    name, objectives = vertical["vertical"], vertical["objectives"]
    bare = sum(not objective["tactics"] for objective in objectives)
    if bare:
        message = f"{bare} objectives in {name} have no tactics."
        yield _lack("no_tactics", "verticals", bare, message)
    open_ = [
        tactic
        for objective in objectives
        for tactic in objective["tactics"]
        if not tactic["is_done"]
    ]
    for field, code, wanting in (
        ("owner", "no_tactic_owner", "have no owner"),
        ("due_on", "no_tactic_date", "have no date"),
    ):
        count = sum(tactic[field] is None for tactic in open_)
        if count:
            yield _lack(code, "verticals", count, f"{count} open tactics in {name} {wanting}.")
    late = sum(
        tactic["due_on"] is not None and date.fromisoformat(tactic["due_on"]) < today
        for tactic in open_
    )
    if late:
        message = f"{late} open tactics in {name} are past their date."
        yield _lack("tactic_overdue", "verticals", late, message)


def _of_the_team(team: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for role in team["missing_roles"]:
        yield _lack("no_team_role", "team", 1, f"The team has no {ROLES[role]}.")


def _of_the_ranks(ranks: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if ranks["lacking"]:
        message = f"{ranks['lacking']} organisations lack a rank to rely on; see their reasons."
        yield _lack("no_rank", "ranks", ranks["lacking"], message)
