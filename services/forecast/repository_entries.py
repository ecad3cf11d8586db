"""Statements that open a figure into what it is made of: opportunities and ledger entries.

A figure is named by the measures it adds and takes away; whoever it is summed for, the parts read
here add up to it exactly.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from services.forecast.domain import MEASURES, Measures
from services.forecast.figures import FIGURE_MEASURES
from services.forecast.question import Moment
from services.kit.db import Session
from services.pipeline.views import FigureInputs

_COLUMNS: Final = ", ".join(f"e.{name}" for name in MEASURES)


class Part(NamedTuple):
    """What one opportunity has in a figure."""

    opportunity_id: UUID
    contribution: Decimal


class Entry(NamedTuple):
    """One entry of the ledger."""

    id: UUID
    sequence: int
    opportunity_id: UUID
    version: int
    cause: str
    fiscal_quarter: int
    owner_id: UUID
    dimensions_id: UUID
    occurred_at: datetime
    recorded_at: datetime
    posted_at: datetime
    measures: Measures


def value_of(figure: str, prefix: str = "") -> str:
    """The SQL of a figure over the measures of one row."""
    added, taken = FIGURE_MEASURES[figure]
    plus = " + ".join(prefix + name for name in added)
    minus = "".join(f" - {prefix}{name}" for name in taken)
    return f"({plus}{minus})"


def _reach(moment: Moment, place: str) -> tuple[str, Any]:
    """The condition that an entry is part of the moment, and its argument."""
    if moment.at is None:
        return f"e.sequence <= {place}", moment.batch.sequence
    return f"e.occurred_at <= {place}", moment.at


async def read_parts(
    session: Session,
    moment: Moment,
    quarter_key: int,
    owners: list[UUID] | None,
    figure: str,
    *,
    after: tuple[Decimal, UUID] | None,
    limit: int,
) -> tuple[Decimal, list[Part]]:
    """The figure, and the opportunities in it, the largest contributions first."""
    arguments: list[Any] = [session.workspace_id, quarter_key, owners, *(after or (None, None))]
    arguments.append(limit)
    if moment.is_now:
        source = f"""
            SELECT p.opportunity_id, {value_of(figure, "p.")}::numeric AS contribution
            FROM forecast.positions p
            WHERE p.workspace_id = $1 AND p.fiscal_quarter = $2
                AND ($3::uuid[] IS NULL OR p.owner_id = ANY($3::uuid[]))
        """
    else:
        condition, argument = _reach(moment, "$7")
        source = f"""
            SELECT e.opportunity_id, sum({value_of(figure, "e.")})::numeric AS contribution
            FROM forecast.entries e
            WHERE e.workspace_id = $1 AND e.fiscal_quarter = $2
                AND ($3::uuid[] IS NULL OR e.owner_id = ANY($3::uuid[])) AND {condition}
            GROUP BY e.opportunity_id
        """
        arguments.append(argument)
    rows = await session.fetch(
        f"""
        WITH parts AS MATERIALIZED ({source}),
        page AS (
            SELECT opportunity_id, contribution FROM parts
            WHERE contribution <> 0 AND ($4::numeric IS NULL OR contribution < $4
                OR (contribution = $4 AND opportunity_id > $5::uuid))
            ORDER BY contribution DESC, opportunity_id
            LIMIT $6
        )
        SELECT total.total, page.opportunity_id, page.contribution
        FROM (SELECT coalesce(sum(contribution), 0) AS total FROM parts) AS total
        LEFT JOIN page ON true
        ORDER BY page.contribution DESC, page.opportunity_id
        """,
        *arguments,
    )
    parts = [Part(row[1], row[2]) for row in rows if row[1] is not None]
    return rows[0]["total"], parts


async def read_position_inputs(
    session: Session, opportunity_ids: list[UUID]
) -> dict[UUID, tuple[int, FigureInputs]]:
    """Version and inputs as the ledger holds them now."""
    rows = await session.fetch(
        """
        SELECT opportunity_id, version, inputs FROM forecast.positions
        WHERE workspace_id = $1 AND opportunity_id = ANY($2::uuid[])
        """,
        session.workspace_id,
        opportunity_ids,
    )
    return {
        row["opportunity_id"]: (row["version"], FigureInputs.from_changes(row["inputs"]))
        for row in rows
    }


async def read_posted_versions(
    session: Session, opportunity_ids: list[UUID], sequence: int
) -> dict[UUID, int]:
    """The highest version of each that was posted by a sequence."""
    rows = await session.fetch(
        """
        SELECT opportunity_id, max(version) AS version FROM forecast.postings
        WHERE workspace_id = $1 AND opportunity_id = ANY($2::uuid[]) AND sequence <= $3
        GROUP BY opportunity_id
        """,
        session.workspace_id,
        opportunity_ids,
        sequence,
    )
    return {row["opportunity_id"]: row["version"] for row in rows}


async def read_entries(
    session: Session,
    moment: Moment,
    quarter_key: int,
    owners: list[UUID] | None,
    *,
    figure: str | None,
    cause: str | None,
    after: tuple[int, UUID],
    limit: int,
) -> list[Entry]:
    """In the order of the ledger, behind the entry (or sequence) given; of a figure only those
    that move it."""
    condition, argument = _reach(moment, "$7")
    moves = f"AND {value_of(figure, 'e.')} <> 0" if figure is not None else ""
    rows = await session.fetch(
        f"""
        SELECT e.id, e.sequence, e.opportunity_id, e.version, e.cause, e.fiscal_quarter,
            e.owner_id, e.dimensions_id, e.occurred_at, e.recorded_at, e.posted_at, {_COLUMNS}
        FROM forecast.entries e
        WHERE e.workspace_id = $1 AND e.fiscal_quarter = $2
            AND ($3::uuid[] IS NULL OR e.owner_id = ANY($3::uuid[]))
            AND (e.sequence, e.id) > ($4, $5::uuid)
            AND {condition} {moves}
            AND ($8::text IS NULL OR e.cause = $8)
        ORDER BY e.sequence, e.id
        LIMIT $6
        """,
        session.workspace_id,
        quarter_key,
        owners,
        *after,
        limit,
        argument,
        cause,
    )
    return [Entry._make((*row[:11], tuple(row[11:]))) for row in rows]


async def read_dimensions(
    session: Session, dimensions_ids: list[UUID]
) -> dict[UUID, dict[str, str]]:
    rows = await session.fetch(
        """
        SELECT id, segment, region, type, order_type, vertical FROM forecast.dimensions
        WHERE workspace_id = $1 AND id = ANY($2::uuid[])
        """,
        session.workspace_id,
        dimensions_ids,
    )
    return {row["id"]: dict(list(row.items())[1:]) for row in rows}


async def sum_by_cause(
    session: Session,
    start: Moment,
    end: Moment,
    quarter_key: int,
    owners: list[UUID] | None,
    figure: str,
) -> dict[str, tuple[Decimal, int]]:
    """What each cause added between two moments, and in how many entries."""
    if end.at is None:
        reach = "e.sequence > $4::bigint AND e.sequence <= $5::bigint"
        edges: list[Any] = [start.batch.sequence, end.batch.sequence]
    else:
        reach = "e.occurred_at > $4::timestamptz AND e.occurred_at <= $5::timestamptz"
        edges = [start.at, end.at]
    value = value_of(figure, "e.")
    rows = await session.fetch(
        f"""
        SELECT e.cause, sum({value})::numeric AS amount,
            count(*) FILTER (WHERE {value} <> 0) AS entry_count
        FROM forecast.entries e
        WHERE e.workspace_id = $1 AND e.fiscal_quarter = $2
            AND ($3::uuid[] IS NULL OR e.owner_id = ANY($3::uuid[])) AND {reach}
        GROUP BY e.cause
        """,
        session.workspace_id,
        quarter_key,
        owners,
        *edges,
    )
    return {row["cause"]: (row["amount"], row["entry_count"]) for row in rows}
