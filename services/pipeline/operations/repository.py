"""Statements on components, reviews and what belongs to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.pagination import PageRequest
from services.kit.rows import Filters, Rows, after_id
from services.pipeline.operations.models import (
    OperationComponent,
    OperationDriver,
    OperationFinding,
    OperationReview,
    OperationScore,
    OperationSnapshot,
)

COMPONENTS: Final = Rows(OperationComponent)
REVIEWS: Final = Rows(OperationReview)
SNAPSHOTS: Final = Rows(OperationSnapshot)
FINDINGS: Final = Rows(OperationFinding)
SCORES: Final = Rows(OperationScore)
DRIVERS: Final = Rows(OperationDriver)

_COMPONENT: Final = """
    SELECT c.id, c.component, c.version, c.summary, c.document_url, c.owner_id,
           owner.external_id AS owner_external_id, c.reviewed_on, c.items, c.created_at,
           c.updated_at
    FROM pipeline.operation_components AS c
    LEFT JOIN workspace.users AS owner
      ON owner.workspace_id = $1 AND owner.id = c.owner_id
    WHERE c.workspace_id = $1
"""


async def components(session: Session) -> dict[str, asyncpg.Record]:
    """By name, those anything is said of."""
    rows = await session.fetch(_COMPONENT, session.workspace_id)
    return {row["component"]: row for row in rows}


async def lock_component(session: WriteSession, component: str) -> dict[str, Any] | None:
    row = await session.fetchrow(
        f"SELECT {', '.join(COMPONENTS.columns)} FROM pipeline.operation_components"
        " WHERE workspace_id = $1 AND component = $2 FOR NO KEY UPDATE",
        session.workspace_id,
        component,
    )
    return None if row is None else dict(row)


async def insert_version(
    session: WriteSession, row: Mapping[str, Any], body: Mapping[str, Any], actor: str
) -> None:
    """What a component says from now on."""
    await session.execute(
        """
        INSERT INTO pipeline.operation_component_versions
            (workspace_id, component, version, body, actor, recorded_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        session.workspace_id,
        row["component"],
        row["version"],
        dict(body),
        actor,
        row["updated_at"],
    )


async def list_component_versions(
    session: Session, component: str, page: PageRequest, after: int | None
) -> list[asyncpg.Record]:
    """The latest first, one more than the page holds."""
    where = Filters("workspace_id = {}", session.workspace_id)
    where.require("component = {}", component)
    where.where("version < {}", after)
    return await session.fetch(
        "SELECT version, body, actor, recorded_at FROM pipeline.operation_component_versions"
        f" WHERE {where} ORDER BY version DESC LIMIT {page.limit + 1}",
        *where.values,
    )


_SEEN: Final[Mapping[str, str]] = {
    "routes_in_use": """
        SELECT FROM pipeline.accounts WHERE workspace_id = $1 AND route_to_market IS NOT NULL
        UNION ALL SELECT FROM pipeline.opportunities
        WHERE workspace_id = $1 AND route_to_market IS NOT NULL
    """,
    "geography": "SELECT FROM pipeline.accounts WHERE workspace_id = $1 AND region IS NOT NULL",
    "industry": "SELECT FROM pipeline.accounts WHERE workspace_id = $1 AND vertical IS NOT NULL",
    "account_size": (
        "SELECT FROM pipeline.accounts WHERE workspace_id = $1 AND employees IS NOT NULL"
    ),
    "buying_role": (
        "SELECT FROM pipeline.contacts WHERE workspace_id = $1 AND buying_role IS NOT NULL"
    ),
    "use_case": (
        "SELECT FROM pipeline.opportunities WHERE workspace_id = $1 AND use_case IS NOT NULL"
    ),
    "own_policy": "SELECT FROM workspace.policies WHERE workspace_id = $1 AND version > 1",
    "sellers": "SELECT FROM workspace.users WHERE workspace_id = $1 AND active AND role = 'rep'",
    "reporting_lines": (
        "SELECT FROM workspace.reporting_lines WHERE workspace_id = $1 AND manager_id IS NOT NULL"
    ),
}


async def seen(session: Session) -> frozenset[str]:
    """What the records of the company show of its sales operation."""
    asked = ", ".join(f"EXISTS ({statement}) AS {name}" for name, statement in _SEEN.items())
    row = await session.fetchrow(f"SELECT {asked}", session.workspace_id)
    assert row is not None
    return frozenset(name for name, is_there in row.items() if is_there)


async def count_hygiene(session: Session) -> list[asyncpg.Record]:
    """Hygiene findings that stand, by rule."""
    return await session.fetch(
        "SELECT rule, count(*) AS count FROM pipeline.hygiene_findings"
        " WHERE workspace_id = $1 GROUP BY rule ORDER BY rule",
        session.workspace_id,
    )


async def get_review(session: Session, review_id: UUID) -> asyncpg.Record | None:
    return await session.fetchrow(
        f"SELECT {', '.join(REVIEWS.columns)} FROM pipeline.operation_reviews"
        " WHERE workspace_id = $1 AND id = $2",
        session.workspace_id,
        review_id,
    )


async def lock_review(session: WriteSession, review_id: UUID) -> dict[str, Any] | None:
    row = await session.fetchrow(
        f"SELECT {', '.join(REVIEWS.columns)} FROM pipeline.operation_reviews"
        " WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE",
        session.workspace_id,
        review_id,
    )
    return None if row is None else dict(row)


async def list_reviews(
    session: Session, page: PageRequest, kind: str | None, overdue_before: date | None
) -> list[asyncpg.Record]:
    """In id order, one more than the page holds; overdue are those that came round before a day and
    were not held since, as in `domain.waiting_since`."""
    where = Filters("workspace_id = {}", session.workspace_id)
    where.where("id > {}", after_id(page))
    where.where("kind = {}", kind)
    where.where(
        "(held_on IS NULL OR held_on < due_on) AND CASE WHEN held_on >= due_since THEN due_on"
        " ELSE coalesce(due_since, due_on) END < {}",
        overdue_before,
    )
    return await session.fetch(
        f"SELECT {', '.join(REVIEWS.columns)} FROM pipeline.operation_reviews"
        f" WHERE {where} ORDER BY id LIMIT {page.limit + 1}",
        *where.values,
    )


async def list_snapshots(
    session: Session, review_id: UUID, page: PageRequest
) -> list[asyncpg.Record]:
    """The latest first, one more than the page holds."""
    where = Filters("workspace_id = {}", session.workspace_id)
    where.require("review_id = {}", review_id)
    where.where("id < {}", after_id(page))
    return await session.fetch(
        f"SELECT {', '.join(SNAPSHOTS.columns)} FROM pipeline.operation_snapshots"
        f" WHERE {where} ORDER BY id DESC LIMIT {page.limit + 1}",
        *where.values,
    )


async def get_snapshots(
    session: Session, review_id: UUID, ids: Sequence[UUID]
) -> dict[UUID, asyncpg.Record]:
    rows = await session.fetch(
        f"SELECT {', '.join(SNAPSHOTS.columns)} FROM pipeline.operation_snapshots"
        " WHERE workspace_id = $1 AND review_id = $2 AND id = ANY($3::uuid[])",
        session.workspace_id,
        review_id,
        list(ids),
    )
    return {row["id"]: row for row in rows}


async def has_snapshot(session: Session, review_id: UUID, due_on: date) -> bool:
    found: bool = await session.fetchval(
        "SELECT EXISTS (SELECT FROM pipeline.operation_snapshots"
        " WHERE workspace_id = $1 AND review_id = $2 AND due_on = $3)",
        session.workspace_id,
        review_id,
        due_on,
    )
    return found


_FINDING: Final = """
    SELECT f.id, f.review_id, f.version, f.kind, f.body, owner.external_id AS owner_external_id,
           f.due_on, f.state, f.actor, f.created_at, f.updated_at
    FROM pipeline.operation_findings AS f
    LEFT JOIN workspace.users AS owner
      ON owner.workspace_id = $1 AND owner.id = f.owner_id
"""


async def get_finding(session: Session, finding_id: UUID) -> asyncpg.Record | None:
    return await session.fetchrow(
        f"{_FINDING} WHERE f.workspace_id = $1 AND f.id = $2", session.workspace_id, finding_id
    )


async def lock_finding(session: WriteSession, finding_id: UUID) -> dict[str, Any] | None:
    row = await session.fetchrow(
        f"SELECT {', '.join(FINDINGS.columns)} FROM pipeline.operation_findings"
        " WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE",
        session.workspace_id,
        finding_id,
    )
    return None if row is None else dict(row)


async def list_findings(
    session: Session, review_id: UUID, page: PageRequest, kind: str | None, state: str | None
) -> list[asyncpg.Record]:
    """In id order, one more than the page holds."""
    where = Filters("f.workspace_id = {}", session.workspace_id)
    where.require("f.review_id = {}", review_id)
    where.where("f.id > {}", after_id(page))
    where.where("f.kind = {}", kind)
    where.where("f.state = {}", state)
    return await session.fetch(
        f"{_FINDING} WHERE {where} ORDER BY f.id LIMIT {page.limit + 1}", *where.values
    )


async def scores(session: Session, review_id: UUID, round_on: date) -> list[asyncpg.Record]:
    return await session.fetch(
        "SELECT id, factor, function, actor, score, comment FROM pipeline.operation_scores"
        " WHERE workspace_id = $1 AND review_id = $2 AND round_on = $3 ORDER BY id",
        session.workspace_id,
        review_id,
        round_on,
    )


async def save_scores(session: WriteSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """A rater who says something else of the same factor and function means only the last."""
    for row in rows:
        await session.execute(
            """
            INSERT INTO pipeline.operation_scores (workspace_id, id, review_id, round_on, factor,
                function, actor, score, comment, scored_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            ON CONFLICT (workspace_id, review_id, round_on, factor, function, actor)
            DO UPDATE SET score = excluded.score, comment = excluded.comment,
                scored_at = excluded.scored_at
            """,
            session.workspace_id,
            row["id"],
            row["review_id"],
            row["round_on"],
            row["factor"],
            row["function"],
            row["actor"],
            row["score"],
            row["comment"],
            row["scored_at"],
        )


async def drivers(
    session: Session, review_id: UUID, fiscal_year: int | None
) -> list[asyncpg.Record]:
    """The latest year first, by name in it."""
    where = Filters("workspace_id = {}", session.workspace_id)
    where.require("review_id = {}", review_id)
    where.where("fiscal_year = {}", fiscal_year)
    return await session.fetch(
        f"SELECT {', '.join(DRIVERS.columns)} FROM pipeline.operation_drivers"
        f" WHERE {where} ORDER BY fiscal_year DESC, name",
        *where.values,
    )


async def lock_driver(
    session: WriteSession, review_id: UUID, fiscal_year: int, name: str
) -> dict[str, Any] | None:
    row = await session.fetchrow(
        f"SELECT {', '.join(DRIVERS.columns)} FROM pipeline.operation_drivers"
        " WHERE workspace_id = $1 AND review_id = $2 AND fiscal_year = $3 AND name = $4"
        " FOR NO KEY UPDATE",
        session.workspace_id,
        review_id,
        fiscal_year,
        name,
    )
    return None if row is None else dict(row)
