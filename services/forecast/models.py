"""Tables of the forecast service (schema `forecast`). No behaviour lives here.

A cell is (fiscal quarter, owner, dimensions); the nil dimensions are the owner's total. All sums
of money are increments, not cumulative: `gross_commit` does not contain `gross_closed`.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Count, Money, Record, Tenant

SCHEMA = "forecast"


class MeasureColumns:
    """The measures of a contribution, in the order of `forecast.domain.MEASURES`."""

    gross_closed: Mapped[Money] = mapped_column(sort_order=100)
    gross_commit: Mapped[Money] = mapped_column(sort_order=101)
    gross_best_case: Mapped[Money] = mapped_column(sort_order=102)
    loss_closed: Mapped[Money] = mapped_column(sort_order=103)
    loss_commit: Mapped[Money] = mapped_column(sort_order=104)
    loss_best_case: Mapped[Money] = mapped_column(sort_order=105)
    open_pipeline: Mapped[Money] = mapped_column(sort_order=106)
    open_stage_3_plus: Mapped[Money] = mapped_column(sort_order=107)
    open_signed: Mapped[Money] = mapped_column(sort_order=108)
    opportunity_count: Mapped[Count] = mapped_column(sort_order=109)
    open_count: Mapped[Count] = mapped_column(sort_order=110)
    unsized_count: Mapped[Count] = mapped_column(sort_order=111)
    renewal_unsized_count: Mapped[Count] = mapped_column(sort_order=112)
    contraction_uncategorised_count: Mapped[Count] = mapped_column(sort_order=113)
    foreign_currency_count: Mapped[Count] = mapped_column(sort_order=114)
    term_assumed_count: Mapped[Count] = mapped_column(sort_order=115)


class Cursor(Tenant, Base):
    """The workspace's lock and the last sequence handed out. Whoever holds this row posts."""

    __tablename__ = "cursors"
    __table_args__ = ({"schema": SCHEMA},)

    last_sequence: Mapped[Count]
    last_posted_at: Mapped[datetime]
    last_event_at: Mapped[datetime | None]


class Batch(Tenant, Base):
    """One ledger transaction: which sequences it holds and the instant it stands for."""

    __tablename__ = "batches"
    __table_args__ = (
        # The last batch at or before an instant.
        UniqueConstraint("workspace_id", "posted_at"),
        {"schema": SCHEMA},
    )

    last_sequence: Mapped[Count] = mapped_column(primary_key=True)
    first_sequence: Mapped[Count]
    posted_at: Mapped[datetime]
    last_event_at: Mapped[datetime | None]


class Posting(Tenant, Base):
    """That a version of an opportunity is in the ledger; its key guards against a second time."""

    __tablename__ = "postings"
    __table_args__ = ({"schema": SCHEMA},)

    opportunity_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    sequence: Mapped[Count]
    posted_at: Mapped[datetime]


class Position(Tenant, MeasureColumns, Base):
    """What the ledger holds of an opportunity now: its figure inputs and its contribution."""

    __tablename__ = "positions"
    __table_args__ = (
        # The opportunities behind a figure.
        Index(None, "workspace_id", "fiscal_quarter", "owner_id"),
        {"schema": SCHEMA},
    )

    opportunity_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    inputs: Mapped[dict]
    occurred_at_max: Mapped[datetime]
    fiscal_quarter: Mapped[int]
    owner_id: Mapped[UUID]
    dimensions_id: Mapped[UUID]


class Entry(Record, MeasureColumns, Base):
    """One cause's effect on one cell. Never changed, never deleted."""

    __tablename__ = "entries"
    __table_args__ = (
        UniqueConstraint(
            "workspace_id",
            "opportunity_id",
            "version",
            "cause",
            "occurred_at",
            "fiscal_quarter",
            "owner_id",
            "dimensions_id",
            name="uq_entries_once",
        ),
        # Drill-down, waterfall and recorded as-of of one quarter.
        Index(None, "workspace_id", "fiscal_quarter", "sequence"),
        # The part of a day that buckets do not hold.
        Index(None, "workspace_id", "fiscal_quarter", "occurred_at"),
        {"schema": SCHEMA},
    )

    sequence: Mapped[Count]
    opportunity_id: Mapped[UUID]
    version: Mapped[int]
    event_id: Mapped[UUID | None]
    cause: Mapped[str]
    fiscal_quarter: Mapped[int]
    owner_id: Mapped[UUID]
    dimensions_id: Mapped[UUID]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    posted_at: Mapped[datetime]


class Dimensions(Record, Base):
    """A combination of dimension values; the id is computed from them, '' means unknown."""

    __tablename__ = "dimensions"
    __table_args__ = ({"schema": SCHEMA},)

    segment: Mapped[str]
    region: Mapped[str]
    type: Mapped[str]
    order_type: Mapped[str]
    vertical: Mapped[str]


class CellKey(Tenant):
    """The key columns of a cell."""

    fiscal_quarter: Mapped[int] = mapped_column(primary_key=True, sort_order=1)
    dimensions_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=2)
    owner_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=3)


class Cell(CellKey, MeasureColumns, Base):
    """The running total now."""

    __tablename__ = "cells"
    __table_args__ = ({"schema": SCHEMA},)


class CellHistory(CellKey, MeasureColumns, Base):
    """The running total as each batch left it: the recorded axis, one row a touched cell."""

    __tablename__ = "cell_history"
    __table_args__ = ({"schema": SCHEMA},)

    sequence: Mapped[Count] = mapped_column(primary_key=True, sort_order=4)


class OccurredBucket(Tenant, MeasureColumns, Base):
    """Sums of entries by the day they happened, in blocks of 1, 8 and 64 days (level 0, 1, 2):
    the occurred axis. `bucket` is the UTC day number divided by the block's length."""

    __tablename__ = "occurred_buckets"
    __table_args__ = ({"schema": SCHEMA},)

    fiscal_quarter: Mapped[int] = mapped_column(primary_key=True, sort_order=1)
    dimensions_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=2)
    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True, sort_order=3)
    bucket: Mapped[int] = mapped_column(primary_key=True, sort_order=4)
    owner_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=5)


class Quota(Record, Base):
    """A user's quota for a quarter (`FY27-Q2`) or a year (`FY27`); the newest posted row counts."""

    __tablename__ = "quotas"
    __table_args__ = (
        Index(None, "workspace_id", "period", "user_id", "sequence"),
        {"schema": SCHEMA},
    )

    period: Mapped[str]
    user_id: Mapped[UUID]
    amount: Mapped[Money]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]
    sequence: Mapped[Count | None]


class Audit(Record, Base):
    """A from-scratch recompute against the ledger, and what it found."""

    __tablename__ = "audits"
    __table_args__ = ({"schema": SCHEMA},)

    kind: Mapped[str]
    status: Mapped[str]
    sequence: Mapped[Count | None]
    opportunities: Mapped[Count | None]
    differences: Mapped[list]
    difference_count: Mapped[Count]
    actor: Mapped[str]
    error: Mapped[str | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    # A run whose worker has died is taken up by another one when this has passed.
    lease_until: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class WorkerBeat(Base):
    """A worker process and when it last said that it is alive. Of no workspace."""

    __tablename__ = "workers"
    __table_args__ = {"schema": SCHEMA}

    id: Mapped[UUID] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    beat_at: Mapped[datetime]
