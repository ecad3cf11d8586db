"""What the ledger should hold of each opportunity, worked out from pipeline's rows alone.

Audits compare it with what the ledger holds; a rebuild brings the ledger to it. Streams, so that
memory does not grow with the book.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from services.forecast.contained import Contained
from services.forecast.domain import MEASURES, Contribution, Dimensions, dimensions_id
from services.forecast.ledger import Contribute, contributor
from services.kit.db import Session
from services.pipeline import events as pipeline
from services.pipeline.events import StoredOpportunity
from services.pipeline.views import FIGURE_FIELDS, FigureInputs, fold
from services.workspace.policies.repository import get_policies
from services.workspace.workspaces.repository import get_workspace

CHUNK: Final = 2_000


class Actual(NamedTuple):
    """Where an opportunity stands as far as it is due to be posted; version 0 means nowhere."""

    version: int
    inputs: FigureInputs | None
    contribution: Contribution | None


NOTHING_POSTED: Final = Actual(0, None, None)


class Scanned(NamedTuple):
    """One chunk of the book: how many were looked at, and which of them need a closer look."""

    looked_at: int
    suspects: list[UUID]


async def contributor_of(session: Session) -> Contribute:
    """Values inputs of the workspace under every policy it has."""
    workspace = await get_workspace(session)
    return contributor(await get_policies(session), workspace.calendar, workspace.currency)


async def actual_of(
    session: Session, ids: Collection[UUID], contribute: Contribute
) -> dict[UUID, Actual]:
    """By the row where nothing is pending, else by the versions below the first pending one."""
    stored = {row.id: row for row in await pipeline.read_opportunities(session, ids)}
    pending = await _first_unposted(session, ids)
    histories = await pipeline.read_history(session, pending) if pending else {}
    found: dict[UUID, Actual] = {}
    for opportunity_id in ids:
        if opportunity_id in pending:
            inputs = fold(histories[opportunity_id])
            version = pending[opportunity_id] - 1
        elif opportunity_id in stored:
            _, version, inputs = stored[opportunity_id]
        else:
            inputs, version = None, 0
        found[opportunity_id] = (
            NOTHING_POSTED if inputs is None else Actual(version, inputs, contribute(inputs))
        )
    return found


async def _first_unposted(session: Session, ids: Collection[UUID]) -> dict[UUID, int]:
    """The lowest pending version of each that has one, second deliveries aside."""
    waiting = await pipeline.pending_versions(session, ids)
    if not waiting:
        return {}
    posted = {
        (row["opportunity_id"], row["version"])
        for row in await session.fetch(
            """
            SELECT opportunity_id, version FROM forecast.postings
            WHERE workspace_id = $1 AND opportunity_id = ANY($2::uuid[])
            """,
            session.workspace_id,
            list(waiting),
        )
    }
    firsts = {
        opportunity_id: next((v for v in versions if (opportunity_id, v) not in posted), None)
        for opportunity_id, versions in waiting.items()
    }
    return {opportunity_id: first for opportunity_id, first in firsts.items() if first is not None}


# The contribution as one text: quick to compare, and what differs is looked at closely.
_POSITIONS: Final = f"""
    SELECT opportunity_id, version, inputs::text,
        concat_ws('|', fiscal_quarter, owner_id, dimensions_id, {", ".join(MEASURES)})
    FROM forecast.positions WHERE workspace_id = $1 ORDER BY opportunity_id
"""


def _as_text(contribution: Contribution) -> str:
    quarter, owner, dimensions, measures = contribution
    return f"{quarter}|{owner}|{_dimensions_text(dimensions)}|{'|'.join(map(str, measures))}"


@lru_cache(maxsize=65_536)
def _dimensions_text(dimensions: Dimensions) -> str:
    return str(dimensions_id(dimensions))


# As Postgres writes a jsonb: shorter names first. A text that needs escaping makes a suspect.
_WRITTEN_ORDER: Final = sorted(FIGURE_FIELDS, key=lambda name: (len(name), name))
_in_written_order: Final = itemgetter(*map(FIGURE_FIELDS.index, _WRITTEN_ORDER))
_WRITTEN: Final = "{" + ", ".join(f'"{name}": %s' for name in _WRITTEN_ORDER) + "}"


def _inputs_text(inputs: FigureInputs) -> str:
    return _WRITTEN % tuple(
        [
            "null" if value is None else value if type(value) is int else f'"{value}"'
            for value in _in_written_order(inputs)
        ]
    )


async def scan(session: Session, contribute: Contribute) -> AsyncIterator[Scanned]:
    """Compares every row with its position, a chunk at a time. A suspect need not be wrong: its
    newest versions may be pending.

    The next chunk is read while one is compared, so the session is free for the caller only where
    a chunk has suspects.
    """
    pairs = _pairs(session)
    coming = asyncio.ensure_future(anext(pairs, None))
    try:
        while (pair := await coming) is not None:
            chunk, positions = pair
            coming = asyncio.ensure_future(anext(pairs, None))
            # Lets it send its request before this process is busy comparing.
            await asyncio.sleep(0)
            suspects = [
                opportunity.id
                for opportunity in chunk
                if not _agrees(opportunity, positions.pop(opportunity.id, None), contribute)
            ]
            # What is left are positions of opportunities that are not there.
            suspects += positions
            if suspects:
                await asyncio.wait((coming,))
            yield Scanned(len(chunk), suspects)
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


_Pair: TypeAlias = tuple[list[StoredOpportunity], dict[UUID, Any]]


async def _pairs(session: Session) -> AsyncGenerator[_Pair, None]:
    """Each chunk of opportunities with the positions up to its last id; those behind at the end."""
    positions = _Positions(await session.driver.cursor(_POSITIONS, session.workspace_id))
    async for chunk in pipeline.stream_opportunities(session, chunk=CHUNK):
        yield chunk, await positions.up_to(chunk[-1].id)
    while rest := await positions.more():
        yield [], rest


class _Positions:
    """The positions in the order of opportunities, read as far as the other stream has come."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._ahead: list[Any] = []

    async def up_to(self, last: UUID) -> dict[UUID, Any]:
        while not self._ahead or self._ahead[-1][0] <= last:
            rows = await self._cursor.fetch(CHUNK)
            if not rows:
                break
            self._ahead += rows
        reached = bisect_right(self._ahead, last, key=itemgetter(0))
        near, self._ahead = self._ahead[:reached], self._ahead[reached:]
        return {row[0]: row for row in near}

    async def more(self) -> dict[UUID, Any]:
        rows = self._ahead or await self._cursor.fetch(CHUNK)
        self._ahead = []
        return {row[0]: row for row in rows}


def _agrees(opportunity: StoredOpportunity, position: Any | None, contribute: Contribute) -> bool:
    _, version, inputs = opportunity
    if position is None or position[1] != version:
        return False
    is_equal = False
    with Contained() as attempt:
        is_equal = position[3] == _as_text(contribute(inputs)) and position[2] == _inputs_text(
            inputs
        )
    return is_equal and attempt.error is None
