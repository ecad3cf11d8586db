"""Tables of engagement (schema `qualification`). No behaviour lives here."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Money, Record, Tenant, reference

SCHEMA = "qualification"


class EngagementActivity(Record, Base):
    """Something done to get in touch with customers. Territory, organisations and divisions are
    named, not referenced: an activity may be planned before the map of the territory is drawn."""

    __tablename__ = "engagement_activities"
    __table_args__ = (
        UniqueConstraint("workspace_id", "external_id"),
        reference("owner_id", "workspace.users"),
        Index(None, "workspace_id", "owner_id"),
        Index(None, "workspace_id", "territory_external_id"),
        Index(None, "workspace_id", "kind", "id"),
        {"schema": SCHEMA},
    )

    external_id: Mapped[str]
    version: Mapped[int]
    kind: Mapped[str]
    name: Mapped[str]
    state: Mapped[str]
    territory_external_id: Mapped[str | None]
    owner_id: Mapped[UUID | None]
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    cadence: Mapped[str]
    vertical: Mapped[str | None]
    organisation_external_ids: Mapped[list[Any]]
    division_external_ids: Mapped[list[Any]]
    partner_name: Mapped[str | None]
    answers: Mapped[list[Any]]
    value_messages: Mapped[list[Any]]
    briefing_materials: Mapped[list[Any]]
    cost: Mapped[Money | None]
    notes: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class EngagementOpportunity(Tenant, Base):
    """An activity named for an opportunity by a person: as what brought it, or as one that helped."""

    __tablename__ = "engagement_opportunities"
    __table_args__ = (
        reference("activity_id", "qualification.engagement_activities"),
        # One activity brings an opportunity, however many help.
        Index(
            "uq_engagement_opportunities_sourced",
            "workspace_id",
            "opportunity_id",
            unique=True,
            postgresql_where=text("role = 'sourced'"),
        ),
        Index(None, "workspace_id", "opportunity_id"),
        {"schema": SCHEMA},
    )

    activity_id: Mapped[UUID] = mapped_column(primary_key=True)
    opportunity_id: Mapped[UUID] = mapped_column(primary_key=True)
    role: Mapped[str]
    named_by: Mapped[str]
    named_at: Mapped[datetime]


class EngagementPartner(Record, Base):
    """A company asked to sell with us, once for each kind of partner it may be. `name_key` is its
    name without case and outer blanks."""

    __tablename__ = "engagement_partners"
    __table_args__ = (
        UniqueConstraint("workspace_id", "kind", "name_key"),
        reference("activity_id", "qualification.engagement_activities"),
        Index(None, "workspace_id", "activity_id"),
        {"schema": SCHEMA},
    )

    version: Mapped[int]
    kind: Mapped[str]
    name: Mapped[str]
    name_key: Mapped[str]
    state: Mapped[str]
    state_since: Mapped[datetime]
    next_step: Mapped[str | None]
    next_step_date: Mapped[date | None]
    activity_id: Mapped[UUID]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class EngagementPartnerMove(Record, Base):
    """One step of recruiting a partner, and the activity it was made in. Never changed."""

    __tablename__ = "engagement_partner_moves"
    __table_args__ = (
        reference("partner_id", "qualification.engagement_partners"),
        reference("activity_id", "qualification.engagement_activities"),
        Index(None, "workspace_id", "partner_id", "id"),
        Index(None, "workspace_id", "activity_id"),
        {"schema": SCHEMA},
    )

    partner_id: Mapped[UUID]
    activity_id: Mapped[UUID | None]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    next_step: Mapped[str | None]
    actor: Mapped[str]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
