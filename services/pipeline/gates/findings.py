"""What writes broke, as it was kept then: read only, the oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.kit.auth import Principal
from services.kit.db import Session
from services.kit.pagination import PageRequest
from services.kit.rows import Filters, after_id
from services.pipeline.opportunities.listing import actor_names, within
from services.workspace.users.reach import find_subtree, sight


async def list_findings(
    session: Session,
    principal: Principal,
    page: PageRequest,
    *,
    user: str | None = None,
    opportunity_id: UUID | None = None,
    rules: Sequence[str] | None = None,
    since: datetime | None = None,
) -> list[dict[str, Any]]:
    """Those about opportunities the caller may see; one more than the page holds."""
    seen = await sight(session, principal)
    where = Filters("f.workspace_id = {}", session.workspace_id)
    where.where("f.id > {}", after_id(page))
    where.where("f.opportunity_id = {}", opportunity_id)
    where.where("f.rule = ANY({}::text[])", rules or None)
    where.where("f.found_at >= {}", since)
    if user is not None:
        where.require(
            _owned("o.owner_id = ANY({}::uuid[])"), list(await find_subtree(session, user))
        )
    within(where, seen, _owned("{}"))
    rows = await session.fetch(
        f"""
        SELECT f.id, f.opportunity_id, f.version, f.rule, f.message, f.codes, f.reason, f.actor,
            f.found_at
        FROM pipeline.findings AS f WHERE {where} ORDER BY f.id LIMIT {page.limit + 1}
        """,
        *where.values,
    )
    return await _told(session, [dict(row) for row in rows])


def _owned(clause: str) -> str:
    return (
        "EXISTS (SELECT 1 FROM pipeline.opportunities AS o WHERE o.workspace_id = $1"
        f" AND o.id = f.opportunity_id AND {clause})"
    )


async def _told(session: Session, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = await session.fetch(
        "SELECT id, external_id FROM pipeline.opportunities"
        " WHERE workspace_id = $1 AND id = ANY($2::uuid[])",
        session.workspace_id,
        list({row["opportunity_id"] for row in rows}),
    )
    external_ids = {row["id"]: row["external_id"] for row in found}
    names = await actor_names(session, [row["actor"] for row in rows])
    return [
        {
            **row,
            "opportunity_external_id": external_ids.get(row["opportunity_id"]),
            "actor_name": names.get(row["actor"]),
        }
        for row in rows
    ]
