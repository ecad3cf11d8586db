"""Tables of bookings (schema `pipeline`). No behaviour lives here."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Money, Record, Tenant, reference

SCHEMA = "pipeline"


class BookingLink(Tenant, Base):
    """Why an opportunity belongs to another one: a ramp's later year, a reset's credit, a merged
    renewal, a customer's return, or a row that takes another one back."""

    __tablename__ = "booking_links"
    __table_args__ = (
        reference("opportunity_id", "pipeline.opportunities"),
        reference("source_id", "pipeline.opportunities"),
        Index(None, "workspace_id", "source_id"),
        {"schema": SCHEMA},
    )

    opportunity_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    source_id: Mapped[UUID]
    position: Mapped[int] = mapped_column(SmallInteger)
    details: Mapped[dict]
    actor: Mapped[str]
    created_at: Mapped[datetime]


class Approval(Record, Base):
    """A decision about a deal handed in for booking. `submitted_at` is when its handing in was
    recorded, so that one handed in again is decided anew."""

    __tablename__ = "booking_approvals"
    __table_args__ = (
        reference("opportunity_id", "pipeline.opportunities"),
        Index(
            "ix_booking_approvals_round",
            "workspace_id",
            "opportunity_id",
            "submitted_at",
            "kind",
            unique=True,
        ),
        {"schema": SCHEMA},
    )

    opportunity_id: Mapped[UUID]
    submitted_at: Mapped[datetime]
    kind: Mapped[str]
    decision: Mapped[str]
    note: Mapped[str | None]
    actor: Mapped[str]
    decided_at: Mapped[datetime]
    policy_version: Mapped[int]


class LateRenewal(Record, Base):
    """Leave to win a renewal after its window: why, at what cost, and until when."""

    __tablename__ = "late_renewals"
    __table_args__ = (
        reference("opportunity_id", "pipeline.opportunities"),
        Index(None, "workspace_id", "opportunity_id"),
        {"schema": SCHEMA},
    )

    opportunity_id: Mapped[UUID]
    reason: Mapped[str]
    impact: Mapped[str]
    new_date: Mapped[date]
    actor: Mapped[str]
    granted_at: Mapped[datetime]
    policy_version: Mapped[int]


class SeatReconciliation(Record, Base):
    """What one quarter of a subscription's term was charged for seats above the licence."""

    __tablename__ = "seat_reconciliations"
    __table_args__ = (
        reference("subscription_id", "pipeline.subscriptions"),
        reference("opportunity_id", "pipeline.opportunities"),
        Index(
            "ix_seat_reconciliations_quarter",
            "workspace_id",
            "subscription_id",
            "term_start",
            "quarter",
            unique=True,
        ),
        {"schema": SCHEMA},
    )

    subscription_id: Mapped[UUID]
    term_start: Mapped[date]
    quarter: Mapped[int] = mapped_column(SmallInteger)
    licensed_seats: Mapped[int] = mapped_column(BigInteger)
    peak_seats: Mapped[int] = mapped_column(BigInteger)
    seat_price: Mapped[Money]
    invoiced: Mapped[Money]
    opportunity_id: Mapped[UUID | None]
    actor: Mapped[str]
    recorded_at: Mapped[datetime]
