"""Statements that sum up open opportunities, what they passed through, and their ages.

Everything comes out counted by group and day, from indexes that hold what is needed; averages and
medians are worked out of that. `opened` is the day an opportunity was first met in any stage, which
for an imported one is long before it was recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import asyncpg

from services.kit.db import Session
from services.kit.rows import Filters
from services.pipeline.summary.models import OPEN
from services.pipeline.summary.question import DIMENSIONS, MOVED, Cut

_OPEN: Final = f"o.{OPEN}"


def _opened_on(where: Filters, timezone: str) -> str:
    """A parameter for the time zone, and the day an opportunity began; a release that knew no such
    day left only when it was recorded."""
    where.values.append(timezone)
    return f"coalesce(o.opened_on, (o.created_at AT TIME ZONE ${len(where.values)}::text)::date)"


async def tally_open(
    session: Session, cut: Cut, group_by: str, timezone: str, quarter: int | None
) -> list[asyncpg.Record]:
    """Open opportunities by group, and all of them (`is_total`). Days are counted from 2000; their
    medians come from here, since few opportunities are open and groups times days are many."""
    where = cut.where(session.workspace_id)
    where.where("o.close_fiscal_quarter = {}", quarter)
    opened_on = _opened_on(where, timezone)
    zone = f"${len(where.values)}::text"
    return await session.fetch(
        f"""
        SELECT group_key, grouping(group_key) = 1 AS is_total, count(*) AS count,
               count(amount) AS with_amount, count(close_date) AS with_close_date,
               sum(amount) AS amount, sum(net_arr) AS net_arr, sum(push_count) AS pushes,
               count(*) FILTER (WHERE push_count > 0) AS pushed,
               sum(opened) AS opened_sum, min(opened) AS first_opened, sum(entered) AS entered_sum,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY entered::float8) AS entered_median
        FROM (
            SELECT {DIMENSIONS[group_by]} AS group_key, o.amount, o.close_date, o.net_arr,
                   o.push_count, {opened_on} - date '2000-01-01' AS opened,
                   (o.stage_entered_at AT TIME ZONE {zone})::date - date '2000-01-01' AS entered
            FROM pipeline.opportunities AS o
            WHERE {where} AND {_OPEN}
        ) AS deal
        GROUP BY GROUPING SETS ((group_key), ())
        """,
        *where.values,
    )


async def tally_visits(
    session: Session, cut: Cut, quarter: int | None, since: datetime, until: datetime
) -> list[asyncpg.Record]:
    """Stays in a stage that ended in the period, by stage and whole days. Of the whole company
    nothing need be known of the opportunities; otherwise one whose last stay ended in the period
    has entered a stage since. What was told out of order may end before it begins: no time."""
    if cut.is_whole and quarter is None:
        where, join = Filters("v.workspace_id = {}", session.workspace_id), ""
    else:
        where = cut.where(session.workspace_id)
        where.where("o.close_fiscal_quarter = {}", quarter)
        where.require(f"{MOVED} >= {{}}", since)
        join = (
            "JOIN pipeline.opportunities AS o ON o.workspace_id = $1 AND o.id = v.opportunity_id"
            " AND v.workspace_id = $1"
        )
    where.require("v.left_at >= {}", since)
    where.require("v.left_at <= {}", until)
    return await session.fetch(
        f"""
        SELECT v.stage,
               GREATEST(date_part('day', v.left_at - v.entered_at), 0)::int AS days, count(*) AS count
        FROM pipeline.stage_visits AS v {join}
        WHERE {where} AND v.left_at IS NOT NULL
        GROUP BY 1, 2
        """,
        *where.values,
    )


Limits = Sequence[tuple[str | None, str | None, date]]
"""Segment, order type (null: any) and the day before which one of them began to be too old."""

# The day for each opportunity of `open`: its kind's, its segment's, or everybody's.
_BEFORE: Final = """
    LEFT JOIN limits AS by_group
      ON by_group.segment = open.segment AND by_group.order_type = open.order_type
    LEFT JOIN limits AS by_segment
      ON by_segment.segment = open.segment AND by_segment.order_type IS NULL
    JOIN limits AS others ON others.segment IS NULL
"""
_IS_OLD: Final = "open.opened_on < coalesce(by_group.before, by_segment.before, others.before)"


def _limits(where: Filters, limits: Limits) -> str:
    places = []
    for column in zip(*limits, strict=True):
        where.values.append(list(column))
        places.append(len(where.values))
    return (
        f"SELECT * FROM unnest(${places[0]}::text[], ${places[1]}::text[], ${places[2]}::date[])"
        " AS l (segment, order_type, before)"
    )


async def tally_ages(
    session: Session,
    cut: Cut,
    group_by: str,
    timezone: str,
    starts: Sequence[date],
    limits: Limits,
) -> list[asyncpg.Record]:
    """Open opportunities by group, segment, order type, band (0 is the oldest; `starts` are the
    days on which younger bands begin, growing) and whether they are too old."""
    where = cut.where(session.workspace_id)
    opened_on = _opened_on(where, timezone)
    listed = _limits(where, limits)
    where.values.append(list(starts))
    band = f"width_bucket(open.opened_on, ${len(where.values)}::date[])"
    return await session.fetch(
        f"""
        WITH open AS (
            SELECT {DIMENSIONS[group_by]} AS group_key, {DIMENSIONS["segment"]} AS segment,
                   o.order_type, o.amount, o.net_arr, {opened_on} AS opened_on
            FROM pipeline.opportunities AS o
            WHERE {where} AND {_OPEN}
        ), limits AS ({listed})
        SELECT open.group_key, open.segment, open.order_type, {band} AS band, {_IS_OLD} AS is_old,
               count(*) AS count, count(open.amount) AS with_amount, sum(open.amount) AS amount,
               sum(open.net_arr) AS net_arr
        FROM open {_BEFORE}
        GROUP BY 1, 2, 3, 4, 5
        """,
        *where.values,
    )


async def list_old(
    session: Session,
    cut: Cut,
    timezone: str,
    limits: Limits,
    after: tuple[date, Any] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Open opportunities that began before the day of their segment and order type (null: any
    other), the oldest first, one more than asked for."""
    where = cut.where(session.workspace_id)
    opened_on = _opened_on(where, timezone)
    listed = _limits(where, limits)
    page = ""
    if after is not None:
        where.values += after
        page = f"AND (old.opened_on, old.id) > (${len(where.values) - 1}, ${len(where.values)})"
    return await session.fetch(
        f"""
        WITH open AS (
            SELECT o.id, o.owner_id, o.stage, {DIMENSIONS["segment"]} AS segment, o.order_type,
                   o.amount, o.net_arr, o.close_date, {opened_on} AS opened_on
            FROM pipeline.opportunities AS o
            WHERE {where} AND {_OPEN}
        ), limits AS ({listed}), old AS (
            SELECT open.* FROM open {_BEFORE} WHERE {_IS_OLD}
        ), page AS (
            SELECT old.* FROM old WHERE true {page} ORDER BY old.opened_on, old.id LIMIT {limit + 1}
        )
        SELECT page.*, full_.external_id, full_.name, owner.external_id AS owner_external_id
        FROM page
        JOIN pipeline.opportunities AS full_
          ON full_.workspace_id = $1 AND full_.id = page.id
        LEFT JOIN workspace.users AS owner
          ON owner.workspace_id = $1 AND owner.id = page.owner_id
        ORDER BY page.opened_on, page.id
        """,
        *where.values,
    )


async def names_of_users(session: Session, ids: Sequence[Any]) -> dict[Any, tuple[str, str]]:
    """External id and name of each."""
    rows = await session.fetch(
        "SELECT id, external_id, name FROM workspace.users"
        " WHERE workspace_id = $1 AND id = ANY($2::uuid[])",
        session.workspace_id,
        ids,
    )
    return {row["id"]: (row["external_id"], row["name"]) for row in rows}
