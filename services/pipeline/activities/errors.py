"""What can be wrong with an activity that is not wrong with the payload alone."""

from __future__ import annotations

from services.kit.errors import ConflictError, ForbiddenError, NotFoundError


class ActivityNotFoundError(NotFoundError):
    """404: no such activity, or not one the caller may see."""

    code = "activity_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("activity", reference)


class ActivityHappenedError(ConflictError):
    """409: what happened, or what nobody came to, is not planned again."""

    def __init__(self, state: str) -> None:
        super().__init__(
            f"The activity is {state}, so it cannot be planned. Log a new one; `rebooks` names the"
            " one nobody came to."
        )


class ActivityExternalIdTakenError(ConflictError):
    """409: another activity has this external id and says something else."""

    def __init__(self, external_id: str) -> None:
        super().__init__(
            f"There is an activity with the external id {external_id[:200]!r}, and it is not what"
            " was sent. PUT /v1/activities/by-external-id/… changes it."
        )


class NotYourActivityError(ForbiddenError):
    """403: the opportunity or account belongs to somebody out of the caller's reach."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} A rep logs on own opportunities and their accounts, an SDR also on those at"
            " stage 0 that are worked on, a manager on those of the own reports."
        )
