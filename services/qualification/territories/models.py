"""Tables of territories (schema `qualification`). No behaviour lives here."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, Index, Numeric, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Record, reference

SCHEMA = "qualification"


class Territory(Record, Base):
    """A book of business. Owners are users; their order means nothing."""

    __tablename__ = "territories"
    __table_args__ = (UniqueConstraint("workspace_id", "external_id"), {"schema": SCHEMA})

    external_id: Mapped[str]
    version: Mapped[int]
    name: Mapped[str]
    segment: Mapped[str | None]
    region: Mapped[str | None]
    area: Mapped[str | None]
    owner_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Organisation(Record, Base):
    """A company of a territory that is, or may become, a customer. The account is named, not
    referenced: it is pipeline's, and need not exist yet."""

    __tablename__ = "organisations"
    __table_args__ = (
        UniqueConstraint("workspace_id", "external_id"),
        reference("territory_id", "qualification.territories"),
        Index(None, "workspace_id", "territory_id", "id"),
        Index(
            "ix_organisations_account",
            "workspace_id",
            "account_external_id",
            postgresql_where=text("account_external_id IS NOT NULL"),
        ),
        {"schema": SCHEMA},
    )

    territory_id: Mapped[UUID]
    external_id: Mapped[str]
    version: Mapped[int]
    name: Mapped[str]
    account_external_id: Mapped[str | None]
    vertical: Mapped[str | None]
    route_to_market: Mapped[str | None]
    employees: Mapped[int | None] = mapped_column(BigInteger)
    is_customer: Mapped[bool]
    active: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Division(Record, Base):
    """A department, division or branch. It has no colour of its own: `division_colours` says it,
    and `statements` counts what is there, so that a new statement is a new version."""

    __tablename__ = "divisions"
    __table_args__ = (
        UniqueConstraint("workspace_id", "organisation_id", "external_id"),
        reference("organisation_id", "qualification.organisations"),
        reference("parent_id", "qualification.divisions"),
        Index(None, "workspace_id", "organisation_id", "id"),
        Index(None, "workspace_id", "parent_id"),
        {"schema": SCHEMA},
    )

    organisation_id: Mapped[UUID]
    parent_id: Mapped[UUID | None]
    external_id: Mapped[str]
    version: Mapped[int]
    name: Mapped[str]
    kind: Mapped[str]
    practises_devops: Mapped[bool | None]
    users: Mapped[int | None] = mapped_column(BigInteger)
    contact: Mapped[str | None]
    note: Mapped[str | None]
    early_adopter: Mapped[bool]
    active: Mapped[bool]
    statements: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class DivisionColour(Record, Base):
    """One statement of a division's colour: who said so, when it was so, when it was recorded.
    Never changed; a null colour takes back what was said before."""

    __tablename__ = "division_colours"
    __table_args__ = (
        reference("division_id", "qualification.divisions"),
        # The statements of a division in the order in which they hold.
        Index(
            "ix_division_colours_in_force",
            "workspace_id",
            "division_id",
            "occurred_at",
            "recorded_at",
            "id",
        ),
        {"schema": SCHEMA},
    )

    division_id: Mapped[UUID]
    colour: Mapped[str | None]
    said_by: Mapped[str]
    evidence: Mapped[str | None]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    actor: Mapped[str]


class VerticalPlan(Record, Base):
    """How a territory means to grow in one vertical: strategy, objectives and their tactics."""

    __tablename__ = "vertical_plans"
    __table_args__ = (
        UniqueConstraint("workspace_id", "territory_id", "vertical"),
        reference("territory_id", "qualification.territories"),
        {"schema": SCHEMA},
    )

    territory_id: Mapped[UUID]
    vertical: Mapped[str]
    version: Mapped[int]
    routes_strategy: Mapped[str | None]
    objectives: Mapped[list]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    updated_by: Mapped[str]


class TerritoryTeam(Record, Base):
    """Who works a territory beside its owners: the people of each of the eight roles."""

    __tablename__ = "territory_teams"
    __table_args__ = (
        UniqueConstraint("workspace_id", "territory_id"),
        reference("territory_id", "qualification.territories"),
        {"schema": SCHEMA},
    )

    territory_id: Mapped[UUID]
    version: Mapped[int]
    people: Mapped[dict]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    updated_by: Mapped[str]


class OrganisationRank(Record, Base):
    """One ranking of an organisation by somebody for a fiscal year. Never changed."""

    __tablename__ = "organisation_ranks"
    __table_args__ = (
        reference("organisation_id", "qualification.organisations"),
        reference("ranked_by_id", "workspace.users"),
        Index(
            "ix_organisation_ranks_in_force",
            "workspace_id",
            "organisation_id",
            "ranked_at",
            "recorded_at",
            "id",
        ),
        Index(None, "workspace_id", "ranked_by_id"),
        {"schema": SCHEMA},
    )

    organisation_id: Mapped[UUID]
    rank: Mapped[Decimal] = mapped_column(Numeric(2, 1))
    reason: Mapped[str | None]
    sources: Mapped[list]
    segment: Mapped[str]
    fiscal_year: Mapped[int]
    ranked_by_id: Mapped[UUID | None]
    ranked_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    actor: Mapped[str]
    policy_version: Mapped[int]
