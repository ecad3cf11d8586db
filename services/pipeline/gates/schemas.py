"""What clients write to and read of stage gates: shapes and ranges only."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.kit.schemas import Note, StrictModel, Text, WebAddress
from services.pipeline.opportunities.schemas import ReadOnly


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
    days: str
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


class ItemPut(StrictModel):
    """What somebody attests: `not_applicable` needs a note that says why."""

    state: Literal["done", "not_applicable", "open"] | None = None
    note: Note | None = None
    url: WebAddress | None = None
    message: ReadOnly = None
    actor: ReadOnly = None
    actor_name: ReadOnly = None
    changed_at: ReadOnly = None

    def said(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set & _SAID}


_SAID = frozenset({"state", "note", "url"})


class ChecklistPut(StrictModel):
    """Items by code. An absent item or field is unchanged, null clears it."""

    items: dict[Annotated[str, Text(80)], ItemPut | None] = Field(max_length=500)
    opportunity_id: ReadOnly = None
    version: ReadOnly = None

    def items_said(self) -> dict[str, dict[str, Any] | None]:
        return {code: None if item is None else item.said() for code, item in self.items.items()}


class Item(BaseModel):
    """An item as it stands. One nobody said anything about is open."""

    message: str | None
    state: Literal["done", "not_applicable", "open"]
    note: str | None
    url: str | None
    actor: str | None
    actor_name: str | None
    changed_at: datetime | None


class Checklist(BaseModel):
    """Every item the policy in force asks for, and those said under earlier ones. `version` 0:
    nobody said anything yet."""

    opportunity_id: UUID
    version: int
    items: dict[str, Item]


class ItemChange(BaseModel):
    """An item before and after; null is open."""

    from_: dict[str, Any] | None = Field(alias="from")
    to: dict[str, Any] | None


class ChecklistSave(BaseModel):
    """One save of a checklist: who, when and what it changed."""

    version: int
    actor: str
    actor_name: str | None
    changed_at: datetime
    changes: dict[str, ItemChange]


class ChecklistSavePage(BaseModel):
    """Saves, the oldest first."""

    items: list[ChecklistSave]
    next_cursor: str | None


class Finding(BaseModel):
    """A rule a write broke, at which version. `codes` are the criteria of a gate that were not
    met; `reason` is why somebody set them aside."""

    id: UUID
    opportunity_id: UUID
    opportunity_external_id: str | None
    version: int
    rule: str
    message: str
    codes: list[str]
    reason: str | None
    actor: str
    actor_name: str | None
    found_at: datetime


class FindingPage(BaseModel):
    """Findings, the oldest first."""

    items: list[Finding]
    next_cursor: str | None
