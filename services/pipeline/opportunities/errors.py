"""What an opportunity's state forbids, each as a fact with its cure."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.kit.errors import ConflictError, ForbiddenError, NotFoundError
from services.pipeline.opportunities.stages import STAGE, Refusal


def _unmet(refusals: Sequence[Refusal]) -> dict[str, list[dict[str, str]]]:
    return {"unmet": [{"code": each.code, "message": each.message} for each in refusals]}


class OpportunityNotFoundError(NotFoundError):
    """404: no such opportunity, or not one the caller may see."""

    code = "opportunity_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("opportunity", reference)


class OpportunityClosedError(ConflictError):
    """409: closed opportunities keep their figures; only a reopening within the window moves
    them, or a record of it by an integration."""

    def __init__(self, stage: str, refusal: Refusal | None, fields: Sequence[str] = ()) -> None:
        named = STAGE[stage].name
        if refusal is not None:
            super().__init__(
                f"The opportunity is {named}. {refusal.message}", extra=_unmet([refusal])
            )
        else:
            super().__init__(
                f"The opportunity is {named}, so {', '.join(fields)} cannot change: move it back to"
                " an open stage first, or let an integration record the correction with PUT.",
            )


class StageNotReachableError(ConflictError):
    """409: the order of stages does not allow this move."""

    def __init__(self, from_stage: str | None, to_stage: str, refusal: Refusal) -> None:
        start = f"From {STAGE[from_stage].name}" if from_stage else "A new opportunity"
        super().__init__(
            f"{start} cannot go to {STAGE[to_stage].name}: {refusal.message}",
            extra=_unmet([refusal]),
        )


class StageGateNotMetError(ConflictError):
    """409: the move is legal, but something it needs is missing; `unmet` lists all of it."""

    def __init__(self, to_stage: str, refusals: Sequence[Refusal]) -> None:
        super().__init__(
            f"{STAGE[to_stage].name} still needs: " + " ".join(each.message for each in refusals),
            extra=_unmet(refusals),
        )


class ForecastCategoryFixedError(ConflictError):
    """409: the stage or the policy decides the category here."""

    def __init__(self, stated: str, refusal: Refusal) -> None:
        super().__init__(
            f"The forecast category cannot be {stated}. {refusal.message} Send null to follow"
            " the stage.",
            extra=_unmet([refusal]),
        )


class ExternalIdTakenError(ConflictError):
    """409: another opportunity has this external id."""

    def __init__(self, external_id: str, opportunity_id: UUID) -> None:
        super().__init__(
            f"Opportunity {opportunity_id} already has the external id {external_id[:200]!r}."
            " PUT /v1/opportunities/by-external-id/… changes it."
        )


class NotYourOpportunityError(ForbiddenError):
    """403: the caller's roles reach only certain owners' records."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: a rep writes own records, a manager those of the own reports.")
