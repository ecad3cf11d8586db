"""The usage map and the shares' history as JSON and as rows of CSV. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from services.qualification.territories.domain import (
    DEVOPS_COLOURS,
    MEANING,
    SHADES,
    Figures,
    share_text,
)
from services.qualification.territories.ranking import (
    Candidate,
    Leverage,
    find_leverage,
    rank_divisions,
)
from services.qualification.territories.service_map import SharesPoint
from services.qualification.territories.usage_map import Group, TerritoryFace, Tile, UsageMap

GOAL = Decimal(1)
NEXT_SHOWN = 20


def territory_json(face: TerritoryFace) -> dict[str, Any]:
    return {
        "id": face.id,
        "external_id": face.external_id,
        "name": face.name,
        "segment": face.segment,
        "region": face.region,
        "area": face.area,
        "owner_external_ids": list(face.owner_external_ids),
    }


def figures_json(figures: Figures) -> dict[str, Any]:
    """Counts, users and all four ways to share them out."""
    return {
        "counts": {**figures.counts, "devops": figures.devops, "total": figures.divisions},
        "users": {
            **figures.users,
            "total": sum(figures.users.values()),
            "divisions_known": figures.users_known,
        },
        "shares": {
            "of_devops": _texts(figures.of_devops()),
            "of_all": _texts(figures.of_all()),
            "of_devops_users": _texts(figures.of_devops(by_users=True)),
            "of_all_users": _texts(figures.of_all(by_users=True)),
        },
    }


def _texts(shares: Mapping[str, Decimal] | None) -> dict[str, str] | None:
    return None if shares is None else {name: share_text(part) for name, part in shares.items()}


def map_json(usage_map: UsageMap) -> dict[str, Any]:
    """The whole answer."""
    ranked = rank_divisions(usage_map)
    shown = {group.id for group in usage_map.groups}
    listed = [candidate for candidate in ranked if candidate.group.id in shown]
    return {
        "territory": territory_json(usage_map.territory),
        "as_of": usage_map.as_of,
        "axis": usage_map.axis,
        "goal": share_text(GOAL),
        **figures_json(usage_map.figures),
        "organisations": [_organisation(group) for group in usage_map.groups],
        "point_of_entry_needed": [
            _ref(group) | {colour: group.figures.counts[colour] for colour in ("yellow", "red")}
            for group in usage_map.without_entry
        ],
        "early_adopters": [_leverage(each) for each in find_leverage(usage_map, ranked)],
        "next_divisions": [candidate_json(each) for each in listed[:NEXT_SHOWN]],
        "next_divisions_count": len(listed),
    }


def _organisation(group: Group) -> dict[str, Any]:
    return {
        **_ref(group),
        "account_external_id": group.account_external_id,
        "vertical": group.vertical,
        "route_to_market": group.route_to_market,
        "employees": group.employees,
        "is_customer": group.is_customer,
        "point_of_entry_needed": group.figures.needs_entry,
        **figures_json(group.figures),
        "divisions": [_division(tile, group) for tile in group.tiles],
    }


def _ref(group: Group) -> dict[str, Any]:
    return {"id": group.id, "external_id": group.external_id, "name": group.name}


def _division(tile: Tile, group: Group) -> dict[str, Any]:
    standing = tile.standing
    return {
        "id": tile.id,
        "external_id": tile.external_id,
        "parent_id": tile.parent_id,
        "name": tile.name,
        "kind": tile.kind,
        "colour": tile.colour,
        "colour_since": standing and standing.since,
        "said_by": standing and standing.said_by,
        "stated_at": standing and standing.stated_at,
        "evidence": standing and standing.evidence,
        "practises_devops": tile.practises_devops,
        "users": tile.users,
        "contact": tile.contact,
        "note": tile.note,
        "early_adopter": tile.early_adopter,
        "is_heading": tile.id in group.headings,
    }


def _division_ref(tile: Tile, group: Group) -> dict[str, Any]:
    return {
        "id": tile.id,
        "external_id": tile.external_id,
        "name": tile.name,
        "colour": tile.colour,
        "organisation_external_id": group.external_id,
    }


def _leverage(leverage: Leverage) -> dict[str, Any]:
    group = leverage.group
    return {
        "organisation": _ref(group),
        "divisions": [
            {
                "id": tile.id,
                "external_id": tile.external_id,
                "name": tile.name,
                "early_adopter": tile.early_adopter,
            }
            for tile in leverage.adopters
        ],
        "in_organisation": [_division_ref(tile, group) for tile in leverage.beside],
        "in_vertical": {
            "vertical": group.vertical,
            "count": leverage.in_vertical,
            "first": [_division_ref(each.tile, each.group) for each in leverage.first_in_vertical],
        },
    }


def candidate_json(candidate: Candidate) -> dict[str, Any]:
    """One division to turn next, with the points of each factor and why."""
    tile, group = candidate.tile, candidate.group
    return {
        "place": candidate.place,
        "division_id": tile.id,
        "division_external_id": tile.external_id,
        "division": tile.name,
        "organisation_id": group.id,
        "organisation_external_id": group.external_id,
        "organisation": group.name,
        "colour": tile.colour,
        "points": candidate.points,
        "factors": [
            {"factor": factor.name, "points": factor.points, "sentence": factor.sentence}
            for factor in candidate.factors
        ],
    }


def map_rows(usage_map: UsageMap) -> list[dict[str, Any]]:
    """One row a division; an organisation that is not broken down yet has a row of its own."""
    places = {each.tile.id: each for each in rank_divisions(usage_map)}
    rows = []
    for group in usage_map.groups:
        about = {
            "territory": usage_map.territory.external_id,
            "organisation_external_id": group.external_id,
            "organisation": group.name,
            "vertical": group.vertical,
            "route_to_market": group.route_to_market,
            "is_customer": group.is_customer,
            "point_of_entry_needed": group.figures.needs_entry,
        }
        if not group.tiles:
            rows.append(about)
        for tile in group.tiles:
            told = _division(tile, group)
            candidate = places.get(tile.id)
            row = about | {f"division_{name}": told[name] for name in ("external_id", "name")}
            row |= {name: told[name] for name in MAP_TOLD} | {
                "meaning": MEANING[tile.shade],
                "next_place": candidate and candidate.place,
                "next_points": candidate and candidate.points,
            }
            rows.append(row)
    return rows


MAP_TOLD = (
    "kind",
    "colour",
    "colour_since",
    "said_by",
    "stated_at",
    "evidence",
    "practises_devops",
    "users",
    "contact",
    "note",
    "early_adopter",
    "is_heading",
)
MAP_COLUMNS = (
    "territory",
    "organisation_external_id",
    "organisation",
    "vertical",
    "route_to_market",
    "is_customer",
    "point_of_entry_needed",
    "division_external_id",
    "division_name",
    *MAP_TOLD,
    "meaning",
    "next_place",
    "next_points",
)


def points_json(points: Sequence[SharesPoint]) -> list[dict[str, Any]]:
    """The history, the earliest first."""
    return [_point(point) for point in points]


def points_rows(points: Sequence[SharesPoint]) -> list[dict[str, Any]]:
    """As a table, whose columns do not depend on when there was anything to share out."""
    rows = points_json(points)
    for row in rows:
        for name, parts in row["shares"].items():
            shades = SHADES if name.startswith("of_all") else DEVOPS_COLOURS
            row["shares"][name] = parts or dict.fromkeys(shades)
    return rows


def _point(point: SharesPoint) -> dict[str, Any]:
    shares = point.figures.of_devops()
    return {
        "day": point.day,
        "as_of": point.as_of,
        **figures_json(point.figures),
        "to_goal": None if shares is None else share_text(GOAL - shares["green"]),
    }
