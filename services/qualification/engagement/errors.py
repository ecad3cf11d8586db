"""What can be refused about engagement, each with the cure."""

from __future__ import annotations

from services.kit.errors import ConflictError, ForbiddenError, NotFoundError


class EngagementKindNotFoundError(NotFoundError):
    """404: the catalogue has no such kind."""

    def __init__(self, reference: object) -> None:
        super().__init__("engagement kind", reference)


class ActivityNotFoundError(NotFoundError):
    """404: no engagement activity of the caller's workspace has this id."""

    def __init__(self, reference: object) -> None:
        super().__init__("engagement activity", reference)


class ActivityNotYoursError(ForbiddenError):
    """403: a salesperson records the activities it owns."""

    def __init__(self) -> None:
        super().__init__(
            "The activity is another one's; name yourself in owner_external_id, or ask a manager."
        )


class OpportunityNotNamedError(NotFoundError):
    """404: the activity was not named for this opportunity."""

    def __init__(self, reference: object) -> None:
        super().__init__("opportunity of this activity", reference)


class OpportunitySourcedElsewhereError(ConflictError):
    """409: another activity is named as what brought the opportunity."""

    def __init__(self, activity_external_id: str) -> None:
        super().__init__(
            f"Activity {activity_external_id[:100]!r} is named as its source already; one activity"
            " brings an opportunity. Take that back first, or name this one as influenced."
        )


class PartnerNotFoundError(NotFoundError):
    """404: no partner of the caller's workspace has this id."""

    def __init__(self, reference: object) -> None:
        super().__init__("partner", reference)


class PartnerNameTakenError(ConflictError):
    """409: another partner of the kind has the name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is a partner {name[:100]!r} of this kind already; change that one."
        )
