"""What special cases of booking need that a record may not have, each as a fact with its cure."""

from __future__ import annotations

from services.kit.errors import ConflictError, NotFoundError
from services.pipeline.opportunities.stages import STAGE


class SpecialCaseError(ConflictError):
    """409: the opportunity is not one this can be done with; the sentence says which are."""


class NotSubmittedError(ConflictError):
    """409: only a deal handed in for booking, in 7 - Closing, is approved or rejected."""

    def __init__(self, stage: str) -> None:
        super().__init__(
            f"The opportunity is {STAGE[stage].name}: move it to 7 - Closing first. Where the policy"
            " does not use that stage, deals are booked without approvals."
        )


class ApprovalOutOfOrderError(ConflictError):
    """409: billing decides after the deal desk has approved."""

    def __init__(self) -> None:
        super().__init__("The deal desk has not approved this deal yet; billing decides after it.")


class AlreadyDecidedError(ConflictError):
    """409: this was decided otherwise; a deal handed in again is decided anew."""

    def __init__(self, kind: str, decision: str) -> None:
        super().__init__(f"{kind} has {decision} this deal already, and decides once each time.")


class SubscriptionNotFoundError(NotFoundError):
    """404: no subscription of the caller's workspace has this id or external id."""

    code = "subscription_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("subscription", reference)


class SeatsUnknownError(ConflictError):
    """409: without seats and ARR there is no price of a seat."""

    def __init__(self) -> None:
        super().__init__(
            "The subscription has no seats, so a seat has no price: give it seats, or state the"
            " yearly price of one."
        )


class QuarterReconciledError(ConflictError):
    """409: the quarter was reconciled with another peak, and is reconciled once."""

    def __init__(self, quarter: int, peak: int) -> None:
        super().__init__(
            f"Quarter {quarter} was reconciled at a peak of {peak} seats, and is reconciled once."
        )
