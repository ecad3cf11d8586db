"""Fills a migrated database with a large, consistent volume in minutes.

`stories.py` tells a few thousand lives of opportunities by the product's own rules; here Postgres
multiplies them: every sum in the ledger is added up from the entries it stands for, so an audit
finds nothing. Indexes are dropped while rows go in and made again exactly as they were.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from bench import stories, volume
from bench.stories import GROUPS, Story
from services.forecast.domain import dimensions_id
from services.kit import clock
from services.kit.db import Database
from services.kit.ids import new_id
from services.workspace.workspaces.service import create_workspace

_SESSION: Final = {
    "session_replication_role": "replica",  # foreign keys hold by construction
    "work_mem": "512MB",
    "maintenance_work_mem": "1GB",
    "max_parallel_maintenance_workers": "1",
    "synchronous_commit": "off",
    "statement_timeout": "0",
}
Step = Callable[[asyncpg.Connection], Awaitable[None]]

_FIRST_YEARS: Final = timedelta(days=365 * 5)


@dataclass(frozen=True, slots=True)
class Plan:
    """One workspace to fill."""

    slug: str
    opportunities: int
    users: int


@dataclass(frozen=True, slots=True)
class Filled:
    """A workspace as it was filled; `managers` are external ids, by how many are below them."""

    workspace_id: UUID
    slug: str
    opportunities: int
    users: int
    managers: list[tuple[str, int]]


async def fill(database_url: str, plans: list[Plan], *, batch_events: int = 200) -> dict[str, Any]:
    """Seconds by step and rows by table. The database must be migrated and hold none of it."""
    started = time.perf_counter()
    now = clock.now()
    told, dimensions = stories.stories(now)
    connection = await _connect(database_url)
    try:
        await connection.execute("ALTER SYSTEM SET autovacuum = off")
        await connection.execute("SELECT pg_reload_conf()")
        await _stage(connection, told)
        for number, plan in enumerate(plans):
            await _add_workspace(connection, database_url, number, plan, now)
        await _add_dimensions(connection, dimensions)
        steps = {"stage": time.perf_counter() - started}
        await _timed(steps, "happenings", volume.multiply(connection, batch_events))
        await _lanes(database_url, steps)
        await connection.execute("ALTER SYSTEM RESET autovacuum")
        await connection.execute("SELECT pg_reload_conf()")
        rows = await volume.count_rows(connection)
        await connection.execute("DROP SCHEMA bench_seed CASCADE")
    finally:
        await connection.close()
    return {"seconds": time.perf_counter() - started, "steps": steps, "rows": rows}


async def filled(database_url: str) -> dict[str, Filled]:
    """What `fill` made in this database, by slug."""
    connection = await _connect(database_url)
    try:
        rows = await connection.fetch(
            """
            SELECT w.id, w.slug,
                (SELECT count(*) FROM pipeline.opportunities o WHERE o.workspace_id = w.id)
                    AS opportunities,
                (SELECT count(*) FROM workspace.users u WHERE u.workspace_id = w.id) AS users
            FROM workspace.workspaces w ORDER BY w.slug
            """
        )
        found = {}
        for row in rows:
            managers = await connection.fetch(
                """
                SELECT m.external_id, count(*)::int AS below FROM workspace.reporting_lines l
                JOIN workspace.users m ON m.workspace_id = l.workspace_id AND m.id = l.manager_id
                WHERE l.workspace_id = $1 GROUP BY 1 ORDER BY 2 DESC, 1
                """,
                row["id"],
            )
            found[row["slug"]] = Filled(
                row["id"], row["slug"], row["opportunities"], row["users"],
                [tuple(manager) for manager in managers],
            )  # fmt: skip
        return found
    finally:
        await connection.close()


async def _connect(database_url: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(database_url, server_settings=_SESSION)
    # Binary, because COPY is: a byte for the version, then the text.
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", format="binary",
        encoder=lambda value: b"\x01" + orjson.dumps(value),
        decoder=lambda value: orjson.loads(value[1:]),
    )  # fmt: skip
    return connection


async def _timed(steps: dict[str, float], name: str, work: Awaitable[None]) -> None:
    started = time.perf_counter()
    await work
    steps[name] = time.perf_counter() - started


async def _lanes(database_url: str, steps: dict[str, float]) -> None:
    """What does not depend on each other, side by side: one lane for each of two cores."""

    entries_are_in = asyncio.Event()

    async def add_entries(connection: asyncpg.Connection) -> None:
        await volume.add_entries(connection)
        entries_are_in.set()

    def after_entries(step: Step) -> Step:
        async def wait(connection: asyncpg.Connection) -> None:
            await entries_are_in.wait()
            await step(connection)

        return wait

    async def lane(work: list[tuple[str, Step]]) -> None:
        connection = await _connect(database_url)
        try:
            for name, step in work:
                await _timed(steps, name, step(connection))
        finally:
            await connection.close()

    lanes: list[list[tuple[str, Step]]] = [
        [
            ("entries", add_entries),
            ("history", volume.add_history),
            ("cells", volume.add_cells),
        ],
        [
            ("opportunities", volume.add_opportunities),
            ("positions", volume.add_positions),
            ("events", volume.add_events),
            ("feed", volume.add_feed),
            ("postings", volume.add_postings),
            # Long after the entries, which the first lane begins with.
            ("buckets", after_entries(volume.add_buckets)),
        ],
    ]
    async with asyncio.TaskGroup() as group:
        for work in lanes:
            group.create_task(lane(work))


async def _stage(connection: asyncpg.Connection, told: list[Story]) -> None:
    """The stories as tables, to be joined."""
    await connection.execute(volume.STAGE)
    await connection.copy_records_to_table(
        "stories", schema_name="bench_seed", records=[_story_row(story) for story in told]
    )
    await connection.copy_records_to_table(
        "story_versions",
        schema_name="bench_seed",
        records=[
            (story.number, version.version, version.kind, version.changes, version.previous,
             version.occurred_at, version.slot)
            for story in told
            for version in story.versions
        ],
    )  # fmt: skip
    await connection.copy_records_to_table(
        "story_entries",
        schema_name="bench_seed",
        records=[
            (story.number, version, place, entry.cause, entry.fiscal_quarter,
             stories.slot_of(entry.owner_id), dimensions_id(entry.dimensions),
             entry.occurred_at, *entry.measures)
            for story in told
            for place, (version, entry) in enumerate(story.entries)
        ],
    )  # fmt: skip
    await connection.execute("ANALYZE bench_seed.stories")
    await connection.execute("ANALYZE bench_seed.story_versions")
    await connection.execute("ANALYZE bench_seed.story_entries")


def _story_row(story: Story) -> tuple[Any, ...]:
    inputs = story.inputs
    return (
        story.number, story.group, story.slot, len(story.versions), story.versions[0].occurred_at,
        story.versions[-1].occurred_at, story.stage_entered_at, story.push_count, inputs.to_json(),
        inputs.type, inputs.order_type, inputs.stage, story.forecast_category,
        inputs.stated_forecast_category, inputs.renewal_loss_category, inputs.amount,
        inputs.term_months, inputs.arr_basis, inputs.expected_renewed_arr, story.net_arr,
        inputs.close_date, story.contribution.fiscal_quarter, inputs.segment, inputs.region,
        inputs.vertical, story.dimensions_id, *story.contribution.measures,
    )  # fmt: skip


async def _add_workspace(
    connection: asyncpg.Connection, database_url: str, number: int, plan: Plan, now: datetime
) -> None:
    """The workspace, its people and who reports to whom."""
    database = await Database.connect(
        database_url, role="leadline_worker", application_name="bench", pool_max=1
    )
    try:
        workspace = await create_workspace(
            database, name=plan.slug, slug=plan.slug, currency=stories.CURRENCY,
            fiscal_year_start_month=stories.START_MONTH, timezone=stories.TIMEZONE,
        )  # fmt: skip
    finally:
        await database.close()
    # The ledger reaches back behind this moment, and a ledger does not begin before its workspace.
    await connection.execute(
        "UPDATE workspace.workspaces SET created_at = $2 WHERE id = $1",
        workspace.id,
        now - _FIRST_YEARS,
    )
    people = _people(plan.users)
    ids = [new_id() for _ in people]
    await connection.copy_records_to_table(
        "users",
        schema_name="workspace",
        columns=("workspace_id", "id", "external_id", "name", "role", "plan_type", "active",
                 "version", "created_at", "updated_at"),
        records=[
            (workspace.id, ids[place], f"u{place}", f"User {place}",
             "manager" if is_manager else "rep", "net", True, 1, now - _FIRST_YEARS, now)
            for place, (_, is_manager) in enumerate(people)
        ],
    )  # fmt: skip
    await connection.copy_records_to_table(
        "reporting_lines",
        schema_name="workspace",
        columns=("workspace_id", "id", "user_id", "manager_id", "effective_from", "recorded_at",
                 "recorded_by", "sequence"),
        records=[
            (workspace.id, new_id(), ids[place], None if boss is None else ids[boss],
             now - _FIRST_YEARS, now - _FIRST_YEARS, "bench", 0)
            for place, (boss, _) in enumerate(people)
        ],
    )  # fmt: skip
    sellers = [ids[place] for place, (_, is_manager) in enumerate(people) if not is_manager]
    await connection.copy_records_to_table(
        "sellers",
        schema_name="bench_seed",
        records=[
            (number, group, len(users), users)
            for group in range(len(GROUPS))
            for users in (sellers[group :: len(GROUPS)] or sellers[:1],)
        ],
    )
    await connection.execute(
        "INSERT INTO bench_seed.workspaces VALUES ($1, $2, $3)",
        number,
        workspace.id,
        plan.opportunities,
    )


def _people(users: int) -> list[tuple[int | None, bool]]:
    """(place of the manager, is a manager): one at the top, a fifth of the rest's tenth as heads,
    one manager for nine sellers."""
    managers = max(1, (users - 1) // 10)
    heads = max(1, managers // 9)
    people: list[tuple[int | None, bool]] = [(None, True)]
    people += [(0, True)] * heads
    people += [(1 + place % heads, True) for place in range(managers)]
    first_manager = 1 + heads
    sellers = max(1, users - len(people))
    people += [(first_manager + place % managers, False) for place in range(sellers)]
    return people


async def _add_dimensions(connection: asyncpg.Connection, dimensions: dict) -> None:
    await connection.executemany(
        """
        INSERT INTO forecast.dimensions
            (workspace_id, id, segment, region, type, order_type, vertical)
        SELECT workspace_id, $1, $2, $3, $4, $5, $6 FROM bench_seed.workspaces
        """,
        [(combination, *values) for combination, values in dimensions.items()],
    )
