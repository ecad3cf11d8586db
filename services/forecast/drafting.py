"""What a batch of events does to the ledger, worked out before anything is written.

Pure. Takes the claimed versions of one opportunity and what the ledger holds of it, and says which
entries each version posts and where the opportunity stands afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from services.forecast.domain import (
    ALL_DIMENSIONS,
    Contribution,
    Dimensions,
    Measures,
    dimensions_id,
    plus,
)
from services.forecast.ledger import Contribute, EntryDraft, is_told_late, post_version
from services.pipeline.events import OutboxEvent
from services.pipeline.views import FigureEvent, FigureInputs

CellKey: TypeAlias = tuple[int, UUID, UUID]
"""Fiscal quarter, dimensions id, owner."""

BucketKey: TypeAlias = tuple[int, UUID, int, int, UUID]
"""Fiscal quarter, dimensions id, level, bucket, owner."""

EPOCH_DAY: Final = datetime(1970, 1, 1, tzinfo=UTC).toordinal()
LEVEL_SHIFTS: Final = (0, 3, 6)
"""A bucket of level n holds 1, 8 or 64 days: its number is the day's number shifted by this."""
TOTAL_LEVELS: Final = (0, 1, 2)
DETAIL_LEVELS: Final = (2,)
"""Owner totals are kept at every level, single dimensions only in blocks of 64 days."""


class VersionGapError(Exception):
    """A version was claimed and the one before it is neither posted nor claimed."""

    def __init__(self, opportunity_id: UUID, version: int, posted: int) -> None:
        super().__init__(
            f"opportunity {opportunity_id}: version {version} is due, version {posted} is posted,"
            " and what is between them is missing"
        )


class EventMissingError(Exception):
    """An outbox row names a version that has no event."""

    def __init__(self, opportunity_id: UUID, version: int) -> None:
        super().__init__(f"opportunity {opportunity_id}: version {version} has no event")


class Position(NamedTuple):
    """What the ledger holds of one opportunity."""

    version: int
    inputs: FigureInputs
    occurred_at_max: datetime


class Drafted(NamedTuple):
    """One opportunity's part of a batch."""

    entries: list[list[EntryDraft]]
    position: Position
    contribution: Contribution


def first_told_late(events: Sequence[OutboxEvent], position: Position | None) -> bool:
    """Whether any of these versions reaches back before one told earlier."""
    latest = position.occurred_at_max if position else None
    for event in events:
        if event.occurred_at is None:
            return False
        if is_told_late(event.occurred_at, latest):
            return True
        latest = event.occurred_at
    return False


def draft_opportunity(
    events: Sequence[OutboxEvent],
    position: Position | None,
    history: Sequence[FigureEvent] | None,
    contribute: Contribute,
) -> Drafted:
    """Entries for each of the versions, which must follow the position's without a gap.

    `history`: the versions below the first one, when one is told late; else None.
    """
    told = None if history is None else list(history)
    version = position.version if position else 0
    inputs = position.inputs if position else None
    latest = position.occurred_at_max if position else None
    entries: list[list[EntryDraft]] = []
    for event in events:
        if event.version != version + 1:
            raise VersionGapError(event.subject_id, event.version, version)
        if event.occurred_at is None or event.changes is None:
            raise EventMissingError(event.subject_id, event.version)
        figure_event = FigureEvent(event.version, event.occurred_at, event.changes)
        is_late = is_told_late(event.occurred_at, latest)
        entries.append(
            post_version(
                figure_event,
                contribute,
                before=inputs,
                history=told if is_late and told is not None else (),
            )
        )
        if told is not None:
            told.append(figure_event)
        version = event.version
        inputs = (
            FigureInputs.from_changes(event.changes)
            if inputs is None
            else inputs.merge(event.changes)
        )
        latest = event.occurred_at if latest is None else max(latest, event.occurred_at)
    assert inputs is not None
    assert latest is not None
    return Drafted(entries, Position(version, inputs, latest), contribute(inputs))


def day_number(instant: datetime) -> int:
    """The UTC day an instant belongs to, counted from 1970."""
    return instant.astimezone(UTC).toordinal() - EPOCH_DAY


class Deltas:
    """What a batch adds to each cell and each bucket, summed."""

    def __init__(self) -> None:
        self.dimensions: dict[UUID, Dimensions] = {}
        self._by_day: dict[tuple[int, UUID, UUID, int], Measures] = {}

    def add(self, entry: EntryDraft) -> UUID:
        """The id of the entry's dimensions."""
        combination = dimensions_id(entry.dimensions)
        self.dimensions[combination] = entry.dimensions
        cell = (entry.fiscal_quarter, combination, entry.owner_id)
        self.add_to_cell(cell, entry.occurred_at, entry.measures)
        return combination

    def add_to_cell(self, cell: CellKey, occurred_at: datetime, measures: Measures) -> None:
        """For a cell whose dimensions are known already."""
        _sum(self._by_day, (*cell, day_number(occurred_at)), measures)

    def cells(self) -> dict[CellKey, Measures]:
        """For both grains: single dimensions and owner totals. A sum of nothing stays in, so that
        a cell's history says it was touched."""
        cells: dict[CellKey, Measures] = {}
        for (quarter, combination, owner, _), measures in self._by_day.items():
            _sum(cells, (quarter, combination, owner), measures)
            _sum(cells, (quarter, ALL_DIMENSIONS, owner), measures)
        return cells

    def buckets(self) -> dict[BucketKey, Measures]:
        buckets: dict[BucketKey, Measures] = {}
        for (quarter, combination, owner, day), measures in self._by_day.items():
            for level in DETAIL_LEVELS:
                bucket = day >> LEVEL_SHIFTS[level]
                _sum(buckets, (quarter, combination, level, bucket, owner), measures)
            for level in TOTAL_LEVELS:
                bucket = day >> LEVEL_SHIFTS[level]
                _sum(buckets, (quarter, ALL_DIMENSIONS, level, bucket, owner), measures)
        return buckets


def _sum(sums: dict[Any, Measures], key: Any, measures: Measures) -> None:
    known = sums.get(key)
    sums[key] = measures if known is None else plus(known, measures)
