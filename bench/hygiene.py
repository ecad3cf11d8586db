"""What judging one changed opportunity costs in a large workspace against a small one, and how
long the sums over all findings take."""

from __future__ import annotations

import random
import time
from typing import Final
from uuid import UUID

import asyncpg

from bench.results import Result, measured
from bench.run import Run, wait
from services.kit import clock
from services.kit.db import Database
from services.pipeline import following
from services.pipeline.hygiene import follower, listing
from services.pipeline.hygiene.listing import Asked
from services.pipeline.opportunities.stages import OPEN_STAGES
from services.workspace.users.reach import Sight

_BATCH: Final = following.BATCH_MAX

# What the product would have found, kept and been told, so that each table has its size. Each part
# runs once: a kept database has it already.
_FILL: Final = (
    """
    INSERT INTO pipeline.stage_visits (workspace_id, opportunity_id, version, stage, entered_at,
        recorded_at, actor)
    SELECT workspace_id, id, 1, stage, stage_entered_at, created_at, 'bench'
    FROM pipeline.opportunities WHERE workspace_id = $1 AND stage = ANY($2::text[])
    ON CONFLICT (workspace_id, opportunity_id, version) DO NOTHING
    """,
    """
    INSERT INTO pipeline.activities (workspace_id, id, version, kind, state, occurred_at,
        opportunity_id, contact_external_ids, actor, is_qualification, is_preparation, created_at,
        updated_at)
    SELECT o.workspace_id, gen_random_uuid(), 1, 'call', 'done',
        o.stage_entered_at + n * interval '1 day', o.id, '{}', 'bench', false, false,
        o.created_at, o.created_at
    FROM pipeline.opportunities AS o CROSS JOIN generate_series(1, 3) AS n
    WHERE o.workspace_id = $1 AND o.stage = ANY($2::text[])
    """,
    """
    INSERT INTO pipeline.hygiene_findings (workspace_id, id, opportunity_id, rule, severity,
        evidence, since, opened_at, owner_id, account_id, fiscal_quarter, policy_version)
    SELECT o.workspace_id, gen_random_uuid(), o.id, rule, 'warning', '{"stage": "discovery"}',
        o.stage_entered_at, o.stage_entered_at, o.owner_id, o.account_id, o.close_fiscal_quarter, 1
    FROM pipeline.opportunities AS o
    CROSS JOIN unnest(ARRAY['contact_missing', 'next_step_missing', 'not_reviewed']) AS rule
    WHERE o.workspace_id = $1 AND o.stage = ANY($2::text[])
    """,
    """
    INSERT INTO pipeline.hygiene_states
        (workspace_id, opportunity_id, owner_id, opened_on, is_open, review_from)
    SELECT workspace_id, id, owner_id, coalesce(opened_on, created_at::date), true, created_at
    FROM pipeline.opportunities WHERE workspace_id = $1 AND stage = ANY($2::text[])
    """,
    """
    INSERT INTO pipeline.follow_ups_due (workspace_id, follower, opportunity_id, due_at)
    SELECT workspace_id, 'hygiene', id, created_at + interval '20 years'
    FROM pipeline.opportunities WHERE workspace_id = $1 AND stage = ANY($2::text[])
    """,
)
_TABLES: Final = (
    "stage_visits", "activities", "hygiene_findings", "hygiene_states", "follow_ups_due",
)  # fmt: skip
_AT_THE_END: Final = """
    INSERT INTO pipeline.followers (workspace_id, name, position, failures)
    SELECT $1, 'hygiene', coalesce(max(sequence), 0), 0 FROM pipeline.feed WHERE workspace_id = $1
    ON CONFLICT (workspace_id, name) DO NOTHING
"""
# Of a run before this one that was broken off.
_NOTHING_LEFT: Final = """
    WITH gone AS (DELETE FROM pipeline.rechecks WHERE workspace_id = $1)
    UPDATE pipeline.followers SET failures = 0, retry_at = NULL WHERE workspace_id = $1
"""
_CHANGE: Final = """
    UPDATE pipeline.opportunities
    SET next_step = CASE WHEN next_step IS NULL THEN 'Call' END, push_count = 1 - push_count % 2
    WHERE workspace_id = $1 AND id = ANY($2::uuid[])
"""


class Side:
    """One workspace, and those of its opportunities that change."""

    def __init__(self, database: Database, url: str, workspace_id: UUID) -> None:
        self.database = database
        self.url = url
        self.workspace_id = workspace_id
        self.ids: list[UUID] = []
        self.findings = 0

    @classmethod
    async def open(cls, url: str, workspace_id: UUID) -> Side:
        database = await Database.connect(
            url, role="leadline_worker", application_name="bench", pool_max=1
        )
        side = cls(database, url, workspace_id)
        await side._fill()
        return side

    async def _fill(self) -> None:
        driver = await asyncpg.connect(self.url)
        try:
            stages = list(OPEN_STAGES)
            found = "SELECT count(*) FROM pipeline.hygiene_findings WHERE workspace_id = $1"
            if not await driver.fetchval(found, self.workspace_id):
                for statement in _FILL:
                    await driver.execute(statement, self.workspace_id, stages)
                for table in _TABLES:
                    await driver.execute(f"VACUUM (ANALYZE) pipeline.{table}")
            await driver.execute(_AT_THE_END, self.workspace_id)
            await driver.execute(_NOTHING_LEFT, self.workspace_id)
            self.findings = await driver.fetchval(found, self.workspace_id)
            rows = await driver.fetch(
                "SELECT id FROM pipeline.opportunities WHERE workspace_id = $1"
                " AND stage = ANY($2::text[]) ORDER BY md5(id::text) LIMIT 1000",
                self.workspace_id,
                stages,
            )
        finally:
            await driver.close()
        self.ids = [row["id"] for row in rows]

    async def warm(self) -> None:
        """Everybody is judged once, so that nobody's first findings fall into what is timed."""
        for start in range(0, len(self.ids), _BATCH):
            await self._follow(self.ids[start : start + _BATCH])

    async def follow(self, chance: random.Random) -> float:
        """Seconds an opportunity, of a batch that changed."""
        return await self._follow(chance.sample(self.ids, _BATCH))

    async def _follow(self, ids: list[UUID]) -> float:
        async with self.database.write(self.workspace_id) as session:
            await session.execute(_CHANGE, self.workspace_id, ids)
            await following.recheck(session, ids, (following.HYGIENE,))
        started = time.perf_counter()
        done = await following.follow_once(
            self.database, self.workspace_id, following.HYGIENE, follower.follow
        )
        assert done
        return (time.perf_counter() - started) / len(ids)

    async def add_up(self) -> float:
        """Seconds for the sums by rule over everybody's findings."""
        async with self.database.read(self.workspace_id) as session:
            asked = Asked(now=clock.now(), seen=Sight(), snoozed="all")
            started = time.perf_counter()
            await listing.sums(session, asked, "rule")
            return time.perf_counter() - started


def hygiene(run: Run) -> list[Result]:
    """Batches of opportunities that changed, in turn with the small workspace."""
    places = {which: (run.database_url(which), run.big(which)) for which in ("large", "small")}
    return wait(_hygiene(run, places))


async def _hygiene(run: Run, places: dict[str, tuple[str, UUID]]) -> list[Result]:
    sizes = run.sizes
    large = await Side.open(*places["large"])
    small = await Side.open(*places["small"])
    chance = random.Random(7)
    ratios: list[float] = []
    costs: list[float] = []
    try:
        for side in (large, small):
            await side.warm()
        for round_ in range(sizes.rounds + 1):
            spent = dict.fromkeys((large, small), 0.0)
            for _ in range(4):
                for side in (large, small):
                    spent[side] += await side.follow(chance) / 4
            if round_:  # the first one warms caches
                ratios.append(spent[large] / spent[small])
                costs.append(1000 * spent[large])
        sums = [1000 * await large.add_up() for _ in range(3)]
        name = f"hygiene, {sizes.large:,} / {sizes.small:,} opportunities"
        detail = f"{large.findings:,} / {small.findings:,} findings"
        return [
            measured(name, "judging one that changed", ratios, "x", at_most=1.5, detail=detail),
            measured("hygiene", f"the same, with {sizes.large:,}", costs, "ms"),
            measured("hygiene", "sums by rule over all findings", sums, "ms", detail=detail),
        ]
    finally:
        await large.database.close()
        await small.database.close()
