"""Statements on vertical plans, teams and ranks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import asyncpg

from services.kit.db import Session
from services.kit.rows import Rows
from services.qualification.territories.models import (
    OrganisationRank,
    TerritoryTeam,
    VerticalPlan,
)

VERTICAL_PLANS = Rows(VerticalPlan)
TEAMS = Rows(TerritoryTeam)
RANKS = Rows(OrganisationRank)


async def vertical_plans(session: Session, territory_id: UUID) -> dict[str, dict[str, Any]]:
    """What is planned in each vertical."""
    rows = await session.fetch(
        f"SELECT {', '.join(VERTICAL_PLANS.columns)} FROM qualification.vertical_plans"
        " WHERE workspace_id = $1 AND territory_id = $2 ORDER BY vertical",
        session.workspace_id,
        territory_id,
    )
    return {row["vertical"]: dict(row) for row in rows}


async def get_team(session: Session, territory_id: UUID) -> dict[str, Any] | None:
    row = await session.fetchrow(
        f"SELECT {', '.join(TEAMS.columns)} FROM qualification.territory_teams"
        " WHERE workspace_id = $1 AND territory_id = $2",
        session.workspace_id,
        territory_id,
    )
    return None if row is None else dict(row)


_RANK = """
    SELECT given.id, given.organisation_id, given.rank, given.reason, given.sources, given.segment,
           given.fiscal_year, given.ranked_by_id, given.ranked_at, given.recorded_at, given.actor,
           given.policy_version, ranker.external_id AS ranked_by_external_id
    FROM qualification.organisation_ranks AS given
    LEFT JOIN workspace.users AS ranker
      ON ranker.workspace_id = $1 AND ranker.id = given.ranked_by_id
"""


async def ranks_given(session: Session, organisation_id: UUID) -> list[asyncpg.Record]:
    """Every ranking of the organisation, the one in force first."""
    return await session.fetch(
        f"{_RANK} WHERE given.workspace_id = $1 AND given.organisation_id = $2"
        " ORDER BY given.ranked_at DESC, given.recorded_at DESC, given.id DESC",
        session.workspace_id,
        organisation_id,
    )


async def ranks_in_force(
    session: Session, organisation_ids: Iterable[UUID]
) -> dict[UUID, asyncpg.Record]:
    """The latest ranking of each organisation that has one."""
    rows = await session.fetch(
        f"""
        SELECT DISTINCT ON (latest.organisation_id) latest.*
        FROM ({_RANK} WHERE given.workspace_id = $1
                AND given.organisation_id = ANY($2::uuid[])) AS latest
        ORDER BY latest.organisation_id, latest.ranked_at DESC, latest.recorded_at DESC,
                 latest.id DESC
        """,
        session.workspace_id,
        list(organisation_ids),
    )
    return {row["organisation_id"]: row for row in rows}
