"""Statements on known issues and where they came up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.pagination import PageRequest
from services.kit.rows import Filters, Rows
from services.kit.schemas import LARGEST_COUNT
from services.pipeline.customers.models import IssueOccurrence, KnownIssue

KNOWN_ISSUES: Final = Rows(KnownIssue)
OCCURRENCES: Final = Rows(IssueOccurrence)

_SELECT: Final = """
    SELECT k.id, k.external_id, k.version, k.title, k.problem, k.answer, k.occurrences,
           k.last_occurred_at, k.created_at, k.updated_at
    FROM pipeline.known_issues AS k WHERE k.workspace_id = $1
"""

_OTHER_CURSOR: Final = InvalidPayloadError.one(
    "query/cursor", "invalid_cursor", "is the cursor of another list"
)


async def find_issue(session: Session, external_id: str) -> asyncpg.Record | None:
    return await session.fetchrow(
        f"{_SELECT} AND k.external_id = $2",
        session.workspace_id,
        external_id,
    )


async def list_issues(
    session: Session, page: PageRequest, words: list[str]
) -> list[asyncpg.Record]:
    """With all the words, the most frequent first, one more than the page holds."""
    where = Filters("k.workspace_id = {}", session.workspace_id)
    for word in words:
        where.require(
            "(k.title || ' ' || k.problem || ' ' || coalesce(k.answer, '')) ILIKE {}",
            f"%{_escaped(word)}%",
        )
    count, last = _after(page)
    where.where("k.occurrences <= {}", count)
    if last is not None:
        place = len(where.values)
        where.require(f"(k.occurrences < ${place} OR k.id < {{}}::uuid)", last)
    return await session.fetch(
        f"{_SELECT} AND {where} ORDER BY k.occurrences DESC, k.id DESC LIMIT {page.limit + 1}",
        *where.values,
    )


def _escaped(word: str) -> str:
    for special in ("\\", "%", "_"):
        word = word.replace(special, f"\\{special}")
    return word


def _after(page: PageRequest) -> tuple[int | None, UUID | None]:
    if page.after is None:
        return None, None
    try:
        count, id_ = page.after
        last = UUID(id_)
    except (ValueError, TypeError, AttributeError) as error:
        raise _OTHER_CURSOR from error
    if isinstance(count, bool) or not isinstance(count, int) or abs(count) > LARGEST_COUNT:
        raise _OTHER_CURSOR
    return count, last


async def insert_occurrence(session: WriteSession, row: Mapping[str, Any]) -> None:
    await OCCURRENCES.insert(session, [row])


async def count_one_more(session: WriteSession, issue_id: UUID, occurred_at: datetime) -> int:
    """How often it came up, with this one."""
    count: int = await session.fetchval(
        """
        UPDATE pipeline.known_issues
        SET occurrences = occurrences + 1,
            last_occurred_at = greatest(coalesce(last_occurred_at, $3), $3)
        WHERE workspace_id = $1 AND id = $2
        RETURNING occurrences
        """,
        session.workspace_id,
        issue_id,
        occurred_at,
    )
    return count


async def issues_at(session: Session, account_id: UUID, page: PageRequest) -> list[asyncpg.Record]:
    """What came up at an account, the most frequent first, one more than the page holds."""
    count, last = _after(page)
    return await session.fetch(
        f"""
        SELECT k.id AS issue_id, k.external_id AS issue_external_id, k.title, k.answer,
               here.occurrences, here.last_occurred_at, here.last_note
        FROM (
            SELECT o.issue_id, count(*) AS occurrences, max(o.occurred_at) AS last_occurred_at,
                   (array_agg(o.note ORDER BY o.occurred_at DESC, o.id DESC))[1] AS last_note
            FROM pipeline.issue_occurrences AS o
            WHERE o.workspace_id = $1 AND o.account_id = $2
            GROUP BY o.issue_id
        ) AS here
        JOIN pipeline.known_issues AS k ON k.workspace_id = $1 AND k.id = here.issue_id
        WHERE $3::bigint IS NULL OR (here.occurrences, k.id) < ($3::bigint, $4::uuid)
        ORDER BY here.occurrences DESC, k.id DESC LIMIT {page.limit + 1}
        """,
        session.workspace_id,
        account_id,
        count,
        last,
    )
