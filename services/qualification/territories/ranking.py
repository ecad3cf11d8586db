"""Which division to turn green next, and whose success can be shown to it.

Pure. Every division that is red or yellow gets points from seven factors, each with its sentence,
so that a person can disagree with one of them. Yellow alone outweighs all the others together: who
is trying the product already comes before everybody who is not.

No factor ever takes points away for being better, and ties fall by name, so a division whose lot
improves never moves down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from services.qualification.territories.usage_map import Group, Tile, UsageMap

YELLOW: Final = 100
NEIGHBOUR, NEIGHBOUR_ADOPTER = 25, 30
USERS_MOST: Final = 20
SIZE_MOST: Final = 5
CONTACT: Final = 15
VERTICAL, VERTICAL_ADOPTER = 10, 15
RECENT_MOST: Final = 10
RECENT_STEP_DAYS: Final = 30
"""A point less for every further thirty days since its colour was last said."""

VERTICAL_NEIGHBOURS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Factor:
    name: str
    points: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A division to turn, its place among all of the territory, and why it has it."""

    place: int
    tile: Tile
    group: Group
    factors: Sequence[Factor]

    @property
    def points(self) -> int:
        return sum(factor.points for factor in self.factors)


@dataclass(frozen=True, slots=True)
class Leverage:
    """An organisation whose users can be shown to others: the divisions that use the product,
    those beside them that do not, and how many there are in other organisations of the vertical,
    the first to turn of them by name."""

    group: Group
    adopters: Sequence[Tile]
    beside: Sequence[Tile]
    in_vertical: int
    first_in_vertical: Sequence[Candidate]


@dataclass(frozen=True, slots=True)
class _Scale:
    """The largest there is, which every other is measured against."""

    users: int
    employees: int


def rank_divisions(usage_map: UsageMap) -> list[Candidate]:
    """Every red or yellow division of the territory, the first to turn first."""
    groups = usage_map.around
    open_ = [(group, tile) for group in groups for tile in group.to_turn]
    scale = _Scale(
        max((tile.users or 0 for _, tile in open_), default=0),
        max((group.employees or 0 for group, _ in open_), default=0),
    )
    shown = _by_vertical(groups)
    scored = [
        Candidate(0, tile, group, _factors(group, tile, scale, shown, usage_map.as_of))
        for group, tile in open_
    ]
    scored.sort(key=_order)
    return [
        Candidate(place, each.tile, each.group, each.factors)
        for place, each in enumerate(scored, start=1)
    ]


def _order(candidate: Candidate) -> tuple[int, int, tuple[str, str], str, str]:
    tile = candidate.tile
    return (
        -candidate.points,
        -(tile.users or 0),
        candidate.group.sort_key,
        tile.name.casefold(),
        tile.external_id,
    )


def _by_vertical(groups: Sequence[Group]) -> dict[str, list[Group]]:
    """The organisations of each vertical that use the product, those with an early adopter first."""
    found: dict[str, list[Group]] = {}
    for group in groups:
        if group.vertical is not None and group.green:
            found.setdefault(group.vertical, []).append(group)
    for using in found.values():
        using.sort(key=lambda group: (group.early_adopter is None, group.sort_key))
    return found


def _factors(
    group: Group,
    tile: Tile,
    scale: _Scale,
    by_vertical: dict[str, list[Group]],
    at: datetime,
) -> tuple[Factor, ...]:
    return (
        _colour(tile),
        _neighbour(group),
        _users(tile, scale),
        _size(group, scale),
        _contact(tile),
        _vertical(group, by_vertical),
        _recent(tile, at),
    )


def _colour(tile: Tile) -> Factor:
    if tile.colour == "yellow":
        return Factor("colour", YELLOW, "It evaluates or tests the product already.")
    return Factor("colour", 0, "It does DevOps, but not with the product.")


def _neighbour(group: Group) -> Factor:
    green = group.green
    if not green:
        return Factor("green_neighbour", 0, f"Nobody at {group.name} uses the product.")
    adopter = group.early_adopter
    if adopter is not None:
        sentence = f"{adopter.name} at {group.name} was an early adopter."
        return Factor("green_neighbour", NEIGHBOUR_ADOPTER, sentence)
    return Factor("green_neighbour", NEIGHBOUR, f"{green[0].name} at {group.name} uses it.")


def _users(tile: Tile, scale: _Scale) -> Factor:
    if tile.users is None:
        return Factor("users", 0, "How many users it has is not known.")
    points = USERS_MOST * tile.users // scale.users if scale.users else 0
    return Factor("users", points, f"It has {tile.users} users; the largest has {scale.users}.")


def _size(group: Group, scale: _Scale) -> Factor:
    if group.employees is None:
        return Factor("size", 0, f"How many work at {group.name} is not known.")
    points = SIZE_MOST * group.employees // scale.employees if scale.employees else 0
    return Factor("size", points, f"{group.employees} work at {group.name}.")


def _contact(tile: Tile) -> Factor:
    if tile.contact is None:
        return Factor("contact", 0, "Nobody is named there yet.")
    return Factor("contact", CONTACT, f"{tile.contact} is the contact there.")


def _vertical(group: Group, by_vertical: dict[str, list[Group]]) -> Factor:
    using = by_vertical.get(group.vertical or "", [])
    other = next((each for each in using if each.id != group.id), None)
    if group.vertical is None or other is None:
        return Factor("vertical", 0, "Nobody else of its vertical uses the product.")
    adopter = other.early_adopter
    if adopter is None:
        return Factor("vertical", VERTICAL, f"{other.name}, also {group.vertical}, uses it.")
    sentence = f"{adopter.name} at {other.name}, also {group.vertical}, was an early adopter."
    return Factor("vertical", VERTICAL_ADOPTER, sentence)


def _recent(tile: Tile, at: datetime) -> Factor:
    if tile.standing is None:
        return Factor("recency", 0, "Nobody has said its colour.")
    days = (at - tile.standing.stated_at).days
    points = max(0, RECENT_MOST - days // RECENT_STEP_DAYS)
    when = {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")
    return Factor("recency", points, f"{tile.standing.said_by} said so {when}.")


def find_leverage(usage_map: UsageMap, ranked: Sequence[Candidate]) -> list[Leverage]:
    """The organisations on the map that have users to show and somebody to show them to; flagged
    early adopters first, then those with the most divisions beside them."""
    open_in: dict[str, list[Candidate]] = {}
    for candidate in ranked:
        if candidate.group.vertical is not None:
            open_in.setdefault(candidate.group.vertical, []).append(candidate)
    found = []
    for group in usage_map.groups:
        adopters = sorted(group.green, key=lambda tile: not tile.early_adopter)
        beside = group.to_turn
        alike = open_in.get(group.vertical or "", [])
        # All of its own are among those of its vertical.
        elsewhere = len(alike) - len(beside) if alike else 0
        if adopters and (beside or elsewhere):
            others = (each for each in alike if each.group is not group)
            first = list(islice(others, VERTICAL_NEIGHBOURS_SHOWN))
            found.append(Leverage(group, adopters, beside, elsewhere, first))
    found.sort(
        key=lambda each: (
            not each.adopters[0].early_adopter,
            -len(each.beside) - each.in_vertical,
            each.group.sort_key,
        )
    )
    return found
