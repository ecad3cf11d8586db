"""Tables of customers (schema `pipeline`). No behaviour lives here."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Count, Money, Record, Tenant, reference
from services.pipeline.models import SCHEMA, Opportunity

WORKED_ON = (
    "stage IN ('discovery', 'scoping', 'technical_evaluation', 'proposal', 'negotiating',"
    " 'awaiting_signature', 'closing')"
)
"""Open and past stage 0, as statements must say it too: a parameter proves nothing about a partial
index."""

Index(
    "ix_opportunities_worked_on",
    Opportunity.workspace_id,
    Opportunity.account_id,
    Opportunity.type,
    postgresql_where=text(WORKED_ON),
)


class SubscriptionChange(Tenant, Base):
    """A version of a subscription in which what was bought became another: what it was before."""

    __tablename__ = "subscription_changes"
    __table_args__ = (
        reference("subscription_id", "pipeline.subscriptions"),
        {"schema": SCHEMA},
    )

    subscription_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    changed_on: Mapped[date]
    previous_tier: Mapped[str | None]
    tier: Mapped[str | None]
    previous_seats: Mapped[int | None] = mapped_column(BigInteger)
    seats: Mapped[int | None] = mapped_column(BigInteger)
    previous_arr: Mapped[Money]
    arr: Mapped[Money]
    previous_end_date: Mapped[date]
    end_date: Mapped[date]
    recorded_at: Mapped[datetime]


class UsageReading(Record, Base):
    """What the product measured of a subscription on a day. Never changed."""

    __tablename__ = "usage_readings"
    __table_args__ = (
        reference("subscription_id", "pipeline.subscriptions"),
        UniqueConstraint("workspace_id", "subscription_id", "measured_on"),
        {"schema": SCHEMA},
    )

    subscription_id: Mapped[UUID]
    measured_on: Mapped[date]
    active_users: Mapped[int | None] = mapped_column(BigInteger)
    seats_used: Mapped[int | None] = mapped_column(BigInteger)
    features: Mapped[dict]
    tier: Mapped[str | None]
    actor: Mapped[str]
    recorded_at: Mapped[datetime]


class Suggestion(Record, Base):
    """What use says about a subscription's renewal or growth, and what somebody made of it.
    `cleared_at`: the signal behind a decided one has gone, so the next one may be raised."""

    __tablename__ = "suggestions"
    __table_args__ = (
        reference("subscription_id", "pipeline.subscriptions"),
        reference("opportunity_id", "pipeline.opportunities"),
        Index(None, "workspace_id", "subscription_id", "kind", "id"),
        Index(None, "workspace_id", "opportunity_id"),
        Index(None, "workspace_id", "state", "id"),
        Index(
            "ux_suggestions_open",
            "workspace_id",
            "subscription_id",
            "kind",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
        {"schema": SCHEMA},
    )

    version: Mapped[int]
    kind: Mapped[str]
    subscription_id: Mapped[UUID]
    opportunity_id: Mapped[UUID | None]
    value: Mapped[str]
    evidence: Mapped[dict]
    state: Mapped[str]
    policy_version: Mapped[int]
    reason: Mapped[str | None]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    cleared_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Onboarding(Record, Base):
    """How a subscription is taken into use. `next_due_on` is the first day of what is open."""

    __tablename__ = "onboardings"
    __table_args__ = (
        reference("subscription_id", "pipeline.subscriptions"),
        UniqueConstraint("workspace_id", "subscription_id"),
        Index(
            "ix_onboardings_open",
            "workspace_id",
            "next_due_on",
            "id",
            postgresql_where=text("completed_at IS NULL"),
        ),
        {"schema": SCHEMA},
    )

    subscription_id: Mapped[UUID]
    version: Mapped[int]
    started_on: Mapped[date]
    steps: Mapped[list]
    trainings: Mapped[list]
    first_value_on: Mapped[date | None]
    adoption_done_on: Mapped[date | None]
    next_due_on: Mapped[date | None]
    completed_at: Mapped[datetime | None]
    policy_version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class AccountReview(Record, Base):
    """A look at an account before its renewal, and what came of it. Never changed."""

    __tablename__ = "account_reviews"
    __table_args__ = (
        reference("account_id", "pipeline.accounts"),
        reference("subscription_id", "pipeline.subscriptions"),
        Index(None, "workspace_id", "account_id", "held_on"),
        {"schema": SCHEMA},
    )

    account_id: Mapped[UUID]
    subscription_id: Mapped[UUID | None]
    kind: Mapped[str]
    held_on: Mapped[date]
    looked_at: Mapped[list[str]] = mapped_column(ARRAY(Text))
    outcome: Mapped[str]
    note: Mapped[str | None]
    actor: Mapped[str]
    recorded_at: Mapped[datetime]


class KnownIssue(Record, Base):
    """A problem that comes up again and again, and its answer."""

    __tablename__ = "known_issues"
    __table_args__ = (
        UniqueConstraint("workspace_id", "external_id"),
        Index(None, "workspace_id", "occurrences", "id"),
        {"schema": SCHEMA},
    )

    external_id: Mapped[str | None]
    version: Mapped[int]
    title: Mapped[str]
    problem: Mapped[str]
    answer: Mapped[str | None]
    occurrences: Mapped[Count]
    last_occurred_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class IssueOccurrence(Record, Base):
    """A known issue came up at an account. Never changed."""

    __tablename__ = "issue_occurrences"
    __table_args__ = (
        reference("issue_id", "pipeline.known_issues"),
        reference("account_id", "pipeline.accounts"),
        Index(None, "workspace_id", "account_id", "id"),
        Index(None, "workspace_id", "issue_id", "id"),
        {"schema": SCHEMA},
    )

    issue_id: Mapped[UUID]
    account_id: Mapped[UUID]
    note: Mapped[str | None]
    actor: Mapped[str]
    occurred_at: Mapped[datetime]
