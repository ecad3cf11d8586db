"""Fills a migrated database with leads and everything that hangs on them, by SQL and by dice.

Each lead is drawn once (`lives`), and every table tells of the same life: moves of status, signals,
touches, waits for an answer, nurture, tests, hand-overs and the opportunities they became. Chance
is a hash of the lead's number, so that the same size is always the same book.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg

from bench.seed import _connect as connect
from services.kit import clock
from services.kit.db import Database
from services.kit.ids import new_id
from services.workspace.workspaces.service import create_workspace

LEADS: Final = "leads"
TEAMS: Final = 8
SEATS: Final = 40
"""As many SDRs, and as many salespeople; both divided among the teams."""

_YEARS: Final = timedelta(days=365 * 3)

_STAGE: Final = """
    CREATE SCHEMA bench_leads;
    CREATE UNLOGGED TABLE bench_leads.people (seat int PRIMARY KEY, sdr_id uuid, rep_id uuid);
    CREATE FUNCTION bench_leads.made_id(at timestamptz, tag int, i bigint) RETURNS uuid
        LANGUAGE sql IMMUTABLE AS $$
            SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
                || lpad(to_hex(tag), 3, '0') || '8' || lpad(to_hex(i), 15, '0'))::uuid $$;
    CREATE FUNCTION bench_leads.chance(i bigint, salt int) RETURNS float8
        LANGUAGE sql IMMUTABLE AS $$
            SELECT (hashint8extended(i, salt) & 1048575) / 1048576.0::float8 $$;
"""
# Two years of leads: of a hundred 45 are qualified, 10 are handed over and 2 are won.
_LIVES: Final = """
    CREATE UNLOGGED TABLE bench_leads.lives AS
    WITH drawn AS (
        SELECT i, '{now}'::timestamptz - interval '730 days' * (1 - i::float8 / {leads}) AS began,
            bench_leads.chance(i, 1) AS a, bench_leads.chance(i, 2) AS b,
            bench_leads.chance(i, 3) AS c, bench_leads.chance(i, 4) AS d,
            bench_leads.chance(i, 5) AS e, bench_leads.chance(i, 6) AS f
        FROM generate_series(1, {leads}) AS i
    ), qualified AS (
        SELECT *, CASE WHEN a < 0.46 THEN began + interval '60 days' * b * b * b END AS at
        FROM drawn
    ), handed AS (
        SELECT *, CASE WHEN c < 0.225 AND at IS NOT NULL THEN at + interval '45 days' * d * d
                  WHEN a > 0.995 THEN began + interval '20 days' * d END AS sql_at
        FROM qualified
    )
    SELECT h.*, bench_leads.made_id(began, 1, i) AS lead_id,
        CASE WHEN at < '{now}' AND e < 0.85 THEN at END AS mql_at,
        CASE WHEN at < '{now}' AND e > 0.75 THEN at + interval '1 day' * f END AS pql_at,
        p.sdr_id, p.rep_id
    FROM handed AS h JOIN bench_leads.people AS p ON p.seat = (i * 7919 % {seats})::int
"""
_TIDY: Final = """
    UPDATE bench_leads.lives SET sql_at = NULL WHERE sql_at >= '{now}';
    UPDATE bench_leads.lives SET pql_at = NULL WHERE pql_at >= '{now}';
    ALTER TABLE bench_leads.lives ADD COLUMN status text;
    UPDATE bench_leads.lives SET status = CASE WHEN sql_at IS NOT NULL THEN 'qualified'
        WHEN coalesce(mql_at, pql_at) IS NULL THEN
            CASE WHEN d < 0.4 THEN 'raw' WHEN d < 0.9 THEN 'inquiry' ELSE 'disqualified' END
        WHEN d < 0.03 THEN 'pql' WHEN d < 0.1 THEN 'mql' WHEN d < 0.25 THEN 'accepted'
        WHEN d < 0.32 THEN 'qualifying' WHEN d < 0.85 THEN 'recycle' ELSE 'disqualified' END;
    ANALYZE bench_leads.lives;
"""
_LEADS: Final = """
    INSERT INTO qualification.leads (workspace_id, id, external_id, version, name, email, title,
        company, employees, region, source_kind, source, use_case, seats, persona, sdr_id,
        owner_id, status, status_since, score, created_at, updated_at, industry, tools,
        email_domain, campaign, engagement_external_id, landing_page, behaviour_points,
        demographic_points, fit_score, status_reason, recycle_until, woken_at, first_mql_at,
        first_pql_at, mql_count, first_response_at, sql_at, last_signal_at, last_touch_at,
        next_touch_on)
    SELECT '{workspace}', lead_id, 'L' || i, 5, 'Lead ' || i,
        'lead' || i || '@company' || i % 20000 || '.example', 'Head of engineering',
        'Company ' || i % 20000, 1 + (f * 3000)::int,
        (ARRAY['AMER', 'EMEA', 'APAC', 'LATAM'])[1 + i % 4],
        (ARRAY['inbound', 'outbound', 'self_serve', 'partner'])[1 + (b * 4)::int % 4],
        'source ' || (c * 30)::int, 'CI', 10, 'technology_leader',
        CASE WHEN f > 0.01 THEN sdr_id END,
        CASE WHEN sql_at IS NOT NULL OR e < 0.05 THEN rep_id END, status,
        coalesce(sql_at, mql_at, pql_at, began), (d * 100)::int + (b * 50)::int, began, began,
        'Technology', '["Jira", "Jenkins"]', 'company' || i % 20000 || '.example',
        'campaign ' || (d * 100)::int, CASE WHEN f < 0.5 THEN 'event ' || (e * 200)::int END,
        'https://example.com/landing/' || i % 50, (d * 100)::int, (b * 50)::int, (b * 100)::int,
        CASE WHEN status IN ('recycle', 'disqualified') THEN 'other' END,
        CASE WHEN status = 'recycle' THEN '{today}'::date - 5 + (b * 100)::int END,
        CASE WHEN status = 'recycle' AND b < 0.05 THEN '{now}'::timestamptz - interval '1 day' END,
        mql_at, pql_at, (mql_at IS NOT NULL)::int, coalesce(mql_at, pql_at), sql_at, began, began,
        CASE WHEN status IN ('mql', 'pql', 'accepted') THEN '{today}'::date - 3 + (b * 20)::int END
    FROM bench_leads.lives ORDER BY i
"""
_MOVES: Final = """
    INSERT INTO qualification.lead_moves (workspace_id, id, lead_id, from_status, to_status, score,
        sdr_id, owner_id, actor, occurred_at, recorded_at)
    SELECT '{workspace}', bench_leads.made_id(m.at, 10 + m.place, i), lead_id, m.came, m.went, 10,
        sdr_id, NULL, 'bench', m.at, m.at
    FROM bench_leads.lives CROSS JOIN LATERAL (VALUES
        (0, NULL, 'raw', began), (1, 'raw', 'inquiry', began + interval '1 hour'),
        (2, 'inquiry', 'mql', mql_at), (3, 'inquiry', 'pql', pql_at),
        (4, 'mql', 'accepted', mql_at + interval '1 hour'), (5, 'qualifying', 'qualified', sql_at)
    ) AS m (place, came, went, at)
    WHERE m.at IS NOT NULL ORDER BY i, m.place
"""
_SIGNALS: Final = """
    INSERT INTO qualification.signals (workspace_id, id, lead_id, name, worth, points, score_before,
        score_after, status_before, status_after, reasons, policy_version, occurred_at, recorded_at,
        actor)
    SELECT '{workspace}', bench_leads.made_id(began + interval '1 day' * n, 20 + n, i), lead_id,
        'content_download', 15, 15, 0, 15, 'raw', 'raw', '[]', 1, began + interval '1 day' * n,
        began + interval '1 day' * n, 'bench'
    FROM bench_leads.lives CROSS JOIN generate_series(1, 4) AS n WHERE n <= 1 + (c * 4)::int
    ORDER BY i, n
"""
_TOUCHES: Final = """
    INSERT INTO qualification.touches (workspace_id, id, lead_id, channel, direction, subject,
        user_id, actor, occurred_at, recorded_at)
    SELECT '{workspace}', bench_leads.made_id(t.at, 30 + t.n, i), lead_id,
        (ARRAY['email', 'phone', 'social'])[1 + t.n % 3], 'outbound', 'Touch ' || t.n, sdr_id,
        'bench', t.at, t.at
    FROM bench_leads.lives CROSS JOIN LATERAL (
        SELECT n, coalesce(mql_at, pql_at) + interval '3 days' * n AS at FROM generate_series(1, 8) AS n
    ) AS t
    WHERE t.at < '{now}' AND t.n <= 2 + (f * 7)::int ORDER BY i, t.n
"""
_TIMERS: Final = """
    INSERT INTO qualification.response_timers (workspace_id, id, lead_id, kind, started_at, due_at,
        stopped_at, stopped_by, responder_id, sdr_id, region, source, business_minutes, is_met,
        calendar, policy_version)
    SELECT '{workspace}', bench_leads.made_id(t.at, 40, i), lead_id, 'mql', t.at,
        t.at + interval '1 hour', CASE WHEN t.ended THEN t.at + interval '2 hours' * f END,
        CASE WHEN t.ended THEN 'touch' END, CASE WHEN t.ended THEN sdr_id END, sdr_id,
        (ARRAY['AMER', 'EMEA', 'APAC', 'LATAM'])[1 + i % 4], 'source ' || (c * 30)::int,
        CASE WHEN t.ended THEN (f * 120)::int END, CASE WHEN t.ended THEN f < 0.5 END,
        (ARRAY['AMER', 'EMEA', 'APAC', 'LATAM'])[1 + i % 4], 1
    FROM bench_leads.lives CROSS JOIN LATERAL (
        SELECT coalesce(mql_at, pql_at) AS at, status NOT IN ('mql', 'pql') OR c < 0.5 AS ended
    ) AS t
    WHERE t.at IS NOT NULL ORDER BY i
"""
_NURTURE: Final = """
    INSERT INTO qualification.nurture_activities (workspace_id, id, lead_id, version, kind, title,
        planned_on, done_at, actor, created_at, updated_at)
    SELECT '{workspace}', bench_leads.made_id(began, 50 + n, i), lead_id, 1, 'mail', 'Mail ' || n,
        p.day, CASE WHEN p.day < '{today}' AND f < 0.95 THEN '{now}'::timestamptz END, 'bench',
        began, began
    FROM bench_leads.lives CROSS JOIN generate_series(1, 2) AS n
    CROSS JOIN LATERAL (SELECT '{today}'::date - 60 + 40 * n + (e * 60)::int AS day) AS p
    WHERE status = 'recycle'
"""
_CRITERION: Final = """
    jsonb_build_object('result', CASE WHEN {fails} THEN 'fail' ELSE 'pass' END, 'source',
        'computed', 'evidence', NULL, 'reasons', '[{{{{"code": "seen", "message": "As seen."}}}}]'::jsonb)
"""
_TESTS: Final = f"""
    INSERT INTO qualification.assessments (workspace_id, id, lead_id, lead_version, policy_version,
        segment, evidence, criteria, verdict, is_convertible, assessed_at, assessed_by)
    SELECT '{{workspace}}', bench_leads.made_id(t.at, 3, i), lead_id, 4, 1, 'smb',
        '{{{{"fit": {{{{"use_case": "CI", "potential_seats": 10}}}}}}}}', jsonb_build_object(
            'authority', {_CRITERION.format(fails="t.fails")},
            'initiative', {_CRITERION.format(fails="false")},
            'fit', {_CRITERION.format(fails="false")},
            'timing', {_CRITERION.format(fails="t.late")}),
        CASE WHEN t.fails OR t.late THEN 'keep_pending' ELSE 'accept' END, NOT t.fails, t.at, 'bench'
    FROM bench_leads.lives CROSS JOIN LATERAL (
        SELECT coalesce(sql_at, mql_at, pql_at) AS at, e < 0.1 AS late,
            status = 'qualifying' AND b < 0.6 AS fails
    ) AS t
    WHERE status IN ('qualifying', 'qualified') ORDER BY i
"""
_CONVERSIONS: Final = """
    INSERT INTO qualification.conversions (workspace_id, lead_id, opportunity_id, assessment_id,
        request, state, requested_at, requested_by, settled_at, sdr_id, owner_id)
    SELECT '{workspace}', lead_id, bench_leads.made_id(sql_at, 2, i),
        bench_leads.made_id(sql_at, 3, i), jsonb_build_object('name', 'Company ' || i, 'region',
            'EMEA', 'use_case', 'CI', 'seats', 10, 'owner_external_id', 'rep', 'actor', 'bench'),
        CASE WHEN f < 0.002 THEN 'failed' ELSE 'opened' END, sql_at, 'bench', sql_at, sdr_id, rep_id
    FROM bench_leads.lives WHERE sql_at IS NOT NULL ORDER BY i
"""
_OPPORTUNITIES: Final = """
    INSERT INTO pipeline.opportunities (workspace_id, id, version, name, owner_id, sdr_id, type,
        order_type, stage, forecast_category, renewal_loss_category, amount, currency, term_months,
        true_up_amount, services_amount, other_non_recurring_amount, arr_basis, net_arr,
        close_date, close_fiscal_quarter, segment, region, vertical, category,
        contact_external_ids, splits, push_count, stage_entered_at, sales_accepted_date,
        policy_version, stated_fields, occurred_at, created_at, updated_at)
    SELECT '{workspace}', bench_leads.made_id(sql_at, 2, i), 3, 'Company ' || i, rep_id, sdr_id,
        'new_business', 'new_first_order',
        CASE WHEN sql_at > '{now}'::timestamptz - interval '20 days' THEN 'pending_acceptance'
            WHEN e < 0.25 THEN 'unqualified' WHEN e < 0.4 THEN 'discovery'
            WHEN e < 0.5 THEN 'proposal' WHEN e < 0.7 THEN 'closed_won' ELSE 'closed_lost' END,
        'omitted', 'none', 12000, 'USD', 12, 0, 0, 0, 0, 12000, '{today}'::date + (f * 90)::int,
        20272, 'smb', 'EMEA', 'software', 'standard', '{{}}', '[]', 0,
        least('{now}'::timestamptz, sql_at + interval '60 days' * f),
        CASE WHEN e >= 0.25 AND sql_at <= '{now}'::timestamptz - interval '20 days'
            THEN (sql_at + interval '3 days' * f)::date END,
        1, '{{}}', sql_at, sql_at, sql_at
    FROM bench_leads.lives WHERE sql_at IS NOT NULL AND f >= 0.002 ORDER BY i
"""
_MEETINGS: Final = """
    INSERT INTO qualification.meetings (workspace_id, id, version, subject, kind, is_qualification,
        state, scheduled_at, happens_at, lead_id, attendees, owner_id, created_at, updated_at)
    SELECT '{workspace}', bench_leads.made_id(began, 60, i), 1, 'Qualification of ' || i, 'iqm', true,
        CASE WHEN m.at < '{now}' AND c >= 0.05 THEN 'held' ELSE 'planned' END, m.at, m.at, lead_id, '[]', rep_id, began, began
    FROM bench_leads.lives CROSS JOIN LATERAL (
        SELECT '{now}'::timestamptz + interval '1 day' * (b * 20 - 10) AS at
    ) AS m
    WHERE status IN ('accepted', 'qualifying')
"""
TABLES: Final = {
    "qualification.leads": _LEADS,
    "qualification.lead_moves": _MOVES,
    "qualification.signals": _SIGNALS,
    "qualification.touches": _TOUCHES,
    "qualification.response_timers": _TIMERS,
    "qualification.nurture_activities": _NURTURE,
    "qualification.assessments": _TESTS,
    "qualification.conversions": _CONVERSIONS,
    "pipeline.opportunities": _OPPORTUNITIES,
    "qualification.meetings": _MEETINGS,
}


@dataclass(frozen=True, slots=True)
class Book:
    """A filled database's workspace and who works in it: the first of `managers` leads the others,
    who each lead a team."""

    workspace_id: UUID
    managers: list[UUID]
    sdrs: list[UUID]
    reps: list[UUID]
    leads: list[UUID]


async def fill(database_url: str, leads: int) -> dict[str, Any]:
    """Seconds by table and rows by table. The database must be migrated and hold none of it."""
    started = time.perf_counter()
    now = clock.now()
    connection = await connect(database_url)
    try:
        # Its snapshots would keep our own vacuum from marking pages as visible to all.
        await connection.execute("ALTER SYSTEM SET autovacuum = off")
        await connection.execute("SELECT pg_reload_conf()")
        workspace_id = await _add_workspace(connection, database_url, now)
        values = {
            "workspace": workspace_id, "leads": leads, "seats": SEATS,
            "now": now.isoformat(), "today": now.date(),
        }  # fmt: skip
        await connection.execute(_LIVES.format(**values))
        await connection.execute(_TIDY.format(**values))
        steps, rows = {}, {}
        for table, statement in TABLES.items():
            begun = time.perf_counter()
            told = await connection.execute(statement.format(**values))
            rows[table] = int(told.rpartition(" ")[2])
            steps[table] = round(time.perf_counter() - begun, 2)
        # Rows are not known to be visible to all before their commit is on disk, which this one
        # waits for.
        await connection.execute("SET synchronous_commit = on")
        await connection.execute("DROP SCHEMA bench_leads CASCADE")
        people = (f"workspace.{name}" for name in ("users", "reporting_lines", "policies"))
        for table in (*people, *TABLES):
            await connection.execute(f"VACUUM (ANALYZE) {table}")
        await connection.execute("ALTER SYSTEM RESET autovacuum")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()
    return {"seconds": time.perf_counter() - started, "steps": steps, "rows": rows}


async def _add_workspace(connection: asyncpg.Connection, database_url: str, now: datetime) -> UUID:
    """The workspace and its people: one who leads all, managers of teams, SDRs and salespeople."""
    database = await Database.connect(
        database_url, role="leadline_worker", application_name="bench", pool_max=1
    )
    try:
        workspace = await create_workspace(
            database, name=LEADS, slug=LEADS, currency="USD", fiscal_year_start_month=2,
            timezone="America/Los_Angeles",
        )  # fmt: skip
    finally:
        await database.close()
    await connection.execute(_STAGE)
    managers = [new_id() for _ in range(TEAMS + 1)]
    sdrs, reps = ([new_id() for _ in range(SEATS)] for _ in range(2))
    people = [
        (id_, "manager", managers[0] if place else None) for place, id_ in enumerate(managers)
    ]
    for ids, role in ((sdrs, "sdr"), (reps, "rep")):
        people += [(id_, role, managers[1 + place % TEAMS]) for place, id_ in enumerate(ids)]
    await connection.copy_records_to_table(
        "users",
        schema_name="workspace",
        columns=("workspace_id", "id", "external_id", "name", "role", "plan_type", "active",
                 "version", "created_at", "updated_at"),
        records=[
            (workspace.id, id_, f"u{place}", f"User {place}", role, "net", True, 1, now, now)
            for place, (id_, role, _) in enumerate(people)
        ],
    )  # fmt: skip
    await connection.copy_records_to_table(
        "reporting_lines",
        schema_name="workspace",
        columns=("workspace_id", "id", "user_id", "manager_id", "effective_from", "recorded_at",
                 "recorded_by", "sequence"),
        records=[
            (workspace.id, new_id(), id_, boss, now - _YEARS, now - _YEARS, "bench", 0)
            for id_, _, boss in people
        ],
    )  # fmt: skip
    await connection.copy_records_to_table(
        "people",
        schema_name="bench_leads",
        records=[(seat, *pair) for seat, pair in enumerate(zip(sdrs, reps, strict=True))],
    )
    return workspace.id


async def read_book(database_url: str, leads: int) -> Book:
    """What `fill` made, with that many leads drawn from all."""
    connection = await asyncpg.connect(database_url)
    try:
        workspace_id = await connection.fetchval(
            "SELECT id FROM workspace.workspaces WHERE slug = $1", LEADS
        )
        users = await connection.fetch(
            "SELECT id, role FROM workspace.users WHERE workspace_id = $1 ORDER BY id", workspace_id
        )
        drawn = await connection.fetch(
            """
            SELECT id FROM qualification.leads
            WHERE workspace_id = $1 AND status NOT IN ('qualified', 'disqualified')
            ORDER BY md5(external_id) LIMIT $2
            """,
            workspace_id,
            leads,
        )
    finally:
        await connection.close()
    by_role = {
        role: [user["id"] for user in users if user["role"] == role]
        for role in ("manager", "sdr", "rep")
    }
    return Book(
        workspace_id,
        by_role["manager"],
        by_role["sdr"],
        by_role["rep"],
        [row["id"] for row in drawn],
    )
