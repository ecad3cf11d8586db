"""Reviews of accounts on the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.kit.schemas import ExternalId, Label, Note, PastDay, StrictModel

LOOKED_AT_MAX = 50
Kind = Literal["renewal_review", "csm_action"]
Outcome = Literal["on_track", "at_risk", "will_churn", "will_expand", "action_taken"]


class ReviewPost(StrictModel):
    """A review that was held. It settles what is due of its kind, for one subscription or all."""

    kind: Kind = "renewal_review"
    held_on: PastDay | None = Field(None, description="Today by default.")
    subscription_external_id: ExternalId | None = Field(
        None, description="All of the account's by default."
    )
    looked_at: list[Label] = Field(
        min_length=1, max_length=LOOKED_AT_MAX, examples=[["use", "champions", "open issues"]]
    )
    outcome: Outcome
    note: Note | None = None


class Review(BaseModel):
    """What was looked at, and what came of it. Never changed."""

    id: UUID
    account_id: UUID
    account_external_id: str | None
    subscription_id: UUID | None
    subscription_external_id: str | None
    kind: Kind
    held_on: date
    looked_at: list[str]
    outcome: Outcome
    note: str | None
    actor: str
    recorded_at: datetime


class ReviewPage(BaseModel):
    items: list[Review]
    next_cursor: str | None
