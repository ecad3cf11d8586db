"""What is already known of an opportunity's history, and what a new one leaves open.

An import of the same file, or of a later export of the same records, must not tell again what was
told: a version before the current one would be a step back, then forward again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias

from services.kit.db import WriteSession
from services.pipeline.imports import lookups
from services.pipeline.opportunities.stages import STAGE, stage_key

Payload = dict[str, Any]
Rows: TypeAlias = Sequence[tuple[str, list[Payload]]]
"""External id and versions of each row, oldest first, the row's own state last."""
Note: TypeAlias = tuple[str, str | None, str]
"""A warning of one row: its code, the field, the sentence."""


async def drop_known_versions(
    session: WriteSession, rows: Rows, are_rows_versions: bool
) -> list[list[Note]]:
    """Takes out, in place, the versions before the last that are not later than the record's
    current version, or were told already. Where every row is a version of its own, also a row of
    an instant that was told and is not the current version's; a new instant in the past is a
    correction and stays. None of this is worth a note."""
    notes: list[list[Note]] = [[] for _ in rows]
    latest = await lookups.latest_versions(session, {key for key, _ in rows})
    for key, versions in rows:
        if key in latest:
            versions[:-1] = [
                version
                for version in versions[:-1]
                if instant_of(version, latest[key]) > latest[key]
            ]
    doubtful = {
        key
        for key, versions in rows
        if key in latest
        and (
            len(versions) > 1
            or (are_rows_versions and instant_of(versions[-1], latest[key]) != latest[key])
        )
    }
    if not doubtful:
        return notes
    told = await lookups.told_instants(session, doubtful)
    for key, versions in rows:
        if key in doubtful:
            current = latest[key]
            versions[:-1] = [
                version
                for version in versions[:-1]
                if (key, instant_of(version, current)) not in told
            ]
            at = instant_of(versions[-1], current)
            if are_rows_versions and at != current and (key, at) in told:
                versions.clear()
    return notes


def instant_of(version: Payload, otherwise: datetime) -> datetime:
    """When a version happened, `otherwise` where it does not say. Text that is no instant is the
    schema's to refuse, so it must stay in."""
    text = version.get("occurred_at")
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        at = None
    return otherwise if at is None or at.tzinfo is None else at


def gaps(record: str, versions: Sequence[Payload]) -> list[Note]:
    """What a new opportunity lacks for its figures; none of it keeps it out."""
    if record != "opportunities" or not versions:
        return []
    final = versions[-1]
    key = stage_key(str(final.get("stage") or ""))
    is_open = key is not None and STAGE[key].is_open
    notes: list[Note] = []
    if final.get("account_external_id") is None:
        notes.append(("no_account", "account_external_id", "it belongs to no account"))
    if is_open and final.get("amount") is None:
        sentence = "it is open and has no amount, so figures count it as unsized"
        notes.append(("no_amount", "amount", sentence))
    if final.get("close_date") is None:
        sentence = "it has no close date, so it is in no quarter"
        notes.append(("no_close_date", "close_date", sentence))
    return notes
