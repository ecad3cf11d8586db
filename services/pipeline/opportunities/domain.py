"""What decides about an opportunity: categories, booking date, order type, pushes and age.

Pure: no database, no clock. Stages and moves are in `stages`, Net ARR in `net_arr`.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final, NamedTuple

from services.kit.money import ZERO
from services.pipeline.opportunities.net_arr import NEGATIVE_CATEGORIES
from services.pipeline.opportunities.stages import Refusal
from services.workspace.policy import Policy

FROM_STAGE: Final = "stage"
FROM_OWNER: Final = "owner"
_OWNERS_CHOICE: Final = frozenset({"omitted", "pipeline", "best_case", "commit"})
_FIXED_STAGES: Final = frozenset(
    {"pending_acceptance", "closed_won", "closed_lost", "unqualified", "duplicate"}
)


def forecast_category(
    stage: str, stated: str | None, segment: str, policy: Policy
) -> tuple[str, str]:
    """The category in force and its source.

    Stage 0 and closed stages fix it, and so does the stage in a segment the policy blocks. The
    value the stage implies anyway is the stage's, even where the owner said it.
    """
    implied = policy.stage_categories[stage]
    if stated is None or stated == implied or stage in _FIXED_STAGES:
        return implied, FROM_STAGE
    if stated not in _OWNERS_CHOICE or segment in policy.override_blocked_segments:
        return implied, FROM_STAGE
    return stated, FROM_OWNER


def check_forecast_category(
    stage: str, stated: str | None, segment: str, policy: Policy
) -> Refusal | None:
    """Whether an owner may put the category there; null, back to the stage's, always may."""
    implied = policy.stage_categories[stage]
    if stated is None or stated == implied:
        return None
    if stage in _FIXED_STAGES:
        return Refusal("category_fixed_by_stage", f"In this stage the category is {implied}.")
    if stated not in _OWNERS_CHOICE:
        return Refusal("category_needs_closed_won", "Only a closed won opportunity is closed.")
    if segment in policy.override_blocked_segments:
        return Refusal(
            "category_driven_by_stage", f"In segment {segment} the stage drives the category."
        )
    return None


def booking_close_date(submitted_on: date, quote_start: date | None, policy: Policy) -> date:
    """The close date of a deal won without an explicit one.

    Handed in early it is held until so many days before the quote starts, which may be a later
    quarter; handed in late it is the day it was handed in.
    """
    if quote_start is None:
        return submitted_on
    hold = timedelta(days=policy.number("booking.hold_before_start_days"))
    return max(submitted_on, quote_start - hold)


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyFacts:
    """The account family of an opportunity, itself left out.

    `inactive_days`: days since the family's last subscription ended; None while one is active, or
    where none is recorded.
    """

    has_won_account: bool
    has_won_family: bool
    inactive_days: int | None = None
    is_family_active_elsewhere: bool = False


class OrderTypeInputs(NamedTuple):
    """The opportunity's own part in its order type."""

    type: str
    stage: str
    amount: Decimal | None
    net_arr: Decimal | None
    renewal_loss_category: str = "none"
    expected_renewed_arr: Decimal | None = None
    category: str = "standard"


def order_type(opportunity: OrderTypeInputs, family: FamilyFacts, policy: Policy) -> str:
    """The order type an opportunity would be stamped with if it closed as it stands."""
    if opportunity.type == "professional_services":
        return "ps_other"
    amount = opportunity.amount
    if amount is not None and ZERO < amount < policy.amount("order_type.ps_min"):
        return "ps_other"
    if opportunity.type == "renewal":
        return _renewal_order_type(opportunity, family)
    if opportunity.type == "add_on" and opportunity.category == "ramp":
        # A later year steps up what the first one brings, whether or not that is won yet.
        return "growth"
    is_long_gone = (family.inactive_days or 0) > policy.number("return_window_days")
    if not family.has_won_family or is_long_gone:
        return "new_first_order"
    return "growth" if family.has_won_account else "new_connected"


def _renewal_order_type(opportunity: OrderTypeInputs, family: FamilyFacts) -> str:
    is_expected_lost = opportunity.renewal_loss_category != "none"
    is_lost = opportunity.stage == "closed_lost"
    if is_lost or (is_expected_lost and not opportunity.expected_renewed_arr):
        return "churn_partial" if family.is_family_active_elsewhere else "churn_final"
    net = opportunity.net_arr
    if is_expected_lost or (net is not None and net < 0):
        return "contraction"
    return "growth"


def is_push(old: date | None, new: date | None) -> bool:
    """Only a move to a later date is a push; giving or taking a date away is not."""
    return old is not None and new is not None and new > old


def push_count(close_dates: Iterable[date | None]) -> int:
    """Pushes in the close dates an opportunity had, oldest first."""
    return sum(is_push(old, new) for old, new in pairwise(close_dates))


def months_after(day: date, months: int) -> date:
    """The same day so many months later, or the last one of a month that is too short for it."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def days_in_stage(entered_on: date, today: date) -> int:
    """The day it entered counts as one."""
    return (today - entered_on).days + 1


def check_amounts(
    category: str,
    amounts: Iterable[tuple[str, Decimal | None]],
    *,
    arr_basis: Decimal,
    expected_renewed_arr: Decimal | None,
) -> list[tuple[str, str]]:
    """Fields that hold an amount they may not, each with a sentence."""
    wrong = []
    if category not in NEGATIVE_CATEGORIES:
        wrong = [
            (name, f"May be negative only on {', '.join(sorted(NEGATIVE_CATEGORIES))}.")
            for name, value in [*amounts, ("arr_basis", arr_basis)]
            if value is not None and value < 0
        ]
    if expected_renewed_arr is not None and not ZERO <= expected_renewed_arr <= arr_basis:
        sentence = f"Must be between 0 and the ARR basis, {arr_basis:.2f}."
        wrong.append(("expected_renewed_arr", sentence))
    return wrong
