"""What can be refused about an opportunity that evidence is kept for."""

from __future__ import annotations

from services.kit.errors import ForbiddenError, NotFoundError


class OpportunityUnknownError(NotFoundError):
    """404: there is no such opportunity, or not one the caller may see."""

    def __init__(self, reference: object) -> None:
        super().__init__("opportunity", reference)


class OpportunityNotYoursError(ForbiddenError):
    """403: it may be read, but is another one's to write about."""

    def __init__(self) -> None:
        super().__init__("The opportunity is somebody else's; its owner or a manager may do this.")
