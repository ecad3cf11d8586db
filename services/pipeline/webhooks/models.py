"""Tables of webhooks (schema `pipeline`). No behaviour lives here."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Count, Record, reference
from services.pipeline.models import SCHEMA


class Webhook(Record, Base):
    """Who is told what. `position` is the last sequence that was taken out of the feed for it: what
    is behind it was delivered, or is kept as a delivery. The lease says which process sends."""

    __tablename__ = "webhooks"
    __table_args__ = (
        Index("ix_webhooks_active", "workspace_id", postgresql_where=text("state = 'active'")),
        {"schema": SCHEMA},
    )

    version: Mapped[int]
    url: Mapped[str]
    description: Mapped[str | None]
    event_types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    secret: Mapped[str]
    previous_secret: Mapped[str | None]
    previous_secret_until: Mapped[datetime | None]
    state: Mapped[str]
    reason: Mapped[str | None]
    position: Mapped[Count]
    figures_position: Mapped[Count]
    figures_attempts: Mapped[int] = mapped_column(SmallInteger)
    figures_due_at: Mapped[datetime | None]
    # Attempts in a row that failed, and when the next unscheduled try is made.
    failures: Mapped[int]
    probe_at: Mapped[datetime | None]
    lease_token: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Delivery(Record, Base):
    """One message of one webhook. `history` has an object an attempt: when, how it ended, how long
    it took. The message itself is read from the feed, which never changes."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        reference("webhook_id", "pipeline.webhooks"),
        UniqueConstraint("workspace_id", "webhook_id", "message_id"),
        # What waits, in the order of its subject; nearly always empty.
        Index(
            "ix_webhook_deliveries_waiting",
            "workspace_id",
            "webhook_id",
            "subject_id",
            "sequence",
            postgresql_where=text("state = 'pending'"),
        ),
        # The log, newest first, and what is old enough to go.
        Index(None, "workspace_id", "webhook_id", "id"),
        Index(None, "workspace_id", "settled_at"),
        {"schema": SCHEMA},
    )

    webhook_id: Mapped[UUID]
    message_id: Mapped[str]
    event_type: Mapped[str]
    sequence: Mapped[Count]
    subject_id: Mapped[UUID | None]
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(SmallInteger)
    due_at: Mapped[datetime]
    history: Mapped[list[Any]]
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
