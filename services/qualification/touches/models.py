"""Tables of touches (schema `qualification`). No behaviour lives here."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from services.kit.columns import Base, Record, reference


class Resource(Record, Base):
    """Something to send a lead: a paper, a video, a case."""

    __tablename__ = "resources"
    __table_args__ = (
        UniqueConstraint("workspace_id", "external_id"),
        {"schema": "qualification"},
    )

    external_id: Mapped[str]
    version: Mapped[int]
    title: Mapped[str]
    use_case: Mapped[str | None]
    kind: Mapped[str | None]
    url: Mapped[str | None]
    persona: Mapped[str | None]
    buyer_stage: Mapped[str | None]
    active: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Touch(Record, Base):
    """One contact with a lead, in either direction. Never changed."""

    __tablename__ = "touches"
    __table_args__ = (
        UniqueConstraint("workspace_id", "lead_id", "external_id"),
        reference("lead_id", "qualification.leads"),
        reference("resource_id", "qualification.resources"),
        reference("user_id", "workspace.users"),
        Index(None, "workspace_id", "lead_id", "id"),
        Index(None, "workspace_id", "lead_id", "occurred_at"),
        Index(
            None, "workspace_id", "resource_id", postgresql_where=text("resource_id IS NOT NULL")
        ),
        Index(
            None,
            "workspace_id",
            "user_id",
            "occurred_at",
            postgresql_where=text("user_id IS NOT NULL"),
        ),
        {"schema": "qualification"},
    )

    lead_id: Mapped[UUID]
    external_id: Mapped[str | None]
    channel: Mapped[str]
    direction: Mapped[str]
    subject: Mapped[str | None]
    note: Mapped[str | None]
    resource_id: Mapped[UUID | None]
    resource_external_id: Mapped[str | None]
    outcome: Mapped[str | None]
    user_id: Mapped[UUID | None]
    actor: Mapped[str]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
