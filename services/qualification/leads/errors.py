"""What can be refused about a lead, each with the cure."""

from __future__ import annotations

from services.kit.errors import ConflictError, ForbiddenError, NotFoundError
from services.qualification.leads.domain import Refusal
from services.qualification.leads.record import Lead


class LeadNotFoundError(NotFoundError):
    """404: no such lead, or one the caller may not see."""

    def __init__(self, reference: object) -> None:
        super().__init__("lead", reference)


class LeadExistsError(ConflictError):
    """409: a POST names an id or external id that is taken."""

    def __init__(self, field: str, value: object) -> None:
        super().__init__(
            f"There is a lead with {field} {str(value)[:200]!r} already; change it with PATCH, "
            "or create and change in one with PUT /v1/leads/by-external-id/…"
        )


class LeadNotYoursError(ForbiddenError):
    """403: a salesperson's key changes only leads that are its own."""

    def __init__(self) -> None:
        super().__init__("The lead is held by somebody else; ask a manager to hand it over.")


class LeadStatusError(ConflictError):
    """409: the lead may not go from the status it has to the one asked for."""

    code = "lead_status_not_reachable"

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message, extra={"reason": refusal.code})


class LeadMergedError(ConflictError):
    """409: the lead was merged into another one, which is the one to change."""

    def __init__(self, lead: Lead) -> None:
        super().__init__(
            f"The lead was merged into {lead.merged_into_id}; change that one.",
            extra={"survivor_id": str(lead.merged_into_id)},
        )
