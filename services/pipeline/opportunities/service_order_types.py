"""Provisional order types: open opportunities follow what their account's family buys and loses, off
the path of whoever writes that. What is closed keeps the order type it was stamped with.

Published: `follow`, a follower of the feed, and `look_again`, for what the feed does not tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from services.kit import clock
from services.kit.db import Session, WriteSession
from services.pipeline import following
from services.pipeline.opportunities import events, repository
from services.pipeline.opportunities.access import SYSTEM
from services.pipeline.opportunities.context import circumstances_of
from services.pipeline.opportunities.decisions import rederive
from services.pipeline.opportunities.drafts import ORDER_TYPE_FOLLOWED, Circumstances
from services.pipeline.opportunities.families import Families
from services.pipeline.opportunities.family_rows import find_families, open_in_families
from services.pipeline.opportunities.order_types import order_type_now
from services.pipeline.opportunities.record import Row
from services.pipeline.opportunities.stages import STAGE


async def follow(session: WriteSession, ids: Sequence[UUID]) -> Mapping[UUID, datetime]:
    """The families of these opportunities are looked at; a new version is written of each open one
    whose order type is another now. Answers when the calendar alone changes one."""
    now = clock.now()
    circumstances = await circumstances_of(session, SYSTEM, now=now, is_recording=True)
    today = circumstances.calendar.local_date(now)
    accounts = await _accounts_of(session, ids)
    open_ids = await open_in_families(session, accounts.values())
    rows = await _read(session, open_ids)
    families = await find_families(session, {row["account_id"] for row in rows})
    moved = [row["id"] for row in rows if _found(row, families, today, circumstances) is not None]
    await _write(session, moved, families, today, circumstances)
    window = circumstances.policy.number("return_window_days")
    due = {}
    for row in rows:
        day = families.changes_on(row["account_id"], today, window)
        if day is not None and row["id"] in accounts:
            due[row["id"]] = _midnight(day, circumstances.calendar.timezone)
    return due


async def look_again(session: WriteSession, account_ids: Iterable[UUID | None]) -> None:
    """For who writes subscriptions or moves accounts in their family."""
    wanted = [each for each in account_ids if each is not None]
    ids = await open_in_families(session, wanted)
    await following.recheck(session, ids, (following.ORDER_TYPES,))


async def _write(
    session: WriteSession,
    ids: Sequence[UUID],
    families: Families,
    today: date,
    circumstances: Circumstances,
) -> None:
    """Locked, and looked at once more, since somebody may have been quicker."""
    changes = []
    for current in await repository.lock_many(session, ids=ids):
        found = _found(current, families, today, circumstances)
        if found is None:
            continue
        change = rederive(
            current,
            {**current, "order_type": found},
            circumstances,
            kind=ORDER_TYPE_FOLLOWED,
            occurred_at=circumstances.now,
        )
        if change is not None:
            changes.append(change)
    await repository.update_rows(session, [change.row for change in changes])
    await events.record_many(session, changes, SYSTEM.name, circumstances.now)


def _found(row: Row, families: Families, today: date, circumstances: Circumstances) -> str | None:
    """Another order type than the row has; None where it stays."""
    if not STAGE[row["stage"]].is_open or "order_type" in row["stated_fields"]:
        return None
    found = order_type_now(row, row, families, today, circumstances.policy)
    return found if found != row["order_type"] else None


async def _accounts_of(session: Session, ids: Sequence[UUID]) -> dict[UUID, UUID]:
    rows = await session.fetch(
        """
        SELECT id, account_id FROM pipeline.opportunities
        WHERE workspace_id = $1 AND id = ANY($2::uuid[]) AND account_id IS NOT NULL
        """,
        session.workspace_id,
        list(ids),
    )
    return {row["id"]: row["account_id"] for row in rows}


async def _read(session: Session, ids: Sequence[UUID]) -> list[Row]:
    """What an order type is made of."""
    rows = await session.fetch(
        """
        SELECT id, account_id, type, stage, amount, net_arr, renewal_loss_category,
            expected_renewed_arr, category, order_type, stated_fields
        FROM pipeline.opportunities
        WHERE workspace_id = $1 AND id = ANY($2::uuid[]) AND account_id IS NOT NULL
        """,
        session.workspace_id,
        list(ids),
    )
    return [dict(row) for row in rows]


def _midnight(day: date, timezone: str) -> datetime:
    """When the company's day begins."""
    return datetime.combine(day, time(), ZoneInfo(timezone))
