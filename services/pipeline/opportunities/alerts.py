"""Whom a lost deal is told to: the owner's manager, where new business that matters was lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

from services.kit import money
from services.kit.db import WriteSession
from services.pipeline.notices.service import notify
from services.pipeline.opportunities.drafts import Change, Circumstances
from services.pipeline.opportunities.record import Row, figure_state
from services.workspace.policy import Policy
from services.workspace.users.repository import managers_of

LOST: Final = "opportunity_lost"
_ALWAYS: Final = frozenset({"large", "public_sector"})
_RECENT: Final = timedelta(days=1)
"""What is recorded to have been lost longer ago is no news."""


def size_of(row: Row, policy: Policy) -> Decimal:
    """What it would have brought: lost, it counts as nothing."""
    return figure_state({**row, "stage": "proposal"}, policy).net_arr


def is_alarming(row: Row, policy: Policy) -> bool:
    """New business, of a large or public customer or of so much Net ARR."""
    if row["type"] != "new_business":
        return False
    is_large = size_of(row, policy) >= policy.amount("lost.alert_min")
    return row["segment"] in _ALWAYS or is_large


async def tell_lost(
    session: WriteSession, changes: Sequence[Change], circumstances: Circumstances
) -> None:
    """One notice for each that was lost just now; asks nobody where none was."""
    since = circumstances.now - _RECENT
    lost = [
        change.row
        for change in changes
        if change.changes.get("stage") == "closed_lost"
        and change.row["occurred_at"] >= since
        and is_alarming(change.row, circumstances.policy)
    ]
    if not lost:
        return
    managers = await managers_of(session, {row["owner_id"] for row in lost}, circumstances.now)
    for row in lost:
        manager_id = managers.get(row["owner_id"])
        if manager_id is None:
            continue
        size = f"{money.text(size_of(row, circumstances.policy))} {row['currency']}"
        await notify(
            session,
            kind=LOST,
            user_ids=[manager_id],
            subject=f"Lost: {row['name']}",
            message=f"{row['name']}, {size}, was lost: {row['lost_reason'] or 'no reason given'}.",
            opportunity_id=row["id"],
            key=f"{row['id']}:{row['version']}",
        )
