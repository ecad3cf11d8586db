"""What can be refused about a meeting, each with the cure."""

from __future__ import annotations

from datetime import date

from services.kit.errors import ConflictError, ForbiddenError, NotFoundError


class MeetingNotFoundError(NotFoundError):
    """404: no such meeting, or one the caller may not see."""

    def __init__(self, reference: object) -> None:
        super().__init__("meeting", reference)


class MeetingExistsError(ConflictError):
    """409: a POST names an external id that is taken."""

    def __init__(self, external_id: object) -> None:
        super().__init__(
            f"There is a meeting with external_id {str(external_id)[:200]!r} already; change it"
            " with PATCH, or with PUT /v1/meetings/by-external-id/…"
        )


class MeetingNotYoursError(ForbiddenError):
    """403: the meeting is about records of somebody else."""

    def __init__(self) -> None:
        super().__init__(
            "The meeting is about somebody else's lead, opportunity or account, and you take no"
            " part in it; its owner or a manager may do this."
        )


class MeetingHeldError(ConflictError):
    """409: what was held can no longer be cancelled."""

    def __init__(self) -> None:
        super().__init__(
            "The meeting was held; correct its outcome if that is wrong, it cannot be cancelled."
        )


class MeetingCancelledError(ConflictError):
    """409: a cancelled meeting has no outcome."""

    def __init__(self) -> None:
        super().__init__(
            'The meeting is cancelled; PATCH its state to "planned" first if it took place.'
        )


class RebookingOverError(ConflictError):
    """409: nobody came, and the time to set a new date is over."""

    def __init__(self, until: date) -> None:
        super().__init__(
            f"Nobody came, and it could be rebooked until {until}; plan a new meeting instead."
        )


class OutcomeNotToldError(NotFoundError):
    """404: nobody told yet what came of the meeting."""

    def __init__(self) -> None:
        super().__init__("outcome of this meeting", "yet")
        self.detail = "Nobody told yet what came of this meeting; POST its outcome."
