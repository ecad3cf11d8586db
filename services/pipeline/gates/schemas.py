"""What clients write to and read of stage gates: shapes and ranges only."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field


class StageDate(BaseModel):
    """The first time a stage was met; a skipped one has the date of the stage reached."""

    stage: str
    stage_number: int | None
    entered_on: date
    is_skipped: bool


class StageSnapshot(BaseModel):
    """Net ARR as it was on entering stage 1, on leaving it (`initial`) or on entering stage 3."""

    name: Literal["stage_1", "initial", "stage_3"]
    net_arr: str
    currency: str
    frozen_at: datetime
    version: int


class StageVisit(BaseModel):
    """One stay in a stage, named by the version that began it; `left_at` null is: still there."""

    version: int
    from_stage: str | None
    stage: str
    entered_at: datetime
    left_at: datetime | None
    days: float
    recorded_at: datetime
    actor: str
    actor_name: str | None


class Stages(BaseModel):
    """Every stage an opportunity was in."""

    opportunity_id: UUID
    stage: str
    stage_number: int | None
    days_in_stage: int | None = Field(
        description="Today − the stage's date + 1; the date is that of the first time."
    )
    days_since_last_entered: int | None = Field(
        description="The same from the last entry on: what the opportunity itself shows."
    )
    sales_accepted_date: date | None
    sales_qualified_date: date | None = Field(description="When stage 1 was first left forward.")
    dates: list[StageDate]
    snapshots: list[StageSnapshot]
    visits: list[StageVisit]
