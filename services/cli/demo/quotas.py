"""Quotas that fit the invented book: what each person and team is asked to bring, by quarter. Pure.

Closed quarters get a target somewhat above or below what came in; the quarter that runs gets one
that its open pipeline covers about three times.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from services.cli.demo.company import Organisation, Person
from services.cli.demo.deals import LOST, WON, Deal
from services.cli.demo.dice import Dice
from services.workspace.fiscal import FiscalCalendar, FiscalQuarter

PAST_QUARTERS: Final = 4
_COVERAGE: Final = 3.0
# Salespeople together are asked for more than their managers, and those for more than the head.
_OVER_ASSIGNED: Final = {"rep": 1.08, "manager": 1.04, "director": 1.02}
_SMALLEST: Final = 20_000


@dataclass(frozen=True, slots=True)
class Quota:
    """What one person answers for in one period."""

    period: str
    user: str
    amount: int


@dataclass(slots=True)
class Closing:
    """What closes in a quarter: booked so far, and open with Net ARR above zero."""

    booked: float = 0.0
    open: float = 0.0


def net_arr(fields: Mapping[str, Any]) -> Decimal:
    """As the product computes it, near enough to set a target by."""
    basis = Decimal(fields.get("arr_basis") or 0)
    if fields["stage"] == LOST:
        return -basis if fields["type"] == "renewal" else Decimal(0)
    if fields["type"] == "professional_services" or not fields.get("amount"):
        return Decimal(0)
    recurring = Decimal(fields["amount"])
    for part in ("services_amount", "true_up_amount"):
        recurring -= Decimal(fields.get(part) or 0)
    annual = recurring * 12 / (fields.get("term_months") or 12)
    return annual - basis if fields["type"] == "renewal" else annual


def closings(deals: Iterable[Deal], calendar: FiscalCalendar) -> dict[int, dict[str, Closing]]:
    """By quarter and owner."""
    found: dict[int, dict[str, Closing]] = defaultdict(lambda: defaultdict(Closing))
    for deal in deals:
        fields = deal.now
        closing = found[calendar.quarter_key(date.fromisoformat(fields["close_date"]))][
            fields["owner_external_id"]
        ]
        net, stage = float(net_arr(fields)), fields["stage"]
        if stage in (WON, LOST):
            closing.booked += net
        elif stage in ("unqualified", "duplicate", "pending_acceptance"):
            continue
        elif fields.get("renewal_loss_category", "none") == "none":
            closing.open += max(0.0, net)
    return found


def make_quotas(
    seed: int,
    organisation: Organisation,
    deals: Iterable[Deal],
    calendar: FiscalCalendar,
    today: date,
) -> tuple[Quota, ...]:
    """For the running quarter and the last ones, and for the running fiscal year."""
    found = closings(deals, calendar)
    current = calendar.quarter_of(today)
    past = [calendar.shift(current, -back).key for back in range(1, PAST_QUARTERS + 1)]
    usual = sum(
        closing.booked for key in past for closing in found.get(key, {}).values()
    ) / len(past)  # fmt: skip
    quotas: list[Quota] = []
    for back in range(PAST_QUARTERS + 1):
        quarter = calendar.shift(current, -back)
        by_owner = found.get(quarter.key, {})
        expected = {
            owner: closing.booked + closing.open / _COVERAGE for owner, closing in by_owner.items()
        }
        total = sum(expected.values())
        if back > 0:
            # Nobody knew how it would go: a closed quarter's target follows the usual one too.
            stretch = Dice(seed, f"quota/{quarter.key}").between(0.9, 1.15)
            total = (total + usual) / 2 * stretch
        total = max(float(_SMALLEST), total)
        quotas += _spread(organisation, quarter.label, total, expected)
    return (*quotas, *_annual(quotas, calendar, current))


def _annual(
    quotas: Iterable[Quota], calendar: FiscalCalendar, current: FiscalQuarter
) -> list[Quota]:
    """The running year: its quarters so far, and as much again for each one to come."""
    weights = {
        quarter.label: 5 - quarter.number if quarter == current else 1
        for quarter in calendar.quarters_of_year(current.fiscal_year)
    }
    totals: dict[str, int] = defaultdict(int)
    for quota in quotas:
        totals[quota.user] += quota.amount * weights.get(quota.period, 0)
    year = f"FY{current.fiscal_year % 100:02d}"
    return [Quota(year, user, amount) for user, amount in totals.items()]


def _spread(
    organisation: Organisation, period: str, total: float, expected: Mapping[str, float]
) -> list[Quota]:
    """The head's target down to everybody: half by what the segment brings, half by one's own."""
    reps = [person for person in organisation.people if person.role == "rep"]
    peers: dict[str | None, list[float]] = defaultdict(list)
    for rep in reps:
        peers[rep.segment].append(max(0.0, expected.get(rep.external_id, 0.0)))
    average = {segment: sum(values) / len(values) for segment, values in peers.items()}
    shares = {
        rep.external_id: 0.6 * average[rep.segment]
        + 0.4 * max(0.0, expected.get(rep.external_id, 0.0))
        + 1.0
        for rep in reps
    }
    unit = total / sum(shares.values())
    below = _below(organisation.people)
    quotas = []
    for person in organisation.people:
        if person.role not in ("rep", "manager"):
            continue
        own = [shares[name] for name in below[person.external_id] if name in shares]
        amount = sum(own) * unit * _OVER_ASSIGNED.get(person.level, 1.0)
        quotas.append(Quota(period, person.external_id, _rounded(amount)))
    return quotas


def _below(people: Iterable[Person]) -> dict[str, set[str]]:
    """Everybody under each person, the person included."""
    below: dict[str, set[str]] = {}
    managers: dict[str, str | None] = {}
    for person in people:
        managers[person.external_id] = person.manager
        below[person.external_id] = set()
        name: str | None = person.external_id
        while name is not None:
            below[name].add(person.external_id)
            name = managers[name]
    return below


def _rounded(amount: float) -> int:
    step = 5000 if amount >= 100_000 else 1000
    return max(step, round(amount / step) * step)
