"""Suggestions on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.kit.schemas import Note, StrictModel

Kind = Literal["loss_category", "expansion"]
State = Literal["open", "accepted", "dismissed", "withdrawn"]


class Decision(StrictModel):
    """What is made of a suggestion."""

    decision: Literal["accept", "dismiss"]
    reason: Note | None = None


class Suggestion(BaseModel):
    """What use says ought to be done. Of kind `loss_category`, `value` is the category the renewal
    should have; of kind `expansion`, what could be sold: `uptier`, `seats` or `cross_sell`."""

    id: UUID
    version: int
    kind: Kind
    value: str
    state: State
    evidence: dict[str, Any] = Field(description="When it was measured, and `reasons` in numbers.")
    subscription_id: UUID
    subscription_external_id: str | None
    account_external_id: str | None
    owner_external_id: str | None
    opportunity_id: UUID | None = Field(
        description="The renewal, or the opportunity an accepted expansion opened."
    )
    opportunity_external_id: str | None
    policy_version: int
    reason: str | None
    decided_by: str | None
    decided_at: datetime | None
    created_at: datetime
    updated_at: datetime


class SuggestionPage(BaseModel):
    items: list[Suggestion]
    next_cursor: str | None
