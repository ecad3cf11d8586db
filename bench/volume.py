"""The statements that multiply stories into a workspace's tables, and the handling of indexes.

Ids are made in the shape of UUIDv7 from a moment before today, so that new rows come behind them
as they would in production.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from services.forecast.domain import AMOUNT_MEASURES, MEASURES

_MEASURES: Final = ", ".join(MEASURES)
_TYPED: Final = ", ".join(
    f"{name} {'numeric(18, 2)' if name in AMOUNT_MEASURES else 'bigint'} NOT NULL"
    for name in MEASURES
)


def _each(form: str) -> str:
    return ", ".join(form.format(name) for name in MEASURES)


STAGE: Final = f"""
    CREATE SCHEMA bench_seed;
    CREATE UNLOGGED TABLE bench_seed.workspaces (
        w int PRIMARY KEY, workspace_id uuid NOT NULL, opportunities int NOT NULL);
    CREATE UNLOGGED TABLE bench_seed.sellers (
        w int, g int, number int NOT NULL, users uuid[] NOT NULL, PRIMARY KEY (w, g));
    CREATE UNLOGGED TABLE bench_seed.stories (
        n int PRIMARY KEY, g int NOT NULL, slot int NOT NULL, versions int NOT NULL,
        first_at timestamptz NOT NULL, last_at timestamptz NOT NULL,
        stage_entered_at timestamptz NOT NULL, push_count int NOT NULL, inputs jsonb NOT NULL,
        type text, order_type text, stage text, forecast_category text,
        stated_forecast_category text, renewal_loss_category text, amount numeric(18, 2),
        term_months int, arr_basis numeric(18, 2), expected_renewed_arr numeric(18, 2),
        net_arr numeric(18, 2), close_date date, fiscal_quarter int, segment text, region text,
        vertical text, dimensions_id uuid, {_TYPED});
    CREATE UNLOGGED TABLE bench_seed.story_versions (
        n int, version int, kind text, changes jsonb, previous jsonb, occurred_at timestamptz,
        slot int, PRIMARY KEY (n, version));
    CREATE UNLOGGED TABLE bench_seed.story_entries (
        n int, version int, place int, cause text, fiscal_quarter int, slot int,
        dimensions_id uuid, occurred_at timestamptz, {_TYPED}, PRIMARY KEY (n, version, place));
    CREATE FUNCTION bench_seed.made_id(tag text, a bigint, b bigint) RETURNS uuid
        LANGUAGE sql IMMUTABLE AS $$
            SELECT ('0' || to_hex(1640000000000 + a) || '7' || tag || '8'
                || lpad(to_hex(b), 15, '0'))::uuid $$;
    -- Sums whose state is one number: the built-in ones keep kilobytes for each group.
    CREATE AGGREGATE bench_seed.total(numeric) (sfunc = numeric_add, stype = numeric, initcond = 0);
    CREATE AGGREGATE bench_seed.total(bigint) (sfunc = int8pl, stype = bigint, initcond = 0);
"""

# A story is met at an odd stride, so that neighbours by id differ; an owner by another.
_ITEMS: Final = """
    CREATE UNLOGGED TABLE bench_seed.items AS
    SELECT w.w, w.workspace_id, i.i, s.n, bench_seed.made_id('001', i.i, w.w) AS opportunity_id,
        bench_seed.made_id('002', i.i / 6, w.w) AS account_id,
        o.users[1 + i.i::bigint * 31 / 7 % o.number] AS owner_0,
        o.users[1 + (i.i::bigint * 31 / 7 + 1) % o.number] AS owner_1,
        (i.i::bigint * 7919 % 72000)::int AS earlier
    FROM bench_seed.workspaces w
    CROSS JOIN LATERAL generate_series(1, w.opportunities) AS i (i)
    JOIN bench_seed.stories s ON s.n = i.i::bigint * 1237 % {stories}
    JOIN bench_seed.sellers o ON o.w = w.w AND o.g = s.g
"""
# The sequence is the order of telling. What is told arrives two seconds after it happened.
_HAPPENINGS: Final = """
    CREATE UNLOGGED TABLE bench_seed.happenings AS
    SELECT t.w, t.workspace_id, t.i, t.opportunity_id, t.account_id, t.owner_0, t.owner_1, t.n,
        v.version, t.earlier,
        v.occurred_at - t.earlier * interval '1 second' + interval '2 seconds' AS recorded_at,
        row_number() OVER (PARTITION BY t.w ORDER BY
            v.occurred_at - t.earlier * interval '1 second', t.i, v.version) AS sequence
    FROM bench_seed.items t JOIN bench_seed.story_versions v ON v.n = t.n
"""
_BATCHES: Final = """
    CREATE UNLOGGED TABLE bench_seed.batches AS
    SELECT w, workspace_id, (sequence - 1) / {size} AS batch, min(sequence) AS first_sequence,
        max(sequence) AS last_sequence, max(recorded_at) AS last_event_at,
        max(recorded_at) + interval '50 ms' + max(sequence) * interval '1 microsecond'
            AS posted_at
    FROM bench_seed.happenings GROUP BY w, workspace_id, (sequence - 1) / {size}
"""
_POSTED: Final = """
    INSERT INTO forecast.batches
        (workspace_id, last_sequence, first_sequence, posted_at, last_event_at)
    SELECT workspace_id, last_sequence, first_sequence, posted_at, last_event_at
    FROM bench_seed.batches ORDER BY workspace_id, last_sequence;
    INSERT INTO forecast.cursors (workspace_id, last_sequence, last_posted_at, last_event_at)
    SELECT workspace_id, max(last_sequence), max(posted_at), max(last_event_at)
    FROM bench_seed.batches GROUP BY workspace_id
"""


async def multiply(connection: asyncpg.Connection, batch_events: int) -> None:
    """Who had which story when, in one sequence a workspace, and in which batch it was posted."""
    count = await connection.fetchval("SELECT count(*) FROM bench_seed.stories")
    await connection.execute("ANALYZE bench_seed.workspaces; ANALYZE bench_seed.sellers")
    await connection.execute(_ITEMS.format(stories=count))
    await connection.execute("ANALYZE bench_seed.items")
    await connection.execute(_HAPPENINGS)
    await connection.execute(_BATCHES.format(size=batch_events))
    await connection.execute("ANALYZE bench_seed.happenings")
    await connection.execute("CREATE INDEX ON bench_seed.batches (w, batch)")
    await connection.execute("ANALYZE bench_seed.batches")
    await connection.execute(_POSTED)
    await connection.execute(
        "CREATE FUNCTION bench_seed.batch_size() RETURNS bigint LANGUAGE sql IMMUTABLE"
        f" AS 'SELECT {batch_events}::bigint'"
    )


_JOIN_BATCH: Final = """
    JOIN bench_seed.batches b ON b.w = h.w AND b.batch = (h.sequence - 1) / bench_seed.batch_size()
"""
_ACCOUNTS: Final = """
    INSERT INTO pipeline.accounts (workspace_id, id, external_id, name, employees, segment,
        vertical, region, version, created_at, updated_at)
    SELECT workspace_id, account_id, 'a' || min(i) / 6, 'Account ' || min(i) / 6, 500, 'mid_market',
        'software', 'EMEA', 1, now() - interval '5 years', now() - interval '5 years'
    FROM bench_seed.items GROUP BY workspace_id, account_id
"""
_OPPORTUNITIES: Final = """
    INSERT INTO pipeline.opportunities (workspace_id, id, external_id, version, name, account_id,
        owner_id, type, order_type, stage, forecast_category, stated_forecast_category,
        renewal_loss_category, amount, currency, term_months, true_up_amount, services_amount,
        other_non_recurring_amount, arr_basis, expected_renewed_arr, net_arr, close_date,
        close_fiscal_quarter, segment, region, vertical, category, contact_external_ids, splits,
        push_count, stage_entered_at, sales_accepted_date, policy_version, stated_fields,
        occurred_at, created_at, updated_at)
    SELECT t.workspace_id, t.opportunity_id, 'o' || t.i, s.versions, 'Opportunity ' || t.i,
        t.account_id, CASE s.slot WHEN 0 THEN t.owner_0 ELSE t.owner_1 END, s.type, s.order_type,
        s.stage, s.forecast_category, s.stated_forecast_category, s.renewal_loss_category,
        s.amount, 'USD', s.term_months, 0, 0, 0, s.arr_basis, s.expected_renewed_arr, s.net_arr,
        s.close_date, s.fiscal_quarter, s.segment, s.region, s.vertical, 'standard', '{}', '[]',
        s.push_count, s.stage_entered_at - t.earlier * interval '1 second', s.first_at::date, 1,
        '{order_type,segment,region,vertical}', s.last_at - t.earlier * interval '1 second',
        s.first_at - t.earlier * interval '1 second', s.last_at - t.earlier * interval '1 second'
    FROM bench_seed.items t JOIN bench_seed.stories s ON s.n = t.n
    ORDER BY t.w, t.i
"""
_POSITIONS: Final = f"""
    INSERT INTO forecast.positions (workspace_id, opportunity_id, version, inputs,
        occurred_at_max, fiscal_quarter, owner_id, dimensions_id, {_MEASURES})
    SELECT t.workspace_id, t.opportunity_id, s.versions,
        s.inputs || jsonb_build_object('owner_id', CASE s.slot WHEN 0 THEN t.owner_0
            ELSE t.owner_1 END),
        s.last_at - t.earlier * interval '1 second', s.fiscal_quarter,
        CASE s.slot WHEN 0 THEN t.owner_0 ELSE t.owner_1 END, s.dimensions_id, {_each("s.{}")}
    FROM bench_seed.items t JOIN bench_seed.stories s ON s.n = t.n
    ORDER BY t.w, t.i
"""
_EVENTS: Final = """
    INSERT INTO pipeline.opportunity_events (workspace_id, opportunity_id, version, id, kind,
        changes, previous, occurred_at, recorded_at, actor)
    SELECT h.workspace_id, h.opportunity_id, h.version,
        bench_seed.made_id('003', h.sequence, h.w), v.kind,
        CASE WHEN h.version = 1 THEN v.changes || jsonb_build_object('owner_id', h.owner_0,
                'name', 'Opportunity ' || h.i, 'external_id', 'o' || h.i,
                'account_id', h.account_id)
            WHEN v.slot IS NOT NULL THEN v.changes || jsonb_build_object('owner_id', h.owner_1)
            ELSE v.changes END,
        CASE WHEN h.version > 1 AND v.slot IS NOT NULL
            THEN v.previous || jsonb_build_object('owner_id', h.owner_0) ELSE v.previous END,
        h.recorded_at - interval '2 seconds', h.recorded_at, 'bench'
    FROM bench_seed.happenings h
    JOIN bench_seed.story_versions v ON v.n = h.n AND v.version = h.version
    ORDER BY h.w, h.sequence
"""
_FEED: Final = f"""
    INSERT INTO pipeline.feed
        (workspace_id, sequence, kind, subject_id, version, event_id, posted_at)
    SELECT h.workspace_id, h.sequence, 'opportunity', h.opportunity_id, h.version,
        bench_seed.made_id('003', h.sequence, h.w), b.posted_at
    FROM bench_seed.happenings h {_JOIN_BATCH}
    ORDER BY h.w, h.sequence
"""
_POSTINGS: Final = f"""
    INSERT INTO forecast.postings (workspace_id, opportunity_id, version, sequence, posted_at)
    SELECT h.workspace_id, h.opportunity_id, h.version, h.sequence, b.posted_at
    FROM bench_seed.happenings h {_JOIN_BATCH}
    ORDER BY h.w, h.sequence
"""
_ENTRIES: Final = f"""
    INSERT INTO forecast.entries (workspace_id, id, sequence, opportunity_id, version, event_id,
        cause, fiscal_quarter, owner_id, dimensions_id, occurred_at, recorded_at, posted_at,
        {_MEASURES})
    SELECT h.workspace_id, bench_seed.made_id('004', h.sequence, h.w * 1000 + e.place), h.sequence,
        h.opportunity_id, h.version, bench_seed.made_id('003', h.sequence, h.w), e.cause,
        e.fiscal_quarter, CASE e.slot WHEN 0 THEN h.owner_0 ELSE h.owner_1 END, e.dimensions_id,
        h.recorded_at - interval '2 seconds', h.recorded_at, b.posted_at, {_each("e.{}")}
    FROM bench_seed.happenings h {_JOIN_BATCH}
    JOIN bench_seed.story_entries e ON e.n = h.n AND e.version = h.version
    ORDER BY h.w, h.sequence
"""
_KEY: Final = "workspace_id, fiscal_quarter, dimensions_id, owner_id"
_NIL: Final = "'00000000-0000-0000-0000-000000000000'::uuid"
# Sorted once by cell and batch, which groups, runs and is the order of the index to come.
_HISTORY: Final = f"""
    INSERT INTO forecast.cell_history ({_KEY}, sequence, {_MEASURES})
    SELECT {_KEY}, sequence, {_each("bench_seed.total({0}) OVER cell")}
    FROM (
        SELECT e.workspace_id, e.fiscal_quarter, {{dimensions}} AS dimensions_id, e.owner_id,
            b.last_sequence AS sequence, {_each("bench_seed.total(e.{0}) AS {0}")}
        FROM forecast.entries e
        JOIN bench_seed.workspaces w ON w.workspace_id = e.workspace_id
        JOIN bench_seed.batches b
            ON b.w = w.w AND b.batch = (e.sequence - 1) / bench_seed.batch_size()
        GROUP BY 1, 2, 3, 4, 5
    ) AS changed
    WINDOW cell AS (PARTITION BY {_KEY} ORDER BY sequence ROWS UNBOUNDED PRECEDING)
"""
_CELLS: Final = f"""
    INSERT INTO forecast.cells ({_KEY}, {_MEASURES})
    SELECT DISTINCT ON ({_KEY}) {_KEY}, {_MEASURES} FROM forecast.cell_history
    ORDER BY {_KEY}, sequence DESC
"""
_BUCKET_KEY: Final = "workspace_id, fiscal_quarter, dimensions_id, level, bucket, owner_id"
_BUCKETS: Final = f"""
    CREATE UNLOGGED TABLE bench_seed.days AS
    SELECT workspace_id, fiscal_quarter, dimensions_id, owner_id,
        ((occurred_at AT TIME ZONE 'UTC')::date - date '1970-01-01') AS day,
        {_each("bench_seed.total({0}) AS {0}")}
    FROM forecast.entries GROUP BY 1, 2, 3, 4, 5;
    ANALYZE bench_seed.days;
    INSERT INTO forecast.occurred_buckets ({_BUCKET_KEY}, {_MEASURES})
    SELECT workspace_id, fiscal_quarter, dimensions_id, 2, day >> 6, owner_id, {_each("bench_seed.total({0})")}
    FROM bench_seed.days GROUP BY 1, 2, 3, 5, 6;
    INSERT INTO forecast.occurred_buckets ({_BUCKET_KEY}, {_MEASURES})
    SELECT workspace_id, fiscal_quarter, {_NIL}, l.level, day >> l.shift, owner_id,
        {_each("bench_seed.total({0})")}
    FROM bench_seed.days CROSS JOIN (VALUES (0, 0), (1, 3), (2, 6)) AS l (level, shift)
    GROUP BY 1, 2, 4, 5, 6
"""


async def add_opportunities(connection: asyncpg.Connection) -> None:
    """Accounts and the opportunities as they stand."""
    await connection.execute(_ACCOUNTS)
    await connection.execute("VACUUM (ANALYZE) pipeline.accounts")
    await _into(connection, "pipeline.opportunities", _OPPORTUNITIES)


async def add_positions(connection: asyncpg.Connection) -> None:
    await _into(connection, "forecast.positions", _POSITIONS)


async def add_events(connection: asyncpg.Connection) -> None:
    await _into(connection, "pipeline.opportunity_events", _EVENTS)


async def add_feed(connection: asyncpg.Connection) -> None:
    await _into(connection, "pipeline.feed", _FEED)


async def add_postings(connection: asyncpg.Connection) -> None:
    await _into(connection, "forecast.postings", _POSTINGS)


async def add_entries(connection: asyncpg.Connection) -> None:
    await _into(connection, "forecast.entries", _ENTRIES)


async def add_history(connection: asyncpg.Connection) -> None:
    """Each cell's balance after every batch that touched it."""
    await connection.execute("SET enable_hashagg = off")
    await _into(
        connection,
        "forecast.cell_history",
        f"{_HISTORY.format(dimensions='e.dimensions_id')}; {_HISTORY.format(dimensions=_NIL)}",
    )
    await connection.execute("RESET enable_hashagg")


async def add_cells(connection: asyncpg.Connection) -> None:
    """The balances now."""
    await _into(connection, "forecast.cells", _CELLS)


async def add_buckets(connection: asyncpg.Connection) -> None:
    await _into(connection, "forecast.occurred_buckets", _BUCKETS)


FILLED: Final = (
    "pipeline.accounts", "pipeline.opportunities", "pipeline.opportunity_events", "pipeline.feed",
    "forecast.entries", "forecast.cells", "forecast.cell_history", "forecast.occurred_buckets",
    "forecast.positions", "forecast.postings", "forecast.batches",
)  # fmt: skip


async def count_rows(connection: asyncpg.Connection) -> dict[str, int]:
    """Estimates of the statistics that were just made."""
    return {
        table: await connection.fetchval(
            "SELECT reltuples::bigint FROM pg_class WHERE oid = $1::text::regclass", table
        )
        for table in FILLED
    }


async def _into(connection: asyncpg.Connection, table: str, statements: str) -> None:
    async with _without_indexes(connection, table), connection.transaction():
        # Emptied and filled in one transaction, rows need no log while the server keeps a small one.
        # What refers to it is empty: nothing of it is filled here.
        await connection.execute(f"TRUNCATE {table} CASCADE")
        await connection.execute(statements)
    # As a database in use would be: visible to all and with statistics.
    await connection.execute(f"VACUUM (ANALYZE) {table}")


@asynccontextmanager
async def _without_indexes(connection: asyncpg.Connection, table: str) -> AsyncIterator[None]:
    """Sorted once instead of searched a million times; made again by their own definitions."""
    constraints = await connection.fetch(
        """
        SELECT c.conname AS name, pg_get_constraintdef(c.oid) AS definition FROM pg_constraint c
        WHERE c.conrelid = $1::text::regclass AND c.contype IN ('p', 'u') AND NOT EXISTS (
            SELECT 1 FROM pg_constraint f WHERE f.contype = 'f' AND f.conindid = c.conindid)
        """,
        table,
    )
    indexes = await connection.fetch(
        """
        SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition
        FROM pg_index i WHERE i.indrelid = $1::text::regclass AND NOT EXISTS (
            SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)
        """,
        table,
    )
    for name, _ in constraints:
        await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    for name, _ in indexes:
        await connection.execute(f"DROP INDEX {name}")
    yield
    for name, definition in constraints:
        await connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    for _, definition in indexes:
        await connection.execute(definition)
