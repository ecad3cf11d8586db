"""Tables of meetings (schema `qualification`). No behaviour lives here."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Record, Tenant, reference
from services.qualification.models import SCHEMA


class Meeting(Record, Base):
    """A meeting with a buyer. The opportunity and the account are pipeline's: named, not
    referenced. `happens_at` is when it was held, or else when it is planned."""

    __tablename__ = "meetings"
    __table_args__ = (
        UniqueConstraint("workspace_id", "external_id"),
        reference("lead_id", "qualification.leads"),
        reference("owner_id", "workspace.users"),
        # Lists by time: of everything, of one holder, of what a meeting is about.
        Index(None, "workspace_id", "happens_at", "id"),
        Index(None, "workspace_id", "owner_id", "happens_at"),
        Index(None, "workspace_id", "opportunity_id", "happens_at"),
        Index(None, "workspace_id", "lead_id", "happens_at"),
        Index(None, "workspace_id", "account_external_id", "happens_at"),
        Index(
            "ix_meetings_qualification",
            "workspace_id",
            "happens_at",
            postgresql_where=text("is_qualification"),
        ),
        {"schema": SCHEMA},
    )

    external_id: Mapped[str | None]
    version: Mapped[int]
    subject: Mapped[str]
    kind: Mapped[str]
    is_qualification: Mapped[bool]
    state: Mapped[str]
    scheduled_at: Mapped[datetime]
    duration_minutes: Mapped[int | None] = mapped_column(SmallInteger)
    happens_at: Mapped[datetime]
    lead_id: Mapped[UUID | None]
    opportunity_id: Mapped[UUID | None]
    account_external_id: Mapped[str | None]
    attendees: Mapped[list[Any]]
    buyer_stage: Mapped[str | None]
    owner_id: Mapped[UUID | None]
    held_at: Mapped[datetime | None]
    next_step: Mapped[str | None]
    next_step_date: Mapped[date | None]
    rebook_until: Mapped[date | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class MeetingPerson(Tenant, Base):
    """One of our own people in a meeting, besides its owner."""

    __tablename__ = "meeting_people"
    __table_args__ = (
        reference("meeting_id", "qualification.meetings"),
        reference("user_id", "workspace.users"),
        Index(None, "workspace_id", "user_id"),
        {"schema": SCHEMA},
    )

    meeting_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)


class Preparation(Tenant, Base):
    """What people put down while preparing; what records answer is computed at every look."""

    __tablename__ = "preparations"
    __table_args__ = (
        reference("meeting_id", "qualification.meetings"),
        {"schema": SCHEMA},
    )

    meeting_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    # By name of the check: its note, its link, who ticked it and when.
    checks: Mapped[dict[str, Any]]
    pre_call_questions: Mapped[list[Any]]
    call_plan: Mapped[dict[str, Any]]
    agenda: Mapped[dict[str, Any]]
    # When the agenda went out and to whom, each time.
    sendings: Mapped[list[Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class MeetingReview(Record, Base):
    """A colleague's input to a meeting: before it, or on what came of it. Never changed."""

    __tablename__ = "meeting_reviews"
    __table_args__ = (
        reference("meeting_id", "qualification.meetings"),
        reference("reviewer_id", "workspace.users"),
        Index(None, "workspace_id", "meeting_id", "id"),
        {"schema": SCHEMA},
    )

    meeting_id: Mapped[UUID]
    phase: Mapped[str]
    reviewer_id: Mapped[UUID]
    subject: Mapped[str]
    input: Mapped[str | None]
    critiques: Mapped[list[Any]]
    recorded_at: Mapped[datetime]
    actor: Mapped[str]


class MeetingOutcome(Tenant, Base):
    """One telling of what came of a meeting. The last one is in force; none is ever changed."""

    __tablename__ = "meeting_outcomes"
    __table_args__ = (
        reference("meeting_id", "qualification.meetings"),
        {"schema": SCHEMA},
    )

    meeting_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str]
    content: Mapped[dict[str, Any]]
    # How well the meeting was prepared when its outcome was told, under which policy.
    readiness_percent: Mapped[int] = mapped_column(SmallInteger)
    policy_version: Mapped[int]
    recorded_at: Mapped[datetime]
    actor: Mapped[str]


class Moment(Record, Base):
    """A Moment That Matters, of the outcome in force."""

    __tablename__ = "moments"
    __table_args__ = (
        reference("meeting_id", "qualification.meetings"),
        Index(None, "workspace_id", "meeting_id"),
        Index(None, "workspace_id", "occurred_at", "id"),
        {"schema": SCHEMA},
    )

    meeting_id: Mapped[UUID]
    position: Mapped[int] = mapped_column(SmallInteger)
    what: Mapped[str]
    who: Mapped[str | None]
    impact: Mapped[str | None]
    occurred_at: Mapped[datetime]


class MeetingAnswer(Record, Base):
    """What a buyer answered, of the outcome in force. `carried_to` is the opportunity whose
    MEDDPPICC it went into; null while the lead it was asked of has none."""

    __tablename__ = "meeting_answers"
    __table_args__ = (
        reference("meeting_id", "qualification.meetings"),
        Index(None, "workspace_id", "meeting_id"),
        {"schema": SCHEMA},
    )

    meeting_id: Mapped[UUID]
    position: Mapped[int] = mapped_column(SmallInteger)
    question_external_id: Mapped[str | None]
    element: Mapped[str]
    answer: Mapped[str]
    score: Mapped[int | None] = mapped_column(SmallInteger)
    # Who said so, where that is known: a contact of pipeline.
    contact_external_id: Mapped[str | None]
    carried_to: Mapped[UUID | None]
    recorded_at: Mapped[datetime]
    actor: Mapped[str]
