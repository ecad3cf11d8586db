"""What happened to an opportunity, as rows written in the transaction in which it happened: the
immutable version, the stage it entered, the due work for the figures, and the rules found broken.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.kit.db import WriteSession
from services.kit.ids import new_id
from services.pipeline.opportunities import repository, visits
from services.pipeline.opportunities.drafts import Change
from services.pipeline.opportunities.record import COLUMNS, Row
from services.pipeline.opportunities.visits import Entry
from services.workspace.fiscal import FiscalCalendar
from services.workspace.outbox import KIND_OPPORTUNITY, OUTBOX
from services.workspace.workspaces.repository import get_workspace


def _event(change: Change, actor: str, now: datetime) -> dict[str, Any]:
    row = change.row
    return {
        "opportunity_id": row["id"],
        "version": row["version"],
        "id": new_id(),
        "kind": change.kind,
        "changes": change.changes,
        "previous": change.previous,
        "occurred_at": row["occurred_at"],
        "recorded_at": now,
        "actor": actor,
        "reason": change.reason,
    }


async def record(
    session: WriteSession, current: Row, change: Change, actor: str, now: datetime
) -> None:
    """The new version of one locked record: its row, its event and its due work."""
    row = change.row
    values = {name: row[name] for name in COLUMNS if row[name] != current[name]}
    entry = None
    if "stage" in change.changes:
        entry = _entry(change, (await get_workspace(session)).calendar)
    await repository.write_version(session, row["id"], values, _event(change, actor, now), entry)
    await _record_findings(session, [change], actor, now)


async def record_many(
    session: WriteSession, changes: Sequence[Change], actor: str, now: datetime
) -> None:
    """All of them set-based; the figures take them in this order."""
    if not changes:
        return
    events = [_event(change, actor, now) for change in changes]
    await repository.insert_events(session, events)
    await _record_entries(session, changes, actor, now)
    await OUTBOX.append_many(
        session,
        kind=KIND_OPPORTUNITY,
        rows=[(event["opportunity_id"], event["version"], event["id"]) for event in events],
    )
    await _record_findings(session, changes, actor, now)


def _entry(change: Change, calendar: FiscalCalendar) -> Entry:
    row = change.row
    day = calendar.local_date(row["occurred_at"])
    return Entry(change.previous.get("stage"), row["stage"], day, row["net_arr"])


async def _record_entries(
    session: WriteSession, changes: Sequence[Change], actor: str, now: datetime
) -> None:
    moved = [change for change in changes if "stage" in change.changes]
    if not moved:
        return
    calendar = (await get_workspace(session)).calendar
    entries = [
        (each.row["id"], each.row["version"], each.row["occurred_at"], _entry(each, calendar))
        for each in moved
    ]
    await visits.record_entries(session, entries, actor, now)


async def _record_findings(
    session: WriteSession, changes: Sequence[Change], actor: str, now: datetime
) -> None:
    findings = [
        {
            "id": new_id(),
            "opportunity_id": change.row["id"],
            "version": change.row["version"],
            "rule": finding.code,
            "message": finding.message,
            "codes": finding.codes,
            "reason": finding.reason,
            "actor": actor,
            "found_at": now,
        }
        for change in changes
        for finding in change.findings
    ]
    if findings:
        await repository.insert_findings(session, findings)
