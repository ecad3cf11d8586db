"""Statements on quotas. Rows are only ever added: the newest of a period and user is the quota."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from services.kit import clock
from services.kit.db import Session, WriteSession
from services.kit.ids import new_id


@dataclass(frozen=True, slots=True)
class Quota:
    """`sequence` is None until a ledger batch has taken it in."""

    id: UUID
    period: str
    user_id: UUID
    user_external_id: str
    amount: Decimal
    recorded_at: datetime
    recorded_by: str
    sequence: int | None


_NEWEST: Final = """
    SELECT DISTINCT ON (q.period, q.user_id)
        q.id, q.period, q.user_id, u.external_id AS user_external_id, q.amount, q.recorded_at,
        q.recorded_by, q.sequence
    FROM forecast.quotas q
    JOIN workspace.users u ON u.workspace_id = $1 AND u.id = q.user_id
    WHERE q.workspace_id = $1 AND {conditions}
    ORDER BY q.period, q.user_id, q.sequence DESC NULLS FIRST, q.recorded_at DESC, q.id DESC
"""
_OF_ONE: Final = _NEWEST.format(conditions="q.period = $2 AND q.user_id = $3")
_PAGE: Final = (
    _NEWEST.format(
        conditions="""
        ($2::text IS NULL OR q.period = $2)
        AND ($3::uuid[] IS NULL OR q.user_id = ANY($3::uuid[]))
        AND ($4::text IS NULL OR (q.period, q.user_id) > ($4, $5::uuid))
        """
    )
    + " LIMIT $6"
)


async def find_newest(session: Session, period: str, user_id: UUID) -> Quota | None:
    """Also one that no answer rests on yet."""
    row = await session.fetchrow(_OF_ONE, session.workspace_id, period, user_id)
    return None if row is None else Quota(**dict(row))


async def list_newest(
    session: Session,
    *,
    period: str | None,
    user_ids: list[UUID] | None,
    after: list[Any] | None,
    limit: int,
) -> list[Quota]:
    """By period and user; `after` is the key of the last one seen."""
    seen_period, seen_user = after if after is not None else (None, None)
    rows = await session.fetch(
        _PAGE, session.workspace_id, period, user_ids, seen_period, seen_user, limit
    )
    return [Quota(**dict(row)) for row in rows]


async def insert(
    session: WriteSession, *, period: str, user_id: UUID, amount: Decimal, recorded_by: str
) -> UUID:
    """The id of the new row, which becomes part of the figures when the worker posts it."""
    quota_id = new_id()
    await session.execute(
        """
        INSERT INTO forecast.quotas
            (workspace_id, id, period, user_id, amount, recorded_at, recorded_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        session.workspace_id,
        quota_id,
        period,
        user_id,
        amount,
        clock.now(),
        recorded_by,
    )
    return quota_id
