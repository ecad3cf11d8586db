"""What the ledger should hold of each opportunity, worked out from pipeline's rows alone.

Audits compare it with what the ledger holds; a rebuild brings the ledger to it. Streams, so that
memory does not grow with the book.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any, Final, NamedTuple
from uuid import UUID

from services.forecast.contained import Contained
from services.forecast.domain import MEASURES, Contribution, dimensions_id
from services.forecast.ledger import Contribute, contributor
from services.kit.db import Session
from services.pipeline import events as pipeline
from services.pipeline.events import StoredOpportunity
from services.pipeline.views import FigureInputs, fold
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
    pending = await pipeline.first_pending(session, ids)
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


# The contribution as one text: quick to compare, and what differs is looked at closely.
_POSITIONS: Final = f"""
    SELECT opportunity_id, version, inputs,
        concat_ws('|', fiscal_quarter, owner_id, dimensions_id, {", ".join(MEASURES)})
    FROM forecast.positions WHERE workspace_id = $1 ORDER BY opportunity_id
"""


def _as_text(contribution: Contribution) -> str:
    return "|".join(
        map(
            str,
            (
                contribution.fiscal_quarter,
                contribution.owner_id,
                dimensions_id(contribution.dimensions),
                *contribution.measures,
            ),
        )
    )


async def scan(session: Session, contribute: Contribute) -> AsyncIterator[Scanned]:
    """Compares every row with its position, a chunk at a time. A suspect need not be wrong: its
    newest versions may be pending."""
    positions = _Positions(await session.driver.cursor(_POSITIONS, session.workspace_id))
    async for chunk in pipeline.stream_opportunities(session, chunk=CHUNK):
        await positions.advance(chunk[-1].id)
        suspects = [
            opportunity.id
            for opportunity in chunk
            if not _agrees(opportunity, positions.take(opportunity.id), contribute)
        ]
        suspects += positions.rest()
        yield Scanned(len(chunk), suspects)
    while await positions.advance(None):
        yield Scanned(0, positions.rest())


class _Positions:
    """The positions in the order of opportunities, read as far as the other stream has come."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._ahead: list[Any] = []
        self._near: dict[UUID, Any] = {}

    async def advance(self, last: UUID | None) -> bool:
        """Reads up to an id, or one more chunk; whether anything was read."""
        while last is None or not self._ahead or self._ahead[-1][0] < last:
            rows = await self._cursor.fetch(CHUNK)
            if not rows:
                break
            self._ahead += rows
            if last is None:
                break
        reached = len(self._ahead)
        if last is not None:
            reached = next(
                (place for place, row in enumerate(self._ahead) if row[0] > last), reached
            )
        self._near = {row[0]: row for row in self._ahead[:reached]}
        self._ahead = self._ahead[reached:]
        return bool(self._near)

    def take(self, opportunity_id: UUID) -> Any | None:
        return self._near.pop(opportunity_id, None)

    def rest(self) -> list[UUID]:
        """Positions of opportunities that are not there."""
        return list(self._near)


def _agrees(opportunity: StoredOpportunity, position: Any | None, contribute: Contribute) -> bool:
    _, version, inputs = opportunity
    if position is None or position[1] != version:
        return False
    is_equal = False
    with Contained() as attempt:
        is_equal = position[3] == _as_text(contribute(inputs)) and position[2] == inputs.to_json()
    return is_equal and attempt.error is None
