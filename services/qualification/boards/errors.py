"""What can be wrong with a question to the boards and the funnel."""

from __future__ import annotations

from services.kit.errors import ForbiddenError, InvalidPayloadError, NotFoundError


class PersonUnknownError(NotFoundError):
    """404: no user of the workspace has this id or external id."""

    def __init__(self, reference: object) -> None:
        super().__init__("user", reference)


class OutOfReachError(ForbiddenError):
    """403: a salesperson reads the own list, a manager those of everybody below."""

    code = "out_of_reach"

    def __init__(self, scope: str) -> None:
        super().__init__(f"This token reads {scope} only.")


class FutureInstantError(InvalidPayloadError):
    """422: what had happened by a moment that has not been yet."""

    code = "future_instant"

    def __init__(self) -> None:
        problem = InvalidPayloadError.one(
            "query/as_of", "future_instant", "lies in the future; the funnel is known up to now"
        )
        super().__init__(problem.errors)


class PeriodError(InvalidPayloadError):
    """422: days that are no period."""

    code = "invalid_period"

    def __init__(self, parameter: str, message: str) -> None:
        problem = InvalidPayloadError.one(f"query/{parameter}", "invalid_period", message)
        super().__init__(problem.errors)


class GroupError(InvalidPayloadError):
    """422: a group without saying what it is a group of, or one that cannot be."""

    code = "invalid_group"

    def __init__(self, message: str) -> None:
        problem = InvalidPayloadError.one("query/group", "invalid_group", message)
        super().__init__(problem.errors)
