"""Statements on notices. One that was given is only ever marked as read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.pagination import PageRequest
from services.kit.rows import Filters, after_id

_ADD = """
    INSERT INTO pipeline.notices (workspace_id, id, kind, key, user_id, subject, message,
        opportunity_id, account_id, details, created_at)
    SELECT $1::uuid, n.id, n.kind, n.key, n.user_id, n.subject, n.message,
           n.opportunity_id, n.account_id, n.details, $3
    FROM json_to_recordset($2::json) AS n (id uuid, kind text, key text, user_id uuid, subject text,
        message text, opportunity_id uuid, account_id uuid, details jsonb)
    JOIN workspace.users AS u ON u.workspace_id = $1 AND u.id = n.user_id AND u.active
    ORDER BY n.id
    ON CONFLICT (workspace_id, kind, key, user_id) DO NOTHING
    RETURNING id
"""

_COLUMNS = """
    n.id, n.kind, u.external_id AS user_external_id, n.subject, n.message, n.opportunity_id,
    o.external_id AS opportunity_external_id, a.external_id AS account_external_id, n.details,
    n.created_at, n.read_at
"""
_JOINED = """
    JOIN workspace.users AS u ON u.workspace_id = $1 AND u.id = n.user_id
    LEFT JOIN pipeline.opportunities AS o
      ON o.workspace_id = $1 AND o.id = n.opportunity_id
    LEFT JOIN pipeline.accounts AS a ON a.workspace_id = $1 AND a.id = n.account_id
"""


async def add(session: WriteSession, notices: Sequence[dict[str, Any]], at: datetime) -> list[UUID]:
    """The ids of those that are new, in their order; people who left are told nothing."""
    rows = await session.fetch(_ADD, session.workspace_id, list(notices), at)
    return sorted(row["id"] for row in rows)


async def list_notices(
    session: Session,
    page: PageRequest,
    users: Collection[UUID] | None,
    *,
    is_unread: bool,
    kind: str | None,
    opportunity_id: UUID | None,
) -> list[asyncpg.Record]:
    """The newest first, one more than the page holds; `users` None is everybody's."""
    where = Filters("n.workspace_id = {}", session.workspace_id)
    where.where("n.id < {}", after_id(page))
    where.where("n.kind = {}", kind)
    where.where("n.opportunity_id = {}", opportunity_id)
    unread = " AND n.read_at IS NULL" if is_unread else ""
    newest = f"ORDER BY n.id DESC LIMIT {page.limit + 1}"
    source, values = "pipeline.notices AS n", where.values
    asked = f"WHERE {where}{unread}"
    if users is not None:
        # The newest of each by an index: of several at once they would all be sorted.
        values = [*values, list(users)]
        source = f"""unnest(${len(values)}::uuid[]) AS whose (user_id) CROSS JOIN LATERAL (
            SELECT n.* FROM pipeline.notices AS n
            {asked} AND n.user_id = whose.user_id {newest}) AS n"""
        asked = ""
    return await session.fetch(
        f"SELECT {_COLUMNS} FROM {source} {_JOINED} {asked} {newest}", *values
    )


async def get_notices(session: Session, ids: Collection[UUID]) -> list[asyncpg.Record]:
    return await session.fetch(
        f"SELECT {_COLUMNS}, n.user_id FROM pipeline.notices AS n {_JOINED} WHERE n.workspace_id = $1"
        " AND n.id = ANY($2::uuid[])",
        session.workspace_id,
        list(ids),
    )


async def mark_read(
    session: WriteSession,
    user_id: UUID | None,
    at: datetime,
    *,
    ids: Collection[UUID] | None = None,
    up_to: datetime | None = None,
) -> int:
    """How many had not been read; `user_id` None is anybody's."""
    tag = await session.execute(
        """
        UPDATE pipeline.notices SET read_at = $3
        WHERE workspace_id = $1 AND read_at IS NULL AND id IN (
            SELECT id FROM pipeline.notices
            WHERE workspace_id = $1 AND read_at IS NULL
              AND ($2::uuid IS NULL OR user_id = $2)
              AND ($4::uuid[] IS NULL OR id = ANY($4::uuid[]))
              AND ($5::timestamptz IS NULL OR created_at <= $5)
            ORDER BY id FOR UPDATE)
        """,
        session.workspace_id,
        user_id,
        at,
        None if ids is None else list(ids),
        up_to,
    )
    return int(tag.split()[-1])
