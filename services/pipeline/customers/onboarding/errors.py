"""What can be wrong with an onboarding that is not wrong with the payload alone."""

from __future__ import annotations

from services.kit.errors import NotFoundError


class OnboardingNotFoundError(NotFoundError):
    """404: the subscription has no onboarding plan. A PUT starts one."""

    code = "onboarding_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("onboarding of subscription", reference)
