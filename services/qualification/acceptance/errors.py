"""What can be refused about tests and hand-overs, with everything that is still missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.kit.errors import ConflictError, ForbiddenError, NotFoundError
from services.qualification.acceptance.domain import Reason


def _unmet(reasons: Sequence[Reason]) -> dict[str, Any]:
    return {"unmet": [{"code": item.code, "message": item.message} for item in reasons]}


class AssessmentNotFoundError(NotFoundError):
    """404: no such test, or none the caller may see."""

    code = "assessment_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("assessment", reference)


class ConversionNotFoundError(NotFoundError):
    """404: the lead has not been handed over."""

    code = "conversion_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("conversion of lead", reference)


class ContactUnknownError(NotFoundError):
    """404: there is no such contact."""

    code = "contact_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("contact", reference)


class LeadNotConvertibleError(ConflictError):
    """409: something still stands between the lead and its opportunity; `unmet` names it all."""

    def __init__(self, unmet: Sequence[Reason]) -> None:
        super().__init__(
            "The lead cannot be handed over yet: " + " ".join(item.message for item in unmet),
            extra=_unmet(unmet),
        )


class ContactNotConvertibleError(ConflictError):
    """409: something still stands between the contact and an opportunity; `unmet` names it all.
    Nothing is stored, the test neither."""

    def __init__(self, unmet: Sequence[Reason]) -> None:
        super().__init__(
            "No opportunity can be opened yet: " + " ".join(item.message for item in unmet),
            extra=_unmet(unmet),
        )


class OpportunityIdTakenError(ConflictError):
    """409: the id a client chose names an opportunity or hand-over of something else."""

    def __init__(self, opportunity_id: object) -> None:
        super().__init__(
            f"There is another opportunity with the id {opportunity_id}. Leave `id` out, or name"
            " the hand-over of this contact."
        )


class HandOverNotYoursError(ForbiddenError):
    """403: a salesperson takes over itself; giving to others is an SDR's or a manager's."""

    def __init__(self) -> None:
        super().__init__(
            "A salesperson's key hands over to its own user only; ask an SDR or a manager to give"
            " it to somebody else."
        )
