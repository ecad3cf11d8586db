"""Comparisons of the ledger's tables with each other: sums against sums, in Postgres.

Every statement answers only where two sides differ, so what it costs to carry does not grow with
the book. The sides: positions are what the opportunities contribute, entries are how that came
about, cells are the totals, their history and the day blocks are the totals of the past.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from services.forecast.domain import ALL_DIMENSIONS, MEASURES, Measures
from services.forecast.posting import PACKED_TYPES, UNPACKED
from services.kit.db import Session

CELL: Final = ("fiscal_quarter", "dimensions_id", "owner_id")
BUCKET: Final = ("fiscal_quarter", "dimensions_id", "level", "bucket", "owner_id")

_COLUMNS: Final = ", ".join(MEASURES)
_SUMS: Final = ", ".join(f"sum({name}) AS {name}" for name in MEASURES)


class Mismatch(NamedTuple):
    """A row on which two sides differ; an absent row counts as nothing."""

    key: tuple[Any, ...]
    expected: Measures
    found: Measures


class Mismatches(NamedTuple):
    """Those that were asked for, and how many there are."""

    rows: list[Mismatch]
    total: int


def _comparison(key: Sequence[str], expected: str, found: str) -> str:
    left, right = (
        ", ".join(f"coalesce({side}.{name}, 0)" for name in MEASURES) for side in ("e", "f")
    )
    return f"""
        SELECT {", ".join(key)}, {left}, {right}, count(*) OVER ()
        FROM ({expected}) AS e FULL JOIN ({found}) AS f USING ({", ".join(key)})
        WHERE ({left}) IS DISTINCT FROM ({right})
        ORDER BY {", ".join(key)} LIMIT $2
    """


def _both_grains(detail: str) -> str:
    """Owner totals beside the single dimensions they are the sums of."""
    return f"""
        WITH detail AS MATERIALIZED ({detail})
        SELECT {", ".join(CELL)}, {_COLUMNS} FROM detail
        UNION ALL
        SELECT fiscal_quarter, '{ALL_DIMENSIONS}'::uuid AS dimensions_id, owner_id, {_SUMS}
        FROM detail GROUP BY fiscal_quarter, owner_id
    """


def _by_cell(source: str) -> str:
    return f"SELECT {', '.join(CELL)}, {_SUMS} FROM {source} GROUP BY {', '.join(CELL)}"


# $3: what is known to be wrong with single positions, so that sums are compared with the truth.
_POSITIONS: Final = _by_cell(f"""(
    SELECT {", ".join(CELL)}, {_COLUMNS} FROM forecast.positions WHERE workspace_id = $1
    UNION ALL
    SELECT r.q, r.d, r.w, {UNPACKED}
    FROM json_to_recordset($3::json) AS r (q int, d uuid, w uuid, {PACKED_TYPES})
) AS contributions""")
_ENTRIES: Final = _by_cell("forecast.entries WHERE workspace_id = $1")
_CELLS: Final = f"""
    SELECT {", ".join(CELL)}, {_COLUMNS} FROM forecast.cells WHERE workspace_id = $1
"""
_LATEST: Final = f"""
    SELECT {", ".join(f"c.{name}" for name in CELL)}, {", ".join(f"h.{name}" for name in MEASURES)}
    FROM forecast.cells c
    CROSS JOIN LATERAL (
        SELECT {_COLUMNS} FROM forecast.cell_history x
        WHERE x.workspace_id = $1 AND x.fiscal_quarter = c.fiscal_quarter
            AND x.dimensions_id = c.dimensions_id AND x.owner_id = c.owner_id
        ORDER BY x.sequence DESC LIMIT 1
    ) AS h
    WHERE c.workspace_id = $1
"""
_BY_DAY: Final = f"""
    SELECT {", ".join(CELL)}, (occurred_at AT TIME ZONE 'UTC')::date - DATE '1970-01-01' AS day,
        {_SUMS}
    FROM forecast.entries WHERE workspace_id = $1
    GROUP BY {", ".join(CELL)}, day
"""


def _buckets() -> str:
    grains = [("dimensions_id", 2, 6)]
    grains += [(f"'{ALL_DIMENSIONS}'::uuid", level, level * 3) for level in (0, 1, 2)]
    return " UNION ALL ".join(
        f"""
        SELECT fiscal_quarter, {dimensions} AS dimensions_id, {level}::smallint AS level,
            day >> {shift} AS bucket, owner_id, {_SUMS}
        FROM by_day GROUP BY 1, 2, 3, 4, 5
        """
        for dimensions, level, shift in grains
    )


_BUCKETS: Final = f"""
    SELECT {", ".join(BUCKET)}, {_COLUMNS} FROM forecast.occurred_buckets WHERE workspace_id = $1
"""

_CELLS_BY_POSITIONS: Final = _comparison(CELL, _both_grains(_POSITIONS), _CELLS)
_ENTRIES_BY_POSITIONS: Final = _comparison(CELL, _POSITIONS, _ENTRIES)
_CELLS_BY_ENTRIES: Final = _comparison(CELL, _both_grains(_ENTRIES), _CELLS)
_HISTORY_BY_CELLS: Final = _comparison(CELL, _CELLS, _LATEST)
_BUCKETS_BY_ENTRIES: Final = (
    f"WITH by_day AS MATERIALIZED ({_BY_DAY}) {_comparison(BUCKET, _buckets(), _BUCKETS)}"
)

_ENTRIES_BY_OPPORTUNITY: Final = f"""
    SELECT DISTINCT opportunity_id
    FROM (
        SELECT opportunity_id, {", ".join(CELL)}, {_SUMS} FROM forecast.entries
        WHERE workspace_id = $1 GROUP BY opportunity_id, {", ".join(CELL)}
    ) AS e
    FULL JOIN (
        SELECT opportunity_id, {", ".join(CELL)}, {_COLUMNS} FROM forecast.positions
        WHERE workspace_id = $1
    ) AS p USING (opportunity_id, {", ".join(CELL)})
    WHERE ({", ".join(f"coalesce(e.{name}, 0)" for name in MEASURES)})
        IS DISTINCT FROM ({", ".join(f"coalesce(p.{name}, 0)" for name in MEASURES)})
    LIMIT $2
"""


_DETAIL: Final = f"""
    SELECT {", ".join(CELL)}, {_SUMS} FROM by_day GROUP BY {", ".join(CELL)}
"""
_CONTRIBUTED: Final = _by_cell("forecast.positions WHERE workspace_id = $1")


def _differ(key: Sequence[str], expected: str, found: str) -> str:
    left, right = (
        ", ".join(f"coalesce({side}.{name}, 0)" for name in MEASURES) for side in ("e", "f")
    )
    return f"""EXISTS (
        SELECT FROM ({expected}) AS e FULL JOIN ({found}) AS f USING ({", ".join(key)})
        WHERE ({left}) IS DISTINCT FROM ({right})
    )"""


# Every comparison at once, reading entries and positions a single time.
_SUMS_AGREE: Final = f"""
    WITH by_day AS MATERIALIZED ({_BY_DAY}), detail_sums AS MATERIALIZED ({_DETAIL})
    SELECT NOT (
        {_differ(CELL, _CONTRIBUTED, "SELECT * FROM detail_sums")}
        OR {_differ(CELL, _both_grains("SELECT * FROM detail_sums"), _CELLS)}
        OR {_differ(CELL, _CELLS, _LATEST)}
        OR {_differ(BUCKET, _buckets(), _BUCKETS)}
    )
"""


async def sums_agree(session: Session) -> bool:
    """Whether positions, entries, totals, balances and day blocks all say the same."""
    agree: bool = await session.fetchval(_SUMS_AGREE, session.workspace_id)
    return agree


async def cells_by_positions(
    session: Session, limit: int, corrections: Sequence[dict[str, Any]] = ()
) -> Mismatches:
    """Totals against what the opportunities contribute; `corrections` are added to the latter."""
    return await _compare(session, _CELLS_BY_POSITIONS, CELL, limit, list(corrections))


async def entries_by_positions(
    session: Session, limit: int, corrections: Sequence[dict[str, Any]] = ()
) -> Mismatches:
    return await _compare(session, _ENTRIES_BY_POSITIONS, CELL, limit, list(corrections))


async def cells_by_entries(session: Session, limit: int) -> Mismatches:
    return await _compare(session, _CELLS_BY_ENTRIES, CELL, limit)


async def history_by_cells(session: Session, limit: int) -> Mismatches:
    """The newest balance that was kept, against the total."""
    return await _compare(session, _HISTORY_BY_CELLS, CELL, limit)


async def buckets_by_entries(session: Session, limit: int) -> Mismatches:
    return await _compare(session, _BUCKETS_BY_ENTRIES, BUCKET, limit)


async def opportunities_with_wrong_entries(session: Session, limit: int) -> list[UUID]:
    """Those whose entries do not add up to their position."""
    rows = await session.fetch(_ENTRIES_BY_OPPORTUNITY, session.workspace_id, limit)
    return [row["opportunity_id"] for row in rows]


async def _compare(
    session: Session, statement: str, key: Sequence[str], limit: int, *args: Any
) -> Mismatches:
    rows = await session.fetch(statement, session.workspace_id, limit, *args)
    width, end = len(key), len(key) + len(MEASURES)
    return Mismatches(
        [
            Mismatch(tuple(row[:width]), tuple(row[width:end]), tuple(row[end:-1]))
            for row in map(tuple, rows)
        ],
        rows[0][-1] if rows else 0,
    )
