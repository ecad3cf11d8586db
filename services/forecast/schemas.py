"""The shapes of the answers, for the published contract. Answers are written without them, since
every figure of theirs is text by then."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

Amount = Annotated[str, Field(pattern=r"^-?\d+\.\d{2}$", examples=["125000.00"])]
Ratio = Annotated[str, Field(pattern=r"^-?\d+\.\d{4}$", examples=["0.1250"])]
CoverageState = Literal["below", "within", "above", "target_met"]


class LevelsOut(BaseModel):
    """Cumulative: commit includes closed, best case includes commit."""

    closed: Amount
    commit: Amount
    best_case: Amount


class NetLevelsOut(LevelsOut):
    """Gross less loss, and the most likely outcome between floor and ceiling."""

    fifty_fifty: Amount
    fifty_fifty_source: Literal["midpoint", "call", "projection"]
    fifty_fifty_suggested: Amount
    fifty_fifty_called: Amount | None
    called_at: datetime | None
    system_change_since_call: Amount | None


class GapOut(BaseModel):
    """Quota less net; of a gross-plan user's own closed figure, quota less gross."""

    closed: Amount | None
    commit: Amount | None
    fifty_fifty: Amount | None
    best_case: Amount | None


class PipelineOut(BaseModel):
    """Open pipeline; `open_signed` also takes away open renewals' losses."""

    open_pipeline: Amount
    open_stage_3_plus: Amount
    open_signed: Amount


class CoverageOut(PipelineOut):
    """Open pipeline against the whole quota and against what remains of it."""

    to_target: Ratio | None
    to_remainder: Ratio | None
    band: list[str]
    state: CoverageState | None


class WarningOut(BaseModel):
    """`code` is stable; `count` says how many opportunities it is about, where it counts any."""

    code: str
    message: str
    count: int | None = None


class FreshnessOut(BaseModel):
    """What the figures include, and how many committed events are not in them yet."""

    sequence: int
    computed_at: datetime
    pending_events: int
    last_event_at: datetime | None


class AnnualOut(BaseModel):
    """Booked gross ARR and open pipeline of the fiscal year against the goal: the annual quota
    times the policy's coverage band."""

    fiscal_year: str
    quota: Amount
    pipeline_built: Amount
    goal: list[Amount]
    coverage: Ratio | None
    band: list[str]
    state: CoverageState | None


class FiguresOut(BaseModel):
    gross_arr: LevelsOut
    renewal_loss: LevelsOut
    net_arr: NetLevelsOut
    opportunity_count: int


class GroupOut(FiguresOut):
    """One part of the figures; the groups add up to the whole."""

    key: str
    label: str
    external_id: str | None = None
    coverage: PipelineOut


class ForecastOut(FiguresOut):
    """The figures of a quarter; `annual` where a quota for the year is set."""

    fiscal_quarter: str
    user_id: UUID | None
    currency: str
    as_of: datetime
    axis: Literal["recorded", "occurred"]
    quota: Amount | None
    gap: GapOut
    attainment: Ratio | None
    coverage: CoverageOut
    warnings: list[WarningOut]
    freshness: FreshnessOut
    annual: AnnualOut | None = None
    group_by: str | None = None
    groups: list[GroupOut] | None = None


class HeadOut(BaseModel):
    """Which figures these are."""

    fiscal_quarter: str
    user_id: UUID | None
    currency: str
    axis: Literal["recorded", "occurred"]


class FigureOpportunityOut(BaseModel):
    """An opportunity as it stood, and what it contributes; named as it is called now."""

    opportunity_id: UUID
    contribution: Amount | int
    external_id: str | None = None
    name: str | None = None
    account_external_id: str | None = None
    account_name: str | None = None
    version: int | None = None
    type: str | None = None
    stage: str | None = None
    forecast_category: str | None = None
    renewal_loss_category: str | None = None
    amount: Amount | None = None
    arr_basis: Amount | None = None
    net_arr: Amount | None = None
    currency: str | None = None
    close_date: date | None = None
    owner_id: UUID | None = None
    owner_external_id: str | None = None
    owner_name: str | None = None


class FigureOpportunityPage(HeadOut):
    """`total` is the figure: what the contributions of all pages add up to."""

    as_of: datetime
    sequence: int
    figure: str
    total: Amount | int
    items: list[FigureOpportunityOut]
    next_cursor: str | None


class EntryOut(BaseModel):
    """One cause's effect on one cell; `measures` are increments, only those that moved."""

    id: UUID
    sequence: int
    cause: str
    opportunity_id: UUID
    opportunity_external_id: str | None
    opportunity_name: str | None
    version: int
    occurred_at: datetime
    recorded_at: datetime
    posted_at: datetime
    owner_id: UUID
    owner_external_id: str | None
    owner_name: str | None
    dimensions: dict[str, str]
    contribution: Amount | int | None = None
    measures: dict[str, Amount | int]
    event: dict[str, Any] | None


class EntryPage(HeadOut):
    as_of: datetime
    sequence: int
    figure: str | None
    items: list[EntryOut]
    next_cursor: str | None


class CauseOut(BaseModel):
    cause: str
    amount: Amount | int
    entry_count: int


class WaterfallOut(HeadOut):
    """`ending` is `starting` and the amounts of the causes, exactly."""

    figure: str
    # `from` is a word of the language.
    from_: datetime = Field(alias="from")
    to: datetime
    starting: Amount | int
    causes: list[CauseOut]
    ending: Amount | int


class TrendPointOut(FiguresOut):
    """`net_arr` without anybody's judgement: floor and ceiling only."""

    date: date
    as_of: datetime
    net_arr: LevelsOut  # type: ignore[assignment]
    coverage: PipelineOut


class TrendOut(HeadOut):
    points: list[TrendPointOut]
