"""Statements that read the figures of a past moment of the ledger: each cell as the last batch up
to a sequence left it. Moments of the other axis are `repository_occurred`'s.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from services.forecast import repository_occurred
from services.forecast.domain import ALL_DIMENSIONS, MEASURES, Measures
from services.forecast.question import Batch, GroupBy, Moment
from services.forecast.repository import SUMS, Totals, measures_of, owned
from services.kit.db import Session
from services.workspace.fiscal import UNDATED

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
_FROM: Final = f"""
    FROM forecast.cells c
    CROSS JOIN LATERAL (
        SELECT {_COLUMNS} FROM forecast.cell_history x
        WHERE x.workspace_id = $1 AND x.fiscal_quarter = c.fiscal_quarter
            AND x.dimensions_id = c.dimensions_id AND x.owner_id = c.owner_id
            AND x.sequence <= $2
        ORDER BY x.sequence DESC LIMIT 1
    ) AS h
"""
_WHERE: Final = "WHERE c.workspace_id = $1 AND c.fiscal_quarter = $3"
_JOIN: Final = "JOIN forecast.dimensions d ON d.workspace_id = $1 AND d.id = c.dimensions_id"


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
    if moment.at is not None:
        return await repository_occurred.read_sum(session, moment.at, quarter_key, owners)
    row = await session.fetchrow(
        f"SELECT {SUMS.format('h.')} {_FROM} {_WHERE} AND c.dimensions_id = $5"
        f"{owned('c.', owners)}",
        session.workspace_id, moment.batch.sequence, quarter_key, owners, ALL_DIMENSIONS,
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
    if moment.at is not None:
        return await repository_occurred.read_groups(
            session, moment.at, quarter_key, group_by, owners
        )
    if group_by is GroupBy.USER:
        key, source = "c.owner_id", f"{_FROM} {_WHERE} AND c.dimensions_id = $5"
    else:
        key, source = f"d.{group_by.value}", f"{_FROM} {_JOIN} {_WHERE} AND c.dimensions_id <> $5"
    rows = await session.fetch(
        f"SELECT {key}::text AS group_key, {SUMS.format('h.')} {source}{owned('c.', owners)}"
        f" GROUP BY {key}",
        session.workspace_id, moment.batch.sequence, quarter_key, owners, ALL_DIMENSIONS,
    )  # fmt: skip
    return {row["group_key"]: measures_of(row) for row in rows}
