"""How wide a text is at most, and what of it fits: no browser is asked, so widths are those of a
wide bold face and what is drawn is never wider than worked out for the usual ones.

Lengths are in whole pixels. A text that is cut ends in an ellipsis.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

ELLIPSIS: Final = "…"

# Advance widths in thousandths of the size, DejaVu Sans Bold, rounded up; none of the faces in
# `FONTS` is wider.
_WIDTHS: Final = {
    310: "'",
    350: "ijl ",
    375: "/\\|IJ",
    400: ",.:;",
    460: "-f!()",
    500: "[]tr_`",
    525: '"*',
    600: "?zcs",
    650: "Lxvy",
    680: "kae",
    700: "To$0123456789EF",
    720: "hnu{}bdgpqS",
    735: "YZPC",
    775: "BRXAVK",
    840: "UGDHN#+<=>^~",
    875: "OQ&",
    1000: "wM@",
    1045: "m%",
    1105: "W",
}
FONTS: Final = "DejaVu Sans, Liberation Sans, Arial, Helvetica, sans-serif"
_WIDTH_OF: Final = {letter: width for width, letters in _WIDTHS.items() for letter in letters}
_WIDE: Final = 1400
_WIDEST_LETTERS: Final = frozenset("\u01c4\u01c5\u01c6\u01f1\u01f2\u01f3\u2031")
_FIRST_OF_OTHER_SCRIPTS: Final = 0x0600


@lru_cache(maxsize=4096)
def _letter_width(letter: str) -> int:
    """For what the table has not: nothing for marks that stand on another letter, the width of the
    plain letter for one with an accent, else what the widest of its kind has."""
    known = _WIDTH_OF.get(letter)
    if known is not None:
        return known
    category = unicodedata.category(letter)
    if category in ("Mn", "Me", "Cf"):
        return 0
    plain = unicodedata.normalize("NFD", letter)[0]
    if plain in _WIDTH_OF:
        return _WIDTH_OF[plain]
    if letter in _WIDEST_LETTERS:
        return 1900
    if category in ("Ll", "Lu") and ord(letter) < _FIRST_OF_OTHER_SCRIPTS:
        return 1100 if category == "Ll" else 1330
    if unicodedata.east_asian_width(letter) in "WF" and category == "Lo":
        return 1050
    return _WIDE


def text_width(text: str, size: int) -> int:
    """In pixels, rounded up."""
    return -(-sum(map(_letter_width, text)) * size // 1000)


def fit(text: str, size: int, width: int) -> str:
    """The text, or as much of it as fits with an ellipsis; nothing where not even that does."""
    if text_width(text, size) <= width:
        return text
    room = width * 1000 // size - _letter_width(ELLIPSIS)
    if room < 0:
        return ""
    kept = 0
    for letter in text:
        room -= _letter_width(letter)
        if room < 0:
            break
        kept += 1
    return text[:kept].rstrip() + ELLIPSIS


def wrap(text: str, size: int, width: int, lines_max: int) -> list[str]:
    """At most so many lines, broken between words, or within one that is longer than a line."""
    lines: list[str] = []
    rest = " ".join(text.split())
    while rest and len(lines) < lines_max - 1:
        if text_width(rest, size) <= width:
            break
        line = _first_line(rest, size, width)
        lines.append(line)
        rest = rest[len(line) :].lstrip()
    if rest:
        lines.append(fit(rest, size, width))
    return lines


def _first_line(text: str, size: int, width: int) -> str:
    room = width * 1000 // size
    end = last_gap = 0
    for place, letter in enumerate(text):
        if letter == " ":
            last_gap = place
        room -= _letter_width(letter)
        if room < 0:
            break
        end = place + 1
    if end == len(text) or text[end] == " ":
        return text[:end].rstrip()
    # A letter wider than the line stands alone rather than for ever waiting for room.
    return text[:last_gap] if last_gap else text[: max(end, 1)]
