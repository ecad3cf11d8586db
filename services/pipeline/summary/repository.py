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
from services.pipeline.summary.question import DIMENSIONS, Cut

_OPEN: Final = f"o.{OPEN}"


def _opened_on(where: Filters, timezone: str) -> str:
    """A parameter for the time zone, and the day an opportunity began; a release that knew no such
    day left only when it was recorded."""
    where.values.append(timezone)
    return f"coalesce(o.opened_on, (o.created_at AT TIME ZONE ${len(where.values)}::text)::date)"


async def tally_open(
    session: Session, cut: Cut, group_by: str, timezone: str, quarter: int | None
) -> list[asyncpg.Record]:
    """Open opportunities by group, stage day and the day they began."""
    where = cut.where(session.workspace_id)
    where.where("o.close_fiscal_quarter = {}", quarter)
    opened_on = _opened_on(where, timezone)
    zone = f"${len(where.values)}::text"
    return await session.fetch(
        f"""
        SELECT {DIMENSIONS[group_by]} AS group_key,
               (o.stage_entered_at AT TIME ZONE {zone})::date AS entered_on,
               count(*) AS count, count(o.amount) AS with_amount,
               count(o.close_date) AS with_close_date, sum(o.amount) AS amount,
               sum(o.net_arr) AS net_arr, sum(o.push_count) AS pushes,
               count(*) FILTER (WHERE o.push_count > 0) AS pushed,
               sum({opened_on} - date '2000-01-01') AS opened_sum, min({opened_on}) AS first_opened
        FROM pipeline.opportunities AS o
        WHERE {where} AND {_OPEN}
        GROUP BY 1, 2
        """,
        *where.values,
    )


async def tally_visits(
    session: Session, cut: Cut, quarter: int | None, since: datetime, until: datetime
) -> list[asyncpg.Record]:
    """Stays in a stage that ended in the period, by stage and whole days. Of the whole company
    nothing need be known of the opportunities; otherwise one whose last stay ended in the period
    has entered its stage since."""
    if cut.is_whole and quarter is None:
        where, join = Filters("v.workspace_id = {}", session.workspace_id), ""
    else:
        where = cut.where(session.workspace_id)
        where.where("o.close_fiscal_quarter = {}", quarter)
        where.require("o.stage_entered_at >= {}", since)
        join = (
            "JOIN pipeline.opportunities AS o ON o.workspace_id = $1 AND o.id = v.opportunity_id"
            " AND v.workspace_id = $1"
        )
    where.require("v.left_at >= {}", since)
    where.require("v.left_at <= {}", until)
    return await session.fetch(
        f"""
        SELECT v.stage,
               floor((date_part('epoch', v.left_at) - date_part('epoch', v.entered_at))
                   / 86400)::int AS days, count(*) AS count
        FROM pipeline.stage_visits AS v {join}
        WHERE {where} AND v.left_at IS NOT NULL
        GROUP BY 1, 2
        """,
        *where.values,
    )


async def tally_ages(
    session: Session, cut: Cut, group_by: str, timezone: str
) -> list[asyncpg.Record]:
    """Open opportunities by group, segment, order type and the day they began."""
    where = cut.where(session.workspace_id)
    opened_on = _opened_on(where, timezone)
    return await session.fetch(
        f"""
        SELECT {DIMENSIONS[group_by]} AS group_key, {DIMENSIONS["segment"]} AS segment,
               o.order_type, {opened_on} AS opened_on, count(*) AS count,
               count(o.amount) AS with_amount, sum(o.amount) AS amount, sum(o.net_arr) AS net_arr
        FROM pipeline.opportunities AS o
        WHERE {where} AND {_OPEN}
        GROUP BY 1, 2, 3, 4
        """,
        *where.values,
    )


async def list_old(
    session: Session,
    cut: Cut,
    timezone: str,
    limits: Sequence[tuple[str | None, str | None, date]],
    after: tuple[date, Any] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Open opportunities that began before the day of their segment and order type (null: any
    other), the oldest first, one more than asked for."""
    where = cut.where(session.workspace_id)
    opened_on = _opened_on(where, timezone)
    segments, order_types, days = zip(*limits, strict=True)
    places = []
    for value in (list(segments), list(order_types), list(days)):
        where.values.append(value)
        places.append(f"${len(where.values)}")
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
        ), limits AS (
            SELECT * FROM unnest({places[0]}::text[], {places[1]}::text[], {places[2]}::date[])
                AS l (segment, order_type, before)
        ), old AS (
            SELECT open.* FROM open
            LEFT JOIN limits AS by_group
              ON by_group.segment = open.segment AND by_group.order_type = open.order_type
            LEFT JOIN limits AS by_segment
              ON by_segment.segment = open.segment AND by_segment.order_type IS NULL
            JOIN limits AS others ON others.segment IS NULL
            WHERE open.opened_on < coalesce(by_group.before, by_segment.before, others.before)
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
