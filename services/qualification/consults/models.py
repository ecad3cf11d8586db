"""Tables of consults (schema `qualification`). No behaviour lives here."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from services.kit.columns import Base, Record

SCHEMA = "qualification"


class Consult(Record, Base):
    """One opportunity consult: what was told, what the team asked and found. Never changed."""

    __tablename__ = "consults"
    __table_args__ = (
        # The consults of an opportunity, oldest first.
        Index(None, "workspace_id", "opportunity_id", "id"),
        # Coverage: the latest one of each of many opportunities.
        Index("ix_consults_held_on", "workspace_id", "opportunity_id", "held_on"),
        {"schema": SCHEMA},
    )

    opportunity_id: Mapped[UUID]
    held_on: Mapped[date]
    stage: Mapped[str]
    context: Mapped[str]
    contact_external_ids: Mapped[list[Any]]
    why_us: Mapped[str | None]
    goals: Mapped[str | None]
    next_steps: Mapped[str | None]
    participants: Mapped[list[Any]]
    questions: Mapped[list[Any]]
    critiques: Mapped[list[Any]]
    outcome: Mapped[str | None]
    risk_found: Mapped[str | None]
    author: Mapped[str]
    created_at: Mapped[datetime]
