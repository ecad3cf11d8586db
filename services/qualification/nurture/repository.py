"""Statements on nurture activities."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.pagination import PageRequest
from services.kit.rows import Rows, after_id
from services.qualification.leads.listing import Where, plan_anew
from services.qualification.nurture.models import NurtureActivity

ACTIVITIES = Rows(NurtureActivity)
_COLUMNS = ", ".join(f"n.{name}" for name in ACTIVITIES.columns)


async def list_of_lead(session: Session, lead_id: UUID, page: PageRequest) -> list[asyncpg.Record]:
    """In the order they were planned, one more than the page holds."""
    return await session.fetch(
        f"""
        SELECT {_COLUMNS} FROM qualification.nurture_activities AS n
        WHERE n.workspace_id = $1 AND n.lead_id = $2 AND ($3::uuid IS NULL OR n.id > $3)
        ORDER BY n.id LIMIT $4
        """,
        session.workspace_id,
        lead_id,
        after_id(page),
        page.limit + 1,
    )


async def list_planned(
    session: Session,
    page: PageRequest,
    *,
    due_before: date | None,
    sdr_id: UUID | None,
    kind: str | None,
    after: tuple[date, UUID] | None,
    holder_id: UUID | None,
) -> list[asyncpg.Record]:
    """What is not done, the earliest day first; of merged leads nothing is left. `holder_id`
    keeps to the leads this salesperson may see."""
    where = Where(session)
    for clause, value in (
        ("n.planned_on < {}", due_before),
        ("l.sdr_id = {}", sdr_id),
        ("n.kind = {}", kind),
    ):
        if value is not None:
            where.add(clause, value)
    if holder_id is not None:
        where.add_holder(holder_id)
    if after is not None:
        where.add("(n.planned_on, n.id) > ({}, {})", *after)
    await plan_anew(session)
    return await session.fetch(
        f"""
        SELECT {_COLUMNS}, l.name AS lead_name, l.status AS lead_status,
               sdr.external_id AS sdr_external_id, owner.external_id AS owner_external_id
        FROM qualification.nurture_activities AS n
        JOIN qualification.leads AS l
          ON l.workspace_id = $1 AND l.id = n.lead_id AND l.merged_into_id IS NULL
        LEFT JOIN workspace.users AS sdr ON sdr.workspace_id = $1 AND sdr.id = l.sdr_id
        LEFT JOIN workspace.users AS owner ON owner.workspace_id = $1 AND owner.id = l.owner_id
        WHERE {where} AND n.workspace_id = $1 AND n.done_at IS NULL
        ORDER BY n.planned_on, n.id LIMIT {page.limit + 1}
        """,
        *where.values,
    )


async def get_activity(session: Session, lead_id: UUID, activity_id: UUID) -> dict[str, Any] | None:
    row = await session.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM qualification.nurture_activities AS n
        WHERE n.workspace_id = $1 AND n.lead_id = $2 AND n.id = $3
        """,
        session.workspace_id,
        lead_id,
        activity_id,
    )
    return None if row is None else dict(row)


async def insert(session: WriteSession, row: dict[str, Any]) -> None:
    await ACTIVITIES.insert(session, [row])


async def update(session: WriteSession, row: dict[str, Any]) -> None:
    """Its lead must be locked."""
    await ACTIVITIES.update(session, [row])
