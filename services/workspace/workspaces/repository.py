"""Statements on workspaces. A workspace's calendar and currency never change, so a process
remembers the ones it has seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.kit.db import Session, WriteSession
from services.workspace.fiscal import FiscalCalendar, calendar_for
from services.workspace.workspaces.errors import WorkspaceNotFoundError

_REMEMBERED_MAX = 50_000


@dataclass(frozen=True, slots=True)
class Workspace:
    """A tenant as every calculation needs it."""

    id: UUID
    slug: str
    name: str
    currency: str
    timezone: str
    fiscal_year_start_month: int
    created_at: datetime

    @property
    def calendar(self) -> FiscalCalendar:
        return calendar_for(self.fiscal_year_start_month, self.timezone)


_remembered: dict[UUID, Workspace] = {}


async def get_workspace(session: Session) -> Workspace:
    """The session's own workspace."""
    assert session.workspace_id is not None
    known = _remembered.get(session.workspace_id)
    if known is not None:
        return known
    row = await session.fetchrow(
        """
        SELECT id, slug, name, currency, timezone, fiscal_year_start_month, created_at
        FROM workspace.workspaces WHERE id = $1
        """,
        session.workspace_id,
    )
    if row is None:
        raise WorkspaceNotFoundError(session.workspace_id)
    workspace = Workspace(**dict(row))
    if len(_remembered) >= _REMEMBERED_MAX:
        _remembered.clear()
    _remembered[workspace.id] = workspace
    return workspace


async def claim_slug(session: WriteSession, slug: str) -> bool:
    """False when another workspace has it."""
    tag = await session.execute(
        """
        INSERT INTO workspace.workspace_slugs (slug, workspace_id) VALUES ($1, $2)
        ON CONFLICT (slug) DO NOTHING
        """,
        slug,
        session.workspace_id,
    )
    return tag == "INSERT 0 1"


async def insert_workspace(session: WriteSession, workspace: Workspace) -> None:
    await session.execute(
        """
        INSERT INTO workspace.workspaces
            (id, slug, name, currency, timezone, fiscal_year_start_month, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        workspace.id,
        workspace.slug,
        workspace.name,
        workspace.currency,
        workspace.timezone,
        workspace.fiscal_year_start_month,
        workspace.created_at,
    )


async def find_workspace_id(session: Session, slug: str) -> UUID | None:
    """By slug, over all workspaces: only the worker's role sees any."""
    return await session.fetchval(
        "SELECT workspace_id FROM workspace.workspace_slugs WHERE slug = $1", slug
    )


async def list_slugs(session: Session) -> list[tuple[str, UUID]]:
    """All workspaces by slug: only the worker's role sees any."""
    rows = await session.fetch(
        "SELECT slug, workspace_id FROM workspace.workspace_slugs ORDER BY slug"
    )
    return [(row["slug"], row["workspace_id"]) for row in rows]
