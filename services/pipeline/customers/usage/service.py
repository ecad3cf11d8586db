"""Recording use: readings are kept, the subscription shows the last one, and what follows from it
(days of onboarding, suggestions) is worked out in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

from services.kit import clock
from services.kit.batch import Change, Outcome, Stored, unknown_reference
from services.kit.db import WriteSession
from services.kit.ids import new_id
from services.pipeline.customers.domain import use_of, users_of
from services.pipeline.customers.onboarding import service as onboarding
from services.pipeline.customers.suggestions.evaluation import evaluate
from services.pipeline.customers.usage import repository
from services.pipeline.customers.usage.errors import ReadingTakenError
from services.pipeline.customers.usage.schemas import ReadingPost
from services.pipeline.subscriptions.repository import SUBSCRIPTIONS
from services.pipeline.subscriptions.service import upsert_subscriptions
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.workspaces.repository import get_workspace

_MEASURED: Final = ("active_users", "seats_used", "features", "tier")


@dataclass(frozen=True, slots=True)
class Measured:
    """A reading of a subscription named by its external id."""

    subscription_external_id: str
    reading: ReadingPost


async def record(session: WriteSession, actor: str, measured: Sequence[Measured]) -> list[Outcome]:
    """One outcome a reading, in order. The same once more is no news; another one for a day that
    has been measured is refused."""
    now = clock.now()
    today = (await get_workspace(session)).calendar.local_date(now)
    # Whoever measures the same subscription waits here, so that the last reading is the last one.
    subscriptions = await SUBSCRIPTIONS.lock_named(
        session, sorted({each.subscription_external_id for each in measured})
    )
    known = await repository.on_days(
        session,
        {
            (subscriptions[each.subscription_external_id]["id"], each.reading.measured_on or today)
            for each in measured
            if each.subscription_external_id in subscriptions
        },
    )
    outcomes: list[Outcome] = []
    created = []
    for each in measured:
        subscription = subscriptions.get(each.subscription_external_id)
        if subscription is None:
            outcomes.append(
                unknown_reference(
                    "/subscription_external_id", "subscription", each.subscription_external_id
                )
            )
            continue
        row = {
            "id": new_id(),
            "subscription_id": subscription["id"],
            "measured_on": each.reading.measured_on or today,
            "active_users": each.reading.active_users,
            "seats_used": each.reading.seats_used,
            "features": each.reading.features or {},
            "tier": each.reading.tier,
            "actor": actor,
            "recorded_at": now,
        }
        key = (row["subscription_id"], row["measured_on"])
        there = known.get(key)
        if there is None:
            known[key] = row
            created.append(row)
            outcomes.append(Stored(row["id"], 1, created=True, record=row))
        elif all(there[name] == row[name] for name in _MEASURED):
            outcomes.append(Stored(there["id"], 1, created=False, changed=False, record=there))
        else:
            outcomes.append(ReadingTakenError(row["measured_on"]))
    if created:
        await repository.insert(session, created)
        by_id = {row["id"]: row for row in subscriptions.values()}
        await _follow(session, by_id, created)
    return outcomes


async def _follow(
    session: WriteSession,
    subscriptions: Mapping[UUID, Mapping[str, Any]],
    created: Sequence[Mapping[str, Any]],
) -> None:
    measured = {row["subscription_id"] for row in created}
    last = await repository.last_days(session, measured)
    newest = [row for row in created if row["measured_on"] == last[row["subscription_id"]]]
    await upsert_subscriptions(
        session,
        [
            Change(
                subscriptions[row["subscription_id"]]["external_id"],
                {"usage": _shown(subscriptions[row["subscription_id"]]["usage"], row)},
            )
            for row in newest
        ],
    )
    policy = await get_policy(session, await version_in_force(session, clock.now()))
    reached: dict[UUID, list[tuple[date, Fraction]]] = {}
    for row in created:
        use = use_of(users_of(row), subscriptions[row["subscription_id"]]["seats"])
        if use is not None:
            reached.setdefault(row["subscription_id"], []).append((row["measured_on"], use))
    await onboarding.note_use(session, reached, policy)
    await evaluate(session, measured)


def _shown(usage: Mapping[str, Any] | None, row: Mapping[str, Any]) -> dict[str, Any]:
    """What the subscription says of its use: the last reading, beside what nobody measures."""
    kept = {
        name: value
        for name, value in (usage or {}).items()
        if name not in (*_MEASURED, "measured_on")
    }
    told = {name: row[name] for name in _MEASURED if row[name] not in (None, {})}
    return {**kept, **told, "measured_on": row["measured_on"].isoformat()}
