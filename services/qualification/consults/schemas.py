"""Consults on the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.kit.schemas import ExternalId, Label, Note, PastDay, StrictModel, Text

ITEMS_MAX = 100
Line = Annotated[str, Text(2000, lines=True)]
Stage = Literal[
    "pending_acceptance",
    "discovery",
    "scoping",
    "technical_evaluation",
    "proposal",
    "negotiating",
    "awaiting_signature",
    "closing",
    "closed_won",
    "closed_lost",
    "unqualified",
    "duplicate",
]


class ConsultCreate(StrictModel):
    """What the owner summed up, what the team asked and criticised, and what came of it."""

    held_on: PastDay
    context: Note
    contact_external_ids: list[ExternalId] = Field(default_factory=list, max_length=ITEMS_MAX)
    why_us: Note | None = None
    goals: Note | None = None
    stage: Stage | None = Field(None, description="The opportunity's own where left out.")
    next_steps: Note | None = None
    participants: list[Label] = Field(
        default_factory=list, max_length=ITEMS_MAX, description="Users' external ids, or names."
    )
    questions: list[Line] = Field(default_factory=list, max_length=ITEMS_MAX)
    critiques: list[Line] = Field(default_factory=list, max_length=ITEMS_MAX)
    outcome: Note | None = None
    risk_found: Note | None = Field(None, description="A risk nobody had named before.")


class Consult(BaseModel):
    """One consult as it was recorded."""

    id: UUID
    opportunity_id: UUID
    held_on: date
    stage: Stage
    context: str
    contact_external_ids: list[str]
    why_us: str | None
    goals: str | None
    next_steps: str | None
    participants: list[str]
    questions: list[str]
    critiques: list[str]
    outcome: str | None
    risk_found: str | None
    author: str
    author_name: str | None
    created_at: datetime


class ConsultPage(BaseModel):
    """Consults in the order they were recorded."""

    items: list[Consult]
    next_cursor: str | None


class Covered(BaseModel):
    """Deals that should have had a consult, and those that had; percents are null where there are
    no such deals."""

    deal_count: int
    covered_count: int
    count_percent: str | None
    net_arr: str
    covered_net_arr: str
    net_arr_percent: str | None


class OwnerCoverage(Covered):
    """One owner's; `top_deals`: too few are above the threshold, so the largest count."""

    owner_external_id: str
    rule: Literal["threshold", "top_deals"]


class LackingDeal(BaseModel):
    """A deal that should have had a consult and had none recently."""

    opportunity_id: UUID
    opportunity_external_id: str | None
    name: str
    account_name: str | None
    owner_external_id: str | None
    stage: str
    segment: str
    net_arr: str
    rule: Literal["threshold", "top_deals"]
    last_held_on: date | None


class Coverage(Covered):
    """The share of large, late deals with a recent consult, and a page of those without, the
    largest first. `since`: the first day that counts."""

    user_id: str | None
    as_of: datetime
    since: date
    from_stage: int
    policy_version: int
    owners: list[OwnerCoverage]
    lacking: list[LackingDeal]
    next_cursor: str | None
