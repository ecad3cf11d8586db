"""Tables of hygiene (schema `pipeline`). No behaviour lives here."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Record, Tenant

SCHEMA = "pipeline"


class HygieneFinding(Record, Base):
    """A rule an opportunity breaks now, and by which values. One row an opportunity and rule; its
    end removes it. `since` is when it became so, `opened_at` when it was seen."""

    __tablename__ = "hygiene_findings"
    __table_args__ = (
        UniqueConstraint(
            "workspace_id",
            "opportunity_id",
            "rule",
            name="uq_hygiene_findings_workspace_id_opportunity_id_rule",
        ),
        Index(None, "workspace_id", "owner_id", "id"),
        Index(None, "workspace_id", "rule", "id"),
        Index(None, "workspace_id", "fiscal_quarter", "id"),
        Index(None, "workspace_id", "opened_at"),
        Index(
            "ix_hygiene_findings_account",
            "workspace_id",
            "account_id",
            "id",
            postgresql_where=text("account_id IS NOT NULL"),
        ),
        # Few of them are snoozed.
        Index(
            "ix_hygiene_findings_snoozed",
            "workspace_id",
            "id",
            postgresql_where=text("snoozed_until IS NOT NULL"),
        ),
        {"schema": SCHEMA},
    )

    opportunity_id: Mapped[UUID]
    rule: Mapped[str]
    severity: Mapped[str]
    evidence: Mapped[dict]
    since: Mapped[datetime]
    opened_at: Mapped[datetime]
    owner_id: Mapped[UUID]
    account_id: Mapped[UUID | None]
    fiscal_quarter: Mapped[int]
    policy_version: Mapped[int]
    snoozed_until: Mapped[datetime | None]
    snoozed_at: Mapped[datetime | None]
    snoozed_by: Mapped[str | None]
    snooze_reason: Mapped[str | None]


class HygieneHistory(Record, Base):
    """A finding that ended, under the id it had. Never changed."""

    __tablename__ = "hygiene_history"
    __table_args__ = (
        Index(None, "workspace_id", "opened_at"),
        Index(None, "workspace_id", "closed_at"),
        Index(None, "workspace_id", "opportunity_id", "id"),
        Index(None, "workspace_id", "owner_id", "closed_at"),
        {"schema": SCHEMA},
    )

    opportunity_id: Mapped[UUID]
    rule: Mapped[str]
    severity: Mapped[str]
    evidence: Mapped[dict]
    since: Mapped[datetime]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime]
    owner_id: Mapped[UUID]


class HygieneState(Tenant, Base):
    """What hygiene keeps of an opportunity that has no finding either: when somebody looked at it
    last (`review_from` is that, or its beginning), and the day it was opened."""

    __tablename__ = "hygiene_states"
    __table_args__ = (
        Index(
            "ix_hygiene_states_opened",
            "workspace_id",
            "opened_on",
            postgresql_where=text("is_open"),
        ),
        Index(
            "ix_hygiene_states_review",
            "workspace_id",
            "owner_id",
            "review_from",
            postgresql_where=text("is_open"),
        ),
        {"schema": SCHEMA},
    )

    opportunity_id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    opened_on: Mapped[date]
    is_open: Mapped[bool]
    review_from: Mapped[datetime]
    reviewed_at: Mapped[datetime | None]
    reviewed_by: Mapped[str | None]
    review_note: Mapped[str | None]


class HygieneLook(Tenant, Base):
    """How far hygiene has looked at what others keep: the sales cycles of a day, and what was
    written in plans and about people. `seen` are those just before `seen_through`."""

    __tablename__ = "hygiene_looks"
    __table_args__ = ({"schema": SCHEMA},)

    cycles: Mapped[dict]
    cycles_on: Mapped[date]
    seen_through: Mapped[datetime]
    seen: Mapped[dict]
