"""What the rules of booking forbid, each as a fact with its cure."""

from __future__ import annotations

from datetime import date

from services.kit.errors import ConflictError, ServiceError
from services.pipeline.opportunities.errors import OpportunityClosedError
from services.pipeline.opportunities.stages import Refusal


class MonthLockedError(ConflictError):
    """409: the bookings of that month are closed; only a record of what happened still moves them."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)


class DowngradeReasonMissingError(ConflictError):
    """409: a renewal won below what the customer had needs a reason."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)


class RenewalTooLateError(ConflictError):
    """409: a renewal after its window is lost, and the customer's return is another opportunity."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)


class MergedRenewalError(ConflictError):
    """409: its ARR basis is the survivor's, so reopening it would count it twice."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)


class SupersededError(ConflictError):
    """409: another opportunity was made from what this one booked, so it stays closed while that one
    counts."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)


class ApprovalsMissingError(ConflictError):
    """409: a deal handed in for booking is won when the deal desk and billing have approved it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)


BOOKING_ERRORS: tuple[type[ServiceError], ...] = (
    OpportunityClosedError,
    MonthLockedError,
    DowngradeReasonMissingError,
    RenewalTooLateError,
    MergedRenewalError,
    SupersededError,
    ApprovalsMissingError,
)

_BY_CODE = {
    "month_locked": MonthLockedError,
    "downgrade_reason_missing": DowngradeReasonMissingError,
    "renewal_too_late": RenewalTooLateError,
    "merged_renewal_reopened": MergedRenewalError,
    "superseded": SupersededError,
    "approvals_missing": ApprovalsMissingError,
}


def booking_error(refusal: Refusal) -> ServiceError:
    """The problem a broken rule of booking is answered with."""
    return _BY_CODE[refusal.code](refusal)


def month_locked(close_date: date, locked_on: date) -> Refusal:
    return Refusal(
        "month_locked",
        f"Bookings of {close_date:%Y-%m} are locked since {locked_on}: give it a close date in a"
        " month that is open, or let an integration record the correction with PUT.",
    )
