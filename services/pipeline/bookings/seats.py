"""Seats above a subscription's licence: what one true-up or a reconciliation each quarter costs, and
recording a quarter that was reconciled as the add-on it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg

from services.kit import clock
from services.kit.batch import Change, sole
from services.kit.db import Session, WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.money import cents
from services.pipeline.bookings import domain, repository
from services.pipeline.bookings.errors import (
    QuarterReconciledError,
    SeatsUnknownError,
    SubscriptionNotFoundError,
)
from services.pipeline.opportunities import repository as opportunities
from services.pipeline.opportunities.access import Actor
from services.pipeline.opportunities.errors import NotYourOpportunityError
from services.pipeline.opportunities.linked import acting
from services.pipeline.opportunities.service import describe, upsert_many
from services.pipeline.subscriptions.service import upsert_subscriptions
from services.workspace.users.repository import USERS


@dataclass(frozen=True, slots=True)
class Quarter:
    """What is said of one quarter of a term."""

    number: int
    peak_seats: int
    seat_price: Decimal | None = None
    platform: str = "saas"
    owner_external_id: str | None = None
    name: str | None = None


def _seats(row: asyncpg.Record, price: Decimal | None) -> domain.Seats:
    if row["seats"] is None or (price is None and not row["seats"]):
        raise SeatsUnknownError
    return domain.Seats(
        row["start_date"], row["seats"], price if price is not None else row["arr"] / row["seats"]
    )


async def compare(
    session: Session, name: str, peaks: Sequence[int], price: Decimal | None, platform: str
) -> dict[str, Any]:
    """Both ways of charging the same peaks, quarter by quarter."""
    row = await repository.find_subscription(session, name)
    if row is None:
        raise SubscriptionNotFoundError(name)
    seats = _seats(row, price)
    charges, true_up = domain.reconcile(seats, peaks, platform)
    kept = await repository.reconciled(session, row["id"], row["start_date"])
    return {
        "subscription_external_id": row["external_id"],
        "term_start": row["start_date"],
        "term_end": row["end_date"],
        "seats": row["seats"],
        "seat_price": cents(seats.seat_price),
        "currency": row["currency"],
        "platform": platform,
        "true_up": true_up,
        "reconciled": sum((charge.charged for charge in charges), Decimal("0.00")),
        "net_arr": sum((charge.net_arr for charge in charges), Decimal("0.00")),
        "quarters": [told(charge) for charge in charges],
        "recorded_quarters": sorted(kept),
    }


def told(charge: domain.QuarterCharge) -> dict[str, Any]:
    return {
        "quarter": charge.quarter,
        "licensed_seats": charge.licensed,
        "peak_seats": charge.peak,
        "new_seats": charge.new_seats,
        "charged": charge.charged,
        "net_arr": charge.net_arr,
        "reconciles_on": charge.reconciles_on,
        "notice_on": charge.notice_on,
        "invoice_on": charge.invoice_on,
    }


async def record(
    session: WriteSession, actor: Actor, name: str, quarter: Quarter, *, is_dry_run: bool
) -> dict[str, Any]:
    """A quarter reconciled: the add-on that is won with it, and the licence raised. Said again, it
    is what it was; with another peak it is refused."""
    row = await repository.lock_subscription(session, name)
    if row is None:
        raise SubscriptionNotFoundError(name)
    kept = (await repository.reconciled(session, row["id"], row["start_date"])).get(quarter.number)
    if kept is not None:
        return await _as_kept(session, row, kept, quarter)
    charge = domain.quarter_charge(
        _seats(row, quarter.seat_price), quarter.number, quarter.peak_seats, quarter.platform
    )
    opportunity = None
    if charge.new_seats:
        opportunity = await _win(session, actor, row, charge, quarter, is_dry_run)
    if not is_dry_run:
        await _keep(session, actor, row, charge, opportunity, quarter)
    content = await describe(session, [opportunity]) if opportunity is not None else [None]
    return {"dry_run": is_dry_run, "quarter": told(charge), "opportunity": content[0]}


async def _as_kept(
    session: WriteSession, row: asyncpg.Record, kept: asyncpg.Record, quarter: Quarter
) -> dict[str, Any]:
    if kept["peak_seats"] != quarter.peak_seats:
        raise QuarterReconciledError(quarter.number, kept["peak_seats"])
    then = domain.Seats(row["start_date"], kept["licensed_seats"], kept["seat_price"])
    charge = domain.quarter_charge(then, quarter.number, kept["peak_seats"], quarter.platform)
    content: list[Any] = [None]
    if kept["opportunity_id"] is not None:
        rows = await opportunities.lock_many(session, ids=[kept["opportunity_id"]])
        content = await describe(session, rows)
    return {"dry_run": False, "quarter": told(charge), "opportunity": content[0]}


async def _win(
    session: WriteSession,
    actor: Actor,
    row: asyncpg.Record,
    charge: domain.QuarterCharge,
    quarter: Quarter,
    is_dry_run: bool,
) -> dict[str, Any]:
    owner = quarter.owner_external_id or row["deal_owner"] or row["account_owner"]
    if owner is None:
        raise InvalidPayloadError.one(
            "/owner_external_id", "missing", "is required where neither the account has an owner"
            " nor the subscription a deal"
        )  # fmt: skip
    owners = await USERS.ids_named(session, [owner])
    if owner in owners and not actor.may_write(owners[owner]):
        raise NotYourOpportunityError("The owner of the add-on is out of your reach")
    label = f"QSR Q{charge.quarter} {row['start_date']:%Y}"
    title = quarter.name or f"{row['account_name'] or row['external_id']} - {label}"[:255]
    statement = {
        "external_id": f"{str(row['external_id'])[:200]}/{row['start_date']}/qsr-{charge.quarter}",
        "name": title if "QSR" in title else f"QSR {title}"[:255],
        "account_external_id": row["account_external_id"], "owner_external_id": owner,
        "type": "add_on", "stage": "closed_won", "amount": charge.charged,
        "term_months": 3 * (domain.QUARTERS - charge.quarter), "net_arr": charge.net_arr,
        "currency": row["currency"], "seats": charge.new_seats,
        "subscription_external_id": row["external_id"], "parent_external_id": row["parent"],
        "submitted_at": clock.now(), "source_kind": "self_serve",
    }  # fmt: skip
    stored = sole(
        await upsert_many(
            session, acting(actor), [statement], reason="Seats above the licence, reconciled",
            is_stored=not is_dry_run,
        )
    )  # fmt: skip
    record: dict[str, Any] = stored.record
    return record


async def _keep(
    session: WriteSession,
    actor: Actor,
    row: asyncpg.Record,
    charge: domain.QuarterCharge,
    opportunity: dict[str, Any] | None,
    quarter: Quarter,
) -> None:
    price = _seats(row, quarter.seat_price).seat_price
    opportunity_id: UUID | None = None if opportunity is None else opportunity["id"]
    await repository.keep(
        session,
        repository.RECONCILIATIONS,
        {
            "subscription_id": row["id"], "term_start": row["start_date"],
            "quarter": charge.quarter, "licensed_seats": charge.licensed,
            "peak_seats": charge.peak, "seat_price": cents(price), "invoiced": charge.charged,
            "opportunity_id": opportunity_id, "actor": actor.name, "recorded_at": clock.now(),
        },
    )  # fmt: skip
    if charge.new_seats:
        raised = {"seats": charge.licensed + charge.new_seats, "arr": row["arr"] + charge.net_arr}
        sole(await upsert_subscriptions(session, [Change(row["external_id"], raised)]))
