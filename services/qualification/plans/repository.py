"""Statements on command plans and their versions, which are only ever added."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.kit.db import Session, WriteSession
from services.qualification.plans.domain import measures
from services.qualification.plans.sections import EMPTY, Place, Sections


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is written about an opportunity now. `version` 0 is: nobody wrote anything."""

    opportunity_id: UUID
    version: int = 0
    sections: Sections
    elements: dict[str, Any]
    elements_version: int = 0
    elements_at: datetime | None = None
    touched_at: datetime | None = None
    touched_by: str | None = None
    met_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanVersion:
    """The plan as one save left it. `changes` are the places it changed."""

    version: int
    sections: Sections
    elements: dict[str, Any]
    elements_version: int
    changes: list[dict[str, Any]]
    author: str | None
    saved_at: datetime | None
    policy_version: int | None


def blank(opportunity_id: UUID) -> Plan:
    """The plan of an opportunity nobody wrote about."""
    return Plan(opportunity_id=opportunity_id, sections=EMPTY, elements={})


BEFORE_ALL = PlanVersion(
    version=0,
    sections=EMPTY,
    elements={},
    elements_version=0,
    changes=[],
    author=None,
    saved_at=None,
    policy_version=None,
)
"""Version 0: before the first save."""

_COLUMNS = ", ".join(field.name for field in fields(Plan))
_VERSION_COLUMNS = ", ".join(field.name for field in fields(PlanVersion))


async def get_plan(session: Session, opportunity_id: UUID) -> Plan:
    row = await session.fetchrow(
        f"SELECT {_COLUMNS} FROM qualification.command_plans"
        " WHERE workspace_id = $1 AND opportunity_id = $2",
        session.workspace_id,
        opportunity_id,
    )
    return blank(opportunity_id) if row is None else Plan(**dict(row))


async def get_plans(session: Session, ids: Iterable[UUID]) -> dict[UUID, Plan]:
    """Those of the opportunities somebody wrote about or met."""
    rows = await session.fetch(
        f"SELECT {_COLUMNS} FROM qualification.command_plans"
        " WHERE workspace_id = $1 AND opportunity_id = ANY($2::uuid[])",
        session.workspace_id,
        list(ids),
    )
    return {row["opportunity_id"]: Plan(**dict(row)) for row in rows}


async def lock_plan(session: WriteSession, opportunity_id: UUID) -> Plan:
    """The plan, kept from being changed by others until the transaction ends; made where there is
    none, so that two first writers wait for each other too."""
    await _make(session, opportunity_id)
    row = await session.fetchrow(
        f"SELECT {_COLUMNS} FROM qualification.command_plans"
        " WHERE workspace_id = $1 AND opportunity_id = $2 FOR UPDATE",
        session.workspace_id,
        opportunity_id,
    )
    assert row is not None
    return Plan(**dict(row))


async def _make(session: WriteSession, opportunity_id: UUID) -> None:
    await session.execute(
        """
        INSERT INTO qualification.command_plans (workspace_id, opportunity_id, version, sections,
            elements, elements_version, overview_filled, elements_filled, step_count)
        VALUES ($1, $2, 0, $3, $4, 0, 0, 0, 0)
        ON CONFLICT (workspace_id, opportunity_id) DO NOTHING
        """,
        session.workspace_id,
        opportunity_id,
        EMPTY,
        {},
    )


async def save(
    session: WriteSession,
    plan: Plan,
    *,
    changes: Sequence[Place],
    author: str,
    at: datetime,
    policy_version: int,
) -> Plan:
    """Stores a locked plan as its next version, and the version whole."""
    saved = replace(plan, version=plan.version + 1, touched_at=at, touched_by=author)
    counts = measures(saved.sections, saved.elements)
    await session.execute(
        """
        UPDATE qualification.command_plans SET version = $3, sections = $4, elements = $5,
            elements_version = $6, elements_at = $7, touched_at = $8, touched_by = $9,
            overview_filled = $10, elements_filled = $11, step_count = $12
        WHERE workspace_id = $1 AND opportunity_id = $2
        """,
        session.workspace_id, saved.opportunity_id, saved.version, saved.sections, saved.elements,
        saved.elements_version, saved.elements_at, at, author, counts["overview_filled"],
        counts["elements_filled"], counts["step_count"],
    )  # fmt: skip
    await session.execute(
        f"""
        INSERT INTO qualification.command_plan_versions
            (workspace_id, opportunity_id, {_VERSION_COLUMNS})
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        session.workspace_id, saved.opportunity_id, saved.version, saved.sections, saved.elements,
        saved.elements_version, [place._asdict() for place in changes], author, at, policy_version,
    )  # fmt: skip
    return saved


async def note_meeting(session: WriteSession, opportunity_id: UUID, at: datetime) -> None:
    """Remembers the latest meeting; an earlier one changes nothing."""
    await _make(session, opportunity_id)
    await session.execute(
        """
        UPDATE qualification.command_plans SET met_at = $3
        WHERE workspace_id = $1 AND opportunity_id = $2 AND (met_at IS NULL OR met_at < $3)
        """,
        session.workspace_id,
        opportunity_id,
        at,
    )


async def get_version(session: Session, opportunity_id: UUID, version: int) -> PlanVersion | None:
    row = await session.fetchrow(
        f"SELECT {_VERSION_COLUMNS} FROM qualification.command_plan_versions"
        " WHERE workspace_id = $1 AND opportunity_id = $2 AND version = $3",
        session.workspace_id,
        opportunity_id,
        version,
    )
    return None if row is None else PlanVersion(**dict(row))


async def get_versions_after(
    session: Session, opportunity_id: UUID, version: int, limit: int
) -> list[PlanVersion]:
    """Whole, oldest first. A version is committed before the next one can be made, so none appears
    below one that was read."""
    rows = await session.fetch(
        f"""
        SELECT {_VERSION_COLUMNS} FROM qualification.command_plan_versions
        WHERE workspace_id = $1 AND opportunity_id = $2 AND version > $3
        ORDER BY version LIMIT $4
        """,
        session.workspace_id,
        opportunity_id,
        version,
        limit,
    )
    return [PlanVersion(**dict(row)) for row in rows]


async def list_versions(
    session: Session, opportunity_id: UUID, before: int | None, limit: int
) -> list[Mapping[str, Any]]:
    """Who saved what when, the newest first."""
    rows = await session.fetch(
        """
        SELECT version, author, saved_at, policy_version, changes
        FROM qualification.command_plan_versions
        WHERE workspace_id = $1 AND opportunity_id = $2 AND ($3::integer IS NULL OR version < $3)
        ORDER BY version DESC LIMIT $4
        """,
        session.workspace_id,
        opportunity_id,
        before,
        limit,
    )
    return [dict(row) for row in rows]


async def current_version(session: Session, opportunity_id: UUID) -> int:
    """0 where nobody wrote anything."""
    version: int | None = await session.fetchval(
        "SELECT version FROM qualification.command_plans"
        " WHERE workspace_id = $1 AND opportunity_id = $2",
        session.workspace_id,
        opportunity_id,
    )
    return version or 0
