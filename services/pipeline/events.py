"""Pipeline's published interface to whoever turns its events into figures: the outbox, the history
of an opportunity, the rows as they stand, and the sequenced feed.

Owns the statements on these tables. It hands out no sequence itself: the caller does, holding its
own lock on the workspace, and writes it here in the same transaction.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from services.kit.db import Session, WriteSession
from services.kit.ids import NIL
from services.pipeline.views import FIGURE_FIELDS, FigureEvent, FigureInputs

DUE = "(due_at <= {at} OR due_at <= recorded_at)"
"""A row is pending from its hour on. One that was due when it was written is due at once, also to
a reader whose clock is behind the writer's."""

_ERROR_LENGTH_MAX = 500


class OutboxEvent(NamedTuple):
    """One row of due work. `occurred_at` and `changes` are those of the opportunity's version, and
    None for every other kind."""

    id: UUID
    kind: str
    subject_id: UUID
    version: int
    event_id: UUID | None
    recorded_at: datetime
    attempts: int
    occurred_at: datetime | None
    changes: Mapping[str, Any] | None


class StoredOpportunity(NamedTuple):
    """An opportunity as its row stands."""

    id: UUID
    version: int
    inputs: FigureInputs


_CLAIMED = """
    o.id, o.kind, o.subject_id, o.version, o.event_id, o.recorded_at, o.attempts,
    e.occurred_at, e.changes
"""
_WITH_EVENT = """
    LEFT JOIN pipeline.opportunity_events e
        ON e.workspace_id = $1 AND o.kind = 'opportunity'
        AND e.opportunity_id = o.subject_id AND e.version = o.version
"""

_CLAIM = f"""
    SELECT {_CLAIMED}
    FROM (
        SELECT id, kind, subject_id, version, event_id, recorded_at, attempts
        FROM pipeline.outbox
        WHERE workspace_id = $1 AND {DUE.format(at="$2")}
            AND subject_id NOT IN (
                SELECT subject_id FROM pipeline.outbox
                WHERE workspace_id = $1 AND attempts > 0 AND (parked_at IS NOT NULL OR NOT $4)
            )
        ORDER BY id
        LIMIT $3
    ) o
    {_WITH_EVENT}
    ORDER BY o.id
"""

_CLAIM_LOWER = f"""
    SELECT {_CLAIMED}
    FROM unnest($2::uuid[], $3::int[]) AS first (subject_id, version)
    JOIN pipeline.outbox o
        ON o.workspace_id = $1 AND o.subject_id = first.subject_id
        AND o.version < first.version AND o.kind = 'opportunity'
    {_WITH_EVENT}
    WHERE o.workspace_id = $1
    ORDER BY o.id
"""


async def claim(
    session: WriteSession, *, at: datetime, limit: int, retry_failed: bool
) -> list[OutboxEvent]:
    """At most `limit` due rows, oldest first. The caller must hold its lock on the workspace, taken
    in an earlier statement, or two callers read the same rows.

    A subject with a parked row is passed over, later versions too; so is one that has failed
    before, unless `retry_failed`.
    """
    rows = await session.fetch(_CLAIM, session.workspace_id, at, limit, retry_failed)
    return [OutboxEvent(*row) for row in rows]


async def claim_lower(
    session: WriteSession, first_versions: Mapping[UUID, int]
) -> list[OutboxEvent]:
    """The rows of lower versions of these opportunities. Writers on machines whose clocks differ
    may leave a version's row behind that of the next one."""
    rows = await session.fetch(
        _CLAIM_LOWER, session.workspace_id, list(first_versions), list(first_versions.values())
    )
    return [OutboxEvent(*row) for row in rows]


async def delete_claimed(session: WriteSession, ids: Collection[UUID]) -> None:
    """In the transaction that puts their effect in the figures."""
    await session.execute(
        "DELETE FROM pipeline.outbox WHERE workspace_id = $1 AND id = ANY($2::uuid[])",
        session.workspace_id,
        list(ids),
    )


async def append_feed(
    session: WriteSession,
    events: Sequence[OutboxEvent],
    sequences: Sequence[int],
    posted_at: datetime,
) -> None:
    """The same events in the order the figures took them in."""
    await session.execute(
        """
        INSERT INTO pipeline.feed
            (workspace_id, sequence, kind, subject_id, version, event_id, posted_at)
        SELECT w.id, r.*, $7
        FROM workspace.workspaces w, unnest(
            $2::bigint[], $3::text[], $4::uuid[], $5::int[], $6::uuid[]) r
        WHERE w.id = $1
        """,
        session.workspace_id,
        sequences,
        [event.kind for event in events],
        [event.subject_id for event in events],
        [event.version for event in events],
        [event.event_id for event in events],
        posted_at,
    )


async def record_failure(
    session: WriteSession, event_id: UUID, error: str, *, at: datetime, attempts_max: int
) -> bool:
    """Counts a failed attempt at an outbox row; True when that was the last one and its subject is
    parked. A parked row stays pending until `release_parked`."""
    parked_at = await session.fetchval(
        """
        UPDATE pipeline.outbox SET attempts = attempts + 1, last_error = $3,
            parked_at = CASE WHEN attempts + 1 >= $4 THEN $5::timestamptz ELSE parked_at END
        WHERE workspace_id = $1 AND id = $2
        RETURNING parked_at
        """,
        session.workspace_id,
        event_id,
        error[:_ERROR_LENGTH_MAX],
        attempts_max,
        at,
    )
    return parked_at is not None


async def release_parked(session: WriteSession) -> int:
    """Gives every failed row of the workspace a new start, for when its cause is repaired."""
    tag = await session.execute(
        """
        UPDATE pipeline.outbox SET attempts = 0, parked_at = NULL
        WHERE workspace_id = $1 AND attempts > 0
        """,
        session.workspace_id,
    )
    return int(tag.split()[-1])


async def count_pending(session: Session, at: datetime) -> int:
    """What is committed, due, and not yet in the figures; parked rows included."""
    count: int = await session.fetchval(
        f"SELECT count(*) FROM pipeline.outbox WHERE workspace_id = $1 AND {DUE.format(at='$2')}",
        session.workspace_id,
        at,
    )
    return count


async def has_work(session: Session, at: datetime, recorded_by: datetime | None = None) -> bool:
    """Whether a claim, failed rows included, would find anything; with `recorded_by`, anything
    that old, which the claim takes first."""
    found: bool = await session.fetchval(
        f"SELECT EXISTS (SELECT FROM ({_CLAIM}) claimed"
        " WHERE $5::timestamptz IS NULL OR claimed.recorded_at <= $5)",
        session.workspace_id,
        at,
        1,
        True,
        recorded_by,
    )
    return found


async def find_due_workspaces(
    session: Session, *, after: UUID, at: datetime, limit: int
) -> list[UUID]:
    """Workspaces with due work, those behind `after` first and then from the start, so that with
    the last one found as the next `after` none starves. Only the worker's role sees any.

    One index probe for each workspace found, however many rows are waiting.
    """
    found: list[UUID] = []
    for start, end in ((after, None), (NIL, after)):
        while len(found) < limit:
            workspace_id = await session.fetchval(_NEXT_DUE, start, end, at)
            if workspace_id is None:
                break
            found.append(workspace_id)
            start = workspace_id
    return found


# Over all workspaces by design: it names the workspaces, and every claim is made inside one.
_NEXT_DUE = f"""
    SELECT workspace_id FROM pipeline.outbox
    WHERE workspace_id > $1 AND ($2::uuid IS NULL OR workspace_id <= $2)
        AND parked_at IS NULL AND {DUE.format(at="$3")}
    ORDER BY workspace_id, id
    LIMIT 1
"""


async def read_history(
    session: Session, below: Mapping[UUID, int]
) -> dict[UUID, list[FigureEvent]]:
    """For each opportunity its versions lower than the one given, in order."""
    rows = await session.fetch(
        """
        SELECT e.opportunity_id, e.version, e.occurred_at, e.changes
        FROM unnest($2::uuid[], $3::int[]) AS wanted (opportunity_id, version)
        JOIN pipeline.opportunity_events e
            ON e.workspace_id = $1 AND e.opportunity_id = wanted.opportunity_id
            AND e.version < wanted.version
        WHERE e.workspace_id = $1
        ORDER BY e.opportunity_id, e.version
        """,
        session.workspace_id,
        list(below),
        list(below.values()),
    )
    histories: dict[UUID, list[FigureEvent]] = {opportunity_id: [] for opportunity_id in below}
    for opportunity_id, *event in rows:
        histories[opportunity_id].append(FigureEvent(*event))
    return histories


_OPPORTUNITY_COLUMNS = ", ".join(FIGURE_FIELDS)
_AMOUNTS = (
    "amount",
    "true_up_amount",
    "services_amount",
    "other_non_recurring_amount",
    "arr_basis",
    "expected_renewed_arr",
    "stated_net_arr",
)
# Amounts travel as text: reading a million of them from the binary form takes twice the time.
_STREAMED_COLUMNS = ", ".join(
    f"{name}::text" if name in _AMOUNTS else name for name in FIGURE_FIELDS
)
_AMOUNT_PLACES = tuple(FIGURE_FIELDS.index(name) for name in _AMOUNTS)


async def stream_opportunities(
    session: Session, *, chunk: int = 2_000
) -> AsyncIterator[list[StoredOpportunity]]:
    """Every opportunity of the workspace as its row stands, by id, a chunk at a time; memory does
    not grow with the book. All chunks are of one snapshot when the transaction's is."""
    cursor = await session.driver.cursor(
        f"""
        SELECT id, version, {_STREAMED_COLUMNS} FROM pipeline.opportunities
        WHERE workspace_id = $1 ORDER BY id
        """,
        session.workspace_id,
    )
    while rows := await cursor.fetch(chunk):
        yield [StoredOpportunity(row[0], row[1], _streamed(row)) for row in rows]


def _streamed(row: Any) -> FigureInputs:
    values = list(row)[2:]
    for place in _AMOUNT_PLACES:
        amount = values[place]
        if amount is not None:
            values[place] = Decimal(amount)
    return FigureInputs._make(values)


async def read_opportunities(session: Session, ids: Collection[UUID]) -> list[StoredOpportunity]:
    """These opportunities as their rows stand."""
    rows = await session.fetch(
        f"""
        SELECT id, version, {_OPPORTUNITY_COLUMNS} FROM pipeline.opportunities
        WHERE workspace_id = $1 AND id = ANY($2::uuid[])
        """,
        session.workspace_id,
        list(ids),
    )
    return [StoredOpportunity(row[0], row[1], FigureInputs(*row[2:])) for row in rows]


async def pending_versions(session: Session, ids: Collection[UUID]) -> dict[UUID, list[int]]:
    """Of these opportunities, the versions waiting in the outbox, lowest first. One that is posted
    already may wait again: a second delivery, which changes nothing."""
    rows = await session.fetch(
        """
        SELECT subject_id, array_agg(version ORDER BY version) AS versions FROM pipeline.outbox
        WHERE workspace_id = $1 AND kind = 'opportunity' AND subject_id = ANY($2::uuid[])
        GROUP BY subject_id
        """,
        session.workspace_id,
        list(ids),
    )
    return {row["subject_id"]: row["versions"] for row in rows}
