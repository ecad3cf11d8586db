"""Which form a map is answered in: JSON, CSV, a picture, or a page around the picture."""

from __future__ import annotations

import re
from typing import Final, Literal

from fastapi import Request

from services.kit.errors import InvalidPayloadError
from services.qualification.territories.errors import NotAcceptableError

Format = Literal["json", "csv", "svg", "html"]

MEDIA_TYPES: Final[dict[Format, str]] = {
    "json": "application/json",
    "csv": "text/csv",
    "svg": "image/svg+xml",
    "html": "text/html",
}
_WEIGHT = re.compile(r"q=([01](?:\.[0-9]{0,3})?)")


def wanted_format(request: Request) -> Format:
    """By `?format=`, else by the Accept header; JSON where it says nothing. Of forms wanted alike
    the one named in more detail is chosen, then in the order above."""
    asked = request.query_params.get("format")
    if asked is not None:
        found = next((name for name in MEDIA_TYPES if name == asked), None)
        if found is None:
            raise InvalidPayloadError.one(
                "query/format", "invalid_format", f"must be one of {', '.join(MEDIA_TYPES)}"
            )
        return found
    accepted = request.headers.get("accept", "").strip()
    if not accepted:
        return "json"
    ranges = [_range(part) for part in accepted.split(",")]
    best: tuple[float, int, Format] | None = None
    for name, media_type in MEDIA_TYPES.items():
        weight, detail = _quality(media_type, ranges)
        if weight > 0 and (best is None or (weight, detail) > best[:2]):
            best = (weight, detail, name)
    if best is None:
        raise NotAcceptableError(list(MEDIA_TYPES.values()))
    return best[2]


def _range(part: str) -> tuple[str, float]:
    name, _, parameters = part.partition(";")
    weight = _WEIGHT.search(parameters)
    return name.strip().lower(), float(weight[1]) if weight else 1.0


def _quality(media_type: str, ranges: list[tuple[str, float]]) -> tuple[float, int]:
    """How much a form is wanted, by the range that names it in most detail."""
    family = media_type.partition("/")[0]
    for detail, name in ((2, media_type), (1, f"{family}/*"), (0, "*/*")):
        found = [weight for known, weight in ranges if known == name]
        if found:
            return max(found), detail
    return 0.0, 0
