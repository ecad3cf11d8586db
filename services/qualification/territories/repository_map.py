"""What the usage map is read from, in a handful of statements however large the territory is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import asyncpg

from services.kit.db import Session
from services.qualification.territories.colours import Axis, Statement


async def organisations_of(session: Session, territory_id: UUID) -> list[asyncpg.Record]:
    """Those that are active, in the order of their ids."""
    return await session.fetch(
        """
        SELECT id, external_id, name, account_external_id, vertical, route_to_market, employees,
               is_customer
        FROM qualification.organisations
        WHERE workspace_id = $1 AND territory_id = $2 AND active ORDER BY id
        """,
        session.workspace_id,
        territory_id,
    )


async def divisions_at(
    session: Session, organisation_ids: Iterable[UUID], at: datetime, axis: Axis
) -> list[asyncpg.Record]:
    """The active divisions that were there at the instant: recorded by then, or with a colour that
    was told later and reaches back to it (which `recorded` does not know of)."""
    return await session.fetch(
        """
        SELECT d.id, d.external_id, d.organisation_id, d.parent_id, d.name, d.kind,
               d.practises_devops, d.users, d.contact, d.note, d.early_adopter, d.created_at
        FROM qualification.divisions AS d
        WHERE d.workspace_id = $1 AND d.organisation_id = ANY($2::uuid[]) AND d.active
          AND (d.created_at <= $3 OR ($4 AND EXISTS (
              SELECT 1 FROM qualification.division_colours AS said
              WHERE said.workspace_id = $1 AND said.division_id = d.id AND said.occurred_at <= $3
          )))
        """,
        session.workspace_id,
        list(organisation_ids),
        at,
        axis == "occurred",
    )


async def said_until(
    session: Session, organisation_ids: Iterable[UUID], until: datetime
) -> list[Statement]:
    """What was said of the active divisions up to the instant, in the order in which it holds."""
    rows = await session.fetch(
        """
        SELECT said.id, said.division_id, said.colour, said.said_by, said.evidence,
               said.occurred_at, said.recorded_at
        FROM qualification.divisions AS d
        JOIN qualification.division_colours AS said
          ON said.workspace_id = $1 AND said.division_id = d.id
        WHERE d.workspace_id = $1 AND d.organisation_id = ANY($2::uuid[]) AND d.active
          AND said.occurred_at <= $3
        ORDER BY said.occurred_at, said.recorded_at, said.id
        """,
        session.workspace_id,
        list(organisation_ids),
        until,
    )
    return [Statement(**dict(row)) for row in rows]
