"""The usage map of a territory: its organisations and their divisions with the colours that held at
an instant, counted, and which of them still need somebody to let us in.

Pure. How it is drawn, and which division to turn next, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from uuid import UUID

from services.qualification.territories.colours import Axis, Standing
from services.qualification.territories.domain import (
    UNSTATED,
    Figures,
    Shade,
    figures_of,
    headings,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A division on the map. Its name, users and contact are those of today; its colour is that
    of the map's instant."""

    id: UUID
    external_id: str
    organisation_id: UUID
    parent_id: UUID | None
    name: str
    kind: str
    users: int | None
    contact: str | None
    note: str | None
    early_adopter: bool
    practises_devops: bool | None
    standing: Standing | None

    @property
    def colour(self) -> str | None:
        return None if self.standing is None else self.standing.colour

    @property
    def shade(self) -> str:
        return self.colour or UNSTATED

    @property
    def as_shade(self) -> Shade:
        return Shade(self.id, self.parent_id, self.colour, self.users)


@dataclass(frozen=True, kw_only=True)
class Group:
    """An organisation on the map, with its divisions in the order of `in_order`. Vertical, route
    and employees are the account's where the organisation states none."""

    id: UUID
    external_id: str
    name: str
    account_external_id: str | None
    vertical: str | None
    route_to_market: str | None
    employees: int | None
    is_customer: bool
    tiles: Sequence[Tile]

    @cached_property
    def figures(self) -> Figures:
        return figures_of(tile.as_shade for tile in self.tiles)

    @cached_property
    def headings(self) -> set[UUID]:
        return headings(tile.as_shade for tile in self.tiles)

    @property
    def sort_key(self) -> tuple[str, str]:
        return self.name.casefold(), self.external_id

    @cached_property
    def green(self) -> list[Tile]:
        return [tile for tile in self.tiles if tile.colour == "green"]

    @cached_property
    def to_turn(self) -> list[Tile]:
        """Those that could use the product and do not yet."""
        return [tile for tile in self.tiles if tile.colour in ("yellow", "red")]

    @cached_property
    def early_adopter(self) -> Tile | None:
        """The first that uses the product and is known to have done so early."""
        return next((tile for tile in self.green if tile.early_adopter), None)


@dataclass(frozen=True, kw_only=True)
class TerritoryFace:
    """What a territory is called and who owns it."""

    id: UUID
    external_id: str
    name: str
    segment: str | None
    region: str | None
    area: str | None
    owner_ids: Sequence[UUID]
    owner_external_ids: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class UsageMap:
    """`groups` are what is shown; `around` the whole territory, which neighbours and the ranking
    are looked for in."""

    territory: TerritoryFace
    as_of: datetime
    axis: Axis
    groups: Sequence[Group]
    around: Sequence[Group]

    @cached_property
    def figures(self) -> Figures:
        return figures_of(tile.as_shade for group in self.groups for tile in group.tiles)

    @cached_property
    def without_entry(self) -> list[Group]:
        return [group for group in self.groups if group.figures.needs_entry]

    def only(self, organisation_id: UUID) -> UsageMap:
        """The same map, showing one organisation."""
        return UsageMap(
            territory=self.territory,
            as_of=self.as_of,
            axis=self.axis,
            groups=[group for group in self.groups if group.id == organisation_id],
            around=self.around,
        )


def in_order(tiles: Iterable[Tile]) -> list[Tile]:
    """Each division followed by what it is broken down into, siblings by name. One whose parent
    is not there stands by itself."""
    listed = sorted(tiles, key=lambda tile: (tile.name.casefold(), tile.external_id))
    there = {tile.id for tile in listed}
    below: dict[UUID | None, list[Tile]] = {}
    for tile in listed:
        parent = tile.parent_id if tile.parent_id in there else None
        below.setdefault(parent, []).append(tile)
    ordered: list[Tile] = []
    waiting = list(reversed(below.get(None, [])))
    while waiting:
        tile = waiting.pop()
        ordered.append(tile)
        waiting.extend(reversed(below.get(tile.id, [])))
    return ordered
