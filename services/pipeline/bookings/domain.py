"""What the special cases of Net ARR are made of: which opportunities state what.

Pure. A statement is what a client could have sent itself, so whatever is made here is an ordinary
opportunity: its Net ARR, figures and history follow as everybody's do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from services.kit.money import ZERO, cents
from services.kit.schemas import EXTERNAL_ID_LENGTH_MAX
from services.pipeline.opportunities.domain import booking_close_date, months_after
from services.workspace.policy import Policy

Row = Mapping[str, Any]
Statement = dict[str, Any]

RAMP_YEAR: Final = "ramp_year"
CONTRACT_RESET: Final = "contract_reset"
CREDIT: Final = "credit"
MERGED: Final = "merged"
COMEBACK: Final = "comeback"
NEW_BUSINESS: Final = "new_business"
DEBOOK: Final = "debook"
DECOMMISSION: Final = "decommission"
LATE: Final = "late_renewal"

# What a row made for another one has in common with it.
_SHARED: Final = (
    "account_external_id", "owner_external_id", "sdr_external_id", "currency", "source_kind",
    "route_to_market", "use_case", "contact_external_ids",
)  # fmt: skip
_DERIVABLE: Final = ("segment", "region")
_ONCE: Final = ("true_up_amount", "services_amount", "other_non_recurring_amount")
_SUMMED: Final = ("arr_basis", *_ONCE)


def name_of(row: Row) -> str:
    """How other records name this one: by its external id, or its id where it has none."""
    return row["external_id"] or str(row["id"])


def made_name(row: Row, what: str) -> str:
    """The external id of what is made for a record: the same every time, so that saying it twice
    makes one."""
    name = f"{name_of(row)}/{what}"
    return name if len(name) <= EXTERNAL_ID_LENGTH_MAX else f"{row['id']}/{what}"


def _titled(row: Row, what: str) -> str:
    return f"{row['name'][: 250 - len(what)]} ({what})"


def _made(row: Row, what: str, title: str) -> Statement:
    """The start of a record made for another one."""
    statement = {name: row[name] for name in _SHARED if row[name] is not None}
    statement |= {name: row[name] for name in _DERIVABLE if name in row["stated_fields"]}
    return statement | {
        "external_id": made_name(row, what),
        "name": _titled(row, title),
        "parent_external_id": name_of(row),
    }


def recurring(row: Row) -> Decimal:
    """The amount without what is paid once."""
    amount: Decimal = row["amount"] or ZERO
    return amount - paid_once(row)


def paid_once(row: Row) -> Decimal:
    return sum((row[name] for name in _ONCE), ZERO)


# Ramps ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RampYear:
    """One 12-month period of a ramp and what it costs."""

    amount: Decimal
    start_date: date


def ramp_gap(years: Sequence[RampYear]) -> int | None:
    """The place of the first year that does not begin twelve months after the one before it."""
    for place, (before, year) in enumerate(pairwise(years), 1):
        if year.start_date != months_after(before.start_date, 12):
            return place
    return None


def ramp(row: Row, years: Sequence[RampYear], today: date, policy: Policy) -> list[Statement]:
    """The deal as its first year, and a record for each later one whose basis is the year before.

    Later years are add-ons whatever the deal is: they step up what the first year brings, found no
    customer, and lose nothing that was booked when the step is not taken.
    """
    first, *later = years
    statements: list[Statement] = [
        {
            "id": row["id"], "category": "ramp", "amount": first.amount, "term_months": 12,
            "net_arr": None, "quote_start_date": first.start_date,
        }
    ]  # fmt: skip
    if row["close_date"] is None:
        statements[0]["close_date"] = booking_close_date(today, first.start_date, policy)
    basis = first.amount - paid_once(row)
    for place, year in enumerate(later, 2):
        statement = _made(row, f"ramp-{place}", f"year {place}") | {
            "type": "add_on", "category": "ramp", "stage": row["stage"],
            "subscription_external_id": row["subscription_external_id"],
            "amount": year.amount, "term_months": 12, "arr_basis": basis, "net_arr": None,
            "quote_start_date": year.start_date, "duplicate_of": None,
            "close_date": ramp_close_date(row["type"], today, year.start_date, policy),
        }  # fmt: skip
        if row["stated_forecast_category"] is not None:
            statement["forecast_category"] = row["stated_forecast_category"]
        statements.append(statement)
        basis = year.amount
    return statements


def ramp_close_date(type_: str, submitted_on: date, start: date, policy: Policy) -> date:
    """When a later year of a ramp is booked: so many days before it starts, or, of a renewal, on
    the day it starts."""
    if type_ == "renewal":
        return start
    return booking_close_date(submitted_on, start, policy)


def ramp_leftovers(row: Row, made: Sequence[Row], years: int) -> list[Statement]:
    """Later years a shorter ramp has no more."""
    kept = {made_name(row, f"ramp-{place}") for place in range(2, years + 1)}
    return [
        {"id": each["id"], "stage": "duplicate", "duplicate_of": name_of(row)}
        for each in made
        if each["external_id"] not in kept
    ]


# Contract resets -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reset:
    """A new contract and what is given back of the old one, both as they are invoiced."""

    amount: Decimal
    term_months: int
    credit_amount: Decimal
    credit_term_months: int
    close_date: date
    start_date: date | None = None


def contract_reset(row: Row, reset: Reset, stage: str | None) -> list[Statement]:
    """The new contract, a renewal without basis, and the credit for the old one. `stage` is None
    for those that are there already."""
    common: Statement = {"close_date": reset.close_date, "quote_start_date": reset.start_date}
    if stage is not None:
        common["stage"] = stage
    renewal = _made(row, "reset", "contract reset") | common | {
        "type": "renewal", "category": "contract_reset", "arr_basis": ZERO,
        "amount": reset.amount, "term_months": reset.term_months,
        "subscription_external_id": row["subscription_external_id"],
    }  # fmt: skip
    credit = _made(row, "credit", "credit") | common | {
        "type": "add_on", "category": "credit", "order_type": "growth",
        "amount": -reset.credit_amount, "term_months": reset.credit_term_months,
        "subscription_external_id": row["subscription_external_id"],
    }  # fmt: skip
    return [renewal, credit]


# Merged renewals -----------------------------------------------------------------------------


def _at_term(row: Row, term: int | None) -> Decimal:
    """What the row's recurring amount is over another term."""
    return cents(recurring(row) / (row["term_months"] or 12) * (term or 12))


def added_by(row: Row, term: int | None) -> dict[str, Decimal | None]:
    """What a renewal brings to the one it is merged into, field by field; the survivor's term may be
    another one. None: nobody has said, so of the sum nobody can."""
    added: dict[str, Decimal | None] = {name: row[name] for name in _SUMMED}
    if row["amount"] is None:
        added["amount"] = None
    else:
        added["amount"] = _at_term(row, term) + sum((row[name] for name in _ONCE), ZERO)
    added["expected_renewed_arr"] = row["expected_renewed_arr"]
    added["net_arr"] = row["stated_net_arr"]
    return added


def merge(survivor: Row, others: Sequence[Row], amount: Decimal | None) -> list[Statement]:
    """The survivor with all bases, and the others as its duplicates, which count nowhere.

    Amounts add up too, over the survivor's term, so that no figure moves; `amount` is what the
    customer is asked for where that is another sum.
    """
    parts = [added_by(other, survivor["term_months"]) for other in others]
    into: Statement = {"id": survivor["id"]}
    for name in _SUMMED:
        into[name] = sum((part[name] or ZERO for part in parts), survivor[name])
    amounts = [survivor["amount"], *(part["amount"] for part in parts)]
    into["amount"] = amount
    if amount is None and None not in amounts:
        into["amount"] = sum(amounts, ZERO)
    expected = [survivor["expected_renewed_arr"], *(p["expected_renewed_arr"] for p in parts)]
    if any(value is not None for value in expected):
        into["expected_renewed_arr"] = sum((value or ZERO for value in expected), ZERO)
    if survivor["stated_net_arr"] is not None or any(part["net_arr"] is not None for part in parts):
        nets = [survivor["net_arr"], *(other["net_arr"] for other in others)]
        into["net_arr"] = sum(nets, ZERO) if amount is None else None
    if survivor["external_id"] is None:
        # What was merged names the survivor, and records are named by external id.
        into["external_id"] = name_of(survivor)
    return [into, *close_merged(survivor, others)]


def close_merged(survivor: Row, others: Sequence[Row]) -> list[Statement]:
    return [
        {"id": other["id"], "stage": "duplicate", "duplicate_of": name_of(survivor)}
        for other in others
    ]


def unmerge(
    survivor: Row, before: Mapping[str, Any], others: Sequence[tuple[Row, str]]
) -> list[Statement]:
    """Everything as it was before the merger: the survivor's amounts, and the others in the stage
    they had."""
    return [
        {"id": survivor["id"], **before},
        *({"id": other["id"], "stage": stage, "duplicate_of": None} for other, stage in others),
    ]


MERGE_FIELDS: Final = {
    "arr_basis": "arr_basis", "true_up_amount": "true_up_amount",
    "services_amount": "services_amount",
    "other_non_recurring_amount": "other_non_recurring_amount", "amount": "amount",
    "expected_renewed_arr": "expected_renewed_arr", "net_arr": "stated_net_arr",
}  # fmt: skip
"""What a merger changes of the survivor, and the column each is kept in."""


# Returns -------------------------------------------------------------------------------------


def return_kind(ended_on: date, on: date, policy: Policy) -> str:
    """What a customer is who comes back so long after the term ended."""
    gone = (on - ended_on).days
    if gone <= policy.number("renewal.late_window_days"):
        return LATE
    return COMEBACK if gone <= policy.number("return_window_days") else NEW_BUSINESS


def comeback(row: Row, kind: str, on: date, amount: Decimal | None) -> Statement:
    """The opportunity a returning customer is won back with: a renewal on the basis that was lost,
    or after too long new business, which starts like any other."""
    if kind == COMEBACK:
        return _made(row, "comeback", "comeback") | {
            "type": "renewal", "category": "standard", "stage": "discovery",
            "arr_basis": row["arr_basis"], "amount": amount, "term_months": row["term_months"],
            "subscription_external_id": row["subscription_external_id"],
            "renewal_date": row["renewal_date"], "close_date": on,
        }  # fmt: skip
    return _made(row, "new-business", "new business") | {
        "type": "new_business", "stage": "pending_acceptance", "amount": amount,
        "term_months": row["term_months"], "close_date": on,
    }  # fmt: skip


# Decommissions -------------------------------------------------------------------------------


def decommission(row: Row, on: date) -> Statement:
    """A won deal given back: its values with the sign turned, booked on the day it is."""
    statement = _made(row, "decommission", "decommission") | {
        "type": row["type"], "category": "decommission", "stage": "closed_won",
        "order_type": row["order_type"], "term_months": row["term_months"], "close_date": on,
        "subscription_external_id": row["subscription_external_id"],
        "arr_basis": -row["arr_basis"] if row["type"] == "renewal" else ZERO,
        "amount": None if row["amount"] is None else -row["amount"],
        **{name: -row[name] for name in _ONCE},
    }  # fmt: skip
    if row["stated_net_arr"] is not None or row["category"] == "ramp":
        statement["net_arr"] = -row["net_arr"]
    return statement


# Seats above the licence ---------------------------------------------------------------------

QUARTERS: Final = 4
_NOTICE_AFTER: Final = {"saas": 0, "self_managed": 6}
_INVOICE_AFTER_NOTICE: Final = 7


@dataclass(frozen=True, slots=True)
class Seats:
    """A subscription as far as seats are concerned."""

    start_date: date
    seats: int
    seat_price: Decimal


@dataclass(frozen=True, slots=True)
class QuarterCharge:
    """One quarter of a term. `charged` is the prorated invoice, `net_arr` what the new seats bring
    in a year."""

    quarter: int
    licensed: int
    peak: int
    new_seats: int
    charged: Decimal
    net_arr: Decimal
    reconciles_on: date
    notice_on: date | None
    invoice_on: date | None


def quarter_charge(subscription: Seats, quarter: int, peak: int, platform: str) -> QuarterCharge:
    """New seats are charged for the quarters that are left; in the last one nothing is, since the
    renewal is due."""
    left = QUARTERS - quarter
    new_seats = max(peak - subscription.seats, 0) if left else 0
    yearly = new_seats * subscription.seat_price
    on = months_after(subscription.start_date, 3 * quarter)
    notice = on + timedelta(days=_NOTICE_AFTER[platform]) if new_seats else None
    return QuarterCharge(
        quarter=quarter,
        licensed=subscription.seats,
        peak=peak,
        new_seats=new_seats,
        charged=cents(yearly * left / QUARTERS),
        net_arr=cents(yearly),
        reconciles_on=on,
        notice_on=notice,
        invoice_on=None if notice is None else notice + timedelta(days=_INVOICE_AFTER_NOTICE),
    )


def reconcile(
    subscription: Seats, peaks: Sequence[int], platform: str
) -> tuple[list[QuarterCharge], Decimal]:
    """Quarter by quarter, the licence raised at once by each, and what one true-up at the end of the
    term would cost instead."""
    charges = []
    licensed = subscription.seats
    for quarter, peak in enumerate(peaks, 1):
        now = Seats(subscription.start_date, licensed, subscription.seat_price)
        charge = quarter_charge(now, quarter, peak, platform)
        charges.append(charge)
        licensed += charge.new_seats
    over = max([0, *(peak - subscription.seats for peak in peaks)])
    return charges, cents(over * subscription.seat_price)
