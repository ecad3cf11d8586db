"""Tables of response timers (schema `qualification`). No behaviour lives here."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped

from services.kit.columns import Base, Record, reference


class ResponseTimer(Record, Base):
    """How long a lead waited for an answer. Holders, region and source are those at its start."""

    __tablename__ = "response_timers"
    __table_args__ = (
        reference("lead_id", "qualification.leads"),
        Index(None, "workspace_id", "lead_id"),
        Index(None, "workspace_id", "started_at"),
        Index(None, "workspace_id", "due_at", "id"),
        Index(None, "workspace_id", "sdr_id", "due_at"),
        Index(None, "workspace_id", "owner_id", "due_at"),
        Index(
            "ix_response_timers_open",
            "workspace_id",
            "due_at",
            "id",
            postgresql_where=text("stopped_at IS NULL"),
        ),
        Index(
            "ix_response_timers_unanswered",
            "workspace_id",
            "due_at",
            "id",
            postgresql_where=text("stopped_at IS NOT NULL AND is_met IS NULL"),
        ),
        Index(
            None,
            "workspace_id",
            "is_met",
            "due_at",
            "id",
            postgresql_where=text("is_met IS NOT NULL"),
        ),
        {"schema": "qualification"},
    )

    lead_id: Mapped[UUID]
    kind: Mapped[str]
    started_at: Mapped[datetime]
    due_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None]
    # What stopped it, who recorded that, and which user answered.
    stopped_by: Mapped[str | None]
    stopped_actor: Mapped[str | None]
    responder_id: Mapped[UUID | None]
    sdr_id: Mapped[UUID | None]
    owner_id: Mapped[UUID | None]
    region: Mapped[str | None]
    source: Mapped[str | None]
    business_minutes: Mapped[int | None]
    is_met: Mapped[bool | None]
    calendar: Mapped[str]
    policy_version: Mapped[int]
