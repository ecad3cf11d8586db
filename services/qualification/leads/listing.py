"""Lists of leads and of what happened to one: filters, order and pages. Read only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import asyncpg

from services.kit.db import Session
from services.kit.errors import InvalidPayloadError
from services.kit.pagination import PageRequest
from services.kit.rows import after_id
from services.qualification.leads.domain import UNTOUCHED
from services.qualification.leads.record import Lead
from services.qualification.leads.repository import SELECT

_LARGEST: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class LeadQuery:
    """What a list is asked for. `equal` are columns and what they must be; `holder_id` keeps to
    the leads this salesperson may see."""

    equal: Mapping[str, Any] = field(default_factory=dict)
    min_score: int | None = None
    is_woken: bool | None = None
    with_merged: bool = False
    by_score: bool = False
    holder_id: UUID | None = None

    def key_of(self, lead: Lead) -> list[Any]:
        """Where the page after this lead begins."""
        return [lead.score, str(lead.id)] if self.by_score else [str(lead.id)]


class Where:
    """Clauses about leads (`l`) and their parameters, in step."""

    def __init__(self, session: Session) -> None:
        self.values: list[Any] = [session.workspace_id]
        self.clauses = ["l.workspace_id = $1"]

    def add(self, clause: str, *values: Any) -> None:
        first = len(self.values) + 1
        numbers = [f"${first + place}" for place in range(len(values))]
        self.clauses.append(clause.format(*numbers))
        self.values += values

    def add_holder(self, user_id: UUID) -> None:
        """Only what this salesperson may see: see `access`."""
        self.add(
            "(l.sdr_id = {0} OR (l.owner_id = {0}"
            " AND (l.sdr_id IS NULL OR l.status <> ALL({1}::text[]))))",
            user_id,
            list(UNTOUCHED),
        )

    def __str__(self) -> str:
        return " AND ".join(self.clauses)


async def plan_anew(session: Session) -> None:
    """The statements that follow are planned for the values they have. One plan for all values
    would walk through every lead to find the few that a rare value, or a high score, has."""
    await session.execute("SET LOCAL plan_cache_mode = force_custom_plan")


async def list_leads(session: Session, page: PageRequest, query: LeadQuery) -> list[Lead]:
    """Up to one more than the page holds: the oldest first, or the best score first."""
    await plan_anew(session)
    where = Where(session)
    for name, value in query.equal.items():
        where.add(f"l.{name} = {{}}", value)
    if query.min_score is not None:
        where.add("l.score >= {}", query.min_score)
    if query.is_woken is not None:
        where.add(f"l.woken_at IS {'NOT NULL' if query.is_woken else 'NULL'}")
    if not query.with_merged:
        where.add("l.merged_into_id IS NULL")
    if query.holder_id is not None:
        where.add_holder(query.holder_id)
    if page.after is not None:
        _page_on(where, page, query)
    order = "l.score DESC, l.id DESC" if query.by_score else "l.id"
    rows = await session.fetch(
        f"{SELECT} WHERE {where} ORDER BY {order} LIMIT {page.limit + 1}", *where.values
    )
    return [Lead(**dict(row)) for row in rows]


def _page_on(where: Where, page: PageRequest, query: LeadQuery) -> None:
    if not query.by_score:
        where.add("l.id > {}", after_id(page))
        return
    match page.after:
        case [int(score), str(lead_id)] if not isinstance(score, bool) and abs(score) <= _LARGEST:
            last = after_id(PageRequest(page.limit, [lead_id]))
            where.add("(l.score, l.id) < ({}, {})", score, last)
        case _:
            raise InvalidPayloadError.one(
                "query/cursor", "invalid_cursor", "is the cursor of another list"
            )


async def list_moves(session: Session, lead_id: UUID, page: PageRequest) -> list[asyncpg.Record]:
    """The lead's history, oldest record first, one more than the page holds."""
    return await session.fetch(
        """
        SELECT m.id, m.from_status, m.to_status, m.reason, m.details, m.score,
               sdr.external_id AS sdr_external_id, owner.external_id AS owner_external_id,
               m.actor, m.occurred_at, m.recorded_at
        FROM qualification.lead_moves AS m
        LEFT JOIN workspace.users AS sdr ON sdr.workspace_id = $1 AND sdr.id = m.sdr_id
        LEFT JOIN workspace.users AS owner ON owner.workspace_id = $1 AND owner.id = m.owner_id
        WHERE m.workspace_id = $1 AND m.lead_id = $2 AND ($3::uuid IS NULL OR m.id > $3)
        ORDER BY m.id LIMIT $4
        """,
        session.workspace_id,
        lead_id,
        after_id(page),
        page.limit + 1,
    )
