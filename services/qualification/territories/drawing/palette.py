"""How each colour of the map looks and what it says in words, so that nobody needs to see colours.

Text has a contrast of at least 4.5 to 1 against what it stands on, which a test works out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

INK: Final = "#1f2328"
SOFT_INK: Final = "#4d5358"
PAPER: Final = "#ffffff"
GROUP_PAPER: Final = "#f6f8fa"
GROUP_EDGE: Final = "#8c959f"
ALARM: Final = "#8c1d18"


@dataclass(frozen=True, slots=True)
class Look:
    """`mark` is the word on the tile, `pattern` the id of what its bar is filled with."""

    fill: str
    ink: str
    edge: str
    mark: str
    name: str
    pattern: str


LOOKS: Final = {
    "green": Look("#1b7a3d", "#ffffff", "#0e4722", "USES IT", "Green", "solid"),
    "yellow": Look("#f4c430", "#1f2328", "#7a5c00", "TRIES IT", "Yellow", "stripes"),
    "red": Look("#b3261e", "#ffffff", "#6d120d", "NOT USED", "Red", "crosses"),
    "grey": Look("#5f6368", "#ffffff", "#33363a", "NO DEVOPS", "Grey", "dots"),
    "unstated": Look("#ffffff", "#1f2328", "#5f6368", "NOT KNOWN", "White", "empty"),
}
