"""Statements on resources."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import asyncpg

from services.kit.db import Session
from services.kit.pagination import PageRequest
from services.kit.rows import Filters, Rows, after_id
from services.qualification.touches.domain import Resource
from services.qualification.touches.models import Resource as ResourceTable
from services.qualification.touches.resources.schemas import ResourceFilters

RESOURCES = Rows(ResourceTable)
_COLUMNS = ", ".join(RESOURCES.columns)
_CANDIDATES_MAX = 500


async def get_resource(session: Session, resource_id: UUID) -> asyncpg.Record | None:
    return await session.fetchrow(
        f"SELECT {_COLUMNS} FROM qualification.resources WHERE workspace_id = $1 AND id = $2",
        session.workspace_id,
        resource_id,
    )


async def list_resources(
    session: Session, page: PageRequest, filters: ResourceFilters
) -> list[asyncpg.Record]:
    """In id order, one more than the page holds."""
    where = Filters("workspace_id = {}", session.workspace_id)
    where.where("id > {}", after_id(page))
    where.where("external_id = {}", filters.external_id)
    where.where("lower(use_case) = lower({})", filters.use_case)
    where.where("persona = {}", filters.persona)
    where.where("buyer_stage = {}", filters.buyer_stage)
    where.where("kind = {}", filters.kind)
    where.where("active = {}", filters.active)
    return await session.fetch(
        f"SELECT {_COLUMNS} FROM qualification.resources WHERE {where}"
        f" ORDER BY id LIMIT {page.limit + 1}",
        *where.values,
    )


async def candidates(
    session: Session, *, use_case: str | None, persona: str | None, used: Iterable[UUID]
) -> list[Resource]:
    """What might be sent next: active, not sent yet, best fits first. Which of them, and why, is
    the domain's."""
    rows = await session.fetch(
        """
        SELECT id, external_id, title, url, use_case, persona FROM qualification.resources
        WHERE workspace_id = $1 AND active AND NOT (id = ANY($4::uuid[]))
        ORDER BY (lower(use_case) = lower($2)) IS TRUE DESC,
                 (lower(persona) = lower($3)) IS TRUE DESC, title, id
        LIMIT $5
        """,
        session.workspace_id,
        use_case,
        persona,
        list(used),
        _CANDIDATES_MAX,
    )
    return [Resource(**dict(row)) for row in rows]
