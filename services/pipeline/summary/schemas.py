"""What the summary answers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

GroupBy = Literal[
    "stage", "user", "segment", "region", "type", "order_type", "phase", "buyer_stage",
    "forecast_category", "route_to_market",
]  # fmt: skip
Phase = Literal["engage_and_educate", "facilitate", "deal_closure", "retention_and_expansion"]
Ladder = Literal[
    "pending_acceptance", "discovery", "scoping", "technical_evaluation", "proposal", "negotiating",
    "awaiting_signature", "closed_won",
]  # fmt: skip


class DaysTold(BaseModel):
    """Average and median with two places; null of nothing."""

    average: str | None
    median: str | None


class CountedDays(DaysTold):
    count: int


class Age(BaseModel):
    average: str | None
    oldest: int | None
    oldest_since: date | None


class Pushes(BaseModel):
    """How often close dates moved to a later day; `pushed` opportunities did so at all."""

    total: int
    average: str | None
    pushed: int
    share: str | None


class OpenSums(BaseModel):
    """`unsized` carry no amount and add nothing to it."""

    count: int
    with_amount: int
    unsized: int
    without_close_date: int
    amount: str
    net_arr: str
    days_in_stage: DaysTold
    age: Age
    pushes: Pushes


class OpenGroup(OpenSums):
    group: str | None = Field(description="A user's external id; null: without a value.")
    name: str | None = None
    completed: CountedDays | None = Field(
        None, description="By stage: whole days of stays in it that ended lately."
    )


class StageStays(CountedDays):
    stage: str


class CompletedStays(BaseModel):
    since: datetime
    stages: list[StageStays]


class LeftOut(BaseModel):
    code: str
    message: str


class Summary(BaseModel):
    """Open opportunities; the groups add up to the total exactly."""

    fiscal_quarter: str | None
    user_id: str | None
    currency: str
    as_of: datetime
    group_by: GroupBy
    total: OpenSums
    groups: list[OpenGroup]
    completed_stays: CompletedStays
    warnings: list[LeftOut]


class AgeSums(BaseModel):
    count: int
    with_amount: int
    amount: str
    net_arr: str


class AgeBand(AgeSums):
    band: str
    from_days: int
    to_days: int | None


class CycleTold(BaseModel):
    """`basis` says what it rests on, `deals` on how many of them."""

    days: str
    basis: Literal["segment_and_order_type", "segment", "policy"]
    deals: int


class KindCycle(CycleTold):
    segment: str
    order_type: str
    older: int


class AgeGroup(AgeSums):
    group: str | None
    name: str | None = None
    older_than_cycle: AgeSums
    bands: dict[str, int]


class Ageing(BaseModel):
    """Open opportunities by days since they began."""

    user_id: str | None
    currency: str
    as_of: datetime
    group_by: GroupBy
    total: AgeSums
    bands: list[AgeBand]
    older_than_cycle: AgeSums
    cycles: list[KindCycle]
    groups: list[AgeGroup]


class OldDeal(BaseModel):
    """An open opportunity older than its like take to be won; `days_over` by how much."""

    opportunity_id: UUID
    external_id: str | None
    name: str
    owner_external_id: str | None
    stage: str
    segment: str
    order_type: str
    amount: str | None
    net_arr: str
    close_date: date | None
    opened_on: date
    age: int
    cycle: CycleTold
    days_over: str


class OldDealPage(BaseModel):
    items: list[OldDeal]
    next_cursor: str | None


class Outcomes(BaseModel):
    open: int
    won: int
    lost: int
    unqualified: int
    duplicate: int


class ConversionStage(BaseModel):
    """`share` of the cohort, `from_previous` of those who reached the stage before. A stage that
    was skipped counts as reached, on the day of the one reached instead; `days_from_previous` is
    only of deals that skipped neither of the two."""

    stage: Ladder
    reached: int
    skipped: int
    share: str | None
    from_previous: str | None
    days_from_start: CountedDays
    days_from_previous: CountedDays


class Conversion(BaseModel):
    """A cohort followed until now. `win_rate` is of those decided."""

    model_config = ConfigDict(populate_by_name=True)

    user_id: str | None
    cohort: Literal["began", "met_stage"]
    stage: Ladder | None
    first: date = Field(alias="from")
    to: date
    as_of: datetime
    count: int
    outcomes: Outcomes
    win_rate: str | None
    stages: list[ConversionStage]


class WinSums(BaseModel):
    """Rates are of those won and lost. A lost deal counts with what it would have brought."""

    won: int
    lost: int
    win_rate: str | None
    net_arr_won: str
    net_arr_lost: str
    win_rate_net_arr: str | None
    unsized: int


class WinGroup(WinSums):
    group: str | None
    name: str | None = None


class Excluded(BaseModel):
    reason: str
    count: int
    message: str


class WinRate(WinSums):
    """Of deals closed from a day until the other or today."""

    model_config = ConfigDict(populate_by_name=True)

    user_id: str | None
    first: date = Field(alias="from")
    to: date
    until: date
    as_of: datetime
    currency: str
    goal: str
    goal_met: bool | None
    excluded: list[Excluded]
    group_by: GroupBy | None
    groups: list[WinGroup]


class CreatedSums(BaseModel):
    count: int
    net_arr: str
    amount: str


class CreatedGroup(CreatedSums):
    group: str | None
    name: str | None = None


class Created(BaseModel):
    """Pipeline created in a quarter, by the day of stage 1."""

    fiscal_quarter: str
    user_id: str | None
    currency: str
    as_of: datetime
    group_by: GroupBy
    total: CreatedSums
    groups: list[CreatedGroup]
    excluded: list[Excluded]


class Room(BaseModel):
    """New deals a month a full book takes in, and how many of them are won."""

    capacity_per_rep_and_month: str | None
    wins_per_rep_and_month: str | None


class AssumedCapacity(Room):
    days_to_close: int
    win_rate: str
    months_in_pipe: str
    active_deals_per_rep: int


class ActualCapacity(Room):
    days_to_close: CountedDays
    win_rate: str | None
    won: int
    lost: int
    months_in_pipe: str | None
    reps: int
    active_deals: int
    active_deals_per_rep: str | None
    accepted_per_rep_and_month: str | None


class RepLoad(BaseModel):
    """`room` is negative for somebody with more than a full book."""

    user: str
    name: str
    active_deals: int
    room: int
    accepted_per_month: str


class Capacity(BaseModel):
    user_id: str | None
    as_of: datetime
    since: date
    assumed: AssumedCapacity
    actual: ActualCapacity
    reps: list[RepLoad]
