"""The map as a page of HTML: the picture shelf by shelf, so that a printer can break between them,
and everything in it once more as tables. No script; the one style sheet is named by its hash."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from services.qualification.territories.domain import MEANING, SHADES, Figures, share_text
from services.qualification.territories.drawing.layout import Picture, lay_out
from services.qualification.territories.drawing.markup import escaped
from services.qualification.territories.drawing.palette import ALARM, INK, LOOKS, PAPER, SOFT_INK
from services.qualification.territories.drawing.svg import draw_head, draw_shelf
from services.qualification.territories.drawing.text_fit import FONTS
from services.qualification.territories.ranking import Candidate, rank_divisions
from services.qualification.territories.usage_map import UsageMap

NEXT_SHOWN: Final = 20

STYLE: Final = f"""
body {{ margin: 1.5rem; color: {INK}; background: {PAPER}; font: 14px/1.45 {FONTS}; }}
h1 {{ font-size: 1.5rem; margin: 0 0 .5rem; }}
h2 {{ font-size: 1.15rem; margin: 1.75rem 0 .5rem; }}
svg {{ display: block; max-width: 100%; height: auto; margin: 0 0 .75rem; }}
figure {{ margin: 0; }}
table {{ border-collapse: collapse; width: 100%; }}
caption {{ text-align: left; color: {SOFT_INK}; padding-bottom: .35rem; }}
th, td {{ border: 1px solid #8c959f; padding: .3rem .5rem; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; }}
thead th {{ background: #eaeef2; }}
td.number, th.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
.alarm {{ color: {ALARM}; font-weight: bold; }}
@page {{ size: A4 landscape; margin: 12mm; }}
@media print {{
  body {{ margin: 0; font-size: 11px; }}
  svg, tr {{ break-inside: avoid; }}
  thead {{ display: table-header-group; }}
  h2 {{ break-after: avoid; }}
  * {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
}}
"""


def _hash(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_hash(STYLE)}'; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""For the picture alone too, which needs not even the style."""


def render_page(usage_map: UsageMap) -> str:
    """The whole document."""
    picture = lay_out(usage_map)
    title = escaped(picture.title)
    ranked = [
        each
        for each in rank_divisions(usage_map)
        if any(each.group.id == group.id for group in usage_map.groups)
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{title}</h1>\n<p>{escaped(picture.description)}</p>\n"
        f"{_totals(usage_map)}{_entry(usage_map)}{_next(ranked)}"
        f"<h2>The map</h2>\n{_figure(picture)}"
        f"<h2>Divisions</h2>\n{_divisions(usage_map)}"
        "</main>\n</body>\n</html>\n"
    )


def _figure(picture: Picture) -> str:
    shelves = "\n".join(draw_shelf(shelf) for shelf in picture.shelves)
    return f"<figure>\n{draw_head(picture)}\n{shelves}\n</figure>\n"


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are markup already; a head that ends in `#` is of a column of numbers."""
    numbers = [head.endswith("#") for head in heads]
    kinds = [' class="number"' if number else "" for number in numbers]
    head = "".join(
        f'<th scope="col"{kind}>{escaped(name.rstrip("#"))}</th>'
        for name, kind in zip(heads, kinds, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, kinds, strict=True))
        + "</tr>\n"
        for row in rows
    )
    return (
        f"<table>\n<caption>{escaped(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{body}</tbody>\n</table>\n"
    )


def _totals(usage_map: UsageMap) -> str:
    figures: Figures = usage_map.figures
    of_devops, of_all = figures.of_devops() or {}, figures.of_all() or {}
    by_users = figures.of_all(by_users=True) or {}
    rows = [
        (
            escaped(f"{LOOKS[shade].name} ({LOOKS[shade].mark})"),
            escaped(MEANING[shade]),
            str(figures.counts[shade]),
            share_text(of_devops[shade]) if shade in of_devops else "–",
            share_text(of_all[shade]) if shade in of_all else "–",
            str(figures.users[shade]),
            share_text(by_users[shade]) if shade in by_users else "–",
        )
        for shade in SHADES
    ]
    heads = (
        "Colour",
        "Meaning",
        "Divisions#",
        "Share of DevOps divisions#",
        "Share of all#",
        "Users known#",
        "Share of users#",
    )
    return f"<h2>Totals</h2>\n{_table('The goal is 1.0000 of the DevOps divisions green.', heads, rows)}"


def _entry(usage_map: UsageMap) -> str:
    if not usage_map.without_entry:
        return ""
    rows = [
        (
            f'<span class="alarm">{escaped(group.name)}</span>',
            escaped(group.vertical or "–"),
            str(group.figures.counts["yellow"]),
            str(group.figures.counts["red"]),
        )
        for group in usage_map.without_entry
    ]
    caption = "Organisations where somebody could use the product and nobody does."
    heads = ("Organisation", "Vertical", "Yellow#", "Red#")
    return f"<h2>Point of entry needed</h2>\n{_table(caption, heads, rows)}"


def _next(ranked: Sequence[Candidate]) -> str:
    if not ranked:
        return ""
    rows = [
        (
            str(each.place),
            escaped(each.tile.name),
            escaped(each.group.name),
            LOOKS[each.tile.shade].name,
            str(each.points),
            escaped(
                " ".join(f"{factor.sentence} (+{factor.points})" for factor in each.factors
                         if factor.points)
            ),
        )
        for each in ranked[:NEXT_SHOWN]
    ]  # fmt: skip
    heads = ("Place#", "Division", "Organisation", "Colour", "Points#", "Why")
    caption = f"The first {len(rows)} of {len(ranked)} divisions to turn green."
    return f"<h2>Next divisions</h2>\n{_table(caption, heads, rows)}"


def _day(instant: datetime | None) -> str:
    return "–" if instant is None else f"{instant:%Y-%m-%d}"


def _divisions(usage_map: UsageMap) -> str:
    rows = []
    for group in usage_map.groups:
        for tile in group.tiles:
            standing = tile.standing
            is_heading = tile.id in group.headings
            look = LOOKS[tile.shade]
            rows.append(
                (
                    escaped(group.name),
                    escaped(tile.name),
                    escaped(tile.kind),
                    "in parts" if is_heading else f"{look.name}: {MEANING[tile.shade]}",
                    _day(standing.since if standing else None),
                    escaped(standing.said_by if standing else "–"),
                    "–" if tile.users is None else str(tile.users),
                    escaped(tile.contact or "–"),
                    "yes" if tile.early_adopter else "no",
                )
            )
    heads = (
        "Organisation",
        "Division",
        "Kind",
        "Colour",
        "Since",
        "Said by",
        "Users#",
        "Contact",
        "Early adopter",
    )
    return _table("Everything that is on the map.", heads, rows)
