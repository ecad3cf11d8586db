"""What can be refused about a command plan, each with the cure."""

from __future__ import annotations

from services.kit.errors import ForbiddenError, NotFoundError


class PlanNotYoursError(ForbiddenError):
    """403: the plan may be read, but its owner and managers write it."""

    def __init__(self) -> None:
        super().__init__(
            "The command plan is written by the opportunity's owner, the managers above and sales"
            " operations."
        )


class ManagerReviewNotYoursError(ForbiddenError):
    """403: an owner may not write the review of its own plan."""

    def __init__(self) -> None:
        super().__init__(
            "The manager review is written by the managers above the owner and by sales operations;"
            " leave `manager_review` out, or send it as it is now."
        )


class PlanVersionUnknownError(NotFoundError):
    """404: the plan never had this version."""

    code = "plan_version_unknown"

    def __init__(self, version: int) -> None:
        super().__init__("version of this command plan", version)
