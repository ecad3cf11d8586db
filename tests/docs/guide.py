"""Reads the exchanges of a Markdown document: an `http` block asks, the `json` block after it says
what the answer contains. `…` in an expected value stands for anything."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and, where the document shows it, what must be in the answer."""

    line: int
    method: str
    path: str
    headers: dict[str, str]
    body: str | None
    status: int | None
    expected: Any


def blocks(document: str) -> list[tuple[int, str, str]]:
    """(line, language, text) of each fenced block."""
    text = (ROOT / document).read_text()
    return [
        (text.count("\n", 0, found.start()) + 1, found.group(1), found.group(2))
        for found in _BLOCK.finditer(text)
    ]


def exchanges(document: str) -> list[Exchange]:
    """In order; each `http` block takes the `json` block right after it."""
    found: list[Exchange] = []
    listed = blocks(document)
    for place, (line, language, text) in enumerate(listed):
        if language != "http":
            continue
        follower = listed[place + 1] if place + 1 < len(listed) else (0, "", "")
        expected = json.loads(follower[2]) if follower[1] == "json" else None
        found.append(_parse(line, text, expected))
    return found


def _parse(line: int, text: str, expected: Any) -> Exchange:
    head, _, body = text.partition("\n\n")
    first, *rest = head.strip().splitlines()
    method, path, *status = first.split()
    headers = dict(part.split(": ", 1) for part in rest)
    return Exchange(
        line=line,
        method=method,
        path=path,
        headers=headers,
        body=body.strip() or None,
        status=int(status[-1]) if status else None,
        expected=expected,
    )


def filled(text: str, names: dict[str, str]) -> str:
    """`{{name}}` replaced by what an earlier answer said."""
    return _NAME.sub(lambda found: names[found.group(1)], text)


def missing(expected: Any, actual: Any, at: str = "") -> list[str]:
    """Where the answer lacks what the document shows."""
    if expected == "…":
        return []
    if isinstance(expected, dict):
        if not isinstance(actual, dict):
            return [f"{at}: {actual!r} is not an object"]
        return [
            problem
            for key, value in expected.items()
            for problem in (
                missing(value, actual[key], f"{at}/{key}")
                if key in actual
                else [f"{at}/{key}: absent"]
            )
        ]
    if isinstance(expected, list):
        if not isinstance(actual, list) or len(actual) < len(expected):
            return [f"{at}: {actual!r} has fewer items than shown"]
        return [
            problem
            for place, value in enumerate(expected)
            for problem in missing(value, actual[place], f"{at}/{place}")
        ]
    return [] if expected == actual else [f"{at}: shown {expected!r}, answered {actual!r}"]
