"""An opportunity's versions as clients read them: names instead of ids, from and to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from services.kit.db import Session
from services.pipeline.opportunities import listing
from services.pipeline.opportunities.record import REFERENCE_NAMES

_TABLES: Final = {
    "account_id": "pipeline.accounts",
    "owner_id": "workspace.users",
    "sdr_id": "workspace.users",
    "subscription_id": "pipeline.subscriptions",
}
_INSTANTS: Final = frozenset({"submitted_at"})


async def tell(session: Session, events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The events with external ids and actors' names."""
    names = {
        column: await listing.names_of(session, table, _ids(events, column))
        for column, table in _TABLES.items()
    }
    actors = await listing.actor_names(session, [event["actor"] for event in events])
    return [
        {
            "version": event["version"],
            "kind": event["kind"],
            "changes": _changes(event, names),
            "actor": event["actor"],
            "actor_name": actors.get(event["actor"]),
            "reason": event["reason"],
            "occurred_at": event["occurred_at"],
            "recorded_at": event["recorded_at"],
        }
        for event in events
    ]


def _ids(events: Sequence[Mapping[str, Any]], column: str) -> set[str]:
    both = [side.get(column) for event in events for side in (event["changes"], event["previous"])]
    return {each for each in both if each is not None}


def _changes(
    event: Mapping[str, Any], names: Mapping[str, Mapping[str, str | None]]
) -> dict[str, dict[str, Any]]:
    told = {}
    for column, value in event["changes"].items():
        before = event["previous"].get(column)
        if column in REFERENCE_NAMES:
            known = names[column]
            # A record without an external id is named by its id rather than not at all.
            before, value = known.get(before) or before, known.get(value) or value
        elif column in _INSTANTS:
            before, value = _instant(before), _instant(value)
        told[REFERENCE_NAMES.get(column, column)] = {"from": before, "to": value}
    return told


def _instant(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(stored)
