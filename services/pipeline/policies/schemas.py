"""Policies on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from services.kit.schemas import Instant, Label, StrictModel


class PolicyPost(StrictModel):
    """A new version: what it names differs from the version in force at `effective_from`."""

    name: Label | None = Field(None, description="The name of the version before it by default.")
    effective_from: Instant | None = Field(None, description="Now by default; never in the past.")
    settings: dict[str, Any] = Field(
        description="Only what differs; null returns a setting to its default in `sop-2022`.",
        examples=[{"stage.category": {"proposal": "pipeline"}, "coverage.band": ["2.5", "3.0"]}],
    )


class SettingChange(BaseModel):
    """One setting before and after; `from` and `to` hold whatever the setting holds."""

    from_: Any = Field(alias="from")
    to: Any


class FigureEffect(BaseModel):
    """What one quarter's category would gain, or lose where negative."""

    fiscal_quarter: str | None = Field(description="Null where there is no close date.")
    forecast_category: str
    opportunity_count_change: int
    net_arr_change: str


class SegmentEffect(BaseModel):
    """How many open opportunities would move from one segment to another."""

    from_: str = Field(alias="from")
    to: str
    opportunity_count: int


class OpportunityEffect(BaseModel):
    """One opportunity that would change."""

    id: UUID
    external_id: str | None
    name: str
    fiscal_quarter: str | None
    net_arr: str
    forecast_category: SettingChange
    segment: SettingChange


class Effects(BaseModel):
    """What the version would do if it came into force with the records as they are."""

    opportunity_count: int = Field(description="Open opportunities that would change.")
    examined_count: int
    is_complete: bool = Field(description="False where there are more than were examined.")
    account_count: int = Field(description="Accounts whose segment would change.")
    figures: list[FigureEffect]
    segments: list[SegmentEffect]
    opportunities: list[OpportunityEffect] = Field(description="The first hundred.")


class Policy(BaseModel):
    """One version, complete. The version in force is the highest whose time has come."""

    version: int
    name: str
    effective_from: datetime | None = Field(description="Null is since ever.")
    is_in_force: bool
    settings: dict[str, Any]
    recorded_at: datetime
    recorded_by: str
    applied_at: datetime | None = Field(
        description="When the last open opportunity followed; null while scheduled or running."
    )


class PolicyProposal(Policy):
    """A version just stored, or with `dry_run` the one that would be."""

    dry_run: bool
    changes: dict[str, SettingChange]
    supersedes: list[int] = Field(
        description="Scheduled versions that will never come into force, because this is newer."
    )
    effects: Effects | None = Field(None, description="With `dry_run` only.")


class PolicyPage(BaseModel):
    items: list[Policy]
    next_cursor: str | None
