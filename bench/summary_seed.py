"""Fills a migrated database with two companies whose deals have gone through their stages, by SQL
and by dice: 100,000 opportunities of 50 people, and a million of 500.

Each deal begins on some day of the last three years, passes stages at a pace of its own, and is won
(a quarter), lost, or lies about for ever (a tenth). Chance is a hash of the deal's number.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any, Final

from bench.seed import _connect as connect
from bench.seed import _people
from services.kit import clock
from services.kit.db import Database
from services.kit.ids import new_id
from services.workspace.workspaces.service import create_workspace

HUNDRED: Final = "deals-hundred"
MILLION: Final = "deals-million"
_YEARS: Final = timedelta(days=365 * 4)
_LADDER: Final = (
    "'pending_acceptance', 'discovery', 'scoping', 'technical_evaluation', 'proposal',"
    " 'negotiating', 'awaiting_signature', 'closed_won'"
)
_STAGE: Final = """
    CREATE SCHEMA bench_deals;
    CREATE UNLOGGED TABLE bench_deals.sellers (workspace_id uuid, seat int, user_id uuid);
    CREATE FUNCTION bench_deals.made_id(at timestamptz, tag int, i bigint) RETURNS uuid
        LANGUAGE sql IMMUTABLE AS $$
            SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
                || lpad(to_hex(tag), 3, '0') || '8' || lpad(to_hex(i), 15, '0'))::uuid $$;
    CREATE FUNCTION bench_deals.chance(i bigint, salt int) RETURNS float8
        LANGUAGE sql IMMUTABLE AS $$
            SELECT (hashint8extended(i, salt) & 1048575) / 1048576.0::float8 $$;
"""
# `pace` is days a stage; `last` the ladder's rung a deal ends on, `rung` the one it is on today.
_LIVES: Final = """
    CREATE UNLOGGED TABLE bench_deals.lives AS
    WITH drawn AS (
        SELECT i, '{now}'::timestamptz - interval '1095 days' * (1 - i::float8 / {count}) AS began,
            bench_deals.chance(i, 1) AS a, bench_deals.chance(i, 2) AS b,
            bench_deals.chance(i, 3) AS c, bench_deals.chance(i, 4) AS d,
            bench_deals.chance(i, 5) AS e
        FROM generate_series(1::bigint, {count}) AS i
    ), paced AS (
        SELECT *, 3 + 50 * b * b AS pace, CASE WHEN a < 0.25 THEN 7 ELSE (c * 6)::int END AS last
        FROM drawn
    ), walked AS (
        SELECT *, floor(extract(epoch FROM '{now}'::timestamptz - began)::float8 / 86400 / pace)::int
            AS walked FROM paced
    )
    SELECT w.*, least(walked, last) AS rung,
        CASE WHEN a > 0.9 OR walked < last OR (a >= 0.25 AND walked = last) THEN 'open'
            WHEN a < 0.25 THEN 'won' ELSE 'lost' END AS fate,
        bench_deals.made_id(began, {tag}, i) AS id, s.user_id,
        (ARRAY['smb', 'mid_market', 'large', 'public_sector'])[1 + (d * 4)::int % 4] AS segment,
        (ARRAY['EMEA', 'AMER', 'APAC'])[1 + (e * 3)::int % 3] AS region
    FROM walked AS w
    JOIN bench_deals.sellers AS s
      ON s.workspace_id = '{workspace}' AND s.seat = (i * 7919 % {sellers})::int
"""
_OPPORTUNITIES: Final = """
    INSERT INTO pipeline.opportunities (workspace_id, id, external_id, version, name, owner_id,
        type, order_type, stage, forecast_category, renewal_loss_category, amount, currency,
        term_months, true_up_amount, services_amount, other_non_recurring_amount, arr_basis,
        net_arr, close_date, close_fiscal_quarter, source_kind, segment, region, vertical, category,
        contact_external_ids, splits, push_count, stage_entered_at, opened_on, policy_version, stated_fields,
        occurred_at, created_at, updated_at)
    SELECT '{workspace}', id, 'D' || i, rung + 1, 'Deal ' || i, user_id,
        CASE WHEN e < 0.2 THEN 'renewal' ELSE 'new_business' END,
        CASE WHEN d < 0.4 THEN 'new_first_order' WHEN d < 0.6 THEN 'new_connected' ELSE 'growth' END,
        CASE fate WHEN 'won' THEN 'closed_won' WHEN 'lost' THEN 'closed_lost'
            ELSE (ARRAY[{ladder}])[1 + rung] END,
        CASE fate WHEN 'won' THEN 'closed' WHEN 'lost' THEN 'omitted' ELSE 'pipeline' END, 'none',
        CASE WHEN c < 0.95 THEN (1000 + 90000 * d * d)::numeric(18, 2) END, 'USD', 12, 0, 0, 0, 0,
        CASE WHEN fate = 'lost' OR c >= 0.95 THEN 0 ELSE (1000 + 90000 * d * d)::numeric(18, 2) END,
        k.day, coalesce((extract(year FROM k.day) + 1) * 10 + 1, 0)::int,
        CASE WHEN e < 0.7 THEN 'inbound' ELSE 'outbound' END, segment, region, 'software',
        'standard', '{{}}', '[]', (a * 4)::int, began + interval '1 day' * pace * rung, began::date, 1, '{{}}',
        began, began, began
    FROM bench_deals.lives CROSS JOIN LATERAL (
        SELECT CASE WHEN fate = 'open' THEN '{now}'::date + (e * 120)::int
            ELSE (began + interval '1 day' * pace * (last + (fate = 'lost')::int))::date END AS day
    ) AS k ORDER BY i
"""
_VISITS: Final = """
    INSERT INTO pipeline.stage_visits (workspace_id, opportunity_id, version, from_stage, stage,
        entered_at, recorded_at, actor, left_at)
    SELECT '{workspace}', id, n + 1, CASE WHEN n > 0 THEN (ARRAY[{ladder}])[n] END,
        CASE WHEN n > rung THEN 'closed_lost' ELSE (ARRAY[{ladder}])[n + 1] END,
        began + interval '1 day' * pace * n, began, 'bench',
        CASE WHEN n < rung + (fate = 'lost')::int THEN began + interval '1 day' * pace * (n + 1) END
    FROM bench_deals.lives CROSS JOIN LATERAL
        generate_series(0, rung + (fate = 'lost')::int) AS n ORDER BY i, n
"""
_DATES: Final = """
    INSERT INTO pipeline.stage_dates (workspace_id, opportunity_id, stage, entered_on, is_skipped)
    SELECT workspace_id, opportunity_id, stage, entered_at::date, false
    FROM pipeline.stage_visits WHERE workspace_id = '{workspace}'
    ORDER BY opportunity_id, version
"""
_TABLES: Final = {
    "pipeline.opportunities": _OPPORTUNITIES,
    "pipeline.stage_visits": _VISITS,
    "pipeline.stage_dates": _DATES,
}


async def fill(database_url: str, deals: int) -> dict[str, Any]:
    """`deals` in the large company, a tenth of them in the other. Seconds and rows by table."""
    started = time.perf_counter()
    connection = await connect(database_url)
    rows: dict[str, int] = {}
    try:
        await connection.execute("ALTER SYSTEM SET autovacuum = off")
        await connection.execute("SELECT pg_reload_conf()")
        await connection.execute(_STAGE)
        for tag, (slug, count, users) in enumerate(
            ((HUNDRED, deals // 10, 50), (MILLION, deals, 500))
        ):
            values = await _add_company(connection, database_url, slug, users)
            values |= {"tag": tag, "count": count, "ladder": _LADDER}
            await connection.execute(_LIVES.format(**values))
            for table, statement in _TABLES.items():
                told = await connection.execute(statement.format(**values))
                rows[f"{slug} {table}"] = int(told.rpartition(" ")[2])
            await connection.execute("DROP TABLE bench_deals.lives")
        await connection.execute("SET synchronous_commit = on")
        await connection.execute("DROP SCHEMA bench_deals CASCADE")
        people = (f"workspace.{name}" for name in ("users", "reporting_lines", "policies"))
        for table in (*people, *_TABLES):
            await connection.execute(f"VACUUM (ANALYZE) {table}")
        await connection.execute("ALTER SYSTEM RESET autovacuum")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()
    return {"seconds": time.perf_counter() - started, "rows": rows}


async def _add_company(connection: Any, database_url: str, slug: str, users: int) -> dict[str, Any]:
    """The workspace, its people and who reports to whom."""
    now = clock.now()
    database = await Database.connect(
        database_url, role="leadline_worker", application_name="bench", pool_max=1
    )
    try:
        workspace = await create_workspace(
            database, name=slug, slug=slug, currency="USD", fiscal_year_start_month=2,
            timezone="America/Los_Angeles",
        )  # fmt: skip
    finally:
        await database.close()
    people = _people(users)
    ids = [new_id() for _ in people]
    await connection.copy_records_to_table(
        "users",
        schema_name="workspace",
        columns=("workspace_id", "id", "external_id", "name", "role", "plan_type", "active",
                 "version", "created_at", "updated_at"),
        records=[
            (workspace.id, ids[place], f"u{place}", f"User {place}",
             "manager" if is_manager else "rep", "net", True, 1, now - _YEARS, now)
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
             now - _YEARS, now - _YEARS, "bench", 0)
            for place, (boss, _) in enumerate(people)
        ],
    )  # fmt: skip
    sellers = [ids[place] for place, (_, is_manager) in enumerate(people) if not is_manager]
    await connection.copy_records_to_table(
        "sellers",
        schema_name="bench_deals",
        records=[(workspace.id, seat, user_id) for seat, user_id in enumerate(sellers)],
    )
    return {"workspace": workspace.id, "now": now.isoformat(), "sellers": len(sellers)}
