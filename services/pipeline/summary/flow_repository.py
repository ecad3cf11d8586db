"""Statements about deals in time: cohorts, what became of what was closed, pipeline created, and
what capacity is worked out of. Counted by group and day, as in `repository`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

import asyncpg

from services.kit.db import Session
from services.kit.rows import Filters
from services.pipeline.summary.domain import LADDER
from services.pipeline.summary.models import CLOSED, OPEN
from services.pipeline.summary.question import DIMENSIONS, MOVED, REVERSING, Cut

_RANK: Final = (
    "CASE e.stage "
    + " ".join(f"WHEN '{stage}' THEN {rank}" for rank, stage in enumerate(LADDER))
    + " END"
)

# What a deal that is lost would have brought: its Net ARR is none, or the basis it loses.
_BRINGS: Final = """
    CASE WHEN o.type = 'professional_services' THEN 0
         WHEN o.stage NOT IN ('closed_lost', 'unqualified', 'duplicate') THEN o.net_arr
         WHEN o.stated_net_arr IS NOT NULL THEN o.stated_net_arr
         ELSE round((o.amount - o.true_up_amount - o.services_amount
                 - o.other_non_recurring_amount) * 12 / coalesce(o.term_months, 12)
             - CASE WHEN o.type = 'renewal' OR o.category = 'ramp' THEN o.arr_basis ELSE 0 END, 2)
    END
"""
_IS_SIZED: Final = "(o.amount IS NOT NULL OR o.stated_net_arr IS NOT NULL)"

# Why a deal says nothing about winning; null where it does.
_UNJUDGED: Final = f"""
    CASE WHEN o.stage = 'duplicate' THEN 'duplicate'
         WHEN o.stage = 'unqualified' THEN 'unqualified'
         WHEN o.category IN {REVERSING} THEN 'reversing'
         WHEN o.source_kind = 'self_serve' THEN 'web_direct'
         WHEN o.stage = 'closed_lost' AND o.lost_reason IS NOT NULL
              AND lower(o.lost_reason) IN ('merged', 'opportunity_merged', 'opportunity merged')
             THEN 'merged'
    END
"""

# Why a deal that has met stage 1 is no pipeline created; null where it is.
_UNCREATED: Final = f"""
    CASE WHEN o.stage IN ('pending_acceptance', 'unqualified', 'duplicate') THEN o.stage
         WHEN o.source_kind = 'self_serve' THEN 'web_direct'
         WHEN o.order_type NOT IN ('new_first_order', 'new_connected', 'growth') THEN 'order_type'
         WHEN o.category = 'credit' THEN NULL
         WHEN NOT {_IS_SIZED} THEN 'unsized'
         WHEN {_BRINGS} <= 0 THEN 'no_net_arr'
    END
"""


_TEAM: Final = 30
"""Up to so many people, their deals are few beside the company's."""


def _place(where: Filters, value: Any) -> str:
    where.values.append(value)
    return f"${len(where.values)}"


def _look_at_moved(where: Filters, cut: Cut, first: date) -> None:
    """Of a team's book only what has moved since the period began: a deal has entered some stage
    after whatever it met before. A day is left for the time zone."""
    if cut.owners is not None:
        where.require(f"{MOVED} >= {{}}::date - 1", first)


def _met(cut: Cut, stage: str) -> str:
    """Opportunities as `o` with the day each met a stage as `d.entered_on`. A team's few deals are
    looked up one by one, which `OFFSET 0` keeps the planner from turning round."""
    if cut.owners is None or len(cut.owners) > _TEAM:
        return f"""
            pipeline.stage_dates AS d
            JOIN pipeline.opportunities AS o
              ON o.workspace_id = $1 AND o.id = d.opportunity_id
             AND d.workspace_id = $1 AND d.stage = {stage}
        """
    return f"""
        pipeline.opportunities AS o
        CROSS JOIN LATERAL (
            SELECT m.entered_on FROM pipeline.stage_dates AS m
            WHERE m.workspace_id = $1 AND m.opportunity_id = o.id AND m.stage = {stage} OFFSET 0
        ) AS d
    """


def _cohort(where: Filters, cut: Cut, stage: str | None, first: date, last: date) -> str:
    """The deals that met a stage in these days (None: that began in them) and where they are now.
    Of a team's book those are looked at that have moved since."""
    first_day, last_day = _place(where, first), _place(where, last)
    _look_at_moved(where, cut, first)
    if stage is None:
        return f"""
            SELECT o.id, o.stage AS now_in, o.opened_on AS began
            FROM pipeline.opportunities AS o
            WHERE {where} AND o.opened_on >= {first_day} AND o.opened_on <= {last_day}
        """
    return f"""
        SELECT o.id, o.stage AS now_in, d.entered_on AS began
        FROM {_met(cut, _place(where, stage))}
        WHERE {where} AND d.entered_on >= {first_day} AND d.entered_on <= {last_day}
    """


async def follow_cohort(
    session: Session, cut: Cut, stage: str | None, first: date, last: date
) -> list[asyncpg.Record]:
    """What the cohort met, by stage and days, and where it stands today (`is_now`). Between two
    stages of which one was skipped there is no time."""
    where = cut.where(session.workspace_id)
    cohort = _cohort(where, cut, stage, first, last)
    return await session.fetch(
        f"""
        WITH cohort AS MATERIALIZED ({cohort}), met AS (
            SELECT e.stage, e.is_skipped, e.entered_on - cohort.began AS since_start,
                   CASE WHEN NOT e.is_skipped AND NOT lag(e.is_skipped) OVER steps
                        THEN e.entered_on - lag(e.entered_on) OVER steps END AS since_previous
            FROM cohort
            JOIN pipeline.stage_dates AS e
              ON e.workspace_id = $1 AND e.opportunity_id = cohort.id AND {_RANK} IS NOT NULL
            WINDOW steps AS (PARTITION BY cohort.id ORDER BY {_RANK})
        )
        SELECT false AS is_now, stage, since_start, since_previous, count(*) AS count,
               count(*) FILTER (WHERE is_skipped) AS skipped
        FROM met GROUP BY 2, 3, 4
        UNION ALL
        SELECT true, now_in, NULL, NULL, count(*), 0 FROM cohort GROUP BY now_in
        """,
        *where.values,
    )


async def tally_closed(
    session: Session,
    cut: Cut,
    group_by: str,
    first: date,
    last: date,
    *,
    is_valued: bool = True,
) -> list[asyncpg.Record]:
    """Deals closed in these days by group, stage and why they say nothing about winning. Counting
    alone is done from an index."""
    values = "0 AS sized, 0::numeric AS net_arr"
    if is_valued:
        values = (
            f"count(*) FILTER (WHERE {_IS_SIZED}) AS sized,"
            f" coalesce(sum(GREATEST({_BRINGS}, 0)), 0) AS net_arr"
        )
    where = cut.where(session.workspace_id)
    where.require("o.close_date >= {}", first)
    where.require("o.close_date <= {}", last)
    return await session.fetch(
        f"""
        SELECT {DIMENSIONS[group_by]} AS group_key, o.stage, {_UNJUDGED} AS excluded,
               count(*) AS count, {values}
        FROM pipeline.opportunities AS o
        WHERE {where} AND o.{CLOSED}
        GROUP BY 1, 2, 3
        """,
        *where.values,
    )


async def count_undecided(session: Session, cut: Cut, first: date, last: date) -> int:
    """Open deals whose close date is in these days."""
    where = cut.where(session.workspace_id)
    where.require("o.close_date >= {}", first)
    where.require("o.close_date <= {}", last)
    count: int = await session.fetchval(
        f"SELECT count(*) FROM pipeline.opportunities AS o WHERE {where} AND o.{OPEN}",
        *where.values,
    )
    return count


async def tally_created(
    session: Session, cut: Cut, group_by: str, first: date, last: date
) -> list[asyncpg.Record]:
    """Deals that met stage 1 in these days, by group and why they are no pipeline created."""
    where = cut.where(session.workspace_id)
    _look_at_moved(where, cut, first)
    where.require("d.entered_on >= {}", first)
    where.require("d.entered_on <= {}", last)
    return await session.fetch(
        f"""
        SELECT {DIMENSIONS[group_by]} AS group_key, {_UNCREATED} AS excluded, count(*) AS count,
               coalesce(sum({_BRINGS}), 0) AS net_arr, coalesce(sum(o.amount), 0) AS amount
        FROM {_met(cut, "'discovery'")}
        WHERE {where}
        GROUP BY 1, 2
        """,
        *where.values,
    )


async def tally_won_days(
    session: Session, cut: Cut, first: date, last: date
) -> list[asyncpg.Record]:
    """Days from the beginning to the close of deals won in these days."""
    where = cut.where(session.workspace_id)
    where.require("o.close_date >= {}", first)
    where.require("o.close_date <= {}", last)
    return await session.fetch(
        f"""
        SELECT GREATEST(o.close_date - o.opened_on, 0) AS days, count(*) AS count
        FROM pipeline.opportunities AS o
        WHERE {where} AND o.stage = 'closed_won' AND o.category NOT IN {REVERSING}
          AND o.opened_on IS NOT NULL
        GROUP BY 1
        """,
        *where.values,
    )


async def tally_pipe_days(
    session: Session, cut: Cut, first: date, last: date
) -> list[asyncpg.Record]:
    """Days between stage 1 and the close of deals won or lost in these days."""
    where = cut.where(session.workspace_id)
    where.require("o.close_date >= {}", first)
    where.require("o.close_date <= {}", last)
    return await session.fetch(
        f"""
        SELECT GREATEST(o.close_date - d.entered_on, 0) AS days, count(*) AS count
        FROM pipeline.opportunities AS o
        JOIN pipeline.stage_dates AS d
          ON d.workspace_id = $1 AND d.opportunity_id = o.id AND d.stage = 'discovery'
        WHERE {where} AND o.stage IN ('closed_won', 'closed_lost')
          AND o.category NOT IN {REVERSING}
        GROUP BY 1
        """,
        *where.values,
    )


async def active_deals(session: Session, cut: Cut) -> dict[UUID, int]:
    """Open deals that are accepted, by owner."""
    where = cut.where(session.workspace_id)
    rows = await session.fetch(
        f"""
        SELECT o.owner_id, count(*) AS count FROM pipeline.opportunities AS o
        WHERE {where} AND o.{OPEN} AND o.stage <> 'pending_acceptance' GROUP BY 1
        """,
        *where.values,
    )
    return {row["owner_id"]: row["count"] for row in rows}


async def accepted_deals(session: Session, cut: Cut, first: date, last: date) -> dict[UUID, int]:
    """Deals that met stage 1 in these days, by owner."""
    where = cut.where(session.workspace_id)
    _look_at_moved(where, cut, first)
    where.require("d.entered_on >= {}", first)
    where.require("d.entered_on <= {}", last)
    rows = await session.fetch(
        f"""
        SELECT o.owner_id, count(*) AS count FROM {_met(cut, "'discovery'")}
        WHERE {where} GROUP BY 1
        """,
        *where.values,
    )
    return {row["owner_id"]: row["count"] for row in rows}


async def sellers(session: Session, owners: Sequence[UUID] | None) -> set[UUID]:
    """Active users who sell, of these (None: all)."""
    rows = await session.fetch(
        """
        SELECT id FROM workspace.users
        WHERE workspace_id = $1 AND active AND role = 'rep'
          AND ($2::uuid[] IS NULL OR id = ANY($2::uuid[]))
        """,
        session.workspace_id,
        owners,
    )
    return {row["id"] for row in rows}
