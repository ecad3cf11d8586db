"""Tables of activities (schema `pipeline`). No behaviour lives here."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Record, reference
from services.pipeline.models import SCHEMA

# As statements must say it, too: a parameter would prove nothing about a partial index.
OPEN_OBJECTION = "kind = 'objection' AND state = 'done' AND details->>'state' = 'open'"
CONTACT = (
    "state = 'done' AND NOT is_preparation"
    " AND kind IN ('call', 'meeting', 'demo', 'calendar', 'email', 'social', 'documentation')"
    " AND (outcome IS NULL OR lower(outcome) NOT IN ('no_answer', 'bounced'))"
)
"""By which somebody at the account was reached; a break-up mail is the end of reaching anybody."""


class Activity(Record, Base):
    """Something done, or planned, about an opportunity or an account. One of an opportunity names
    the opportunity's account too. `occurred_at` of a planned one is when it is to be."""

    __tablename__ = "activities"
    __table_args__ = (
        UniqueConstraint("workspace_id", "external_id"),
        reference("opportunity_id", "pipeline.opportunities"),
        reference("account_id", "pipeline.accounts"),
        reference("user_id", "workspace.users"),
        reference("rebooks_id", "pipeline.activities"),
        Index(None, "workspace_id", "occurred_at"),
        Index(
            "ix_activities_steps",
            "workspace_id",
            "opportunity_id",
            "occurred_at",
            postgresql_include=["steps", "state", "kind"],
        ),
        Index(
            "ix_activities_open_objections",
            "workspace_id",
            "opportunity_id",
            postgresql_where=text(OPEN_OBJECTION),
        ),
        Index(
            "ix_activities_contacts",
            "workspace_id",
            "account_id",
            "occurred_at",
            postgresql_where=text(CONTACT),
        ),
        Index(None, "workspace_id", "account_id", "occurred_at"),
        Index(None, "workspace_id", "user_id", "occurred_at"),
        Index(None, "workspace_id", "kind", "occurred_at"),
        Index(
            "ix_activities_qualification",
            "workspace_id",
            "occurred_at",
            postgresql_where=text("is_qualification"),
        ),
        Index(
            "ix_activities_not_done",
            "workspace_id",
            "state",
            "occurred_at",
            postgresql_where=text("state <> 'done'"),
        ),
        Index(
            "ix_activities_rebooks",
            "workspace_id",
            "rebooks_id",
            postgresql_where=text("rebooks_id IS NOT NULL"),
        ),
        {"schema": SCHEMA},
    )

    external_id: Mapped[str | None]
    version: Mapped[int]
    kind: Mapped[str]
    direction: Mapped[str | None]
    subject: Mapped[str | None]
    body: Mapped[str | None]
    state: Mapped[str]
    occurred_at: Mapped[datetime]
    scheduled_for: Mapped[datetime | None]
    duration_minutes: Mapped[int | None]
    opportunity_id: Mapped[UUID | None]
    account_id: Mapped[UUID | None]
    contact_external_ids: Mapped[list[str]] = mapped_column(ARRAY(Text))
    user_id: Mapped[UUID | None]
    actor: Mapped[str]
    is_qualification: Mapped[bool]
    is_preparation: Mapped[bool]
    step: Mapped[str | None]
    # Every step it does, stated or implied, as bits.
    steps: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    outcome: Mapped[str | None]
    # What a qualification call with a customer is about: more seats, or a higher tier.
    purpose: Mapped[str | None]
    buyer_stage: Mapped[str | None]
    rebooks_id: Mapped[UUID | None]
    details: Mapped[dict | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
