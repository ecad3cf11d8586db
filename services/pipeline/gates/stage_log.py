"""The stages an opportunity was in: what is kept of them, and how it is told. What is kept is
written with the version that changes the stage, by opportunities; here it is only read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.db import Session
from services.pipeline.opportunities import stages
from services.pipeline.opportunities.listing import actor_names
from services.workspace.workspaces.repository import get_workspace

_SECONDS_A_DAY = 86_400


async def read_stages(session: Session, row: Mapping[str, Any]) -> dict[str, Any]:
    """Of one opportunity, which the caller may see."""
    visits = await _fetch(
        session,
        row["id"],
        """
        SELECT version, from_stage, stage, entered_at, recorded_at, actor, left_at
        FROM pipeline.stage_visits WHERE workspace_id = $1 AND opportunity_id = $2 ORDER BY version
        """,
    )
    dates = await _fetch(
        session,
        row["id"],
        """
        SELECT stage, entered_on, is_skipped FROM pipeline.stage_dates
        WHERE workspace_id = $1 AND opportunity_id = $2
        """,
    )
    frozen = await _fetch(
        session,
        row["id"],
        """
        SELECT name, net_arr, frozen_at, version FROM pipeline.stage_snapshots
        WHERE workspace_id = $1 AND opportunity_id = $2 ORDER BY version, name
        """,
    )
    now = clock.now()
    calendar = (await get_workspace(session)).calendar
    names = await actor_names(session, [visit["actor"] for visit in visits])
    by_stage = {each["stage"]: each for each in dates}
    today = calendar.local_date(now)
    entered_on = calendar.local_date(row["stage_entered_at"])
    qualified = by_stage.get("scoping")
    return {
        "opportunity_id": row["id"],
        "stage": row["stage"],
        "stage_number": stages.STAGE[row["stage"]].number,
        "days_in_stage": _days_from(by_stage.get(row["stage"], {}).get("entered_on"), today),
        "days_since_last_entered": _days_from(entered_on, today),
        "sales_accepted_date": row["sales_accepted_date"],
        "sales_qualified_date": None if qualified is None else qualified["entered_on"],
        "dates": [
            {"stage_number": stage.number, **by_stage[stage.key]}
            for stage in stages.STAGES
            if stage.key in by_stage
        ],
        "snapshots": [{**each, "currency": row["currency"]} for each in frozen],
        "visits": [
            {
                **visit,
                "actor_name": names.get(visit["actor"]),
                "days": days_between(visit["entered_at"], visit["left_at"] or now),
            }
            for visit in visits
        ],
    }


async def _fetch(session: Session, opportunity_id: UUID, statement: str) -> list[dict[str, Any]]:
    rows = await session.fetch(statement, session.workspace_id, opportunity_id)
    return [dict(row) for row in rows]


def _days_from(first: date | None, today: date) -> int | None:
    """Counted as the opportunity counts them: the first day is day 1."""
    return None if first is None else max(0, (today - first).days) + 1


def days_between(start: datetime, end: datetime) -> str:
    """To two places; a stay that was recorded to end before it began lasted no time."""
    seconds = max(0.0, (end - start).total_seconds())
    return f"{seconds / _SECONDS_A_DAY:.2f}"
