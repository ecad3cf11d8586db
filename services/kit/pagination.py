"""Keyset pages: an opaque cursor over the sort key of the last row, no result ceiling, no offset."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import Query

from services.kit.errors import InvalidPayloadError

LIMIT_DEFAULT = 50
LIMIT_MAX = 200


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`after` is the sort key of the last row already seen, None for the first page."""

    limit: int
    after: list[Any] | None

    def cut(self, rows: list[Any], key: Any) -> tuple[list[Any], str | None]:
        """Given up to limit + 1 rows, the page and the cursor of the next; `key(row)` is the sort
        key as a JSON-able list."""
        if len(rows) <= self.limit:
            return rows, None
        page = rows[: self.limit]
        return page, encode_cursor(key(page[-1]))


def encode_cursor(key: list[Any]) -> str:
    """URL-safe text without padding."""
    return base64.urlsafe_b64encode(orjson.dumps(key, default=str)).decode().rstrip("=")


def decode_cursor(cursor: str) -> list[Any]:
    """Raises InvalidPayloadError on text that no page of ours ever returned."""
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        value = orjson.loads(raw)
    except (ValueError, UnicodeEncodeError):
        value = None
    if not isinstance(value, list) or not value:
        raise InvalidPayloadError.one(
            "query/cursor",
            "invalid_cursor",
            "is not a cursor of this list; send `next_cursor` of the previous page unchanged",
        )
    return value


def page_request(
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
) -> PageRequest:
    """The two query parameters every list takes."""
    return PageRequest(limit, decode_cursor(cursor) if cursor else None)
