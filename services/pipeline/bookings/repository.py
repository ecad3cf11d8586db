"""Statements on what bookings keep: links between opportunities, approvals and reconciled
quarters. Opportunities themselves are written by their own use cases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.ids import new_id
from services.kit.pagination import PageRequest
from services.kit.rows import Filters, Rows, after_id
from services.pipeline.bookings.models import Approval, SeatReconciliation

APPROVALS: Final = Rows(Approval)
RECONCILIATIONS: Final = Rows(SeatReconciliation)


async def links_from(
    session: Session, source_id: UUID, kinds: Iterable[str]
) -> list[asyncpg.Record]:
    """What was made for, or merged into, an opportunity."""
    return await session.fetch(
        """
        SELECT opportunity_id, kind, source_id, position, details FROM pipeline.booking_links
        WHERE workspace_id = $1 AND source_id = $2 AND kind = ANY($3::text[])
        ORDER BY position, opportunity_id
        """,
        session.workspace_id,
        source_id,
        list(kinds),
    )


async def links_of(session: Session, ids: Iterable[UUID]) -> dict[UUID, asyncpg.Record]:
    """Why each of these belongs to another one, for those that do."""
    rows = await session.fetch(
        """
        SELECT opportunity_id, kind, source_id, position, details FROM pipeline.booking_links
        WHERE workspace_id = $1 AND opportunity_id = ANY($2::uuid[])
        """,
        session.workspace_id,
        list(ids),
    )
    return {row["opportunity_id"]: row for row in rows}


async def link(session: WriteSession, links: Sequence[Mapping[str, Any]]) -> None:
    """An opportunity belongs to one other; said again, the first stands."""
    for each in links:
        await session.execute(
            """
            INSERT INTO pipeline.booking_links (workspace_id, opportunity_id, kind, source_id,
                position, details, actor, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (workspace_id, opportunity_id) DO NOTHING
            """,
            session.workspace_id,
            each["opportunity_id"],
            each["kind"],
            each["source_id"],
            each.get("position", 0),
            each.get("details", {}),
            each["actor"],
            each["created_at"],
        )


async def unlink(session: WriteSession, ids: Iterable[UUID]) -> None:
    await session.execute(
        "DELETE FROM pipeline.booking_links"
        " WHERE workspace_id = $1 AND opportunity_id = ANY($2::uuid[])",
        session.workspace_id,
        list(ids),
    )


async def stage_before(session: Session, opportunity_id: UUID) -> str | None:
    """The stage an opportunity was in before the one it is in."""
    found: str | None = await session.fetchval(
        """
        SELECT previous ->> 'stage' FROM pipeline.opportunity_events
        WHERE workspace_id = $1 AND opportunity_id = $2 AND previous ? 'stage'
        ORDER BY version DESC LIMIT 1
        """,
        session.workspace_id,
        opportunity_id,
    )
    return found


async def ends_on(session: Session, subscription_id: UUID | None) -> date | None:
    """The last day of a subscription."""
    found: date | None = await session.fetchval(
        "SELECT end_date FROM pipeline.subscriptions WHERE workspace_id = $1 AND id = $2",
        session.workspace_id,
        subscription_id,
    )
    return found


async def handed_in_at(session: Session, opportunity_id: UUID) -> datetime | None:
    """When it was recorded that an opportunity in 7 - Closing came there: what tells one handing in
    from another, since no client can choose it."""
    found: datetime | None = await session.fetchval(
        """
        SELECT recorded_at FROM pipeline.stage_visits
        WHERE workspace_id = $1 AND opportunity_id = $2 AND left_at IS NULL AND stage = 'closing'
        ORDER BY version DESC LIMIT 1
        """,
        session.workspace_id,
        opportunity_id,
    )
    return found


async def approvals_of_round(
    session: Session, opportunity_id: UUID, submitted_at: datetime
) -> list[asyncpg.Record]:
    return await session.fetch(
        """
        SELECT id, kind, decision, note, actor, submitted_at, decided_at
        FROM pipeline.booking_approvals
        WHERE workspace_id = $1 AND opportunity_id = $2 AND submitted_at = $3
        """,
        session.workspace_id,
        opportunity_id,
        submitted_at,
    )


async def last_approval(session: Session, opportunity_id: UUID) -> asyncpg.Record | None:
    """The latest decision about an opportunity."""
    return await session.fetchrow(
        """
        SELECT kind, decision, submitted_at FROM pipeline.booking_approvals
        WHERE workspace_id = $1 AND opportunity_id = $2 ORDER BY id DESC LIMIT 1
        """,
        session.workspace_id,
        opportunity_id,
    )


async def list_approvals(
    session: Session, opportunity_id: UUID, page: PageRequest
) -> list[asyncpg.Record]:
    """The oldest first, one more than the page holds."""
    where = Filters("workspace_id = {}", session.workspace_id)
    where.where("opportunity_id = {}", opportunity_id)
    where.where("id > {}", after_id(page))
    return await session.fetch(
        "SELECT id, kind, decision, note, actor, submitted_at, decided_at"
        f" FROM pipeline.booking_approvals WHERE {where} ORDER BY id LIMIT {page.limit + 1}",
        *where.values,
    )


async def lock_subscription(session: WriteSession, name: str) -> asyncpg.Record | None:
    """A subscription by its id or its external id, locked until the transaction ends."""
    return await session.fetchrow(
        f"{_SUBSCRIPTION} FOR NO KEY UPDATE OF s", session.workspace_id, _id(name), name
    )


async def find_subscription(session: Session, name: str) -> asyncpg.Record | None:
    return await session.fetchrow(_SUBSCRIPTION, session.workspace_id, _id(name), name)


_SUBSCRIPTION: Final = """
    SELECT s.id, s.external_id, s.start_date, s.end_date, s.arr, s.currency, s.seats, s.version,
        (SELECT a.external_id FROM pipeline.accounts AS a
         WHERE a.workspace_id = $1 AND a.id = s.account_id) AS account_external_id,
        (SELECT a.name FROM pipeline.accounts AS a
         WHERE a.workspace_id = $1 AND a.id = s.account_id) AS account_name,
        (SELECT u.external_id FROM pipeline.accounts AS a
         JOIN workspace.users AS u ON u.workspace_id = $1 AND u.id = a.owner_id
         WHERE a.workspace_id = $1 AND a.id = s.account_id) AS account_owner,
        (SELECT u.external_id FROM pipeline.opportunities AS o
         JOIN workspace.users AS u ON u.workspace_id = $1 AND u.id = o.owner_id
         WHERE o.workspace_id = $1 AND o.subscription_id = s.id AND o.stage = 'closed_won'
         ORDER BY o.id DESC LIMIT 1) AS deal_owner,
        (SELECT coalesce(o.external_id, o.id::text) FROM pipeline.opportunities AS o
         WHERE o.workspace_id = $1 AND o.subscription_id = s.id AND o.stage = 'closed_won'
           AND o.type IN ('new_business', 'renewal')
         ORDER BY o.id DESC LIMIT 1) AS parent
    FROM pipeline.subscriptions AS s
    WHERE s.workspace_id = $1 AND (s.id = $2 OR s.external_id = $3)
    ORDER BY s.id = $2 DESC LIMIT 1
"""


def _id(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


async def reconciled(
    session: Session, subscription_id: UUID, term_start: date
) -> dict[int, asyncpg.Record]:
    """The quarters of a term that are reconciled."""
    rows = await session.fetch(
        """
        SELECT quarter, licensed_seats, peak_seats, seat_price, invoiced, opportunity_id
        FROM pipeline.seat_reconciliations
        WHERE workspace_id = $1 AND subscription_id = $2 AND term_start = $3
        """,
        session.workspace_id,
        subscription_id,
        term_start,
    )
    return {row["quarter"]: row for row in rows}


async def keep(session: WriteSession, table: Rows, values: Mapping[str, Any]) -> UUID:
    """One more row; its id."""
    id_ = new_id()
    await table.insert(session, [{**values, "id": id_}])
    return id_
