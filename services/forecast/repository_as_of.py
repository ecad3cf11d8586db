"""Statements that read the figures of a past moment, on either axis.

Recorded: each cell as the last batch up to a sequence left it. Occurred: what happened up to an
instant, from sums of days and the entries of the day that had begun. Neither ever starts from the
first entry.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from asyncpg import Record

from services.forecast.domain import ALL_DIMENSIONS, MEASURES, Measures
from services.forecast.question import Batch, GroupBy, Moment
from services.forecast.repository import SUMS, Totals, measures_of
from services.kit.db import Session
from services.workspace.fiscal import UNDATED

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS: Final = ", ".join(MEASURES)

_BATCH_COLUMNS: Final = "b.last_sequence AS sequence, b.posted_at, b.last_event_at"


async def find_batch_at(session: Session, instant: datetime) -> Batch | None:
    """The last batch at or before an instant; None before the first."""
    row = await session.fetchrow(
        f"""
        SELECT {_BATCH_COLUMNS} FROM forecast.batches b
        WHERE b.workspace_id = $1 AND b.posted_at <= $2
        ORDER BY b.posted_at DESC LIMIT 1
        """,
        session.workspace_id,
        instant,
    )
    return None if row is None else Batch(**dict(row))


async def find_batch_of(session: Session, sequence: int) -> Batch | None:
    """The last batch that is complete at a sequence; None before the first."""
    row = await session.fetchrow(
        f"""
        SELECT {_BATCH_COLUMNS} FROM forecast.batches b
        WHERE b.workspace_id = $1 AND b.last_sequence <= $2
        ORDER BY b.last_sequence DESC LIMIT 1
        """,
        session.workspace_id,
        sequence,
    )
    return None if row is None else Batch(**dict(row))


# Driven from the keys of the cells, which are never deleted: one index descent a cell.
_RECORDED_FROM: Final = f"""
    FROM forecast.cells c
    CROSS JOIN LATERAL (
        SELECT {_COLUMNS} FROM forecast.cell_history x
        WHERE x.workspace_id = $1 AND x.fiscal_quarter = c.fiscal_quarter
            AND x.dimensions_id = c.dimensions_id AND x.owner_id = c.owner_id
            AND x.sequence <= $2
        ORDER BY x.sequence DESC LIMIT 1
    ) AS h{{join}}
    WHERE c.workspace_id = $1 AND c.fiscal_quarter = $3
"""
_DIMENSIONS_JOIN: Final = """
    JOIN forecast.dimensions d ON d.workspace_id = $1 AND d.id = {0}.dimensions_id
"""
_RECORDED: Final = _RECORDED_FROM.format(join="")
_RECORDED_BY_DIMENSION: Final = _RECORDED_FROM.format(join=_DIMENSIONS_JOIN.format("c"))
_OWNED: Final = " AND ($4::uuid[] IS NULL OR {0}owner_id = ANY($4::uuid[]))"

# Whole blocks of 64 days, then of 8, then days, then what of the last day lies before the instant.
_OCCURRED: Final = f"""
    SELECT b.owner_id, b.dimensions_id, {_COLUMNS} FROM forecast.occurred_buckets b
    WHERE b.workspace_id = $1 AND b.fiscal_quarter = $3 AND b.dimensions_id = $5
        AND b.level = 2 AND b.bucket < $6
    UNION ALL
    SELECT b.owner_id, b.dimensions_id, {_COLUMNS} FROM forecast.occurred_buckets b
    WHERE b.workspace_id = $1 AND b.fiscal_quarter = $3 AND b.dimensions_id = $5
        AND b.level = 1 AND b.bucket >= $6 * 8 AND b.bucket < $7
    UNION ALL
    SELECT b.owner_id, b.dimensions_id, {_COLUMNS} FROM forecast.occurred_buckets b
    WHERE b.workspace_id = $1 AND b.fiscal_quarter = $3 AND b.dimensions_id = $5
        AND b.level = 0 AND b.bucket >= $7 * 8 AND b.bucket < $8
    UNION ALL
    SELECT e.owner_id, e.dimensions_id, {_COLUMNS} FROM forecast.entries e
    WHERE e.workspace_id = $1 AND e.fiscal_quarter = $3
        AND e.occurred_at >= $9 AND e.occurred_at <= $2
"""
# By dimension only the coarsest blocks are kept, so up to 64 days come from the entries.
_OCCURRED_BY_DIMENSION: Final = f"""
    SELECT b.owner_id, b.dimensions_id, {_COLUMNS} FROM forecast.occurred_buckets b
    WHERE b.workspace_id = $1 AND b.fiscal_quarter = $3 AND b.dimensions_id <> $5
        AND b.level = 2 AND b.bucket < $6
    UNION ALL
    SELECT e.owner_id, e.dimensions_id, {_COLUMNS} FROM forecast.entries e
    WHERE e.workspace_id = $1 AND e.fiscal_quarter = $3
        AND e.occurred_at >= $7 AND e.occurred_at <= $2
"""


def _blocks(at: datetime) -> tuple[int, int, int, datetime]:
    """The running block of 64 days, of 8, the running day, and when that day began (UTC)."""
    day_start = datetime.combine(at.astimezone(UTC).date(), time(), UTC)
    day = (day_start - _EPOCH).days
    return day >> 6, day >> 3, day, day_start


async def read_totals_as_of(
    session: Session, moment: Moment, quarter_key: int, owners: list[UUID] | None
) -> Totals:
    """The totals of these owners (of everybody where None) at a past moment."""
    measures = await _sum_as_of(session, moment, quarter_key, owners)
    undated = await _sum_as_of(session, moment, UNDATED, owners)
    return Totals(measures, int(undated[MEASURES.index("open_count")]))


async def _sum_as_of(
    session: Session, moment: Moment, quarter_key: int, owners: list[UUID] | None
) -> Measures:
    row: Record | None
    if moment.at is None:
        row = await session.fetchrow(
            f"SELECT {SUMS.format('h.')} {_RECORDED} AND c.dimensions_id = $5"
            f"{_OWNED.format('c.')}",
            session.workspace_id, moment.batch.sequence, quarter_key, owners, ALL_DIMENSIONS,
        )  # fmt: skip
    else:
        row = await session.fetchrow(
            f"SELECT {SUMS.format('h.')} FROM ({_OCCURRED}) AS h WHERE true{_OWNED.format('h.')}",
            session.workspace_id, moment.at, quarter_key, owners, ALL_DIMENSIONS,
            *_blocks(moment.at),
        )  # fmt: skip
    assert row is not None
    return measures_of(row)


async def read_groups_as_of(
    session: Session,
    moment: Moment,
    quarter_key: int,
    group_by: GroupBy,
    owners: list[UUID] | None,
) -> dict[str, Measures]:
    """The totals of a past moment by owner id, or by a value of one dimension."""
    arguments: list[Any]
    if moment.at is None:
        arguments = [moment.batch.sequence, quarter_key, owners, ALL_DIMENSIONS]
        by_user = f"{_RECORDED} AND c.dimensions_id = $5{_OWNED.format('c.')}"
        by_dimension = f"{_RECORDED_BY_DIMENSION} AND c.dimensions_id <> $5{_OWNED.format('c.')}"
        owner = "c.owner_id"
    else:
        block, eight, day, day_start = _blocks(moment.at)
        arguments = [moment.at, quarter_key, owners, ALL_DIMENSIONS, block]
        arguments += (
            [eight, day, day_start]
            if group_by is GroupBy.USER
            else [_EPOCH + timedelta(days=block * 64)]
        )
        by_user = f"FROM ({_OCCURRED}) AS h WHERE true{_OWNED.format('h.')}"
        by_dimension = (
            f"FROM ({_OCCURRED_BY_DIMENSION}) AS h{_DIMENSIONS_JOIN.format('h')}"
            f"WHERE true{_OWNED.format('h.')}"
        )
        owner = "h.owner_id"
    key, source = (owner, by_user) if group_by is GroupBy.USER else (
        f"d.{group_by.value}", by_dimension
    )  # fmt: skip
    rows = await session.fetch(
        f"SELECT {key}::text AS group_key, {SUMS.format('h.')} {source} GROUP BY {key}",
        session.workspace_id,
        *arguments,
    )
    return {row["group_key"]: measures_of(row) for row in rows}
