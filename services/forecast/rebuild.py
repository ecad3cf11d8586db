"""Brings the ledger of a workspace to what its opportunity rows say; what was wrong is posted as
`correction` entries with sequences of their own, and history stays as it was told.

Compares without a lock and corrects under it, looking again at whatever it corrects, so that
posting goes on while a large book is being compared.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from services.forecast import posting
from services.forecast.audits import comparisons
from services.forecast.domain import NOTHING, Contribution, Measures, dimensions_id, minus
from services.forecast.drafting import CellKey, Deltas, Position
from services.forecast.posting import Cursor, EntryRow
from services.forecast.recompute import TICK, write_entries
from services.forecast.tasks import settle
from services.forecast.truth import Actual, actual_of, contributor_of, scan
from services.kit import clock
from services.kit.db import Database, WriteSession
from services.kit.ids import NIL, new_id
from services.kit.logging import get_logger
from services.pipeline import events as pipeline
from services.pipeline.events import OutboxEvent

log = get_logger(__name__)

KIND_CORRECTION: Final = "correction"
_AT_ONCE: Final = 500
_SUMS_AT_ONCE: Final = 20_000
_BUSY_PAUSE_S: Final = 0.02

Progress = Callable[[int], Any]


@dataclass(slots=True)
class RebuildResult:
    """What was looked at and what had to be corrected."""

    opportunities: int = 0
    released: int = 0
    corrected_opportunities: int = 0
    corrected_cells: int = 0
    corrected_buckets: int = 0
    sequence: int = 0

    @property
    def is_unchanged(self) -> bool:
        return not (self.corrected_opportunities or self.corrected_cells or self.corrected_buckets)


async def rebuild(
    database: Database, workspace_id: UUID, progress: Progress | None = None
) -> RebuildResult:
    """Parked events get another start first. The database must be connected with the worker's
    role."""
    result = RebuildResult()
    async with database.write(workspace_id) as session:
        result.released = await pipeline.release_parked(session)
    await settle(database, workspace_id, recorded_by=clock.now())
    agree, _ = await asyncio.gather(
        _sums_agree(database, workspace_id),
        _correct_opportunities(database, workspace_id, result, progress),
    )
    if not agree or result.corrected_opportunities:
        await _correct_entries(database, workspace_id, result)
        await _correct_sums(database, workspace_id, result)
    async with database.read(workspace_id) as session:
        result.sequence = await posting.read_sequence(session)
    return result


async def _sums_agree(database: Database, workspace_id: UUID) -> bool:
    async with database.read(workspace_id) as session:
        return await comparisons.sums_agree(session)


async def _correct_opportunities(
    database: Database, workspace_id: UUID, result: RebuildResult, progress: Progress | None
) -> None:
    async with database.read(workspace_id) as session:
        async for scanned in scan(session, await contributor_of(session)):
            result.opportunities += scanned.looked_at
            await _correct(database, workspace_id, scanned.suspects, result)
            if progress is not None:
                progress(result.opportunities)


async def _correct_entries(database: Database, workspace_id: UUID, result: RebuildResult) -> None:
    """Opportunities whose position is right and whose entries do not add up to it."""
    async with database.read(workspace_id) as session:
        if not (await comparisons.entries_by_positions(session, 1)).total:
            return
    while True:
        async with database.read(workspace_id) as session:
            wrong = await comparisons.opportunities_with_wrong_entries(session, _AT_ONCE)
        before = result.corrected_opportunities
        await _correct(database, workspace_id, wrong, result)
        if result.corrected_opportunities == before:
            return


async def _correct(
    database: Database, workspace_id: UUID, suspects: Sequence[UUID], result: RebuildResult
) -> None:
    for start in range(0, len(suspects), _AT_ONCE):
        part = suspects[start : start + _AT_ONCE]
        corrected = None
        while corrected is None:
            async with database.write(workspace_id) as session:
                corrected = await _correct_some(session, part)
            if corrected is None:
                await asyncio.sleep(_BUSY_PAUSE_S)
        result.corrected_opportunities += corrected


async def _correct_some(session: WriteSession, suspects: Sequence[UUID]) -> int | None:
    """How many of them were wrong; None while someone else posts."""
    cursor = await posting.lock_cursor(session)
    if cursor is None:
        return None
    actual = await actual_of(session, suspects, await contributor_of(session))
    held = await posting.load_holdings(session, suspects)
    posted = await posting.sum_entries(session, suspects)
    correction = _Correction(cursor)
    for opportunity_id in suspects:
        here = actual[opportunity_id]
        missing = _missing(here.contribution, posted.get(opportunity_id, {}))
        if missing or held.get(opportunity_id) != posting.holding_of(here):
            correction.add(opportunity_id, here, missing)
    await correction.write(session)
    return len(correction.events)


def _missing(
    contribution: Contribution | None, posted: dict[CellKey, Measures]
) -> dict[CellKey, Measures]:
    """What has to be added so that an opportunity's entries add up to its contribution."""
    expected: dict[CellKey, Measures] = {}
    if contribution is not None:
        combination = dimensions_id(contribution.dimensions)
        key = (contribution.fiscal_quarter, combination, contribution.owner_id)
        expected[key] = contribution.measures
    missing = {
        key: minus(expected.get(key, NOTHING), posted.get(key, NOTHING))
        for key in {**expected, **posted}
    }
    return {key: measures for key, measures in missing.items() if any(measures)}


class _Correction:
    """One batch of corrections, a sequence for each opportunity."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self.posted_at = max(clock.now(), cursor.last_posted_at + TICK)
        self.events: list[OutboxEvent] = []
        self._entries: list[EntryRow] = []
        self._deltas = Deltas()
        self._positions: dict[UUID, tuple[Position, Contribution]] = {}
        self._gone: list[UUID] = []

    @property
    def last_sequence(self) -> int:
        return self._cursor.last_sequence + len(self.events)

    def add(self, opportunity_id: UUID, actual: Actual, missing: dict[CellKey, Measures]) -> None:
        at, version = self.posted_at, actual.version
        self.note(opportunity_id, version)
        for (quarter, combination, owner), measures in missing.items():
            self._deltas.add_to_cell((quarter, combination, owner), at, measures)
            self._entries.append(
                EntryRow(
                    new_id(), self.last_sequence, opportunity_id, version, None,
                    KIND_CORRECTION, quarter, owner, combination, at, at, measures,
                )
            )  # fmt: skip
        if actual.inputs is None or actual.contribution is None:
            self._gone.append(opportunity_id)
            return
        dimensions = actual.contribution.dimensions
        self._deltas.dimensions[dimensions_id(dimensions)] = dimensions
        self._positions[opportunity_id] = (
            Position(version, actual.inputs, at),
            actual.contribution,
        )

    def note(self, subject_id: UUID, version: int) -> None:
        """Takes the next sequence, which the feed will name."""
        self.events.append(
            OutboxEvent(
                NIL, KIND_CORRECTION, subject_id, version, None, self.posted_at, 0, None, None
            )
        )

    async def write(self, session: WriteSession) -> None:
        if not self.events:
            return
        if self._entries:
            await write_entries(
                session, self._entries, self._deltas, self.last_sequence, self.posted_at
            )
        if self._positions:
            await posting.put_positions(session, self._positions)
        if self._gone:
            await posting.delete_positions(session, self._gone)
        await self.close(session)

    async def close(self, session: WriteSession) -> None:
        first_sequence = self._cursor.last_sequence + 1
        sequences = list(range(first_sequence, self.last_sequence + 1))
        await pipeline.append_feed(session, self.events, sequences, self.posted_at)
        after = Cursor(self.last_sequence, self.posted_at, self._cursor.last_event_at)
        await posting.close_batch(session, first_sequence, after)
        log.warning(
            "ledger_corrected", workspace_id=str(session.workspace_id), events=len(self.events)
        )


async def _correct_sums(database: Database, workspace_id: UUID, result: RebuildResult) -> None:
    """Totals, their kept balances and the day blocks, from the entries."""
    corrected: tuple[int, int] | None = None
    while corrected is None or any(corrected):
        async with database.write(workspace_id) as session:
            corrected = await _correct_some_sums(session)
        if corrected is None:
            await asyncio.sleep(_BUSY_PAUSE_S)
            continue
        result.corrected_cells += corrected[0]
        result.corrected_buckets += corrected[1]


async def _correct_some_sums(session: WriteSession) -> tuple[int, int] | None:
    """How many cells and blocks were wrong; None while someone else posts."""
    cursor = await posting.lock_cursor(session)
    if cursor is None:
        return None
    cells: defaultdict[CellKey, Measures] = defaultdict(lambda: NOTHING)
    for row in (await comparisons.history_by_cells(session, _SUMS_AT_ONCE)).rows:
        # The total may be right: adding nothing keeps its balance.
        cells[row.key] = NOTHING
    for row in (await comparisons.cells_by_entries(session, _SUMS_AT_ONCE)).rows:
        cells[row.key] = minus(row.expected, row.found)
    buckets = {
        row.key: minus(row.expected, row.found)
        for row in (await comparisons.buckets_by_entries(session, _SUMS_AT_ONCE)).rows
    }
    if not cells and not buckets:
        return 0, 0
    correction = _Correction(cursor)
    correction.note(NIL, 0)
    if cells:
        await posting.add_to_cells(session, cells, correction.last_sequence)
    if buckets:
        await posting.add_to_buckets(session, buckets)
    await correction.close(session)
    return len(cells), len(buckets)
