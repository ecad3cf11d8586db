"""What a workspace's ledger must be, worked out from what was told and compared with every table.

The reference is a plain fold of all versions of all opportunities, nothing kept from before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.forecast.domain import (
    ALL_DIMENSIONS,
    MEASURES,
    NOTHING,
    Measures,
    dimensions_id,
    is_nothing,
    plus,
)
from services.forecast.ledger import contributor
from services.pipeline.views import FigureEvent, fold_at
from services.workspace.policy import SOP_2022
from tests.forecast.book import CALENDAR, Book

Cells = dict[tuple[int, UUID, UUID], Measures]

_COLUMNS = ", ".join(MEASURES)
_SUMS = ", ".join(f"sum({name}) AS {name}" for name in MEASURES)
_KEY = "fiscal_quarter, dimensions_id, owner_id"

_contribute = contributor({1: SOP_2022}, CALENDAR, "USD")


def expected_cells(book: Book, moment: datetime | None = None) -> Cells:
    """Both grains, from scratch: of everything told, as it stood at a moment of its own time."""
    cells: Cells = {}
    for told in book.versions.values():
        events = [
            FigureEvent(number, occurred_at, changes)
            for number, (occurred_at, changes) in enumerate(told, 1)
        ]
        last = max(event.occurred_at for event in events)
        inputs = fold_at(events, moment or last)
        if inputs is None:
            continue
        contribution = _contribute(inputs)
        for dimensions in (dimensions_id(contribution.dimensions), ALL_DIMENSIONS):
            key = (contribution.fiscal_quarter, dimensions, contribution.owner_id)
            cells[key] = plus(cells.get(key, NOTHING), contribution.measures)
    return present(cells)


def present(cells: Mapping[tuple[int, UUID, UUID], Measures]) -> Cells:
    return {key: measures for key, measures in cells.items() if not is_nothing(measures)}


async def _cells(book: Book, statement: str, *args: Any) -> Cells:
    async with book.database.read(book.workspace_id) as session:
        rows = await session.fetch(statement, book.workspace_id, *args)
    return present({tuple(row[:3]): tuple(row[3:]) for row in rows})


async def cells_now(book: Book) -> Cells:
    return await _cells(
        book, f"SELECT {_KEY}, {_COLUMNS} FROM forecast.cells WHERE workspace_id = $1"
    )


async def cells_recorded(book: Book, sequence: int) -> Cells:
    """The recorded axis: each cell as the last batch up to a sequence left it."""
    return await _cells(
        book,
        f"""
        SELECT DISTINCT ON ({_KEY}) {_KEY}, {_COLUMNS} FROM forecast.cell_history
        WHERE workspace_id = $1 AND sequence <= $2 ORDER BY {_KEY}, sequence DESC
        """,
        sequence,
    )


async def cells_occurred(book: Book, moment: datetime) -> Cells:
    """The occurred axis, straight from the entries."""
    return both_grains(
        await _cells(
            book,
            f"""
            SELECT {_KEY}, {_SUMS} FROM forecast.entries
            WHERE workspace_id = $1 AND occurred_at <= $2 GROUP BY {_KEY}
            """,
            moment,
        )
    )


async def cells_of_buckets(book: Book, level: int) -> Cells:
    return await _cells(
        book,
        f"""
        SELECT {_KEY}, {_SUMS} FROM forecast.occurred_buckets
        WHERE workspace_id = $1 AND level = $2 GROUP BY {_KEY}
        """,
        level,
    )


async def cells_of_positions(book: Book) -> Cells:
    return both_grains(
        await _cells(
            book,
            f"""
            SELECT {_KEY}, {_SUMS} FROM forecast.positions WHERE workspace_id = $1
            GROUP BY {_KEY}
            """,
        )
    )


def both_grains(cells: Cells) -> Cells:
    sums: Cells = dict(cells)
    for (quarter, _, owner), measures in cells.items():
        key = (quarter, ALL_DIMENSIONS, owner)
        sums[key] = plus(sums.get(key, NOTHING), measures)
    return present(sums)


def totals(cells: Cells) -> Cells:
    return {key: measures for key, measures in cells.items() if key[1] == ALL_DIMENSIONS}


async def check(book: Book) -> int:
    """Everything that must hold when nothing is due; the last sequence."""
    expected = expected_cells(book)
    assert await cells_now(book) == expected
    assert await cells_of_positions(book) == expected
    assert await cells_of_buckets(book, 2) == expected
    for level in (0, 1):
        assert await cells_of_buckets(book, level) == totals(expected)
    last_sequence = await check_sequences(book)
    assert await cells_recorded(book, last_sequence) == expected
    return last_sequence


async def check_sequences(book: Book) -> int:
    """Every version is posted once, in order, without a gap; batches strictly increase."""
    async with book.database.read(book.workspace_id) as session:
        feed = await session.fetch(
            """
            SELECT f.sequence, f.subject_id, f.version, p.sequence AS posted
            FROM pipeline.feed f
            LEFT JOIN forecast.postings p ON p.workspace_id = $1
                AND p.opportunity_id = f.subject_id AND p.version = f.version
            WHERE f.workspace_id = $1 AND f.kind = 'opportunity' ORDER BY f.sequence
            """,
            book.workspace_id,
        )
        batches = await session.fetch(
            """
            SELECT first_sequence, last_sequence, posted_at FROM forecast.batches
            WHERE workspace_id = $1 ORDER BY last_sequence
            """,
            book.workspace_id,
        )
        pending = await session.fetchval(
            "SELECT count(*) FROM pipeline.outbox WHERE workspace_id = $1", book.workspace_id
        )
    assert pending == 0
    order: defaultdict[UUID, list[int]] = defaultdict(list)
    for row in feed:
        assert row["sequence"] == row["posted"]
        order[row["subject_id"]].append(row["version"])
    assert order == {
        opportunity_id: list(range(1, len(told) + 1))
        for opportunity_id, told in book.versions.items()
    }
    reached, instant = 0, None
    for batch in batches:
        assert batch["first_sequence"] == reached + 1
        assert instant is None or batch["posted_at"] > instant
        reached, instant = batch["last_sequence"], batch["posted_at"]
    return reached
