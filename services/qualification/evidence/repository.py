"""Statements on changes of MEDDPPICC, which are only ever added, and on who made them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.kit.db import Session, WriteSession

_ACTOR = re.compile(r"(?:user|key):[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Change(NamedTuple):
    """One element before and after a save; None is: nothing was known."""

    element: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


async def insert_changes(
    session: WriteSession,
    opportunity_id: UUID,
    version: int,
    changes: Sequence[Change],
    *,
    author: str,
    at: datetime,
) -> None:
    await session.execute(
        """
        INSERT INTO qualification.evidence_changes
            (workspace_id, opportunity_id, version, element, before, after, author, changed_at)
        SELECT $1::uuid, $2::uuid, $3::integer, c.element, c.before, c.after, $5, $6
        FROM json_to_recordset($4::json) AS c (element text, before jsonb, after jsonb)
        """,
        session.workspace_id,
        opportunity_id,
        version,
        [change._asdict() for change in changes],
        author,
        at,
    )


async def list_changes(
    session: Session, opportunity_id: UUID, after: tuple[int, str] | None, limit: int
) -> list[Mapping[str, Any]]:
    """In the order of saves, the oldest first."""
    version, element = after or (0, "")
    rows = await session.fetch(
        """
        SELECT version, element, before, after, author, changed_at
        FROM qualification.evidence_changes
        WHERE workspace_id = $1 AND opportunity_id = $2 AND (version, element) > ($3, $4)
        ORDER BY version, element LIMIT $5
        """,
        session.workspace_id,
        opportunity_id,
        version,
        element,
        limit,
    )
    return [dict(row) for row in rows]


async def author_names(session: Session, authors: Iterable[str | None]) -> dict[str | None, str]:
    """What the users and keys that wrote are called; `user:<id>` and `key:<id>` name one."""
    named = {each for each in authors if each is not None and _ACTOR.fullmatch(each)}
    if not named:
        return {}
    rows = await session.fetch(
        """
        SELECT 'user:' || id AS author, name FROM workspace.users
        WHERE workspace_id = $1 AND 'user:' || id = ANY($2::text[]) AND id = ANY($3::uuid[])
        UNION ALL
        SELECT 'key:' || id, name FROM workspace.api_keys
        WHERE workspace_id = $1 AND 'key:' || id = ANY($2::text[]) AND id = ANY($3::uuid[])
        """,
        session.workspace_id,
        sorted(named),
        [UUID(each.partition(":")[2]) for each in named],
    )
    return {row["author"]: row["name"] for row in rows}
