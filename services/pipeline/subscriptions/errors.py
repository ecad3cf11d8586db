"""What can be wrong with a subscription that is not wrong with the payload alone."""

from __future__ import annotations

from services.kit.errors import NotFoundError


class SubscriptionNotFoundError(NotFoundError):
    """404: no subscription of the caller's workspace has this id."""

    code = "subscription_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("subscription", reference)
