"""Which of somebody's open opportunities have a command plan that is behind: elements the stage
needs and nobody identified, sections not filled in, or nothing written for too long.

What counts is decided by `evidence` and `plans`; the statement says the same of what is stored, so
that counting does not open every plan, and the first ones are shown as `evidence` judges them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from services.kit.db import ReadSession
from services.kit.rows import Filters
from services.qualification.boards.domain import Unmet
from services.qualification.boards.repository import Count
from services.qualification.boards.section import Look
from services.qualification.evidence.domain import IDENTIFIED
from services.qualification.evidence.views import Evidence, evidence_of
from services.qualification.opportunities.repository import OPPORTUNITIES
from services.qualification.plans.listing import joined
from services.workspace.policy_settings import OPEN_STAGES

SECTION: Final = "plans"

# Nobody wrote anything where there is no plan: every element its stage needs is a gap then.
_GAPS: Final = """
    CROSS JOIN LATERAL (
        SELECT CASE WHEN p.elements IS NULL THEN r.stage_number >= {first}::integer ELSE EXISTS (
            SELECT FROM jsonb_each_text({required}::jsonb) AS needed (name, stage)
            WHERE needed.stage::integer <= r.stage_number
              AND COALESCE((p.elements -> needed.name ->> 'score')::integer, 0) < {identified}::integer
        ) END AS has_gaps
    ) AS g
"""


@dataclass(frozen=True, slots=True)
class Behind:
    """An opportunity whose plan is behind; `since` is since when it is stale, None: it is not."""

    id: UUID
    owner_id: UUID
    close_date: date | None
    since: datetime | None
    unmet: list[Unmet]


@dataclass(frozen=True, slots=True)
class Plans:
    """How many plans are behind, how many of them are stale, and the first of them."""

    count: int
    overdue: int
    first: list[Behind]


def _source(look: Look) -> tuple[str, Filters]:
    where = Filters("o.workspace_id = {}", None)
    where.require("o.stage = ANY({}::text[])", list(OPEN_STAGES[1:]))
    if look.ids is not None and len(look.ids) == 1:
        where.require("o.owner_id = {}::uuid", look.ids[0])
    else:
        where.where("o.owner_id = ANY({}::uuid[])", look.ids)
    judged = joined(where, look.policy, look.now)
    required = look.policy.settings["meddppicc.required_by_stage"]
    names = {}
    for name, value in (
        ("first", min(required.values(), default=len(OPEN_STAGES))),
        ("required", required),
        ("identified", IDENTIFIED),
    ):
        where.values.append(value)
        names[name] = f"${len(where.values)}"
    source = f"""
        FROM {OPPORTUNITIES} AS o {judged} {_GAPS.format(**names)}
        WHERE {where} AND (s.is_stale OR s.is_incomplete OR g.has_gaps)
    """
    return source, where


async def list_plans(session: ReadSession, look: Look, limit: int) -> Plans:
    """Of everybody on the list, soonest to close first."""
    source, where = _source(look)
    rows = await session.fetch(
        f"""
        SELECT o.id, o.owner_id, o.close_date, count(*) OVER () AS total,
            count(*) FILTER (WHERE s.is_stale) OVER () AS stale
        {source} ORDER BY o.close_date NULLS LAST, o.id LIMIT {int(limit)}
        """,
        session.workspace_id,
        *where.values[1:],
    )
    known = await evidence_of(session, [row["id"] for row in rows], look.policy)
    first = [
        Behind(
            row["id"],
            row["owner_id"],
            row["close_date"],
            known[row["id"]].staleness.since,
            _unmet(known[row["id"]]),
        )
        for row in rows
    ]
    return Plans(rows[0]["total"], rows[0]["stale"], first) if rows else Plans(0, 0, [])


async def count_plans(session: ReadSession, look: Look) -> list[Count]:
    """Of every person whose plans are behind."""
    source, where = _source(look)
    rows = await session.fetch(
        f"""
        SELECT o.owner_id AS user_id, count(*) AS count,
            count(*) FILTER (WHERE s.is_stale) AS overdue
        {source} GROUP BY 1
        """,
        session.workspace_id,
        *where.values[1:],
    )
    return [Count(section=SECTION, **dict(row)) for row in rows]


def _unmet(evidence: Evidence) -> list[Unmet]:
    gaps = [Unmet("meddppicc", element) for element in evidence.gaps]
    missing = [Unmet(*name.split(".", 1)) for name in evidence.missing]
    stale = [Unmet("stale", rule.message) for rule in evidence.staleness.reasons]
    return list(dict.fromkeys([*gaps, *missing, *stale]))
