"""The sales operation on the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.kit.schemas import (
    Day,
    ExternalId,
    Flag,
    Label,
    Money,
    Note,
    PastDay,
    StrictModel,
    Text,
)

Component = Literal[
    "business_models", "sales_channels", "customer_segmentation", "sales_process",
    "demand_generation", "compensation",
]  # fmt: skip
Kind = Literal["metrics", "alignment", "value_drivers"]
Cadence = Literal["weekly", "monthly", "quarterly", "annual"]
State = Literal["open", "done", "dropped"]
FindingKind = Literal["note", "action"]
FiscalYear = Annotated[str, Field(pattern=r"^FY[0-9]{2}$", examples=["FY27"])]


class ComponentPart(StrictModel):
    """One thing a component consists of: a channel, a price list, a programme."""

    kind: Label
    name: Label
    detail: Note | None = None
    document_url: Annotated[str, Text(2000)] | None = None


class ComponentPut(StrictModel):
    """All optional: an absent field is unchanged, null clears it. `items` are sent whole."""

    summary: Note | None = None
    document_url: Annotated[str, Text(2000)] | None = None
    owner_external_id: ExternalId | None = None
    reviewed_on: PastDay | None = None
    items: Annotated[list[ComponentPart], Field(max_length=200)] | None = None


class Missing(BaseModel):
    """What is missing, and how to supply it."""

    code: str
    message: str
    how: str


class ComponentState(BaseModel):
    component: Component
    state: Literal["complete", "partial", "missing"]
    score: str
    checks: int
    missing: list[Missing]


class ComponentTold(BaseModel):
    """What is said of a component; version 0 while nothing is."""

    component: Component
    version: int
    summary: str | None
    document_url: str | None
    owner_external_id: str | None
    reviewed_on: date | None
    items: list[dict[str, Any]]
    updated_at: datetime | None


class ComponentVersion(BaseModel):
    version: int
    body: dict[str, Any]
    actor: str
    recorded_at: datetime


class ComponentVersionPage(BaseModel):
    items: list[ComponentVersion]
    next_cursor: str | None


class Completeness(BaseModel):
    """The six components: what is there in per cent of what each needs."""

    as_of: datetime
    score: str
    components: list[ComponentState]


class ReviewPut(StrictModel):
    """A new review needs `kind`, `cadence` and `next_on`."""

    name: Label | None = Field(None, description="The external id by default.")
    kind: Kind | None = None
    cadence: Cadence | None = None
    next_on: Day | None = Field(None, description="The day it is due; the rhythm goes on from it.")
    functions: Annotated[list[Label], Field(max_length=50)] | None = Field(
        None, description="Who takes part, like sales, marketing, finance."
    )
    active: Flag | None = None
    held_on: PastDay | None = Field(None, description="When it was last held.")


class Review(BaseModel):
    """`due` from the day it came round until it is held."""

    id: UUID
    external_id: str
    version: int
    name: str
    kind: Kind
    cadence: Cadence
    next_on: date
    functions: list[str]
    active: bool
    due_on: date | None
    held_on: date | None
    state: Literal["scheduled", "due", "overdue"]
    days_overdue: int
    created_at: datetime
    updated_at: datetime


class ReviewPage(BaseModel):
    items: list[Review]
    next_cursor: str | None


class Snapshot(BaseModel):
    """The figures as they were when the review was due."""

    id: UUID
    review_id: UUID
    due_on: date
    taken_at: datetime
    policy_version: int
    figures: dict[str, Any]


class SnapshotPage(BaseModel):
    items: list[Snapshot]
    next_cursor: str | None


class Difference(BaseModel):
    figure: str
    before: Any
    after: Any
    change: str | None


class SnapshotDifference(BaseModel):
    """What is not the same in both snapshots."""

    review_id: UUID
    before: UUID
    before_on: date
    after: UUID
    after_on: date
    figures: list[Difference]


class FindingNew(StrictModel):
    kind: Literal["note", "action"] = "note"
    body: Note
    owner_external_id: ExternalId | None = None
    due_on: Day | None = None


class FindingPatch(StrictModel):
    body: Note | None = None
    owner_external_id: ExternalId | None = None
    due_on: Day | None = None
    state: State | None = None


class ReviewFinding(BaseModel):
    """A note, or an action somebody takes by a day."""

    id: UUID
    review_id: UUID
    version: int
    kind: Literal["note", "action"]
    body: str
    owner_external_id: str | None
    due_on: date | None
    state: State
    is_overdue: bool
    actor: str
    created_at: datetime
    updated_at: datetime


class ReviewFindingPage(BaseModel):
    items: list[ReviewFinding]
    next_cursor: str | None


class Score(StrictModel):
    factor: Label = Field(examples=["customer", "process", "incentives"])
    function: Label = Field(examples=["sales", "marketing"])
    score: Annotated[int, Field(strict=True, ge=1, le=5)]
    comment: Note | None = None


class ScoresPut(StrictModel):
    """What the caller thinks; scores of the same factor and function are replaced."""

    round_on: Day | None = Field(None, description="The day the review last came round, or next.")
    scores: Annotated[list[Score], Field(min_length=1, max_length=200)]


class FunctionScore(BaseModel):
    function: str
    average: str
    scores: int


class FactorComment(BaseModel):
    function: str
    actor: str
    score: int
    comment: str


class FactorLine(BaseModel):
    """`gap`: between the functions that think best and worst of it."""

    factor: str
    average: str
    lowest: int
    highest: int
    gap: str
    functions: list[FunctionScore]
    comments: list[FactorComment]


class Alignment(BaseModel):
    """The widest gap first."""

    review_id: UUID
    round_on: date
    raters: int
    factors: list[FactorLine]
    unrated: list[str]


class DriverPut(StrictModel):
    fiscal_year: FiscalYear
    name: Label
    unit: Label | None = None
    target: Money | None = None
    actual: Money | None = None
    note: Note | None = None


class Driver(BaseModel):
    fiscal_year: str
    name: str
    version: int
    unit: str | None
    target: str | None
    actual: str | None
    attainment: str | None
    note: str | None
    updated_at: datetime


class DriverList(BaseModel):
    items: list[Driver]
    next_cursor: str | None
