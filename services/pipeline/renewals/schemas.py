"""What the renewals view answers."""

from __future__ import annotations

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

Risk = Literal[
    "will_renew",
    "will_contract",
    "will_contract_actionable",
    "will_churn",
    "will_churn_actionable",
    "not_started",
]


class Sums(BaseModel):
    """`won` is what is kept of `available_to_renew`, realised or expected; `swing` what acting may
    still save. Worst rate: won ÷ available; best rate: (won + swing) ÷ available."""

    count: int
    available_to_renew: str
    won: str
    swing: str
    worst_rate: str | None
    best_rate: str | None


class RiskSums(Sums):
    risk: Risk


class RenewalReport(Sums):
    """A quarter's renewals."""

    fiscal_quarter: str
    user_id: str | None
    currency: str
    closed: Sums = Field(description="What is decided already.")
    by_risk: list[RiskSums]
    on_time: int
    late: int
    on_time_rate: str | None


class RenewalItem(BaseModel):
    """One renewal, or a subscription that ends and has none."""

    id: UUID
    opportunity_id: UUID | None
    opportunity_external_id: str | None
    subscription_external_id: str | None
    subscriptions: int = Field(description="How many subscriptions come up with it.")
    name: str | None
    account_external_id: str | None
    owner_external_id: str | None
    segment: str
    region: str | None
    stage: str | None
    ends_on: date
    close_date: date | None
    available_to_renew: str
    won: str
    swing: str
    risk: Risk
    is_red: bool
    timeliness: Literal["on_time", "late"] | None


class RenewalPage(BaseModel):
    """In id order."""

    items: list[RenewalItem]
    next_cursor: str | None
