"""Where everything on the picture stands: boxes and lines of text, worked out in whole pixels.

Pure geometry: organisations stand side by side on shelves, each a box with a tile a division. No
box overlaps another and no line is wider than its box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.qualification.territories.domain import MEANING, SHADES, share_text
from services.qualification.territories.drawing.palette import LOOKS
from services.qualification.territories.drawing.text_fit import fit, text_width, wrap
from services.qualification.territories.usage_map import Group, Tile, UsageMap

WIDTH: Final = 1304
MARGIN: Final = 24
GAP: Final = 16
PADDING: Final = 12
TILE_HEIGHT: Final = 58
TILE_GAP: Final = 8
BAR: Final = 14
INSET: Final = 6
GROUP_HEAD: Final = 66
LEGEND_ROW: Final = 24
GROUPS_IN_A_ROW: Final = 3
TILES_IN_A_ROW: Final = 6
LARGE_GROUP: Final = 16
"""An organisation with more divisions than this has a shelf of its own."""

NAME_SIZE, MARK_SIZE, HEAD_SIZE, SUB_SIZE, TITLE_SIZE = 12, 10, 14, 11, 20
_INNER: Final = WIDTH - 2 * MARGIN


@dataclass(frozen=True, slots=True)
class Box:
    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text; `y` is its baseline, `width` the room it was fitted into."""

    text: str
    x: int
    y: int
    size: int
    width: int
    bold: bool = False


@dataclass(frozen=True, slots=True)
class TileBox:
    """A division. Lines stand relative to the tile's corner."""

    tile: Tile
    shade: str
    title: str
    box: Box
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class GroupBox:
    """An organisation; `alarm` is the place of the line that says nobody lets us in yet."""

    group: Group
    title: str
    box: Box
    lines: Sequence[Line]
    alarm: int | None
    tiles: Sequence[TileBox]


@dataclass(frozen=True, slots=True)
class LegendRow:
    shade: str
    swatch: Box
    line: Line


@dataclass(frozen=True, slots=True)
class Shelf:
    """Organisations side by side, from `y` on."""

    y: int
    height: int
    groups: Sequence[GroupBox]


@dataclass(frozen=True, slots=True)
class Picture:
    title: str
    description: str
    height: int
    head: Sequence[Line]
    parts: Sequence[tuple[str, Box]]
    legend: Sequence[LegendRow]
    shelves_from: int
    shelves: Sequence[Shelf]


def lay_out(usage_map: UsageMap) -> Picture:
    """The whole picture of a map."""
    title = _title(usage_map)
    head, parts, legend, y = _head(usage_map, title)
    shelves_from = y
    shelves: list[Shelf] = []
    for groups in _shelves(usage_map.groups):
        shelf = _shelf(groups, y, columns=min(GROUPS_IN_A_ROW, len(usage_map.groups)))
        shelves.append(shelf)
        y += shelf.height + GAP
    height = y - GAP + MARGIN if shelves else y
    return Picture(title, describe(usage_map), height, head, parts, legend, shelves_from, shelves)


def _title(usage_map: UsageMap) -> str:
    if len(usage_map.around) > 1 and len(usage_map.groups) == 1:
        return f"Usage map of {usage_map.groups[0].name} in {usage_map.territory.name}"
    return f"Usage map of {usage_map.territory.name}"


def describe(usage_map: UsageMap) -> str:
    """The map in two sentences, for who cannot see it."""
    figures = usage_map.figures
    told = ", ".join(
        f"{figures.counts[shade]} {LOOKS[shade].name.lower()} ({MEANING[shade]})"
        for shade in SHADES
    )
    return f"{_size(usage_map)}: {told}. {_wanting(usage_map)}"


def counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _size(usage_map: UsageMap) -> str:
    organisations = counted(len(usage_map.groups), "organisation")
    return f"{organisations} with {counted(usage_map.figures.divisions, 'division')}"


def _wanting(usage_map: UsageMap) -> str:
    wanting = len(usage_map.without_entry)
    need = "needs" if wanting == 1 else "need"
    return f"{counted(wanting, 'organisation')} {need} a point of entry."


def _head(
    usage_map: UsageMap, title: str
) -> tuple[list[Line], list[tuple[str, Box]], list[LegendRow], int]:
    """Title, totals as a bar, and the legend, which says the totals in words."""
    figures = usage_map.figures
    place = ", ".join(
        word
        for word in (
            usage_map.territory.segment,
            usage_map.territory.region,
            usage_map.territory.area,
        )
        if word
    )
    devops = figures.of_devops()
    goal = (
        "no DevOps division is known yet"
        if devops is None
        else f"{figures.counts['green']} of {figures.devops} DevOps divisions are green"
        f" ({share_text(devops['green'])}); the goal is all of them"
    )
    day = f"{usage_map.as_of:%Y-%m-%d %H:%M} UTC"
    subtitle = f"{place}; as of {day}" if place else f"As of {day}"
    head = [
        _line(title, MARGIN, 44, TITLE_SIZE, _INNER, bold=True),
        _line(f"{subtitle}; {goal}.", MARGIN, 66, NAME_SIZE, _INNER),
        _line(f"{_size(usage_map)}. {_wanting(usage_map)}", MARGIN, 84, NAME_SIZE, _INNER),
    ]
    parts = []
    x = MARGIN
    shares = figures.of_all() or {}
    for shade, share in shares.items():
        width = int(share * _INNER)
        if width:
            parts.append((shade, Box(x, 98, width, 16)))
            x += width
    legend = []
    y = 128
    for shade in SHADES:
        look = LOOKS[shade]
        share_of = f", {share_text(shares[shade])} of all" if shares else ""
        text = (
            f"{look.name}, {look.mark}: {MEANING[shade]}"
            f" ({counted(figures.counts[shade], 'division')}{share_of})"
        )
        swatch = Box(MARGIN, y, 40, 16)
        legend.append(
            LegendRow(shade, swatch, _line(text, swatch.right + 10, y + 13, NAME_SIZE, _INNER - 50))
        )
        y += LEGEND_ROW
    if not usage_map.groups:
        head.append(_line("No organisations yet.", MARGIN, y + 20, HEAD_SIZE, _INNER))
        y += 40
    return head, parts, legend, y + GAP


def _line(text: str, x: int, y: int, size: int, width: int, *, bold: bool = False) -> Line:
    return Line(fit(text, size, width), x, y, size, width, bold)


def _shelves(groups: Sequence[Group]) -> list[list[Group]]:
    """In the order of the map: as many as stand side by side; a large one stands alone."""
    shelves: list[list[Group]] = []
    is_full = True
    for group in groups:
        is_large = len(group.tiles) > LARGE_GROUP
        if is_full or is_large or len(shelves[-1]) == GROUPS_IN_A_ROW:
            shelves.append([])
        shelves[-1].append(group)
        is_full = is_large
    return shelves


def _shelf(groups: Sequence[Group], y: int, columns: int) -> Shelf:
    if len(groups) == 1 and len(groups[0].tiles) > LARGE_GROUP:
        columns = 1
    width = (_INNER - (columns - 1) * GAP) // columns
    in_a_row = TILES_IN_A_ROW // columns
    boxes = [
        _group(group, MARGIN + place * (width + GAP), y, width, in_a_row)
        for place, group in enumerate(groups)
    ]
    return Shelf(y, max(each.box.height for each in boxes), boxes)


def _group(group: Group, x: int, y: int, width: int, in_a_row: int) -> GroupBox:
    room = width - 2 * PADDING
    tile_width = (room - (in_a_row - 1) * TILE_GAP) // in_a_row
    tiles = []
    for place, tile in enumerate(group.tiles):
        row, column = divmod(place, in_a_row)
        box = Box(
            x + PADDING + column * (tile_width + TILE_GAP),
            y + GROUP_HEAD + row * (TILE_HEIGHT + TILE_GAP),
            tile_width,
            TILE_HEIGHT,
        )
        tiles.append(_tile(tile, group, box))
    rows = -(-len(tiles) // in_a_row)
    height = GROUP_HEAD + rows * (TILE_HEIGHT + TILE_GAP) - TILE_GAP * bool(rows) + PADDING
    customer = "customer" if group.is_customer else "not a customer yet"
    about = ", ".join(word for word in (group.vertical, group.route_to_market, customer) if word)
    state, is_alarm = _state(group)
    lines = [
        _line(group.name, x + PADDING, y + 22, HEAD_SIZE, room, bold=True),
        _line(about, x + PADDING, y + 38, SUB_SIZE, room),
        _line(state, x + PADDING, y + 54, SUB_SIZE, room, bold=is_alarm),
    ]
    title = f"{group.name}: {about}. {state}."
    return GroupBox(group, title, Box(x, y, width, height), lines, 2 if is_alarm else None, tiles)


def _state(group: Group) -> tuple[str, bool]:
    if not group.tiles:
        return "Not broken down into divisions yet", False
    figures = group.figures
    if figures.needs_entry:
        return "POINT OF ENTRY NEEDED", True
    return f"{figures.counts['green']} of {figures.devops} DevOps divisions green", False


def _tile(tile: Tile, group: Group, box: Box) -> TileBox:
    is_heading = tile.id in group.headings
    look = LOOKS[tile.shade]
    room = box.width - BAR - 2 * INSET
    x = BAR + INSET
    names = wrap(tile.name, NAME_SIZE, room, 2)
    word = "IN PARTS" if is_heading else look.mark
    users = "" if tile.users is None else f", {counted(tile.users, 'user')}"
    # As much as the tile has room for, whole words only.
    if tile.early_adopter and tile.colour == "green":
        told = [f"{word}, early adopter{users}", f"{word}, early adopter", word]
    else:
        told = [f"{word}, {tile.kind}{users}", f"{word}{users}", word]
    mark = next((text for text in told if text_width(text, MARK_SIZE) <= room), word)
    lines = [
        Line(name, x, 18 + place * 14, NAME_SIZE, room, True) for place, name in enumerate(names)
    ]
    lines.append(_line(mark, x, box.height - 8, MARK_SIZE, room))
    return TileBox(tile, tile.shade, tile_title(tile, is_heading=is_heading), box, lines)


def tile_title(tile: Tile, *, is_heading: bool) -> str:
    """All of it in words, with the whole name."""
    if is_heading:
        return f"{tile.name} ({tile.kind}): counts through its parts"
    said = ""
    if tile.standing is not None:
        said = f", since {tile.standing.since:%Y-%m-%d}, says {tile.standing.said_by}"
    contact = f"; contact {tile.contact}" if tile.contact else ""
    adopter = "; early adopter" if tile.early_adopter else ""
    return f"{tile.name} ({tile.kind}): {MEANING[tile.shade]}{said}{contact}{adopter}"
