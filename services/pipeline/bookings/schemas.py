"""Special cases of Net ARR on the wire: shapes and ranges only."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, Strict

from services.kit.schemas import (
    Count,
    Day,
    ExternalId,
    Label,
    Note,
    PastDay,
    PositiveMoney,
    StrictModel,
    refuse,
)
from services.pipeline.opportunities.schemas import Opportunity, TermMonths

Platform = Literal["saas", "self_managed"]
OpenStage = Literal[
    "discovery", "scoping", "technical_evaluation", "proposal", "negotiating", "awaiting_signature"
]
YEARS_MAX = 10
MERGED_MAX = 50


class RampYear(StrictModel):
    """One 12-month period of a ramp."""

    amount: PositiveMoney = Field(description="What this year costs, not the step to it.")
    start_date: Day


class Ramp(StrictModel):
    """The years of a ramp, the first one first."""

    years: list[RampYear] = Field(min_length=2, max_length=YEARS_MAX)


class ContractReset(StrictModel):
    """A new contract and what is given back of the old one."""

    amount: PositiveMoney
    term_months: TermMonths = 12
    credit_amount: PositiveMoney = Field(description="What is given back, as a positive amount.")
    credit_term_months: TermMonths = Field(
        12, description="The months the credit is for: 25,000 for six months takes back 50,000."
    )
    close_date: Day
    start_date: Day | None = None
    stage: OpenStage = Field("discovery", description="Where both start; they move together.")


def _distinct(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise refuse("duplicate_opportunity", "names an opportunity twice")
    return names


class MergedRenewals(StrictModel):
    """The renewals that go into this one."""

    opportunity_external_ids: Annotated[list[ExternalId], AfterValidator(_distinct)] = Field(
        min_length=1, max_length=MERGED_MAX
    )
    amount: PositiveMoney | None = Field(
        None, description="What the merged renewal asks for; absent, the amounts add up."
    )


class Return(StrictModel):
    """A customer comes back after a lost renewal."""

    on: PastDay | None = Field(None, description="The day it happened; today where absent.")
    amount: PositiveMoney | None = Field(None, description="Absent: what the renewal asked for.")
    close_date: Day | None = None


class Decommission(StrictModel):
    """Why a won deal is given back."""

    reason: Note
    on: Day | None = Field(None, description="The day it is booked on; today where absent.")


class BookingAnswer(BaseModel):
    """What a special case made or changed, and the Net ARR of it all. With `dry_run` nothing was
    stored, and ids of new records are made up."""

    kind: Literal[
        "ramp", "contract_reset", "merged_renewals", "late_renewal", "comeback", "new_business",
        "decommission",
    ]  # fmt: skip
    dry_run: bool
    net_arr: str
    opportunities: list[Opportunity]


class Decision(StrictModel):
    """A decision about a deal handed in for booking. A rejection says why."""

    kind: Literal["deal_desk", "billing"]
    decision: Literal["approved", "rejected"]
    note: Note | None = None


class Approval(BaseModel):
    """One decision, and the handing in it is about."""

    id: UUID
    kind: Literal["deal_desk", "billing"]
    decision: Literal["approved", "rejected"]
    note: str | None
    actor: str
    submitted_at: datetime
    decided_at: datetime


class ApprovalAnswer(BaseModel):
    """The opportunity after the decision, and every decision since it was handed in."""

    opportunity: Opportunity
    approvals: list[Approval]


class ApprovalPage(BaseModel):
    items: list[Approval]
    next_cursor: str | None


class Reconciliation(StrictModel):
    """One quarter of a subscription's term that is reconciled."""

    quarter: Annotated[int, Strict(), Field(ge=1, le=4)] = Field(
        description="Of the subscription's own year, not the fiscal one."
    )
    peak_seats: Count
    seat_price: PositiveMoney | None = Field(
        None, description="Of a seat for a year; absent: ARR divided by seats."
    )
    platform: Platform = "saas"
    owner_external_id: ExternalId | None = Field(
        None, description="Absent: of the subscription's last won deal, else of its account."
    )
    name: Label | None = None


class ReconciledQuarter(BaseModel):
    """What a quarter costs: `charged` is the prorated invoice, `net_arr` what the new seats bring
    in a year."""

    quarter: int
    licensed_seats: int
    peak_seats: int
    new_seats: int
    charged: str
    net_arr: str
    reconciles_on: date
    notice_on: date | None
    invoice_on: date | None


class ReconciliationAnswer(BaseModel):
    """A quarter recorded; no opportunity where no seat is charged."""

    dry_run: bool
    quarter: ReconciledQuarter
    opportunity: Opportunity | None


class ReconciliationView(BaseModel):
    """What the same peaks cost as one true-up at the end, and reconciled each quarter."""

    subscription_external_id: str | None
    term_start: date
    term_end: date
    seats: int
    seat_price: str
    currency: str
    platform: Platform
    true_up: str
    reconciled: str
    net_arr: str
    quarters: list[ReconciledQuarter]
    recorded_quarters: list[int]
