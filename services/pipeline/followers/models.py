"""Tables of timers and of followers of the feed (schema `pipeline`). No behaviour lives here."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Count, Record, Tenant
from services.pipeline.models import SCHEMA


class Timer(Record, Base):
    """What the worker does later about something, once; deleted in the transaction that did it."""

    __tablename__ = "timers"
    __table_args__ = (
        UniqueConstraint("workspace_id", "kind", "subject_id"),
        # Which workspaces have something due, and what it is in one of them.
        Index("ix_timers_due_at", "due_at", postgresql_where=text("parked_at IS NULL")),
        Index(None, "workspace_id", "due_at", postgresql_where=text("parked_at IS NULL")),
        {"schema": SCHEMA},
    )

    kind: Mapped[str]
    subject_id: Mapped[UUID]
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    last_error: Mapped[str | None]
    parked_at: Mapped[datetime | None]


class FollowerRow(Tenant, Base):
    """How far a follower has read the feed. `swept_through`: the last opportunity of a full pass
    under way; null where none is."""

    __tablename__ = "followers"
    __table_args__ = ({"schema": SCHEMA},)

    name: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[Count]
    swept_through: Mapped[UUID | None]
    failures: Mapped[int] = mapped_column(SmallInteger)
    last_error: Mapped[str | None]
    retry_at: Mapped[datetime | None]


class Recheck(Tenant, Base):
    """A follower is to look at an opportunity again though it has no new version. Only added and
    deleted, so that whoever adds one never waits for the follower."""

    __tablename__ = "rechecks"
    __table_args__ = ({"schema": SCHEMA},)

    follower: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    opportunity_id: Mapped[UUID]


class FollowUpDue(Tenant, Base):
    """When a follower looks at an opportunity again by itself; written by the follower alone."""

    __tablename__ = "follow_ups_due"
    __table_args__ = (
        Index(None, "workspace_id", "follower", "due_at"),
        {"schema": SCHEMA},
    )

    follower: Mapped[str] = mapped_column(primary_key=True)
    opportunity_id: Mapped[UUID] = mapped_column(primary_key=True)
    due_at: Mapped[datetime]
