"""A change of owner for many opportunities, as clients ask for it and are answered."""

from __future__ import annotations

from typing import Any, Final, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from services.kit.schemas import (
    ExternalId,
    Flag,
    Note,
    PastInstant,
    RecordId,
    StrictModel,
    refuse,
)

REASSIGN_MAX: Final = 10_000


class Reassignment(StrictModel):
    """A change of owner for many: the records named, or the open ones of one owner."""

    to_owner_external_id: ExternalId
    from_owner_external_id: ExternalId | None = None
    ids: list[RecordId] = Field(default_factory=list, max_length=REASSIGN_MAX)
    external_ids: list[ExternalId] = Field(default_factory=list, max_length=REASSIGN_MAX)
    include_closed: Flag = Field(
        False, description="With `from_owner_external_id`: closed records too."
    )
    reason: Note | None = None
    occurred_at: PastInstant | None = None

    @model_validator(mode="after")
    def _names_records_one_way(self) -> Self:
        named = bool(self.ids or self.external_ids)
        if named == (self.from_owner_external_id is not None):
            raise refuse(
                "ambiguous_selection",
                "name the records by ids and external_ids, or by from_owner_external_id",
            )
        return self


class ReassignmentResult(BaseModel):
    """What became of one record."""

    status: int
    id: UUID | None = None
    external_id: str | None = None
    version: int | None = None
    error: dict[str, Any] | None = None


class ReassignmentAnswer(BaseModel):
    """One result a record."""

    results: list[ReassignmentResult]
