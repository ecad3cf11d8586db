"""Lists and figures as CSV, for whoever opens them in a spreadsheet; JSON unless asked otherwise.

A cell that a spreadsheet would run as a formula is quoted with an apostrophe, so that a name typed
into a CRM cannot become a command on an analyst's machine.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from fastapi import Request, Response

from services.kit import clock, money
from services.kit.answers import json_answer, to_json
from services.kit.errors import InvalidPayloadError

CSV_MEDIA_TYPE = "text/csv"
NEXT_CURSOR_HEADER = "X-Next-Cursor"
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def wants_csv(request: Request) -> bool:
    """By `?format=csv`, else by an Accept header that prefers text/csv to JSON."""
    asked = request.query_params.get("format")
    if asked is not None:
        if asked not in ("csv", "json"):
            raise InvalidPayloadError.one("query/format", "invalid_format", "must be json or csv")
        return asked == "csv"
    return _quality(request, CSV_MEDIA_TYPE) > _quality(request, "application/json")


def _quality(request: Request, media_type: str) -> float:
    for part in request.headers.get("accept", "").split(","):
        name, _, parameters = part.partition(";")
        if name.strip().lower() == media_type:
            weight = re.search(r"q=([01](?:\.[0-9]{1,3})?)", parameters)
            return float(weight[1]) if weight else 1.0
    return 0.0


def list_answer(
    request: Request,
    items: Sequence[Mapping[str, Any]],
    next_cursor: str | None,
    columns: Sequence[str] | None = None,
) -> Response:
    """A page as JSON `{items, next_cursor}`, or as CSV with the cursor in `X-Next-Cursor`.

    `columns` names the CSV header of a list that may be empty, in its order.
    """
    if not wants_csv(request):
        return json_answer({"items": items, "next_cursor": next_cursor})
    headers = {} if next_cursor is None else {NEXT_CURSOR_HEADER: next_cursor}
    return csv_response(items, columns, headers)


def figure_answer(
    request: Request, content: Mapping[str, Any], headers: dict[str, str] | None = None
) -> Response:
    """One object as JSON, or as a CSV of one row."""
    if not wants_csv(request):
        return json_answer(content, headers=headers)
    return csv_response([content], None, headers)


def csv_response(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """RFC 4180 in UTF-8: nested objects become `outer.inner` columns, lists JSON text."""
    flat = [_flatten(row) for row in rows]
    header = _header(flat, columns)
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([_safe(name) for name in header])
    for row in flat:
        writer.writerow([_cell(row.get(name)) for name in header])
    return Response(
        out.getvalue().encode(), 200, headers, media_type=f"{CSV_MEDIA_TYPE}; charset=utf-8"
    )


def _header(flat: Iterable[Mapping[str, Any]], columns: Sequence[str] | None) -> list[str]:
    names = dict.fromkeys(columns or ())
    for row in flat:
        names.update(dict.fromkeys(row))
    return list(names)


def _flatten(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            flat.update(_flatten(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return money.text(value)
    if isinstance(value, datetime):
        return clock.isoformat(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return _safe(to_json(value).decode())
    return _safe(str(value))


def _safe(text: str) -> str:
    """A negative amount stays a number; any other text that starts like a formula is quoted."""
    if text.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(text):
        return "'" + text
    return text
