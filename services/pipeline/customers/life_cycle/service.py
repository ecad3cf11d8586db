"""The life cycle of one account, and of all of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.kit.db import Session
from services.kit.money import ZERO
from services.pipeline.customers.domain import Term
from services.pipeline.customers.life_cycle import repository
from services.pipeline.customers.life_cycle.domain import (
    ENGAGE,
    FULFIL,
    PHASES,
    RENEW,
    RENEWAL_DEAL,
    SALE,
    TRANSACT,
    WON,
    Deal,
    Subscribed,
    borders,
    place,
)
from services.pipeline.customers.lookups import require_account
from services.pipeline.customers.service import circumstances
from services.workspace.fiscal import FiscalCalendar
from services.workspace.users.reach import find_subtree
from services.workspace.workspaces.repository import get_workspace


async def life_cycle_of(session: Session, account_id: UUID) -> dict[str, Any]:
    account = await require_account(session, account_id)
    calendar = (await get_workspace(session)).calendar
    today, policy = await circumstances(session)
    subscriptions = await repository.subscriptions_of(session, account_id)
    deals = {
        row["kind"]: Deal(_since(row, calendar), row["id"], row["external_id"])
        for row in await repository.deals_of(session, account_id)
    }
    found = place(
        [_subscribed(row, calendar) for row in subscriptions],
        deals,
        known_since=calendar.local_date(account["created_at"]),
        today=today,
        policy=policy,
    )
    is_account = found.record == "account"
    return {
        "account_id": account["id"],
        "account_external_id": account["external_id"],
        "phase": found.phase,
        "since": found.since,
        "because": {
            "kind": found.record,
            "id": account["id"] if is_account else found.id,
            "external_id": account["external_id"] if is_account else found.external_id,
            "reason": found.reason,
        },
    }


def _since(row: Mapping[str, Any], calendar: FiscalCalendar) -> date:
    """Where it is past stage 0, since it was accepted; else since it is in its stage."""
    accepted: date | None = row["accepted_on"]
    if accepted is not None and row["kind"] in (SALE, RENEWAL_DEAL):
        return accepted
    return calendar.local_date(row["entered_at"])


def _subscribed(row: Mapping[str, Any], calendar: FiscalCalendar) -> Subscribed:
    onboarded = row["start_date"]
    if row["has_onboarding"]:
        done = row["completed_at"]
        onboarded = None if done is None else calendar.local_date(done)
    return Subscribed(
        term=Term(row["start_date"], row["end_date"]),
        recorded_on=calendar.local_date(row["created_at"]),
        onboarded_on=onboarded,
        id=row["id"],
        external_id=row["external_id"],
    )


async def report(
    session: Session, user: str | None, segment: str | None, region: str | None
) -> dict[str, Any]:
    """Every account by phase."""
    workspace = await get_workspace(session)
    today, policy = await circumstances(session)
    owners = None if user is None else await find_subtree(session, user)
    counts: Counter[str] = Counter()
    sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for row in await repository.count_accounts(
        session, today, borders(today, policy), owners, segment, region
    ):
        counts[_phase_of(row)] += row["accounts"]
        sums[_phase_of(row)] += row["arr"]
    return {
        "day": today,
        "user_id": user,
        "currency": workspace.currency,
        "accounts": counts.total(),
        "arr": sum(sums.values(), ZERO),
        "phases": [
            {"phase": phase, "accounts": counts[phase], "arr": sums[phase]} for phase in PHASES
        ],
    }


def _phase_of(row: Mapping[str, Any]) -> str:
    """As `place` has it."""
    if row[RENEWAL_DEAL]:
        return RENEW
    if row["rank"] is not None:
        return repository.RANKED[row["rank"]]
    if row[WON]:
        return FULFIL
    return TRANSACT if row[SALE] else ENGAGE
