"""The stages an opportunity was in, kept with the version that changes the stage: every stay, the
day each stage was first met, and Net ARR as it was then.

What follows from a stage is pure; the statements write it for one record and for many. Days are
the company's own. A first date or a frozen amount is never written again, so whatever moves follow
leave it alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from services.kit.db import WriteSession
from services.pipeline.opportunities.stages import STAGE, STAGES

_LAST_RANK: Final = STAGE["closed_won"].rank
SNAPSHOTS: Final = {"stage_1": 1, "initial": 2, "stage_3": 3}
"""What Net ARR is frozen as, by the rank it is frozen at: entering stage 1, leaving it (what the
handbook calls Initial), and entering stage 3."""


class Entry(NamedTuple):
    """One entry into a stage."""

    from_stage: str | None
    stage: str
    on: date
    net_arr: Decimal

    @property
    def dated(self) -> list[str]:
        return dated_by(self.stage)

    @property
    def frozen(self) -> list[str]:
        return frozen_by(self.stage)


def dated_by(stage: str) -> list[str]:
    """The stages that have a date once this one is reached: itself and those before it. Closing
    without a win passes nothing; 7 - Closing is where a deal is booked and is not skipped."""
    rank = STAGE[stage].rank
    if rank > _LAST_RANK:
        return [stage]
    return [each.key for each in STAGES if each.rank < rank and each.key != "closing"] + [stage]


def frozen_by(stage: str) -> list[str]:
    """The snapshots that are taken once this stage is reached."""
    rank = STAGE[stage].rank
    return [name for name, at in SNAPSHOTS.items() if at <= rank <= _LAST_RANK]


VALUES: Final = 6
"""How many parameters the statement for one record takes."""

_ONE: Final = """
    , left_stage AS (
        UPDATE pipeline.stage_visits SET left_at = $8
        WHERE workspace_id = $1 AND opportunity_id = $2 AND left_at IS NULL
    ), entered_stage AS (
        INSERT INTO pipeline.stage_visits (workspace_id, opportunity_id, version, from_stage, stage,
            entered_at, recorded_at, actor, left_at)
        VALUES ($1, $2, $3, ${0}::text, ${1}::text, $8, $9, $10, NULL)
    ), dated_stages AS (
        INSERT INTO pipeline.stage_dates
            (workspace_id, opportunity_id, stage, entered_on, is_skipped)
        SELECT $1, $2, dated.stage, ${3}::date, dated.stage <> ${1}::text
        FROM unnest(${2}::text[]) AS dated (stage)
        ON CONFLICT (workspace_id, opportunity_id, stage) DO NOTHING
    ), frozen AS (
        INSERT INTO pipeline.stage_snapshots
            (workspace_id, opportunity_id, name, net_arr, frozen_at, version)
        SELECT $1, $2, taken.name, ${5}::numeric, $8, $3 FROM unnest(${4}::text[]) AS taken (name)
        ON CONFLICT (workspace_id, opportunity_id, name) DO NOTHING
    )
"""


def part_for_one(first: int) -> str:
    """What joins the statement that writes a version (whose parameters up to $10 it shares), with
    the parameters of `values_for_one` from `first` on."""
    return _ONE.format(*range(first, first + VALUES))


def values_for_one(entry: Entry) -> tuple[Any, ...]:
    return entry.from_stage, entry.stage, entry.dated, entry.on, entry.frozen, entry.net_arr


_MANY: Final = """
    WITH entries AS (
        SELECT r.* FROM json_to_recordset($2::json) AS r (opportunity_id uuid, version integer,
            from_stage text, stage text, entered_at timestamptz, dated text[], day date,
            frozen text[], net_arr numeric)
    ), left_stage AS (
        UPDATE pipeline.stage_visits AS v SET left_at = e.entered_at FROM entries AS e
        WHERE v.workspace_id = $1 AND v.opportunity_id = e.opportunity_id AND v.left_at IS NULL
            AND e.from_stage IS NOT NULL
    ), entered_stage AS (
        INSERT INTO pipeline.stage_visits (workspace_id, opportunity_id, version, from_stage, stage,
            entered_at, recorded_at, actor, left_at)
        SELECT $1, e.opportunity_id, e.version, e.from_stage, e.stage, e.entered_at, $3, $4, NULL
        FROM entries AS e
    ), dated_stages AS (
        INSERT INTO pipeline.stage_dates
            (workspace_id, opportunity_id, stage, entered_on, is_skipped)
        SELECT $1, e.opportunity_id, dated.stage, e.day, dated.stage <> e.stage
        FROM entries AS e CROSS JOIN LATERAL unnest(e.dated) AS dated (stage)
        ON CONFLICT (workspace_id, opportunity_id, stage) DO NOTHING
    )
    INSERT INTO pipeline.stage_snapshots
        (workspace_id, opportunity_id, name, net_arr, frozen_at, version)
    SELECT $1, e.opportunity_id, taken.name, e.net_arr, e.entered_at, e.version
    FROM entries AS e CROSS JOIN LATERAL unnest(e.frozen) AS taken (name)
    ON CONFLICT (workspace_id, opportunity_id, name) DO NOTHING
"""


async def record_entries(
    session: WriteSession,
    entries: Sequence[tuple[UUID, int, datetime, Entry]],
    actor: str,
    now: datetime,
) -> None:
    """Entries of many records, each at most once, in one statement."""
    if not entries:
        return
    rows: list[Mapping[str, Any]] = [
        {
            "opportunity_id": opportunity_id,
            "version": version,
            "from_stage": entry.from_stage,
            "stage": entry.stage,
            "entered_at": entered_at,
            "dated": entry.dated,
            "day": entry.on,
            "frozen": entry.frozen,
            "net_arr": entry.net_arr,
        }
        for opportunity_id, version, entered_at, entry in entries
    ]
    await session.execute(_MANY, session.workspace_id, rows, now, actor)
