"""Statements on policies. A version never changes, so a process remembers those it has read;
which version is in force is asked every time."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from services.kit import clock
from services.kit.db import Session, WriteSession
from services.kit.ids import new_id
from services.kit.pagination import PageRequest
from services.kit.rows import Filters, Rows, after_number
from services.workspace.models import PolicyVersion
from services.workspace.policy import Policy

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""When a workspace's first policy begins: before anything an importer could tell of."""

POLICIES = Rows(PolicyVersion)

_REMEMBERED_MAX = 50_000
_remembered: dict[tuple[UUID, int], Policy] = {}


async def insert_first(session: WriteSession) -> None:
    """Version 1, the default policy; known from the start, so it needs no posting."""
    policy = Policy.build()
    await session.execute(
        """
        INSERT INTO workspace.policies (workspace_id, id, version, name, effective_from, settings,
            recorded_at, recorded_by, sequence, applied_at)
        VALUES ($1, $2, 1, $3, $4, $5, $6, 'system', 0, $6)
        """,
        session.workspace_id,
        new_id(),
        policy.name,
        EPOCH,
        {},
        clock.now(),
    )


async def version_in_force(session: Session, at: datetime) -> int:
    """The highest version whose time has come at `at`."""
    version: int = await session.fetchval(
        """
        SELECT max(version) FROM workspace.policies
        WHERE workspace_id = $1 AND effective_from <= $2
        """,
        session.workspace_id,
        at,
    )
    return version


async def get_policy(session: Session, version: int) -> Policy:
    """The version must exist: it was read from a row of this workspace."""
    assert session.workspace_id is not None
    known = _remembered.get((session.workspace_id, version))
    if known is not None:
        return known
    row = await session.fetchrow(
        """
        SELECT name, version, settings FROM workspace.policies
        WHERE workspace_id = $1 AND version = $2
        """,
        session.workspace_id,
        version,
    )
    assert row is not None, f"policy version {version} is not stored"
    policy = Policy.build(row["name"], row["version"], row["settings"])
    if len(_remembered) >= _REMEMBERED_MAX:
        _remembered.clear()
    _remembered[(session.workspace_id, version)] = policy
    return policy


async def get_policies(session: Session) -> dict[int, Policy]:
    """Every version of the workspace."""
    rows = await session.fetch(
        "SELECT version FROM workspace.policies WHERE workspace_id = $1", session.workspace_id
    )
    return {row["version"]: await get_policy(session, row["version"]) for row in rows}


_COLUMNS = """
    id, version, name, effective_from, settings, recorded_at, recorded_by, sequence, applied_at
"""


def shown_instant(effective_from: datetime) -> datetime | None:
    """As answers carry it: null for the policy a workspace began with."""
    return None if effective_from == EPOCH else effective_from


async def require_in_force(session: Session, at: datetime) -> asyncpg.Record:
    """The row of the version in force; every workspace has had one since it was made."""
    row = await session.fetchrow(
        f"SELECT {_COLUMNS} FROM workspace.policies"
        " WHERE workspace_id = $1 AND effective_from <= $2 ORDER BY version DESC LIMIT 1",
        session.workspace_id,
        at,
    )
    assert row is not None, "a workspace without a policy"
    return row


async def lock_versions(session: WriteSession) -> list[asyncpg.Record]:
    """Every version, the earliest first. Held until the transaction ends, so that two requests
    cannot make the same next version."""
    await session.execute(
        "SELECT 1 FROM workspace.workspaces WHERE id = $1 FOR NO KEY UPDATE", session.workspace_id
    )
    return await session.fetch(
        f"SELECT {_COLUMNS} FROM workspace.policies WHERE workspace_id = $1 ORDER BY version",
        session.workspace_id,
    )


async def list_versions(session: Session, page: PageRequest) -> list[asyncpg.Record]:
    """The latest version first, one more than the page holds."""
    where = Filters("workspace_id = {}", session.workspace_id)
    where.where("version < {}", after_number(page))
    return await session.fetch(
        f"SELECT {_COLUMNS} FROM workspace.policies WHERE {where}"
        f" ORDER BY version DESC LIMIT {page.limit + 1}",
        *where.values,
    )
