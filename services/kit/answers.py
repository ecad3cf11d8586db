"""Answers and their version tags: JSON that never holds a float, ETag, If-Match, If-None-Match.

How a record is written as JSON is the endpoint's; this module only carries it out.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any
from uuid import UUID

import orjson
from fastapi import Request, Response

from services.kit import clock, money
from services.kit.errors import InvalidPayloadError, StaleVersionError

_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME
_OURS = re.compile(r'"[0-9]+(-[0-9a-f]{16})?"')
_BODY_OF_TAG = re.compile(r'-[0-9a-f]{16}"')


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return money.text(value)
    if isinstance(value, datetime):
        return clock.isoformat(value)
    if isinstance(value, date):  # passed here together with instants
        return value.isoformat()
    if isinstance(value, UUID):  # the driver's own subclass, which orjson does not know
        return str(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def to_json(value: Any) -> bytes:
    """Money as text with two places, instants in UTC with `Z`, everything else as it is."""
    return orjson.dumps(value, default=_plain, option=_OPTIONS)


def json_answer(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """`content` may hold dicts, lists, UUIDs, dates, instants and Decimals; no floats by custom."""
    return Response(to_json(content), status, headers, media_type="application/json")


def etag(version: int) -> str:
    return f'"{version}"'


def record_answer(
    request: Request,
    content: Any,
    version: int,
    status: int = 200,
    *,
    rests_on_more: bool = False,
) -> Response:
    """One record with its ETag; 304 without a body when a GET already knows this version.

    `rests_on_more`: the content can become another without a new version, as by the day or by what
    happens to another record. The tag then names the body too; If-Match still means the version.
    """
    body = to_json(content)
    tag = _tag_of(body, version) if rests_on_more else etag(version)
    headers = {"ETag": tag}
    if request.method == "GET" and _has_tag(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, status, headers, media_type="application/json")


def stored_answer(request: Request, body: bytes, version: int | None) -> Response:
    """JSON that is written already, with an ETag where it has a version; 304 as for a record.

    The tag names the body too: such an answer rests on more than the one version, such as today's
    reporting lines in an answer about the past.
    """
    if version is None:
        return Response(body, media_type="application/json")
    tag = _tag_of(body, version)
    headers = {"ETag": tag}
    if _has_tag(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _tag_of(body: bytes, version: int) -> str:
    return f'"{version}-{blake2b(body, digest_size=8).hexdigest()}"'


def _names(sent: str, version: int) -> bool:
    """Whether one of the tags is of this version, whatever body it names beside it."""
    return _has_tag(_BODY_OF_TAG.sub('"', sent), etag(version))


def _has_tag(sent: str | None, tag: str) -> bool:
    if sent is None:
        return False
    tags = [part.strip().removeprefix("W/") for part in sent.split(",")]
    return "*" in tags or tag in tags


def if_match(request: Request) -> str | None:
    """The If-Match of the request, refused when it is not a version tag of ours."""
    sent = request.headers.get("if-match")
    if sent is None:
        return None
    for tag in (part.strip() for part in sent.split(",")):
        if tag != "*" and not _OURS.fullmatch(tag):
            raise InvalidPayloadError.one(
                "header/If-Match", "invalid_etag", 'must be the ETag of a record, like "7"'
            )
    return sent


def check_version(sent: str | None, current: int | None) -> None:
    """Raises StaleVersionError unless If-Match (None: not sent) names the current version;
    `current` None is a record that does not exist, which no tag matches."""
    if sent is None:
        return
    if current is None or not _names(sent, current):
        raise StaleVersionError(sent[:100], current)
