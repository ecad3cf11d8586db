"""The picture as SVG: presentation attributes only, no style and no script, so that it can be shown
under the strictest content security policy. Each tile is a viewport of its own, which clips."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from services.qualification.territories.drawing.layout import (
    BAR,
    WIDTH,
    Box,
    GroupBox,
    LegendRow,
    Line,
    Picture,
    Shelf,
    TileBox,
)
from services.qualification.territories.drawing.markup import escaped
from services.qualification.territories.drawing.palette import (
    ALARM,
    GROUP_EDGE,
    GROUP_PAPER,
    INK,
    LOOKS,
    PAPER,
    SOFT_INK,
)
from services.qualification.territories.drawing.text_fit import FONTS

_NAMESPACE: Final = 'xmlns="http://www.w3.org/2000/svg"'
_MARKS: Final = {
    "stripes": '<path d="M-2 2L2 -2M0 8L8 0M6 10L10 6" stroke="{ink}" stroke-width="2"/>',
    "crosses": '<path d="M1 1L7 7M7 1L1 7" stroke="{ink}" stroke-width="1.6"/>',
    "dots": '<circle cx="4" cy="4" r="1.8" fill="{ink}"/>',
}


def draw(picture: Picture) -> str:
    """One document."""
    body = "".join([_head(picture), *(_shelf(shelf) for shelf in picture.shelves)])
    opening = _open(picture.title, picture.description, 0, picture.height)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n{opening}'
        f'<rect x="0" y="0" width="{WIDTH}" height="{picture.height}" fill="{PAPER}"/>'
        f"{_patterns()}{body}</svg>\n"
    )


def draw_head(picture: Picture) -> str:
    """The upper part alone, for a page that shows the shelves one by one."""
    opening = _open(picture.title, picture.description, 0, picture.shelves_from)
    return f"{opening}{_patterns()}{_head(picture)}</svg>"


def draw_shelf(shelf: Shelf) -> str:
    """One shelf alone; the patterns are those of the head."""
    title = ", ".join(box.group.name for box in shelf.groups)
    description = " ".join(box.title for box in shelf.groups)
    return f"{_open(title, description, shelf.y - 1, shelf.height + 2)}{_shelf(shelf)}</svg>"


def _open(title: str, description: str, top: int, height: int) -> str:
    label = escaped(title)
    return (
        f'<svg {_NAMESPACE} role="img" aria-label="{label}" viewBox="0 {top} {WIDTH} {height}"'
        f' width="{WIDTH}" height="{height}" font-family="{FONTS}">'
        f"<title>{label}</title><desc>{escaped(description)}</desc>"
    )


def _patterns() -> str:
    made = []
    for shade, look in LOOKS.items():
        mark = _MARKS.get(look.pattern)
        if mark is not None:
            made.append(
                f'<pattern id="mark-{shade}" width="8" height="8" patternUnits="userSpaceOnUse">'
                f"{mark.format(ink=look.ink)}</pattern>"
            )
    return f"<defs>{''.join(made)}</defs>"


def _bar_fill(shade: str) -> str:
    look = LOOKS[shade]
    if look.pattern == "solid":
        return look.ink
    return "none" if look.pattern == "empty" else f"url(#mark-{shade})"


def _rect(box: Box, fill: str, edge: str | None = None, extra: str = "") -> str:
    stroke = f' stroke="{edge}"' if edge else ""
    return (
        f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}"'
        f' fill="{fill}"{stroke}{extra}/>'
    )


def _text(line: Line, ink: str) -> str:
    if not line.text:
        return ""
    weight = ' font-weight="bold"' if line.bold else ""
    return (
        f'<text x="{line.x}" y="{line.y}" font-size="{line.size}"{weight} fill="{ink}">'
        f"{escaped(line.text)}</text>"
    )


def _texts(lines: Iterable[Line], ink: str) -> str:
    return "".join(_text(line, ink) for line in lines)


def _head(picture: Picture) -> str:
    parts = "".join(_swatch(shade, box) for shade, box in picture.parts)
    legend = "".join(_legend(row) for row in picture.legend)
    return f"<g>{_texts(picture.head, INK)}{parts}{legend}</g>"


def _swatch(shade: str, box: Box) -> str:
    look = LOOKS[shade]
    bar = Box(box.x, box.y, min(BAR, box.width), box.height)
    return _rect(box, look.fill, look.edge) + _rect(bar, _bar_fill(shade))


def _legend(row: LegendRow) -> str:
    return _swatch(row.shade, row.swatch) + _text(row.line, INK)


def _shelf(shelf: Shelf) -> str:
    return "".join(_group(box) for box in shelf.groups)


def _group(box: GroupBox) -> str:
    name, about, state = box.lines
    frame = _rect(box.box, GROUP_PAPER, GROUP_EDGE, ' rx="6"')
    return (
        f"<g><title>{escaped(box.title)}</title>"
        f"{frame}{_text(name, INK)}{_text(about, SOFT_INK)}"
        f"{_text(state, SOFT_INK if box.alarm is None else ALARM)}"
        f"{''.join(_tile(tile) for tile in box.tiles)}</g>"
    )


def _tile(tile: TileBox) -> str:
    look = LOOKS[tile.shade]
    box = tile.box
    dashed = ' stroke-dasharray="4 3"' if tile.shade == "unstated" else ""
    face = _rect(
        Box(0, 0, box.width, box.height), look.fill, look.edge, f' stroke-width="2"{dashed}'
    )
    bar = Box(2, 2, BAR - 2, box.height - 4)
    return (
        f'<svg x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}">'
        f"<title>{escaped(tile.title)}</title>"
        f"{face}{_rect(bar, _bar_fill(tile.shade))}{_texts(tile.lines, look.ink)}</svg>"
    )
