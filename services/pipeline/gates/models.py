"""Tables of stage gates (schema `pipeline`). No behaviour lives here.

Stages as they were met are written with the version that changes the stage; checklists hold what
somebody attests about an opportunity.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Money, Tenant

SCHEMA = "pipeline"


class StageVisit(Tenant, Base):
    """One stay in a stage, also in one met before; `left_at` is when the next stay began."""

    __tablename__ = "stage_visits"
    __table_args__ = (Index(None, "workspace_id", "stage", "entered_at"), {"schema": SCHEMA})

    opportunity_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    from_stage: Mapped[str | None]
    stage: Mapped[str]
    entered_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    actor: Mapped[str]
    left_at: Mapped[datetime | None]


class StageDate(Tenant, Base):
    """The day a stage was first met, or first skipped. Never changed."""

    __tablename__ = "stage_dates"
    __table_args__ = ({"schema": SCHEMA},)

    opportunity_id: Mapped[UUID] = mapped_column(primary_key=True)
    stage: Mapped[str] = mapped_column(primary_key=True)
    entered_on: Mapped[date]
    is_skipped: Mapped[bool]


class StageSnapshot(Tenant, Base):
    """Net ARR as it was when a stage was first reached. Never changed."""

    __tablename__ = "stage_snapshots"
    __table_args__ = ({"schema": SCHEMA},)

    opportunity_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    net_arr: Mapped[Money]
    frozen_at: Mapped[datetime]
    version: Mapped[int]


class Checklist(Tenant, Base):
    """What is attested about an opportunity, by code: its state, a note, who said so and when."""

    __tablename__ = "checklists"
    __table_args__ = ({"schema": SCHEMA},)

    opportunity_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    items: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ChecklistChange(Tenant, Base):
    """One item before and after one save. Null is: nobody said anything."""

    __tablename__ = "checklist_changes"
    __table_args__ = ({"schema": SCHEMA},)

    opportunity_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    actor: Mapped[str]
    changed_at: Mapped[datetime]
