"""Statements that write the ledger: entries, running totals, positions and the cursor.

Every one of them takes a whole batch, so that a thousand events cost as many round trips as one.
Rows travel as JSON with only the measures that are not zero; Postgres fills in the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from services.forecast.domain import (
    AMOUNT_MEASURES,
    MEASURES,
    Contribution,
    Dimensions,
    Measures,
    dimensions_id,
)
from services.forecast.drafting import BucketKey, CellKey, Position
from services.forecast.truth import Actual
from services.kit.db import Session, WriteSession
from services.pipeline.views import FigureInputs

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Before any batch."""

_COLUMNS: Final = ", ".join(MEASURES)
_PACKED: Final = tuple(f"m{place}" for place in range(len(MEASURES)))
PACKED_TYPES: Final = ", ".join(
    f"{short} {'numeric' if name in AMOUNT_MEASURES else 'bigint'}"
    for short, name in zip(_PACKED, MEASURES, strict=True)
)
UNPACKED: Final = ", ".join(f"coalesce(r.{short}, 0)" for short in _PACKED)


class Cursor(NamedTuple):
    """Where the workspace's ledger stands."""

    last_sequence: int
    last_posted_at: datetime
    last_event_at: datetime | None


class EntryRow(NamedTuple):
    """An entry as it is stored; what it shares with its batch is given once."""

    id: UUID
    sequence: int
    opportunity_id: UUID
    version: int
    event_id: UUID | None
    cause: str
    fiscal_quarter: int
    owner_id: UUID
    dimensions_id: UUID
    occurred_at: datetime
    recorded_at: datetime
    measures: Measures


class Holding(NamedTuple):
    """All the ledger holds of one opportunity, as one comparable value."""

    version: int
    inputs: dict[str, Any]
    cell: CellKey
    measures: Measures


def holding_of(actual: Actual) -> Holding | None:
    """What the ledger should hold of an opportunity that stands like this."""
    if actual.inputs is None or actual.contribution is None:
        return None
    quarter, owner, dimensions, measures = actual.contribution
    cell = (quarter, dimensions_id(dimensions), owner)
    return Holding(actual.version, actual.inputs.to_json(), cell, measures)


def _accumulated(table: str) -> str:
    return ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in MEASURES)


def _replaced(names: Iterable[str]) -> str:
    return ", ".join(f"{name} = excluded.{name}" for name in names)


def pack(measures: Measures) -> dict[str, Any]:
    """Only what is not zero, by short names; amounts as strings, so that no float comes near."""
    return {
        short: value if type(value) is int else str(value)
        for short, value in zip(_PACKED, measures, strict=True)
        if value
    }


async def lock_cursor(session: WriteSession) -> Cursor | None:
    """The workspace's lock, until the transaction ends; None while someone else posts. What is
    claimed must be read by a later statement, or it may be older than the lock."""
    row = await session.fetchrow(
        """
        SELECT last_sequence, last_posted_at, last_event_at FROM forecast.cursors
        WHERE workspace_id = $1 FOR NO KEY UPDATE SKIP LOCKED
        """,
        session.workspace_id,
    )
    if row is None:
        # Locked, or the first batch of this workspace. A new row is its maker's alone.
        row = await session.fetchrow(
            """
            INSERT INTO forecast.cursors (workspace_id, last_sequence, last_posted_at)
            VALUES ($1, 0, $2) ON CONFLICT (workspace_id) DO NOTHING
            RETURNING last_sequence, last_posted_at, last_event_at
            """,
            session.workspace_id,
            BEGINNING,
        )
    return None if row is None else Cursor(*row)


async def load_positions(
    session: WriteSession, opportunity_ids: Iterable[UUID]
) -> dict[UUID, Position]:
    rows = await session.fetch(
        """
        SELECT opportunity_id, version, inputs, occurred_at_max FROM forecast.positions
        WHERE workspace_id = $1 AND opportunity_id = ANY($2::uuid[])
        """,
        session.workspace_id,
        list(opportunity_ids),
    )
    return {
        opportunity_id: Position(version, FigureInputs.from_changes(inputs), occurred_at_max)
        for opportunity_id, version, inputs, occurred_at_max in rows
    }


async def load_holdings(session: Session, ids: Iterable[UUID]) -> dict[UUID, Holding]:
    rows = await session.fetch(
        f"""
        SELECT opportunity_id, version, inputs, fiscal_quarter, dimensions_id, owner_id, {_COLUMNS}
        FROM forecast.positions WHERE workspace_id = $1 AND opportunity_id = ANY($2::uuid[])
        """,
        session.workspace_id,
        list(ids),
    )
    return {row[0]: Holding(row[1], row[2], tuple(row[3:6]), tuple(row[6:])) for row in rows}


async def read_sequence(session: Session) -> int:
    """The last sequence that was handed out; 0 before the first."""
    found: int | None = await session.fetchval(
        "SELECT last_sequence FROM forecast.cursors WHERE workspace_id = $1", session.workspace_id
    )
    return found or 0


async def insert_postings(
    session: WriteSession, postings: Sequence[tuple[UUID, int, int]], posted_at: datetime
) -> None:
    """Rows of (opportunity, version, sequence). The key refuses a version the second time."""
    await session.execute(
        """
        INSERT INTO forecast.postings (workspace_id, opportunity_id, version, sequence, posted_at)
        SELECT w.id, r.*, $5
        FROM workspace.workspaces w, unnest($2::uuid[], $3::int[], $4::bigint[]) r
        WHERE w.id = $1
        """,
        session.workspace_id,
        [posting[0] for posting in postings],
        [posting[1] for posting in postings],
        [posting[2] for posting in postings],
        posted_at,
    )


_INSERT_ENTRIES: Final = f"""
    INSERT INTO forecast.entries (workspace_id, id, sequence, opportunity_id, version, event_id,
        cause, fiscal_quarter, owner_id, dimensions_id, occurred_at, recorded_at, posted_at,
        {_COLUMNS})
    SELECT w.id, r.id, r.s, r.o, r.v, r.e, r.c, r.q, r.w, r.d, r.t, r.r, $3, {UNPACKED}
    FROM workspace.workspaces w, json_to_recordset($2::json) AS r (
        id uuid, s bigint, o uuid, v int, e uuid, c text, q int, w uuid, d uuid,
        t timestamptz, r timestamptz, {PACKED_TYPES})
    WHERE w.id = $1
"""


async def insert_entries(
    session: WriteSession, entries: Sequence[EntryRow], posted_at: datetime
) -> None:
    rows = [
        {
            "id": entry.id, "s": entry.sequence, "o": entry.opportunity_id,
            "v": entry.version, "e": entry.event_id, "c": entry.cause,
            "q": entry.fiscal_quarter, "w": entry.owner_id, "d": entry.dimensions_id,
            "t": entry.occurred_at, "r": entry.recorded_at, **pack(entry.measures),
        }
        for entry in entries
    ]  # fmt: skip
    await session.execute(_INSERT_ENTRIES, session.workspace_id, rows, posted_at)


async def insert_dimensions(session: WriteSession, dimensions: Mapping[UUID, Dimensions]) -> None:
    """The combinations that are not there yet."""
    await session.execute(
        """
        INSERT INTO forecast.dimensions
            (workspace_id, id, segment, region, type, order_type, vertical)
        SELECT w.id, r.*
        FROM workspace.workspaces w, unnest(
            $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) r
        WHERE w.id = $1
        ON CONFLICT (workspace_id, id) DO NOTHING
        """,
        session.workspace_id,
        list(dimensions),
        *(list(column) for column in zip(*dimensions.values(), strict=True)),
    )


_ADD_TO_CELLS: Final = f"""
    INSERT INTO forecast.cells
        (workspace_id, fiscal_quarter, dimensions_id, owner_id, {_COLUMNS})
    SELECT w.id, r.q, r.d, r.w, {UNPACKED}
    FROM workspace.workspaces w,
        json_to_recordset($2::json) AS r (q int, d uuid, w uuid, {PACKED_TYPES})
    WHERE w.id = $1
    ON CONFLICT (workspace_id, fiscal_quarter, dimensions_id, owner_id)
        DO UPDATE SET {_accumulated("cells")}
"""

_KEEP_BALANCES: Final = f"""
    INSERT INTO forecast.cell_history
        (workspace_id, fiscal_quarter, dimensions_id, owner_id, sequence, {_COLUMNS})
    SELECT c.workspace_id, c.fiscal_quarter, c.dimensions_id, c.owner_id, $5,
        {", ".join(f"c.{name}" for name in MEASURES)}
    FROM unnest($2::int[], $3::uuid[], $4::uuid[]) AS r (q, d, w)
    JOIN forecast.cells c ON c.workspace_id = $1
        AND c.fiscal_quarter = r.q AND c.dimensions_id = r.d AND c.owner_id = r.w
    WHERE c.workspace_id = $1
"""


async def add_to_cells(
    session: WriteSession, deltas: Mapping[CellKey, Measures], sequence: int
) -> None:
    """Adds, and keeps each touched cell's balance as this batch leaves it."""
    keys = sorted(deltas)
    rows = [{"q": key[0], "d": key[1], "w": key[2], **pack(deltas[key])} for key in keys]
    await session.execute(_ADD_TO_CELLS, session.workspace_id, rows)
    quarters, dimensions, owners = zip(*keys, strict=True)
    await session.execute(
        _KEEP_BALANCES, session.workspace_id, quarters, dimensions, owners, sequence
    )


_ADD_TO_BUCKETS: Final = f"""
    INSERT INTO forecast.occurred_buckets
        (workspace_id, fiscal_quarter, dimensions_id, level, bucket, owner_id, {_COLUMNS})
    SELECT w.id, r.q, r.d, r.l, r.b, r.w, {UNPACKED}
    FROM workspace.workspaces w, json_to_recordset($2::json) AS r (
        q int, d uuid, l smallint, b int, w uuid, {PACKED_TYPES})
    WHERE w.id = $1
    ON CONFLICT (workspace_id, fiscal_quarter, dimensions_id, level, bucket, owner_id)
        DO UPDATE SET {_accumulated("occurred_buckets")}
"""


async def add_to_buckets(session: WriteSession, deltas: Mapping[BucketKey, Measures]) -> None:
    rows = [
        {
            "q": key[0], "d": key[1], "l": key[2], "b": key[3], "w": key[4],
            **pack(deltas[key]),
        }
        for key in sorted(deltas)
    ]  # fmt: skip
    await session.execute(_ADD_TO_BUCKETS, session.workspace_id, rows)


_POSITION_COLUMNS: Final = (
    "version",
    "inputs",
    "occurred_at_max",
    "fiscal_quarter",
    "owner_id",
    "dimensions_id",
    *MEASURES,
)
_PUT_POSITIONS: Final = f"""
    INSERT INTO forecast.positions (workspace_id, opportunity_id, version, inputs,
        occurred_at_max, fiscal_quarter, owner_id, dimensions_id, {_COLUMNS})
    SELECT w.id, r.o, r.v, r.i, r.t, r.q, r.w, r.d, {UNPACKED}
    FROM workspace.workspaces w, json_to_recordset($2::json) AS r (
        o uuid, v int, i jsonb, t timestamptz, q int, w uuid, d uuid, {PACKED_TYPES})
    WHERE w.id = $1
    ON CONFLICT (workspace_id, opportunity_id)
        DO UPDATE SET {_replaced(_POSITION_COLUMNS)}
"""


async def put_positions(
    session: WriteSession, positions: Mapping[UUID, tuple[Position, Contribution]]
) -> None:
    rows = [
        {
            "o": opportunity_id, "v": position.version, "i": position.inputs.to_json(),
            "t": position.occurred_at_max, "q": contribution.fiscal_quarter,
            "w": contribution.owner_id, "d": dimensions_id(contribution.dimensions),
            **pack(contribution.measures),
        }
        for opportunity_id, (position, contribution) in positions.items()
    ]  # fmt: skip
    await session.execute(_PUT_POSITIONS, session.workspace_id, rows)


async def delete_positions(session: WriteSession, ids: Iterable[UUID]) -> None:
    """Of opportunities that are not there."""
    await session.execute(
        "DELETE FROM forecast.positions WHERE workspace_id = $1 AND opportunity_id = ANY($2)",
        session.workspace_id,
        list(ids),
    )


async def sum_entries(session: Session, ids: Iterable[UUID]) -> dict[UUID, dict[CellKey, Measures]]:
    """What the entries of each of these opportunities add up to, per cell."""
    rows = await session.fetch(
        f"""
        SELECT opportunity_id, fiscal_quarter, dimensions_id, owner_id,
            {", ".join(f"sum({name})" for name in MEASURES)}
        FROM forecast.entries WHERE workspace_id = $1 AND opportunity_id = ANY($2::uuid[])
        GROUP BY opportunity_id, fiscal_quarter, dimensions_id, owner_id
        """,
        session.workspace_id,
        list(ids),
    )
    sums: dict[UUID, dict[CellKey, Measures]] = {}
    for row in rows:
        sums.setdefault(row[0], {})[tuple(row[1:4])] = tuple(row[4:])
    return sums


async def close_batch(session: WriteSession, first_sequence: int, cursor: Cursor) -> None:
    """Writes the batch's row and moves the cursor to where the batch ends."""
    await session.execute(
        """
        INSERT INTO forecast.batches
            (workspace_id, first_sequence, last_sequence, posted_at, last_event_at)
        VALUES ($1, $2, $3, $4, $5)
        """,
        session.workspace_id,
        first_sequence,
        *cursor,
    )
    await session.execute(
        """
        UPDATE forecast.cursors
        SET last_sequence = $2, last_posted_at = $3, last_event_at = $4
        WHERE workspace_id = $1
        """,
        session.workspace_id,
        *cursor,
    )


async def stamp_quotas(session: WriteSession, sequences: Mapping[UUID, int]) -> None:
    """By row id; from now on these quotas are part of the figures."""
    await session.execute(
        """
        UPDATE forecast.quotas AS stamped SET sequence = r.sequence
        FROM unnest($2::uuid[], $3::bigint[]) AS r (id, sequence)
        WHERE stamped.workspace_id = $1 AND stamped.id = r.id AND stamped.sequence IS NULL
        """,
        session.workspace_id,
        list(sequences),
        list(sequences.values()),
    )
