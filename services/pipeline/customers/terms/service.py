"""What a write of subscriptions means for customers: called in its transaction, set-based.

Owns nothing of the subscription itself. What was bought became another: what it was before is kept.
A new subscription starts its onboarding. Suggestions about its renewal are looked at again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from services.kit.db import WriteSession
from services.kit.upsert import Draft
from services.pipeline.customers.onboarding import service as onboarding
from services.pipeline.customers.suggestions.evaluation import evaluate
from services.pipeline.customers.terms import repository
from services.workspace.workspaces.repository import get_workspace

_BOUGHT: Final = ("tier", "seats", "arr", "end_date")


async def follow_subscriptions(
    session: WriteSession, drafts: Iterable[Draft], now: datetime
) -> None:
    """Drafts that were stored; those refused are left out."""
    stored = [draft for draft in drafts if draft.refusal is None]
    today = (await get_workspace(session)).calendar.local_date(now)
    changed = [
        (draft.current, draft.row)
        for draft in stored
        if draft.current is not None and not draft.changed.isdisjoint(_BOUGHT)
    ]
    changes = [
        {
            "subscription_id": row["id"],
            "version": row["version"],
            "changed_on": today,
            "recorded_at": now,
            **{name: row[name] for name in _BOUGHT},
            **{f"previous_{name}": current[name] for name in _BOUGHT},
        }
        for current, row in changed
    ]
    await repository.insert_changes(session, changes)
    created: list[dict[str, Any]] = [draft.row for draft in stored if draft.is_new]
    await onboarding.begin(session, created, today=today, now=now)
    await evaluate(session, [row["id"] for _, row in changed])
