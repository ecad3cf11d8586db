"""What the funnel looks like on the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Axis = Literal["cohort", "event"]
GroupBy = Literal[
    "source", "source_kind", "region", "segment", "sdr", "campaign", "engagement", "month"
]
Step = Literal["leads", "mql", "pql", "qualified", "sql", "sales_accepted", "won"]


class Skipped(BaseModel):
    """How many took a step without the one before."""

    sql: int
    sales_accepted: int
    won: int


class Rates(BaseModel):
    """Of those who took the step before, how many took this one; null of nobody. MQL, PQL and
    qualified are of leads, SQL of qualified, and so on."""

    mql: str | None
    pql: str | None
    qualified: str | None
    sql: str | None
    sales_accepted: str | None
    won: str | None


class Hours(BaseModel):
    """Hours since the step before, of the leads for which both moments are known."""

    count: int
    mean: str | None
    median: str | None
    p90: str | None


class StepHours(BaseModel):
    """By step; acceptance is known by its day, so hours up to it and from it on are whole days."""

    qualified: Hours
    sql: Hours
    sales_accepted: Hours
    won: Hours


class Figures(BaseModel):
    """The steps of some leads."""

    leads: int
    mql: int
    pql: int
    qualified: int
    sql: int
    sales_accepted: int
    won: int
    skipped: Skipped
    rates: Rates
    hours: StepHours


class GroupFigures(Figures):
    """The steps of one group; null is the group of leads that say nothing of it."""

    group: str | None


class FunnelWarning(BaseModel):
    """What must be known about the answer; `step` says where."""

    code: Literal["step_skipped", "rate_above_one"]
    step: Step
    message: str


class Funnel(BaseModel):
    """The groups add up to the total in every count."""

    model_config = ConfigDict(populate_by_name=True)

    axis: Axis
    from_: date = Field(alias="from")
    to: date
    fiscal_quarter: str | None
    group_by: GroupBy | None
    as_of: datetime
    policy_version: int
    groups: list[GroupFigures]
    total: Figures
    warnings: list[FunnelWarning]


class FunnelLead(BaseModel):
    """A lead behind a count, with when it took each step."""

    id: UUID
    external_id: str | None
    name: str
    company: str | None
    status: str
    group: str | None
    skipped: bool
    created_at: datetime
    first_mql_at: datetime | None
    first_pql_at: datetime | None
    qualified_at: datetime | None
    entered_at: datetime | None
    sql_at: datetime | None
    sales_accepted_date: date | None
    won_at: datetime | None
    opportunity_id: UUID | None
    sdr_external_id: str | None
    owner_external_id: str | None


class FunnelLeadPage(BaseModel):
    """One page, oldest lead first."""

    items: list[FunnelLead]
    next_cursor: str | None


def csv_rows(funnel: dict[str, Any]) -> list[dict[str, Any]]:
    """A row a group and one for the total; the first column tells them apart."""
    rows = [{"row": "group", **group} for group in funnel["groups"]]
    return [*rows, {"row": "total", "group": None, **funnel["total"]}]
