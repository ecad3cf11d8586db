"""Tables of the shared kernel (schema `workspace`). No behaviour lives here."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Count, Record, Tenant, reference

SCHEMA = "workspace"


class Workspace(Base):
    """A tenant. Its own id is its workspace id."""

    __tablename__ = "workspaces"
    __table_args__ = {"schema": SCHEMA}

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str]
    name: Mapped[str]
    currency: Mapped[str]
    fiscal_year_start_month: Mapped[int] = mapped_column(SmallInteger)
    timezone: Mapped[str]
    created_at: Mapped[datetime]


class WorkspaceSlug(Base):
    """Makes slugs unique over all workspaces; a reference table on a distributed engine."""

    __tablename__ = "workspace_slugs"
    __table_args__ = {"schema": SCHEMA}

    slug: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID]


class User(Record, Base):
    """A person who owns or manages records. Not a login: keys and tokens are."""

    __tablename__ = "users"
    __table_args__ = (
        ForeignKeyConstraint(["workspace_id"], ["workspace.workspaces.id"]),
        UniqueConstraint("workspace_id", "external_id"),
        {"schema": SCHEMA},
    )

    external_id: Mapped[str]
    name: Mapped[str]
    email: Mapped[str | None]
    role: Mapped[str]
    segment: Mapped[str | None]
    region: Mapped[str | None]
    plan_type: Mapped[str]
    timezone: Mapped[str | None]
    active: Mapped[bool]
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ReportingLine(Record, Base):
    """Who reported to whom from when. Rows are never changed; `sequence` is null until posted."""

    __tablename__ = "reporting_lines"
    __table_args__ = (
        reference("user_id", "workspace.users"),
        reference("manager_id", "workspace.users"),
        # The line in force of each user at an instant, as known by a sequence.
        Index(None, "workspace_id", "user_id", "effective_from", "sequence"),
        Index(None, "workspace_id", "manager_id"),
        {"schema": SCHEMA},
    )

    user_id: Mapped[UUID]
    manager_id: Mapped[UUID | None]
    effective_from: Mapped[datetime]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]
    sequence: Mapped[Count | None]


class PlanType(Record, Base):
    """What a user's own gap is measured by, from when. A user without a row is on a net plan; rows
    are never changed, and `sequence` is null until posted."""

    __tablename__ = "plan_types"
    __table_args__ = (
        reference("user_id", "workspace.users"),
        # The plan of a user as known by a sequence.
        Index(None, "workspace_id", "user_id", "sequence"),
        {"schema": SCHEMA},
    )

    user_id: Mapped[UUID]
    plan_type: Mapped[str]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]
    sequence: Mapped[Count | None]


class ApiKey(Record, Base):
    """A bearer token of the workspace; only its hash is kept."""

    __tablename__ = "api_keys"
    __table_args__ = (
        ForeignKeyConstraint(["workspace_id"], ["workspace.workspaces.id"]),
        reference("user_id", "workspace.users"),
        UniqueConstraint("workspace_id", "secret_hash"),
        Index(None, "workspace_id", "user_id"),
        {"schema": SCHEMA},
    )

    secret_hash: Mapped[bytes]
    name: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    user_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class PolicyVersion(Record, Base):
    """One version of the workspace's policy. The one in force at T is the highest version with
    `effective_from <= T`. Rows are never changed but for `sequence` and the marks of applying."""

    __tablename__ = "policies"
    __table_args__ = (
        ForeignKeyConstraint(["workspace_id"], ["workspace.workspaces.id"]),
        UniqueConstraint("workspace_id", "version"),
        # Those still to be applied; the worker asks every second.
        Index(
            "ix_policies_unapplied",
            "workspace_id",
            "version",
            postgresql_where=text("applied_at IS NULL"),
        ),
        {"schema": SCHEMA},
    )

    version: Mapped[int]
    name: Mapped[str]
    effective_from: Mapped[datetime]
    settings: Mapped[dict]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]
    sequence: Mapped[Count | None]
    # Where the batched application to open opportunities stands; null `applied_at` means running.
    applied_through: Mapped[UUID | None]
    applied_at: Mapped[datetime | None]


class IdempotencyKey(Tenant, Base):
    """The first answer to a POST with an Idempotency-Key, or the lease of the running request."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index(None, "workspace_id", "created_at"), {"schema": SCHEMA})

    service: Mapped[str] = mapped_column(primary_key=True)
    principal_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    lease_token: Mapped[UUID]
    lease_until: Mapped[datetime]
    status: Mapped[int | None]
    headers: Mapped[dict | None]
    body: Mapped[bytes | None]
    created_at: Mapped[datetime]
