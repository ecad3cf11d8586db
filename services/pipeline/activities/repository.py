"""Statements on activities: what is written, and whom it names. Lists are in `listing`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from services.kit.db import Session, WriteSession
from services.kit.rows import Rows
from services.pipeline.activities.models import Activity

ACTIVITIES: Final = Rows(Activity)
_COLUMNS: Final = ", ".join(ACTIVITIES.columns)


class Deal(NamedTuple):
    """An opportunity, as far as an activity on it depends on it."""

    id: UUID
    external_id: str | None
    owner_id: UUID
    sdr_id: UUID | None
    account_id: UUID | None
    stage: str
    type: str
    buyer_stage: str | None


class Company(NamedTuple):
    """An account, and everybody who owns it or one of its opportunities."""

    id: UUID
    external_id: str | None
    owners: frozenset[UUID]


async def lock(
    session: WriteSession, external_ids: Iterable[str], ids: Iterable[UUID]
) -> list[dict[str, Any]]:
    """Rows by either name, locked in id order until the transaction ends."""
    external_ids, ids = list(external_ids), list(ids)
    if not external_ids and not ids:
        return []
    rows = await session.fetch(
        f"""
        SELECT {_COLUMNS} FROM pipeline.activities
        WHERE workspace_id = $1 AND (external_id = ANY($2::text[]) OR id = ANY($3::uuid[]))
        ORDER BY id FOR NO KEY UPDATE
        """,
        session.workspace_id,
        external_ids,
        ids,
    )
    return [dict(row) for row in rows]


async def find_rebooked(session: Session, names: Iterable[str]) -> list[dict[str, Any]]:
    """Activities named by their id or external id."""
    wanted = list(names)
    if not wanted:
        return []
    rows = await session.fetch(
        """
        SELECT id, external_id, state, opportunity_id, account_id FROM pipeline.activities
        WHERE workspace_id = $1 AND (external_id = ANY($2::text[]) OR id = ANY($3::uuid[]))
        """,
        session.workspace_id,
        wanted,
        [found for name in wanted if (found := uuid_of(name)) is not None],
    )
    return [dict(row) for row in rows]


def uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


async def find_deals(
    session: Session, external_ids: Iterable[str], ids: Iterable[UUID]
) -> list[Deal]:
    external_ids, ids = list(external_ids), list(ids)
    if not external_ids and not ids:
        return []
    rows = await session.fetch(
        f"""
        SELECT {", ".join(Deal._fields)} FROM pipeline.opportunities
        WHERE workspace_id = $1 AND (external_id = ANY($2::text[]) OR id = ANY($3::uuid[]))
        """,
        session.workspace_id,
        external_ids,
        ids,
    )
    return [Deal(*row) for row in rows]


async def find_companies(
    session: Session, external_ids: Iterable[str], ids: Iterable[UUID]
) -> list[Company]:
    external_ids, ids = list(external_ids), list(ids)
    if not external_ids and not ids:
        return []
    rows = await session.fetch(
        """
        SELECT a.id, a.external_id, a.owner_id,
               ARRAY(SELECT DISTINCT o.owner_id FROM pipeline.opportunities AS o
                     WHERE o.workspace_id = $1 AND o.account_id = a.id) AS sellers
        FROM pipeline.accounts AS a
        WHERE a.workspace_id = $1 AND (a.external_id = ANY($2::text[]) OR a.id = ANY($3::uuid[]))
        """,
        session.workspace_id,
        external_ids,
        ids,
    )
    return [
        Company(
            row["id"],
            row["external_id"],
            frozenset(filter(None, (row["owner_id"], *row["sellers"]))),
        )
        for row in rows
    ]


async def latest_buyer_stages(
    session: Session, opportunity_ids: Sequence[UUID]
) -> dict[UUID, tuple[UUID, str]]:
    """By opportunity, the last thing done that says where the buyer is, and where that is."""
    rows = await session.fetch(
        """
        SELECT DISTINCT ON (opportunity_id) opportunity_id, id, buyer_stage
        FROM pipeline.activities
        WHERE workspace_id = $1 AND opportunity_id = ANY($2::uuid[]) AND state = 'done'
          AND buyer_stage IS NOT NULL
        ORDER BY opportunity_id, occurred_at DESC, id DESC
        """,
        session.workspace_id,
        list(opportunity_ids),
    )
    return {row["opportunity_id"]: (row["id"], row["buyer_stage"]) for row in rows}


async def follow_accounts(
    session: WriteSession, opportunity_ids: Sequence[UUID], now: datetime
) -> None:
    """Gives activities the account their opportunity has now."""
    await session.execute(
        """
        UPDATE pipeline.activities AS a
        SET account_id = o.account_id, version = a.version + 1, updated_at = $3
        FROM pipeline.opportunities AS o
        WHERE a.workspace_id = $1 AND o.workspace_id = $1 AND o.id = a.opportunity_id
          AND a.opportunity_id = ANY($2::uuid[]) AND a.account_id IS DISTINCT FROM o.account_id
        """,
        session.workspace_id,
        list(opportunity_ids),
        now,
    )


async def lock_deals(session: WriteSession, ids: Sequence[UUID]) -> dict[UUID, Deal]:
    """As they stand now, locked in id order until the transaction ends."""
    rows = await session.fetch(
        f"""
        SELECT {", ".join(Deal._fields)} FROM pipeline.opportunities
        WHERE workspace_id = $1 AND id = ANY($2::uuid[])
        ORDER BY id FOR NO KEY UPDATE
        """,
        session.workspace_id,
        list(ids),
    )
    return {row["id"]: Deal(*row) for row in rows}
