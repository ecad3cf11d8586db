"""Tables of nurture (schema `qualification`). No behaviour lives here."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped

from services.kit.columns import Base, Record, reference


class NurtureActivity(Record, Base):
    """Something planned for a lead that has no immediate need."""

    __tablename__ = "nurture_activities"
    __table_args__ = (
        reference("lead_id", "qualification.leads"),
        Index(None, "workspace_id", "lead_id", "id"),
        # What is still to be done, by day.
        Index(None, "workspace_id", "planned_on", "id", postgresql_where=text("done_at IS NULL")),
        {"schema": "qualification"},
    )

    lead_id: Mapped[UUID]
    version: Mapped[int]
    kind: Mapped[str]
    title: Mapped[str]
    resource_external_id: Mapped[str | None]
    planned_on: Mapped[date]
    done_at: Mapped[datetime | None]
    note: Mapped[str | None]
    actor: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
