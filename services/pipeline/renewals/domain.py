"""What decides about renewals: what is available to renew, what is won of it, and at what risk.

Pure. This view is the renewals team's: its worst rate counts every loss that is forecast, also the
less probable one. In the forecast the larger loss is the best case; the two are never mixed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from services.kit.money import ZERO
from services.workspace.fiscal import FiscalCalendar

WILL_RENEW: Final = "will_renew"
WILL_CONTRACT: Final = "will_contract"
WILL_CONTRACT_ACTIONABLE: Final = "will_contract_actionable"
WILL_CHURN: Final = "will_churn"
WILL_CHURN_ACTIONABLE: Final = "will_churn_actionable"
NOT_STARTED: Final = "not_started"
RISKS: Final = (
    WILL_RENEW,
    WILL_CONTRACT,
    WILL_CONTRACT_ACTIONABLE,
    WILL_CHURN,
    WILL_CHURN_ACTIONABLE,
    NOT_STARTED,
)
"""`not_started`: a subscription ends and nobody has opened its renewal."""

_ACTIONABLE: Final = frozenset({WILL_CONTRACT_ACTIONABLE, WILL_CHURN_ACTIONABLE})
_PLACES: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """One renewal, or a subscription without one (`stage` None). `available` is the ARR that comes
    up; `net_arr` the change the deal brings over `arr_basis`, None where nothing is said of it."""

    stage: str | None
    available: Decimal
    arr_basis: Decimal = ZERO
    net_arr: Decimal | None = None
    loss_category: str = "none"
    expected_renewed_arr: Decimal | None = None
    close_date: date | None = None
    term_starts: date | None = None


class Verdict(NamedTuple):
    """`won` is never more than is available; `swing` what acting may still save; `timeliness` is
    None while the renewal is not won. `is_red`: less is asked for than is up for renewal."""

    risk: str
    won: Decimal
    swing: Decimal
    timeliness: str | None
    is_red: bool


def judge(renewal: Renewal, calendar: FiscalCalendar) -> Verdict:
    """Where one renewal stands."""
    risk = _risk(renewal)
    kept = _kept(renewal, risk)
    won = min(max(kept, ZERO), renewal.available)
    swing = renewal.available - won if risk in _ACTIONABLE else ZERO
    return Verdict(risk, won, swing, _timeliness(renewal, calendar), kept < renewal.available)


def _booked(renewal: Renewal) -> Decimal | None:
    return None if renewal.net_arr is None else renewal.arr_basis + renewal.net_arr


def _expected(renewal: Renewal) -> Decimal:
    """What is said to remain of a renewal at risk."""
    if renewal.expected_renewed_arr is not None:
        return renewal.expected_renewed_arr
    return _booked(renewal) or ZERO


def _risk(renewal: Renewal) -> str:
    if renewal.stage is None:
        return NOT_STARTED
    if renewal.stage == "closed_lost":
        return WILL_CHURN
    booked = _booked(renewal)
    if renewal.stage == "closed_won" or renewal.loss_category == "none":
        is_less = booked is not None and booked < min(renewal.arr_basis, renewal.available)
        return WILL_CONTRACT if is_less else WILL_RENEW
    is_actionable = renewal.loss_category == "best_case"
    if _expected(renewal) > 0:
        return WILL_CONTRACT_ACTIONABLE if is_actionable else WILL_CONTRACT
    return WILL_CHURN_ACTIONABLE if is_actionable else WILL_CHURN


def _kept(renewal: Renewal, risk: str) -> Decimal:
    if renewal.stage in (None, "closed_lost"):
        return ZERO
    if renewal.stage != "closed_won" and renewal.loss_category != "none":
        return _expected(renewal)
    booked = _booked(renewal)
    # An open renewal nobody has sized is expected to come back as it was.
    return renewal.available if booked is None else booked


def _timeliness(renewal: Renewal, calendar: FiscalCalendar) -> str | None:
    """On time when the new term does not begin in a quarter before the one it was closed in."""
    if renewal.stage != "closed_won" or None in (renewal.close_date, renewal.term_starts):
        return None
    assert renewal.close_date is not None
    assert renewal.term_starts is not None
    starts, closed = map(calendar.quarter_key, (renewal.term_starts, renewal.close_date))
    return "on_time" if starts >= closed else "late"


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over renewals; rates are None where nothing is available."""

    count: int
    available: Decimal
    won: Decimal
    swing: Decimal

    @property
    def worst_rate(self) -> Decimal | None:
        return _rate(self.won, self.available)

    @property
    def best_rate(self) -> Decimal | None:
        return _rate(self.won + self.swing, self.available)


def add_up(parts: Iterable[tuple[Decimal, Verdict]]) -> Totals:
    """Of what is available and how it was judged."""
    count, available, won, swing = 0, ZERO, ZERO, ZERO
    for amount, verdict in parts:
        count += 1
        available += amount
        won += verdict.won
        swing += verdict.swing
    return Totals(count, available, won, swing)


def _rate(part: Decimal, whole: Decimal) -> Decimal | None:
    return (part / whole).quantize(_PLACES) if whole > 0 else None
