"""Tables of the sales operation (schema `pipeline`). No behaviour lives here."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Numeric, SmallInteger, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Record, Tenant, reference

SCHEMA = "pipeline"


class OperationComponent(Record, Base):
    """What a company says of one of the six components of its sales operation."""

    __tablename__ = "operation_components"
    __table_args__ = (
        UniqueConstraint("workspace_id", "component"),
        reference("owner_id", "workspace.users"),
        {"schema": SCHEMA},
    )

    component: Mapped[str]
    version: Mapped[int]
    summary: Mapped[str | None]
    document_url: Mapped[str | None]
    owner_id: Mapped[UUID | None]
    reviewed_on: Mapped[date | None]
    items: Mapped[list[Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class OperationComponentVersion(Tenant, Base):
    """A component as one version of it said. Never changed."""

    __tablename__ = "operation_component_versions"
    __table_args__ = ({"schema": SCHEMA},)

    component: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[dict[str, Any]]
    actor: Mapped[str]
    recorded_at: Mapped[datetime]


class OperationReview(Record, Base):
    """A review that comes round. `due_on` is the last day it was due, `due_since` the first it
    has been waiting for since, `held_on` when it was last held; `next_on` the day its next snapshot is taken, counted from `anchor_on`, so that a review of
    the 31st does not slide to the 28th for ever."""

    __tablename__ = "operation_reviews"
    __table_args__ = (UniqueConstraint("workspace_id", "external_id"), {"schema": SCHEMA})

    external_id: Mapped[str]
    version: Mapped[int]
    name: Mapped[str]
    kind: Mapped[str]
    cadence: Mapped[str]
    anchor_on: Mapped[date]
    next_on: Mapped[date]
    functions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    active: Mapped[bool]
    due_on: Mapped[date | None]
    due_since: Mapped[date | None]
    held_on: Mapped[date | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class OperationSnapshot(Record, Base):
    """The figures of a review on the day it was due. Never changed."""

    __tablename__ = "operation_snapshots"
    __table_args__ = (
        UniqueConstraint("workspace_id", "review_id", "due_on"),
        reference("review_id", "pipeline.operation_reviews"),
        {"schema": SCHEMA},
    )

    review_id: Mapped[UUID]
    due_on: Mapped[date]
    taken_at: Mapped[datetime]
    policy_version: Mapped[int]
    figures: Mapped[dict[str, Any]]


class OperationFinding(Record, Base):
    """A note of a review, or an action: who does what by when."""

    __tablename__ = "operation_findings"
    __table_args__ = (
        reference("review_id", "pipeline.operation_reviews"),
        reference("owner_id", "workspace.users"),
        Index(None, "workspace_id", "review_id", "id"),
        {"schema": SCHEMA},
    )

    review_id: Mapped[UUID]
    version: Mapped[int]
    kind: Mapped[str]
    body: Mapped[str]
    owner_id: Mapped[UUID | None]
    due_on: Mapped[date | None]
    state: Mapped[str]
    actor: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class OperationScore(Record, Base):
    """What one person thinks of one factor from where one function stands, in one round."""

    __tablename__ = "operation_scores"
    __table_args__ = (
        UniqueConstraint(
            "workspace_id",
            "review_id",
            "round_on",
            "factor",
            "function",
            "actor",
            name="uq_operation_scores_rater",
        ),
        reference("review_id", "pipeline.operation_reviews"),
        {"schema": SCHEMA},
    )

    review_id: Mapped[UUID]
    round_on: Mapped[date]
    factor: Mapped[str]
    function: Mapped[str]
    actor: Mapped[str]
    score: Mapped[int] = mapped_column(SmallInteger)
    comment: Mapped[str | None]
    scored_at: Mapped[datetime]


class OperationDriver(Record, Base):
    """A driver of the company's value in one fiscal year: what is aimed at and what came of it."""

    __tablename__ = "operation_drivers"
    __table_args__ = (
        UniqueConstraint("workspace_id", "review_id", "fiscal_year", "name"),
        reference("review_id", "pipeline.operation_reviews"),
        {"schema": SCHEMA},
    )

    review_id: Mapped[UUID]
    fiscal_year: Mapped[int]
    name: Mapped[str]
    version: Mapped[int]
    unit: Mapped[str | None]
    target: Mapped[Decimal | None] = mapped_column(Numeric(18, 2))
    actual: Mapped[Decimal | None] = mapped_column(Numeric(18, 2))
    note: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
