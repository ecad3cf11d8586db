"""What is worked out again when opportunities change, off the path of whoever changes them.

A follower reads the feed by sequence, in the worker, and is called with the opportunities that
changed: exactly once each, since its position commits with what it wrote. It also looks at what
somebody asked it to (`recheck`), at what it said would be due, and, when it starts or a policy comes
into force, once at every opportunity there is. What a follower works out is its own business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

import asyncpg

from services.kit import clock
from services.kit.db import TRANSIENT, Database, Session, WriteSession, is_transient
from services.kit.ids import NIL, new_id
from services.kit.logging import get_logger
from services.workspace.outbox import KIND_OPPORTUNITY, KIND_POLICY

log = get_logger(__name__)

Follow: TypeAlias = Callable[[WriteSession, Sequence[UUID]], Awaitable[Mapping[UUID, datetime]]]
"""Called with different opportunities, in no order; answers when each is to be looked at again by
itself, for those that are."""
Followers: TypeAlias = Mapping[str, Follow]

HYGIENE: Final = "hygiene"
CLOCKS: Final = "clocks"
ORDER_TYPES: Final = "order_types"
SUGGESTIONS: Final = "suggestions"
NAMES: Final = (HYGIENE, CLOCKS, ORDER_TYPES, SUGGESTIONS)
"""Every follower there is: a request to look again is kept for each, whoever runs them."""

BATCH_MAX: Final = 100
_FAILURES_MAX: Final = 8
_SHRINK: Final = 8
_PAUSE_S: Final = 1.0
_FOUND_MAX: Final = 500
_NOT_MADE: Final = "INSERT 0 0"


async def recheck(
    session: WriteSession, ids: Iterable[UUID], followers: Iterable[str] = NAMES
) -> None:
    """Followers look at these opportunities again though they have no new version: something about
    them changed in this transaction. Waits for nobody."""
    wanted = sorted(set(ids))
    pairs = [(name, id_) for name in followers for id_ in wanted]
    if pairs:
        await session.execute(
            """
            INSERT INTO pipeline.rechecks (workspace_id, id, follower, opportunity_id)
            SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::uuid[])
            """,
            session.workspace_id,
            [new_id() for _ in pairs],
            [name for name, _ in pairs],
            [id_ for _, id_ in pairs],
        )


async def sweep(session: WriteSession, follower: str) -> None:
    """Starts a full pass anew, where what a follower goes by changed for all."""
    await session.execute(
        "UPDATE pipeline.followers SET swept_through = $3 WHERE workspace_id = $1 AND name = $2",
        session.workspace_id,
        follower,
        NIL,
    )


@dataclass(slots=True)
class _Work:
    """What a follower is called with, and how far that takes it."""

    ids: dict[UUID, None] = field(default_factory=dict)
    rechecks: list[UUID] = field(default_factory=list)
    position: int | None = None
    swept_through: UUID | None = None
    is_policy_new: bool = False
    is_swept: bool = False
    is_more: bool = False

    def room(self, limit: int) -> int:
        return limit - len(self.ids)

    @property
    def is_empty(self) -> bool:
        return not self.ids and self.position is None and not self.is_swept


class Look(NamedTuple):
    """What came of looking once: whether there was something, and whether more is likely to be
    there at once."""

    did: bool
    is_more: bool = False


async def find_behind(session: Session, names: Sequence[str]) -> list[tuple[UUID, str]]:
    """Workspaces and followers with something to do; only the worker's role sees any."""
    rows = await session.fetch(
        """
        SELECT w.id, n.name
        FROM workspace.workspaces AS w CROSS JOIN unnest($1::text[]) AS n (name)
        LEFT JOIN pipeline.followers AS f ON f.workspace_id = w.id AND f.name = n.name
        WHERE f.name IS NULL OR ((f.retry_at IS NULL OR f.retry_at <= $2) AND (
            f.swept_through IS NOT NULL
            OR EXISTS (SELECT FROM pipeline.feed AS e
                       WHERE e.workspace_id = w.id AND e.sequence > f.position)
            OR EXISTS (SELECT FROM pipeline.rechecks AS r
                       WHERE r.workspace_id = w.id AND r.follower = n.name)
            OR EXISTS (SELECT FROM pipeline.follow_ups_due AS d
                       WHERE d.workspace_id = w.id AND d.follower = n.name AND d.due_at <= $2)))
        LIMIT $3
        """,
        list(names),
        clock.now(),
        _FOUND_MAX,
    )
    return [(row["id"], row["name"]) for row in rows]


async def follow_once(database: Database, workspace_id: UUID, name: str, follow: Follow) -> bool:
    """One batch of one follower; False where there was nothing, or another process is at it."""
    return (await look(database, workspace_id, name, follow)).did


async def look(database: Database, workspace_id: UUID, name: str, follow: Follow) -> Look:
    """One batch. Each that fails makes the next one smaller, down to the one opportunity that
    fails; after its last attempt that one is passed over and logged. Each that succeeds makes the
    next one larger again."""
    ids: Sequence[UUID] = ()
    try:
        async with database.write(workspace_id) as session:
            state = await _claim(session, name)
            if state is None:
                return Look(False)
            work = await _gather(session, name, state, _size(state["failures"]))
            if work.is_empty:
                return Look(False)
            ids = list(work.ids)
            is_given_up = _is_given_up(state, ids)
            if is_given_up:
                log.error("follower_passed_over", follower=name, opportunity_id=str(ids[0]))
            due = await follow(session, ids) if ids and not is_given_up else {}
            await _note_due(session, name, ids, due)
            await _advance(session, name, work, 0 if is_given_up else max(0, state["failures"] - 1))
            now = clock.now()
            work.is_more = work.is_more or any(at <= now for at in due.values())
    except Exception as error:  # boundary: one follower must not stop the others
        if is_transient(error) or isinstance(error, asyncpg.InterfaceError):
            raise
        log.error(
            "follower_failed",
            follower=name,
            workspace_id=str(workspace_id),
            opportunities=len(ids),
            exc_info=error,
        )
        async with database.write(workspace_id) as session:
            await _count_failure(session, name, ids, error)
        return Look(False)
    return Look(True, work.is_more)


def _size(failures: int) -> int:
    """How many at once, after so many failures."""
    return int(max(1, BATCH_MAX // _SHRINK**failures))


async def run(database: Database, followers: Followers, only: UUID | None = None) -> int:
    """Works until nothing is left or everything left has to wait, in all workspaces or in one; how
    many batches there were."""
    batches = 0
    while True:
        behind = [(only, name) for name in followers if only is not None]
        if only is None:
            async with database.read(None) as session:
                behind = await find_behind(session, list(followers))
        progress = 0
        for workspace_id, name in behind:
            try:
                while await follow_once(database, workspace_id, name, followers[name]):
                    progress += 1
            except (*TRANSIENT, asyncpg.InterfaceError) as error:
                if not is_transient(error):
                    raise
                log.warning("follower_interrupted", follower=name, error=repr(error))
        batches += progress
        if not progress:
            return batches


async def _claim(session: WriteSession, name: str) -> asyncpg.Record | None:
    """The follower's own row, locked; made where there is none, at the feed's end and with a full
    pass to do. None where another process has it, or it has to wait."""
    found = await _lock(session, name)
    if found is not None:
        return found
    # Two that make it at once wait for each other here, and then one finds nothing to add.
    made = await session.execute(
        """
        INSERT INTO pipeline.followers (workspace_id, name, position, swept_through, failures)
        SELECT w.id, $2, coalesce((SELECT max(f.sequence) FROM pipeline.feed AS f
                                   WHERE f.workspace_id = $1), 0), $3, 0
        FROM workspace.workspaces AS w
        WHERE w.id = $1 AND NOT EXISTS (
            SELECT FROM pipeline.followers AS there
            WHERE there.workspace_id = $1 AND there.name = $2)
        ON CONFLICT (workspace_id, name) DO NOTHING
        """,
        session.workspace_id,
        name,
        NIL,
    )
    return await _lock(session, name) if made != _NOT_MADE else None


async def _lock(session: WriteSession, name: str) -> asyncpg.Record | None:
    return await session.fetchrow(
        """
        SELECT position, swept_through, failures, last_error FROM pipeline.followers
        WHERE workspace_id = $1 AND name = $2 AND (retry_at IS NULL OR retry_at <= $3)
        FOR NO KEY UPDATE SKIP LOCKED
        """,
        session.workspace_id,
        name,
        clock.now(),
    )


async def _gather(session: WriteSession, name: str, state: asyncpg.Record, size: int) -> _Work:
    """At most `size` opportunities: what was asked for, what changed, what is due, the full pass.
    The first three in one statement, since mostly there is a little of one of them."""
    work = _Work()
    rows = await session.fetch(
        """
        (SELECT 1 AS source, r.id AS recheck_id, NULL::bigint AS sequence, NULL AS kind,
                r.opportunity_id AS subject_id
         FROM pipeline.rechecks AS r
         WHERE r.workspace_id = $1 AND r.follower = $2 ORDER BY r.id LIMIT $3)
        UNION ALL
        (SELECT 2, NULL, e.sequence, e.kind, e.subject_id FROM pipeline.feed AS e
         WHERE e.workspace_id = $1 AND e.sequence > $4 ORDER BY e.sequence LIMIT $3)
        UNION ALL
        (SELECT 3, NULL, NULL, NULL, d.opportunity_id FROM pipeline.follow_ups_due AS d
         WHERE d.workspace_id = $1 AND d.follower = $2 AND d.due_at <= $5
         ORDER BY d.due_at LIMIT $3)
        """,
        session.workspace_id,
        name,
        size,
        state["position"],
        clock.now(),
    )
    found = Counter(row["source"] for row in rows)
    work.is_more = any(count == size for count in found.values())
    for row in rows:
        if work.room(size) <= 0:
            work.is_more = True
            break
        _take(work, row)
    if state["swept_through"] is not None and work.room(size) > 0:
        await _sweep_on(session, work, state["swept_through"], work.room(size))
    work.is_more = (
        work.is_more or work.is_policy_new or state["swept_through"] != work.swept_through
    )
    return work


def _take(work: _Work, row: asyncpg.Record) -> None:
    if row["recheck_id"] is not None:
        work.rechecks.append(row["recheck_id"])
    if row["sequence"] is not None:
        work.position = row["sequence"]
        work.is_policy_new = work.is_policy_new or row["kind"] == KIND_POLICY
        if row["kind"] != KIND_OPPORTUNITY:
            return
    work.ids[row["subject_id"]] = None


async def _sweep_on(session: WriteSession, work: _Work, after: UUID, limit: int) -> None:
    rows = await session.fetch(
        """
        SELECT id FROM pipeline.opportunities
        WHERE workspace_id = $1 AND id > $2 ORDER BY id LIMIT $3
        """,
        session.workspace_id,
        after,
        limit,
    )
    work.is_swept = True
    work.ids.update(dict.fromkeys(row["id"] for row in rows))
    if len(rows) == limit:
        work.swept_through = rows[-1]["id"]


def _is_given_up(state: asyncpg.Record, ids: Sequence[UUID]) -> bool:
    """Whether it is this one that has failed so often, and not one before which it came up."""
    return (
        state["failures"] >= _FAILURES_MAX
        and len(ids) == 1
        and str(state["last_error"]).startswith(str(ids[0]))
    )


async def _note_due(
    session: WriteSession, name: str, ids: Sequence[UUID], due: Mapping[UUID, datetime]
) -> None:
    """Only the holder of the follower's row writes here, so nobody waits. What stays as it was is
    not written again."""
    asked = set(ids)
    wanted = {id_: at for id_, at in due.items() if id_ in asked}
    await session.execute(
        """
        WITH gone AS (
            DELETE FROM pipeline.follow_ups_due
            WHERE workspace_id = $1 AND follower = $2 AND opportunity_id = ANY($3::uuid[]))
        INSERT INTO pipeline.follow_ups_due AS d (workspace_id, follower, opportunity_id, due_at)
        SELECT $1, $2, * FROM unnest($4::uuid[], $5::timestamptz[])
        ON CONFLICT (workspace_id, follower, opportunity_id)
            DO UPDATE SET due_at = excluded.due_at WHERE d.due_at <> excluded.due_at
        """,
        session.workspace_id,
        name,
        list(asked - wanted.keys()),
        list(wanted),
        list(wanted.values()),
    )


async def _advance(session: WriteSession, name: str, work: _Work, failures: int) -> None:
    if work.rechecks:
        await session.execute(
            """
            DELETE FROM pipeline.rechecks
            WHERE workspace_id = $1 AND follower = $2 AND id = ANY($3::uuid[])
            """,
            session.workspace_id,
            name,
            work.rechecks,
        )
    await session.execute(
        """
        UPDATE pipeline.followers
        SET position = coalesce($3, position), failures = $8, last_error = NULL, retry_at = NULL,
            swept_through = CASE WHEN $5 THEN $6::uuid WHEN $4 THEN $7::uuid ELSE swept_through END
        WHERE workspace_id = $1 AND name = $2
        """,
        session.workspace_id,
        name,
        work.position,
        work.is_swept,
        work.is_policy_new,
        NIL,
        work.swept_through,
        failures,
    )


async def _count_failure(
    session: WriteSession, name: str, ids: Sequence[UUID], error: Exception
) -> None:
    """Where it is one opportunity that fails, its id comes first; another one that came up before
    it and fails too is counted by itself."""
    is_one = len(ids) == 1
    await session.execute(
        """
        UPDATE pipeline.followers
        SET failures = least(failures + 1, $3), last_error = $4, retry_at = $5
        WHERE workspace_id = $1 AND name = $2
        """,
        session.workspace_id,
        name,
        _FAILURES_MAX,
        (f"{ids[0]}: {error!r}" if is_one else repr(error))[:1000],
        clock.now() + timedelta(seconds=_PAUSE_S),
    )
