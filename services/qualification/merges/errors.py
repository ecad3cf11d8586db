"""What can be refused about a merge, each with the cure."""

from __future__ import annotations

from collections.abc import Sequence

from services.kit.errors import ConflictError
from services.qualification.leads.record import Lead


class LeadAlreadyMergedError(ConflictError):
    """409: one of the leads is part of another one already."""

    def __init__(self, lead: Lead) -> None:
        super().__init__(
            f"The lead {lead.id} was merged into {lead.merged_into_id} already; name that one.",
            extra={"lead_id": str(lead.id), "survivor_id": str(lead.merged_into_id)},
        )


class LeadsBothConvertedError(ConflictError):
    """409: two of the leads were handed over, and one lead has one opportunity."""

    def __init__(self, converted: Sequence[Lead]) -> None:
        named = ", ".join(f"{lead.id} to {lead.opportunity_id}" for lead in converted)
        super().__init__(
            f"More than one of the leads was handed over ({named}). Merge the opportunities in"
            " pipeline, or leave these leads apart.",
            extra={"lead_ids": [str(lead.id) for lead in converted]},
        )
