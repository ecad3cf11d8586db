"""Turns due events into figures: one transaction a batch, all or nothing.

The workspace's cursor row is the lock and hands out the sequence. What a batch costs depends on
its events and never on how many opportunities the workspace has. Running it twice, or dying
anywhere in it, changes nothing: what is claimed is deleted in the transaction that posts it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

from services.forecast import posting
from services.forecast.contained import Contained
from services.forecast.drafting import (
    Deltas,
    Drafted,
    Position,
    draft_opportunity,
    first_told_late,
)
from services.forecast.ledger import Contribute, contributor
from services.forecast.posting import Cursor, EntryRow
from services.forecast.telemetry import (
    BATCH_SECONDS,
    EVENTS_POSTED,
    EVENTS_QUARANTINED,
    FAILED_ATTEMPTS,
)
from services.kit import clock
from services.kit.db import Database, Session, WriteSession
from services.kit.ids import new_id
from services.kit.logging import get_logger
from services.kit.settings import get_settings
from services.pipeline import events as pipeline
from services.pipeline.events import OutboxEvent
from services.pipeline.views import FigureEvent
from services.workspace.outbox import (
    KIND_OPPORTUNITY,
    KIND_PLAN_TYPE,
    KIND_POLICY,
    KIND_QUOTA,
    KIND_REPORTING_LINE,
)
from services.workspace.policies import repository as policies
from services.workspace.policy import Policy
from services.workspace.sequencing import stamp
from services.workspace.workspaces.repository import get_workspace

log = get_logger(__name__)

# What Postgres says to a value it cannot store; a fault of its own is raised to the caller.
_REFUSALS: Final = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)

TICK: Final = timedelta(microseconds=1)
"""Batches are at least this far apart, whatever the clock does."""

_REMEMBERED_MAX: Final = 200_000
_known_dimensions: set[tuple[UUID, UUID]] = set()
_policies: dict[UUID, dict[int, Policy]] = {}


@dataclass(frozen=True, slots=True)
class BatchResult:
    """One pass over a workspace's due work. `posted_at` is None when nothing could be posted."""

    claimed: int
    first_sequence: int
    last_sequence: int
    posted_at: datetime | None
    failed: int
    kinds: frozenset[str]

    @property
    def posted(self) -> int:
        return self.last_sequence - self.first_sequence + 1


@dataclass(slots=True)
class _Batch:
    """What was claimed and what becomes of it."""

    events: list[OutboxEvent]
    drafted: dict[UUID, Drafted] = field(default_factory=dict)
    failures: list[tuple[OutboxEvent, Exception]] = field(default_factory=list)
    already_posted: set[UUID] = field(default_factory=set)

    def to_post(self) -> list[OutboxEvent]:
        return [
            event
            for event in self.events
            if event.id not in self.already_posted
            and (event.kind != KIND_OPPORTUNITY or event.subject_id in self.drafted)
        ]


async def post_batch(
    database: Database,
    workspace_id: UUID,
    *,
    limit: int | None = None,
    retry_failed: bool = False,
) -> BatchResult | None:
    """Posts at most `limit` due events; None when there are none, or while someone else posts.

    An opportunity whose event cannot be posted is left out with its later versions, and the
    attempt is counted on the event. A batch Postgres refuses is tried again in smaller parts
    until the event to blame is alone.
    """
    limit = limit or get_settings().worker_batch_events_max
    while True:
        batch = _Batch([])
        try:
            with BATCH_SECONDS.time():
                async with database.write(workspace_id) as session:
                    result = await _post(session, batch, limit, retry_failed)
        except _REFUSALS as error:
            if not batch.events:
                raise
            if limit > 1:
                limit = max(1, min(limit, len(batch.events)) // 2)
                continue
            await _record_failures(database, workspace_id, [(batch.events[0], error)])
            return BatchResult(len(batch.events), 0, -1, None, 1, frozenset())
        if result is not None:
            await session.run_after_commit()
            EVENTS_POSTED.inc(result.posted)
            await _record_failures(database, workspace_id, batch.failures)
        return result


async def _post(
    session: WriteSession, batch: _Batch, limit: int, retry_failed: bool
) -> BatchResult | None:
    cursor = await posting.lock_cursor(session)
    if cursor is None:
        return None
    claimed = await pipeline.claim(session, at=clock.now(), limit=limit, retry_failed=retry_failed)
    if not claimed:
        return None
    batch.events = claimed
    await _draft(session, batch)
    events = batch.to_post()
    first_sequence = cursor.last_sequence + 1
    posted_at = None
    if events:
        posted_at = max(clock.now(), cursor.last_posted_at + TICK)
        sequences = list(range(first_sequence, first_sequence + len(events)))
        await _write_opportunities(session, batch, events, sequences, posted_at)
        await _stamp(session, events, sequences)
        await pipeline.append_feed(session, events, sequences, posted_at)
        last_event_at = max(
            filter(None, [cursor.last_event_at, *(event.recorded_at for event in events)])
        )
        after = Cursor(sequences[-1], posted_at, last_event_at)
        await posting.close_batch(session, first_sequence, after)
    done = batch.already_posted.union(event.id for event in events)
    if done:
        await pipeline.delete_claimed(session, done)
    return BatchResult(
        claimed=len(batch.events),
        first_sequence=first_sequence,
        last_sequence=cursor.last_sequence + len(events),
        posted_at=posted_at,
        failed=len(batch.failures),
        kinds=frozenset(event.kind for event in events),
    )


async def _draft(session: WriteSession, batch: _Batch) -> None:
    """Works out every opportunity of the batch; a failing one is put aside."""
    by_opportunity = _by_opportunity(batch.events)
    if not by_opportunity:
        return
    positions = await posting.load_positions(session, by_opportunity)
    gaps = {
        opportunity_id: events[0].version
        for opportunity_id, events in by_opportunity.items()
        if events[0].version > _version(positions.get(opportunity_id)) + 1
    }
    if gaps:
        batch.events = _in_order([*batch.events, *await pipeline.claim_lower(session, gaps)])
        by_opportunity = _by_opportunity(batch.events)
    for opportunity_id, events in by_opportunity.items():
        posted_version = _version(positions.get(opportunity_id))
        batch.already_posted.update(event.id for event in events if event.version <= posted_version)
        events[:] = [event for event in events if event.version > posted_version]
    late = {
        opportunity_id: events[0].version
        for opportunity_id, events in by_opportunity.items()
        if first_told_late(events, positions.get(opportunity_id))
    }
    histories = await pipeline.read_history(session, late) if late else {}
    contribute = await _contributor(session, by_opportunity, positions, histories)
    for opportunity_id, events in by_opportunity.items():
        if not events:
            continue
        with Contained() as attempt:
            batch.drafted[opportunity_id] = draft_opportunity(
                events, positions.get(opportunity_id), histories.get(opportunity_id), contribute
            )
        if attempt.error is not None:
            batch.failures.append((events[0], attempt.error))


def _version(position: Position | None) -> int:
    return position.version if position else 0


def _in_order(events: Iterable[OutboxEvent]) -> list[OutboxEvent]:
    """By id, which is the order of writing; but versions of one opportunity never out of order."""
    ordered = sorted(events)
    versions: dict[UUID, list[OutboxEvent]] = {}
    for event in sorted(ordered, key=lambda event: event.version, reverse=True):
        if event.kind == KIND_OPPORTUNITY:
            versions.setdefault(event.subject_id, []).append(event)
    return [
        versions[event.subject_id].pop() if event.kind == KIND_OPPORTUNITY else event
        for event in ordered
    ]


def _by_opportunity(events: Iterable[OutboxEvent]) -> dict[UUID, list[OutboxEvent]]:
    found: dict[UUID, list[OutboxEvent]] = {}
    for event in events:
        if event.kind == KIND_OPPORTUNITY:
            found.setdefault(event.subject_id, []).append(event)
    return found


async def _contributor(
    session: Session,
    by_opportunity: Mapping[UUID, Sequence[OutboxEvent]],
    positions: Mapping[UUID, Position],
    histories: Mapping[UUID, Sequence[FigureEvent]],
) -> Contribute:
    """Values inputs of this workspace. Policies are read again only when a version is named that
    this process has not met."""
    assert session.workspace_id is not None
    workspace = await get_workspace(session)
    wanted = {position.inputs.policy_version for position in positions.values()}
    told = [event.changes for events in by_opportunity.values() for event in events]
    told += [event.changes for history in histories.values() for event in history]
    wanted.update(
        changes["policy_version"] for changes in told if changes and "policy_version" in changes
    )
    known = _policies.get(session.workspace_id, {})
    if not wanted <= known.keys():
        if len(_policies) >= _REMEMBERED_MAX:
            _policies.clear()
        known = _policies[session.workspace_id] = await policies.get_policies(session)
    return contributor(known, workspace.calendar, workspace.currency)


async def _write_opportunities(
    session: WriteSession,
    batch: _Batch,
    events: Sequence[OutboxEvent],
    sequences: Sequence[int],
    posted_at: datetime,
) -> None:
    if not batch.drafted:
        return
    deltas = Deltas()
    entries: list[EntryRow] = []
    postings: list[tuple[UUID, int, int]] = []
    drafts = {
        opportunity_id: iter(drafted.entries) for opportunity_id, drafted in batch.drafted.items()
    }
    for event, sequence in zip(events, sequences, strict=True):
        if event.kind != KIND_OPPORTUNITY:
            continue
        postings.append((event.subject_id, event.version, sequence))
        for draft in next(drafts[event.subject_id]):
            combination = deltas.add(draft)
            entries.append(
                EntryRow(
                    new_id(), sequence, event.subject_id, event.version, event.event_id,
                    draft.cause, draft.fiscal_quarter, draft.owner_id, combination,
                    draft.occurred_at, event.recorded_at, draft.measures,
                )
            )  # fmt: skip
    await posting.insert_postings(session, postings, posted_at)
    if entries:
        await write_entries(session, entries, deltas, sequences[-1], posted_at)
    await posting.put_positions(
        session,
        {
            opportunity_id: (drafted.position, drafted.contribution)
            for opportunity_id, drafted in batch.drafted.items()
        },
    )


async def write_entries(
    session: WriteSession,
    entries: Sequence[EntryRow],
    deltas: Deltas,
    last_sequence: int,
    posted_at: datetime,
) -> None:
    """Entries and every sum they are part of."""
    assert session.workspace_id is not None
    workspace_id = session.workspace_id
    unknown = {
        combination: dimensions
        for combination, dimensions in deltas.dimensions.items()
        if (workspace_id, combination) not in _known_dimensions
    }
    if unknown:
        await posting.insert_dimensions(session, unknown)
        session.after_commit(lambda: _remember_dimensions(workspace_id, unknown))
    await posting.insert_entries(session, entries, posted_at)
    await posting.add_to_cells(session, deltas.cells(), last_sequence)
    await posting.add_to_buckets(session, deltas.buckets())


def _remember_dimensions(workspace_id: UUID, combinations: Iterable[UUID]) -> None:
    if len(_known_dimensions) >= _REMEMBERED_MAX:
        _known_dimensions.clear()
    _known_dimensions.update((workspace_id, combination) for combination in combinations)


async def _stamp(
    session: WriteSession, events: Sequence[OutboxEvent], sequences: Sequence[int]
) -> None:
    """The sequence goes to the rows of every kind that is not an opportunity: the row is the event,
    and its subject may be whom it is about."""
    by_kind: defaultdict[str, dict[UUID, int]] = defaultdict(dict)
    for event, sequence in zip(events, sequences, strict=True):
        by_kind[event.kind].setdefault(event.event_id or event.subject_id, sequence)
    for kind in (KIND_REPORTING_LINE, KIND_POLICY, KIND_PLAN_TYPE):
        if kind in by_kind:
            await stamp(session, kind, by_kind[kind])
    if KIND_QUOTA in by_kind:
        await posting.stamp_quotas(session, by_kind[KIND_QUOTA])


async def _record_failures(
    database: Database, workspace_id: UUID, failures: Sequence[tuple[OutboxEvent, Exception]]
) -> None:
    """In transactions of their own: the batch they were taken out of may be gone."""
    for event, error in failures:
        FAILED_ATTEMPTS.inc()
        about = {
            "workspace_id": str(workspace_id),
            "kind": event.kind,
            "subject_id": str(event.subject_id),
            "version": event.version,
            "attempt": event.attempts + 1,
        }
        log.warning("event_failed", error=repr(error), exc_info=error, **about)
        async with database.write(workspace_id) as session:
            parked = await pipeline.record_failure(
                session,
                event.id,
                repr(error),
                at=clock.now(),
                attempts_max=get_settings().worker_attempts_max,
            )
        if parked:
            EVENTS_QUARANTINED.inc()
            log.error("event_quarantined", error=repr(error), **about)
