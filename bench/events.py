"""What posting one event costs in a large workspace against a small one."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import asyncpg

from bench.results import Result, measured
from bench.run import Run, wait
from services.forecast.recompute import post_batch
from services.kit import clock
from services.kit.db import Database
from services.kit.ids import new_id

_TELL = """
    WITH told AS (
        UPDATE pipeline.opportunities o
        SET amount = o.amount + 100, net_arr = o.net_arr + 100, version = o.version + 1,
            occurred_at = $3, updated_at = $3
        FROM unnest($2::uuid[], $4::uuid[], $5::uuid[]) AS r (id, event_id, outbox_id)
        WHERE o.workspace_id = $1 AND o.id = r.id
        RETURNING o.id, o.version, o.amount, r.event_id, r.outbox_id
    ), events AS (
        INSERT INTO pipeline.opportunity_events (workspace_id, opportunity_id, version, id, kind,
            changes, previous, occurred_at, recorded_at, actor)
        SELECT $1, id, version, event_id, 'changed',
            jsonb_build_object('amount', amount::text),
            jsonb_build_object('amount', (amount - 100)::text), $3, $3, 'bench'
        FROM told
    )
    INSERT INTO pipeline.outbox
        (workspace_id, id, kind, subject_id, version, event_id, recorded_at, due_at)
    SELECT $1, outbox_id, 'opportunity', id, version, event_id, $3, $3 FROM told
"""


class _Spent(NamedTuple):
    """Seconds by the clock, of our processor time and of the server's."""

    wall: float
    ours: float
    servers: float


class Side:
    """One workspace and the single connection its events are posted on."""

    def __init__(self, database: Database, driver: asyncpg.Connection, workspace_id: UUID) -> None:
        self._database = database
        self._driver = driver
        self._workspace_id = workspace_id
        self._backend = 0
        self._ids: list[UUID] = []
        self.opportunities = 0

    @classmethod
    async def open(cls, url: str, workspace_id: UUID, ids: list[UUID], count: int) -> Side:
        database = await Database.connect(
            url, role="leadline_worker", application_name="bench", pool_max=1
        )
        side = cls(database, await asyncpg.connect(url), workspace_id)
        side._ids, side.opportunities = ids, count
        async with database.pool.acquire() as connection:
            side._backend = connection.get_server_pid()
        return side

    async def close(self) -> None:
        await self._database.close()
        await self._driver.close()

    async def tell(self, count: int, chance: random.Random) -> None:
        """Changes the amount of that many opportunities, as a writer would leave them."""
        ids = chance.sample(self._ids, count)
        await self._driver.execute(
            _TELL, self._workspace_id, ids, clock.now(),
            [new_id() for _ in ids], sorted(new_id() for _ in ids),
        )  # fmt: skip

    async def post(self, limit: int) -> _Spent:
        servers, ours, started = self._servers_time(), time.process_time(), time.perf_counter()
        result = await post_batch(self._database, self._workspace_id, limit=limit)
        wall, used = time.perf_counter() - started, time.process_time() - ours
        assert result is not None
        assert result.posted == limit
        return _Spent(wall, used, self._servers_time() - servers)

    def _servers_time(self) -> float:
        fields = Path(f"/proc/{self._backend}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def event_cost(run: Run) -> list[Result]:
    """Events of random opportunities, posted one at a time and a hundred at a time, in turn with
    the small workspace."""
    places = {which: (run.database_url(which), run.big(which)) for which in ("large", "small")}
    ids = {
        which: run.open_opportunities(which, workspace, 4 * run.sizes.events)
        for which, (_, workspace) in places.items()
    }
    return wait(_event_cost(run, places, ids))


async def _event_cost(
    run: Run, places: dict[str, tuple[str, UUID]], ids: dict[str, list[UUID]]
) -> list[Result]:
    sizes = run.sizes
    name = f"cost of one event, {sizes.large:,} / {sizes.small:,} opportunities"
    large = await Side.open(*places["large"], ids["large"], sizes.large)
    small = await Side.open(*places["small"], ids["small"], sizes.small)
    chance = random.Random(7)
    count = sizes.events
    try:
        results = []
        for limit, told_events in ((1, count), (count, 4 * count)):
            ratios: list[float] = []
            spent: dict[Side, list[_Spent]] = {large: [], small: []}
            for round_ in range(sizes.rounds + 1):
                walls = dict.fromkeys((large, small), 0.0)
                for side in (large, small):
                    await side.tell(told_events, chance)
                for _ in range(told_events // limit):
                    for side in (large, small):
                        told = await side.post(limit)
                        walls[side] += told.wall
                        if round_:
                            spent[side].append(told)
                if round_:  # the first one warms caches
                    ratios.append(walls[large] / walls[small])
            detail = " | ".join(
                _detail(side, spent[side], sizes.rounds * told_events) for side in (large, small)
            )
            what = f"posted {limit} at a time"
            results.append(measured(name, what, ratios, "x", at_most=1.2, detail=detail))
        return results
    finally:
        await large.close()
        await small.close()


def _detail(side: Side, spent: list[_Spent], events: int) -> str:
    wall, ours, servers = (1000 * sum(part) / events for part in zip(*spent, strict=True))
    return f"{side.opportunities:,}: {wall:.2f} ms, CPU {ours:.2f} + {servers:.2f} ms"
