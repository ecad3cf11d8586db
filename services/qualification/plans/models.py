"""Tables of command plans (schema `qualification`). No behaviour lives here."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Integer, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Tenant

SCHEMA = "qualification"


class CommandPlan(Tenant, Base):
    """What is written about one opportunity now: the MEDDPPICC elements and the plan around them.
    One row, so that a save of either takes one lock and one number."""

    __tablename__ = "command_plans"
    __table_args__ = (
        # What was written, and whom one met, since somebody last looked.
        Index(None, "workspace_id", "touched_at"),
        Index(None, "workspace_id", "met_at"),
        {"schema": SCHEMA},
    )

    opportunity_id: Mapped[UUID] = mapped_column(primary_key=True)
    # Every save of either counts here; it is the plan's ETag and the live stream's event id.
    version: Mapped[int]
    sections: Mapped[dict[str, Any]]
    elements: Mapped[dict[str, Any]]
    # Saves of MEDDPPICC alone: its own ETag.
    elements_version: Mapped[int]
    elements_at: Mapped[datetime | None]
    touched_at: Mapped[datetime | None]
    touched_by: Mapped[str | None]
    # The last meeting with the customer, as the packages that know of meetings report it.
    met_at: Mapped[datetime | None]
    # How much of each section is filled in, for lists that look for what is not.
    overview_filled: Mapped[int] = mapped_column(SmallInteger)
    elements_filled: Mapped[int] = mapped_column(SmallInteger)
    step_count: Mapped[int] = mapped_column(Integer)


class CommandPlanVersion(Tenant, Base):
    """The whole plan as one save left it, and what that save changed. Never changed."""

    __tablename__ = "command_plan_versions"
    __table_args__ = {"schema": SCHEMA}

    opportunity_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    sections: Mapped[dict[str, Any]]
    elements: Mapped[dict[str, Any]]
    elements_version: Mapped[int]
    changes: Mapped[list[Any]]
    author: Mapped[str]
    saved_at: Mapped[datetime]
    policy_version: Mapped[int]
