"""Recording reviews of accounts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg

from services.kit import clock
from services.kit.batch import unknown_reference
from services.kit.db import WriteSession
from services.kit.ids import new_id
from services.pipeline.customers.lookups import require_account, require_subscription
from services.pipeline.customers.reviews import repository
from services.pipeline.subscriptions.repository import SUBSCRIPTIONS
from services.workspace.workspaces.repository import get_workspace


async def record(
    session: WriteSession, actor: str, account_id: UUID, stated: dict[str, Any]
) -> asyncpg.Record:
    """The review as it is kept."""
    account = await require_account(session, account_id)
    now = clock.now()
    named = stated.get("subscription_external_id")
    subscription_id = None
    if named is not None:
        subscription_id = (await SUBSCRIPTIONS.ids_named(session, [named])).get(named)
        if subscription_id is None:
            raise unknown_reference("/subscription_external_id", "subscription", named)
        bought = await require_subscription(session, subscription_id)
        if bought["account_external_id"] != account["external_id"]:
            raise unknown_reference("/subscription_external_id", "subscription", named)
    today = (await get_workspace(session)).calendar.local_date(now)
    row = {
        "id": new_id(),
        "account_id": account_id,
        "subscription_id": subscription_id,
        "kind": stated["kind"],
        "held_on": stated["held_on"] or today,
        "looked_at": stated["looked_at"],
        "outcome": stated["outcome"],
        "note": stated["note"],
        "actor": actor,
        "recorded_at": now,
    }
    await repository.insert(session, row)
    found = await repository.get_review(session, row["id"])
    assert found is not None
    return found
