"""Statements on territories, organisations, divisions and what was said of their colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.pagination import PageRequest
from services.kit.rows import Filters, Rows, after_id
from services.qualification.territories.colours import Axis, Standing, Statement
from services.qualification.territories.models import (
    Division,
    DivisionColour,
    Organisation,
    Territory,
)
from services.qualification.territories.schemas import (
    DivisionFilters,
    OrganisationFilters,
    TerritoryFilters,
)

TERRITORIES = Rows(Territory)
ORGANISATIONS = Rows(Organisation)
DIVISIONS = Rows(Division)
STATEMENTS = Rows(DivisionColour)

_TERRITORY = """
    SELECT t.id, t.external_id, t.version, t.name, t.segment, t.region, t.area,
           ARRAY(SELECT owner.external_id FROM workspace.users AS owner
                 WHERE owner.workspace_id = $1 AND owner.id = ANY(t.owner_ids)
                 ORDER BY owner.external_id) AS owner_external_ids,
           t.created_at, t.updated_at, t.owner_ids
    FROM qualification.territories AS t
"""
_ORGANISATION = """
    SELECT o.id, o.external_id, o.version, o.territory_id,
           territory.external_id AS territory_external_id, o.name, o.account_external_id,
           o.vertical, o.route_to_market, o.employees, o.is_customer, o.active, o.created_at,
           o.updated_at
    FROM qualification.organisations AS o
    JOIN qualification.territories AS territory
      ON territory.workspace_id = $1 AND territory.id = o.territory_id
"""
_DIVISION = """
    SELECT d.id, d.external_id, d.version, d.organisation_id,
           organisation.external_id AS organisation_external_id,
           parent.external_id AS parent_external_id, d.name, d.kind, d.practises_devops, d.users,
           d.contact, d.note, d.early_adopter, d.active, d.statements, d.created_at, d.updated_at,
           organisation.territory_id, d.parent_id
    FROM qualification.divisions AS d
    JOIN qualification.organisations AS organisation
      ON organisation.workspace_id = $1 AND organisation.id = d.organisation_id
    LEFT JOIN qualification.divisions AS parent
      ON parent.workspace_id = $1 AND parent.id = d.parent_id
"""


async def get_territory(session: Session, territory_id: UUID) -> asyncpg.Record | None:
    return await session.fetchrow(
        f"{_TERRITORY} WHERE t.workspace_id = $1 AND t.id = $2", session.workspace_id, territory_id
    )


async def get_territories(session: Session, ids: Iterable[UUID]) -> dict[UUID, asyncpg.Record]:
    rows = await session.fetch(
        f"{_TERRITORY} WHERE t.workspace_id = $1 AND t.id = ANY($2::uuid[])",
        session.workspace_id,
        list(ids),
    )
    return {row["id"]: row for row in rows}


async def lock_territory(session: WriteSession, territory_id: UUID) -> None:
    """Held until the transaction ends, so that two requests cannot make the same record of it."""
    await session.execute(
        "SELECT 1 FROM qualification.territories"
        " WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE",
        session.workspace_id,
        territory_id,
    )


async def list_territories(
    session: Session, page: PageRequest, filters: TerritoryFilters, owner_id: UUID | None
) -> list[asyncpg.Record]:
    """In id order, one more than the page holds. `owner_id` is the filter's owner."""
    where = Filters("t.workspace_id = {}", session.workspace_id)
    where.where("t.id > {}", after_id(page))
    where.where("t.external_id = {}", filters.external_id)
    where.where("{} = ANY(t.owner_ids)", owner_id)
    where.where("t.segment = {}", filters.segment)
    where.where("t.region = {}", filters.region)
    return await session.fetch(
        f"{_TERRITORY} WHERE {where} ORDER BY t.id LIMIT {page.limit + 1}", *where.values
    )


async def get_organisation(session: Session, organisation_id: UUID) -> asyncpg.Record | None:
    return await session.fetchrow(
        f"{_ORGANISATION} WHERE o.workspace_id = $1 AND o.id = $2",
        session.workspace_id,
        organisation_id,
    )


async def list_organisations(
    session: Session, page: PageRequest, filters: OrganisationFilters, territory_id: UUID | None
) -> list[asyncpg.Record]:
    """In id order, one more than the page holds; of one territory, or of all."""
    where = Filters("o.workspace_id = {}", session.workspace_id)
    where.where("o.territory_id = {}", territory_id)
    where.where("o.id > {}", after_id(page))
    where.where("o.external_id = {}", filters.external_id)
    where.where("o.account_external_id = {}", filters.account_external_id)
    where.where("o.vertical = {}", filters.vertical)
    where.where("o.is_customer = {}", filters.is_customer)
    where.where("o.active = {}", filters.active)
    return await session.fetch(
        f"{_ORGANISATION} WHERE {where} ORDER BY o.id LIMIT {page.limit + 1}", *where.values
    )


async def organisations_named(
    session: Session, territory_id: UUID, external_ids: Iterable[str]
) -> dict[str, UUID]:
    """The ids of those that the territory has, by external id."""
    rows = await session.fetch(
        "SELECT id, external_id FROM qualification.organisations"
        " WHERE workspace_id = $1 AND territory_id = $2 AND external_id = ANY($3::text[])",
        session.workspace_id,
        territory_id,
        list(external_ids),
    )
    return {row["external_id"]: row["id"] for row in rows}


async def lock_organisations(session: WriteSession, ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """The territory of each that is there; locked, so that divisions of one organisation are
    written one request after another and no two of them close a circle together."""
    rows = await session.fetch(
        "SELECT id, territory_id FROM qualification.organisations"
        " WHERE workspace_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR NO KEY UPDATE",
        session.workspace_id,
        list(ids),
    )
    return {row["id"]: row["territory_id"] for row in rows}


async def divisions_of(
    session: Session, organisation_ids: Iterable[UUID]
) -> dict[tuple[UUID, str], dict[str, Any]]:
    """Every division of these organisations, by organisation and external id, as stored."""
    rows = await session.fetch(
        f"SELECT {', '.join(DIVISIONS.columns)} FROM qualification.divisions"
        " WHERE workspace_id = $1 AND organisation_id = ANY($2::uuid[])",
        session.workspace_id,
        list(organisation_ids),
    )
    return {(row["organisation_id"], row["external_id"]): dict(row) for row in rows}


async def get_division(session: Session, division_id: UUID) -> asyncpg.Record | None:
    return await session.fetchrow(
        f"{_DIVISION} WHERE d.workspace_id = $1 AND d.id = $2", session.workspace_id, division_id
    )


async def list_divisions(
    session: Session, page: PageRequest, filters: DivisionFilters, organisation_id: UUID
) -> list[asyncpg.Record]:
    """In id order, one more than the page holds."""
    where = Filters("d.workspace_id = {}", session.workspace_id)
    where.require("d.organisation_id = {}", organisation_id)
    where.where("d.id > {}", after_id(page))
    where.where("d.external_id = {}", filters.external_id)
    where.where("d.kind = {}", filters.kind)
    where.where("d.early_adopter = {}", filters.early_adopter)
    where.where("d.active = {}", filters.active)
    return await session.fetch(
        f"{_DIVISION} WHERE {where} ORDER BY d.id LIMIT {page.limit + 1}", *where.values
    )


_STATEMENT = "id, division_id, colour, said_by, evidence, occurred_at, recorded_at"


async def statements_of(
    session: Session, division_ids: Iterable[UUID]
) -> dict[UUID, list[Statement]]:
    """All that was said of each division, in the order in which it holds."""
    rows = await session.fetch(
        f"SELECT {_STATEMENT} FROM qualification.division_colours"
        " WHERE workspace_id = $1 AND division_id = ANY($2::uuid[])"
        " ORDER BY occurred_at, recorded_at, id",
        session.workspace_id,
        list(division_ids),
    )
    found: dict[UUID, list[Statement]] = {}
    for row in rows:
        found.setdefault(row["division_id"], []).append(Statement(**dict(row)))
    return found


async def list_statements(
    session: Session,
    division_id: UUID,
    limit: int,
    after: tuple[datetime, datetime, UUID] | None,
) -> list[asyncpg.Record]:
    """In the order in which they hold, one more than the page holds."""
    return await session.fetch(
        f"""
        SELECT {_STATEMENT}, actor FROM qualification.division_colours
        WHERE workspace_id = $1 AND division_id = $2
          AND ($3::timestamptz IS NULL OR (occurred_at, recorded_at, id) > ($3, $4, $5))
        ORDER BY occurred_at, recorded_at, id LIMIT {int(limit) + 1}
        """,
        session.workspace_id,
        division_id,
        *(after or (None, None, None)),
    )


async def standings(
    session: Session, division_ids: Sequence[UUID], at: datetime, axis: Axis = "occurred"
) -> dict[UUID, Standing]:
    """The colour of each division that held at the instant, worked out as `standing_at` does, but
    where the statements are. A division of which nothing was said is not in the answer."""
    rows = await session.fetch(
        """
        WITH said AS (
            SELECT division_id, colour, said_by, evidence, occurred_at,
                   row_number() OVER held AS place,
                   lag(colour) OVER held AS colour_before
            FROM qualification.division_colours
            WHERE workspace_id = $1 AND division_id = ANY($2::uuid[])
              AND occurred_at <= $3 AND (recorded_at <= $3 OR $4)
            WINDOW held AS (PARTITION BY division_id ORDER BY occurred_at, recorded_at, id)
        )
        SELECT DISTINCT ON (division_id) division_id, colour,
               max(occurred_at) FILTER (WHERE place = 1 OR colour IS DISTINCT FROM colour_before)
                   OVER (PARTITION BY division_id) AS since,
               said_by, occurred_at AS stated_at, evidence
        FROM said ORDER BY division_id, place DESC
        """,
        session.workspace_id,
        list(division_ids),
        at,
        axis == "occurred",
    )
    return {row["division_id"]: Standing(*list(row.values())[1:]) for row in rows}
