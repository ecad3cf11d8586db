"""Tables of the qualification service (schema `qualification`). No behaviour lives here."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Record, Tenant, reference

SCHEMA = "qualification"


class Lead(Record, Base):
    """A person who may become a buyer. The account is named, not referenced: it is pipeline's, and
    need not exist yet."""

    __tablename__ = "leads"
    __table_args__ = (
        UniqueConstraint("workspace_id", "external_id"),
        reference("sdr_id", "workspace.users"),
        reference("owner_id", "workspace.users"),
        # Lists by holder, by status and by address.
        Index(None, "workspace_id", "sdr_id"),
        Index(None, "workspace_id", "owner_id"),
        Index(None, "workspace_id", "status"),
        Index(None, "workspace_id", "email"),
        {"schema": SCHEMA},
    )

    external_id: Mapped[str | None]
    version: Mapped[int]
    name: Mapped[str]
    email: Mapped[str | None]
    title: Mapped[str | None]
    company: Mapped[str | None]
    account_external_id: Mapped[str | None]
    employees: Mapped[int | None] = mapped_column(BigInteger)
    region: Mapped[str | None]
    source_kind: Mapped[str | None]
    source: Mapped[str | None]
    use_case: Mapped[str | None]
    seats: Mapped[int | None] = mapped_column(BigInteger)
    persona: Mapped[str | None]
    sdr_id: Mapped[UUID | None]
    owner_id: Mapped[UUID | None]
    status: Mapped[str]
    status_since: Mapped[datetime]
    score: Mapped[int]
    notes: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Assessment(Record, Base):
    """One acceptance test: what was known, what was concluded and by which policy. Never changed."""

    __tablename__ = "assessments"
    __table_args__ = (
        reference("lead_id", "qualification.leads"),
        # The tests of a lead, newest last.
        Index(None, "workspace_id", "lead_id", "id"),
        {"schema": SCHEMA},
    )

    lead_id: Mapped[UUID]
    lead_version: Mapped[int]
    policy_version: Mapped[int]
    segment: Mapped[str]
    evidence: Mapped[dict[str, Any]]
    criteria: Mapped[dict[str, Any]]
    verdict: Mapped[str]
    is_convertible: Mapped[bool]
    assessed_at: Mapped[datetime]
    assessed_by: Mapped[str]


class Conversion(Tenant, Base):
    """The hand-over of a lead: the opportunity's id, picked once, and how far opening it is."""

    __tablename__ = "conversions"
    __table_args__ = (
        UniqueConstraint("workspace_id", "opportunity_id"),
        reference("lead_id", "qualification.leads"),
        reference("assessment_id", "qualification.assessments"),
        Index(None, "workspace_id", "assessment_id"),
        {"schema": SCHEMA},
    )

    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    opportunity_id: Mapped[UUID]
    assessment_id: Mapped[UUID]
    # What pipeline is asked to open, as it was when it was asked.
    request: Mapped[dict[str, Any]]
    state: Mapped[str]
    reason: Mapped[str | None]
    requested_at: Mapped[datetime]
    requested_by: Mapped[str]
    settled_at: Mapped[datetime | None]


class OutboxRow(Record, Base):
    """A hand-over that is due. Deleted in the transaction that opens the opportunity."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(None, "workspace_id", "subject_id", "version"),
        {"schema": SCHEMA},
    )

    kind: Mapped[str]
    subject_id: Mapped[UUID]
    version: Mapped[int]
    event_id: Mapped[UUID | None]
    recorded_at: Mapped[datetime]
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    last_error: Mapped[str | None]
    parked_at: Mapped[datetime | None]
