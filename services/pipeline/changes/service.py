"""Reading the change feed: entries told as an opportunity's history tells them."""

from __future__ import annotations

from typing import Any

from services.kit.db import Session
from services.pipeline.changes import repository
from services.pipeline.opportunities.history import tell

_FEED = ("sequence", "subject", "subject_id", "external_id", "posted_at")


async def read_changes(session: Session, after: int, limit: int) -> dict[str, Any]:
    """A page of the feed. What it holds never changes: only the worker adds entries, with growing
    sequences, so a reader that goes on from `next_after` misses nothing, however late it comes."""
    # The end is read first: an entry added in between is then on this page or behind it.
    last = await repository.last_sequence(session)
    items = await tell_entries(session, await repository.read_feed(session, after, limit))
    reached = items[-1]["sequence"] if items else after
    return {"items": items, "next_after": reached, "last_sequence": max(last, reached)}


async def tell_entries(session: Session, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the feed as clients read them."""
    told = iter(await tell(session, [row for row in rows if row["kind"] is not None]))
    return [_entry(row, next(told) if row["kind"] is not None else row) for row in rows]


def _entry(row: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    entry = {name: row[name] for name in _FEED}
    for name in ("version", "kind", "changes", "actor", "reason", "occurred_at", "recorded_at"):
        entry[name] = told[name]
    entry["actor_name"] = told.get("actor_name")
    entry["notice"] = row["notice"]
    return entry
