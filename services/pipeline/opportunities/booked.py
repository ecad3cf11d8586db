"""What is told of an opportunity's booking beside its Net ARR: booked ARR, growth type, deal size,
deal count, total contract value, and how long a deal handed in early is held. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from services.kit.money import ZERO, cents
from services.pipeline.opportunities.domain import booking_close_date
from services.pipeline.opportunities.net_arr import REVERSING_CATEGORIES, uses_basis
from services.workspace.policy import Policy

DEAL_SIZES: Final = ("small", "medium", "big", "jumbo")
_NOT_COUNTED: Final = frozenset({"unqualified", "duplicate"})


def booking_of(row: Mapping[str, Any], net: Decimal, policy: Policy) -> dict[str, Any]:
    """The derived fields of one row, as they are told."""
    return {
        "booked_arr": booked_arr(row, net),
        "growth_type": growth_type(row, net),
        "deal_size": deal_size(net, policy),
        "deal_count": deal_count(row["category"]),
        "tcv": total_contract_value(row),
    }


def booked_arr(row: Mapping[str, Any], net: Decimal) -> Decimal:
    """The yearly recurring value of what was signed: the basis and the change over it."""
    if row["stage"] in _NOT_COUNTED or row["type"] == "professional_services":
        return ZERO
    return (row["arr_basis"] if uses_basis(row["type"], row["category"]) else ZERO) + net


def growth_type(row: Mapping[str, Any], net: Decimal) -> str | None:
    """How the deal grows or shrinks what the customer has; null where it does neither, and on rows
    that only take another one back."""
    if row["category"] in REVERSING_CATEGORIES or row["stage"] in _NOT_COUNTED:
        return None
    if row["type"] == "add_on":
        return None if row["stage"] == "closed_lost" else "add_on_growth"
    if row["type"] != "renewal":
        return None
    if row["stage"] == "closed_lost":
        return "lost_on_renewal"
    if net > 0:
        return "growth_on_renewal"
    return "contraction_on_renewal" if net < 0 and row["stage"] == "closed_won" else None


def deal_size(net: Decimal, policy: Policy) -> str:
    """By Net ARR; what brings less than the first limit, or takes away, is small."""
    limits = policy.settings["deal_size"]
    return DEAL_SIZES[sum(net >= limit for limit in limits)]


def deal_count(category: str) -> int:
    """For how many deals it counts: a credit for none, a decommission takes one back."""
    return {"credit": 0, "decommission": -1}.get(category, 1)


def total_contract_value(row: Mapping[str, Any]) -> Decimal | None:
    """The recurring value of a year over the term, with services and whatever is paid once. A term
    shorter than a year is worth what it costs; null while nobody has said an amount."""
    amount, term = row["amount"], row["term_months"] or 12
    if amount is None:
        return None
    once = row["true_up_amount"] + row["services_amount"] + row["other_non_recurring_amount"]
    recurring = amount - once
    yearly = recurring * 12 / term if term > 12 else recurring
    return cents(yearly / 12 * term if term > 12 else yearly) + once


def held_until(row: Mapping[str, Any], submitted_on: date | None, policy: Policy) -> date | None:
    """The day a deal handed in early will be booked on; null where nothing is held."""
    if row["stage"] != "closing" or submitted_on is None:
        return None
    books_on = booking_close_date(submitted_on, row["quote_start_date"], policy)
    return books_on if books_on > submitted_on else None


def month_lock_ends(close_date: date, lock_day: int) -> date:
    """The last day on which bookings of that day's month may still change."""
    first = close_date.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return following.replace(day=lock_day)


def is_month_locked(close_date: date | None, today: date, policy: Policy) -> bool:
    """Whether the bookings of the month of that day are closed."""
    if close_date is None:
        return False
    return today > month_lock_ends(close_date, policy.number("booking.month_lock_day"))
