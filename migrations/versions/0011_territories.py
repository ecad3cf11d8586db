"""Territories, their organisations and divisions, the colours said of them, and how they buy."""

from __future__ import annotations

from alembic import op

from migrations import layout

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TABLES = (
    "territories",
    "organisations",
    "divisions",
    "division_colours",
    "vertical_plans",
    "territory_teams",
    "organisation_ranks",
)


def upgrade() -> None:
    _create_territories()
    _create_organisations()
    _create_divisions()
    _create_division_colours()
    _create_plans_and_teams()
    _create_organisation_ranks()
    layout.grant(
        "qualification",
        "SELECT, INSERT, UPDATE, DELETE",
        "leadline_qualification",
        "leadline_worker",
    )


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE qualification.{table}")


def _refer(table: str, column: str, target: str) -> None:
    op.execute(
        f"ALTER TABLE qualification.{table} ADD CONSTRAINT fk_{table}_workspace_id_{column}"
        f" FOREIGN KEY (workspace_id, {column}) REFERENCES {target} (workspace_id, id)"
    )


def _create_territories() -> None:
    op.execute(
        """
        CREATE TABLE qualification.territories (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            external_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            name TEXT NOT NULL,
            segment TEXT,
            region TEXT,
            area TEXT,
            owner_ids UUID[] NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_territories PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_territories_workspace_id_external_id UNIQUE (workspace_id, external_id)
        )
        """
    )
    layout.place("qualification.territories")


def _create_organisations() -> None:
    op.execute(
        """
        CREATE TABLE qualification.organisations (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            territory_id UUID NOT NULL,
            external_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            name TEXT NOT NULL,
            account_external_id TEXT,
            vertical TEXT,
            route_to_market TEXT,
            employees BIGINT,
            is_customer BOOLEAN NOT NULL,
            active BOOLEAN NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_organisations PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_organisations_workspace_id_external_id UNIQUE (workspace_id, external_id)
        )
        """
    )
    layout.place("qualification.organisations")
    op.execute(
        "CREATE INDEX ix_organisations_workspace_id_territory_id_id"
        " ON qualification.organisations (workspace_id, territory_id, id)"
    )
    _refer("organisations", "territory_id", "qualification.territories")


def _create_divisions() -> None:
    op.execute(
        """
        CREATE TABLE qualification.divisions (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            organisation_id UUID NOT NULL,
            parent_id UUID,
            external_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            name TEXT NOT NULL,
            kind TEXT NOT NULL,
            practises_devops BOOLEAN,
            users BIGINT,
            contact TEXT,
            note TEXT,
            early_adopter BOOLEAN NOT NULL,
            active BOOLEAN NOT NULL,
            statements INTEGER NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_divisions PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_divisions_workspace_id_organisation_id_external_id
                UNIQUE (workspace_id, organisation_id, external_id)
        )
        """
    )
    layout.place("qualification.divisions")
    op.execute(
        "CREATE INDEX ix_divisions_workspace_id_organisation_id_id"
        " ON qualification.divisions (workspace_id, organisation_id, id)"
    )
    op.execute(
        "CREATE INDEX ix_divisions_workspace_id_parent_id"
        " ON qualification.divisions (workspace_id, parent_id)"
    )
    _refer("divisions", "organisation_id", "qualification.organisations")
    _refer("divisions", "parent_id", "qualification.divisions")


def _create_division_colours() -> None:
    op.execute(
        """
        CREATE TABLE qualification.division_colours (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            division_id UUID NOT NULL,
            colour TEXT,
            said_by TEXT NOT NULL,
            evidence TEXT,
            occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
            recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
            actor TEXT NOT NULL,
            CONSTRAINT pk_division_colours PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("qualification.division_colours")
    op.execute(
        "CREATE INDEX ix_division_colours_in_force ON qualification.division_colours"
        " (workspace_id, division_id, occurred_at, recorded_at, id)"
    )
    _refer("division_colours", "division_id", "qualification.divisions")


def _create_plans_and_teams() -> None:
    op.execute(
        """
        CREATE TABLE qualification.vertical_plans (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            territory_id UUID NOT NULL,
            vertical TEXT NOT NULL,
            version INTEGER NOT NULL,
            routes_strategy TEXT,
            objectives JSONB NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_by TEXT NOT NULL,
            CONSTRAINT pk_vertical_plans PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_vertical_plans_workspace_id_territory_id_vertical
                UNIQUE (workspace_id, territory_id, vertical)
        )
        """
    )
    layout.place("qualification.vertical_plans")
    _refer("vertical_plans", "territory_id", "qualification.territories")
    op.execute(
        """
        CREATE TABLE qualification.territory_teams (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            territory_id UUID NOT NULL,
            version INTEGER NOT NULL,
            people JSONB NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_by TEXT NOT NULL,
            CONSTRAINT pk_territory_teams PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_territory_teams_workspace_id_territory_id
                UNIQUE (workspace_id, territory_id)
        )
        """
    )
    layout.place("qualification.territory_teams")
    _refer("territory_teams", "territory_id", "qualification.territories")


def _create_organisation_ranks() -> None:
    op.execute(
        """
        CREATE TABLE qualification.organisation_ranks (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            organisation_id UUID NOT NULL,
            rank NUMERIC(2, 1) NOT NULL,
            reason TEXT,
            sources JSONB NOT NULL,
            segment TEXT NOT NULL,
            fiscal_year INTEGER NOT NULL,
            ranked_by_id UUID,
            ranked_at TIMESTAMP WITH TIME ZONE NOT NULL,
            recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
            actor TEXT NOT NULL,
            policy_version INTEGER NOT NULL,
            CONSTRAINT pk_organisation_ranks PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("qualification.organisation_ranks")
    op.execute(
        "CREATE INDEX ix_organisation_ranks_in_force ON qualification.organisation_ranks"
        " (workspace_id, organisation_id, ranked_at, recorded_at, id)"
    )
    op.execute(
        "CREATE INDEX ix_organisation_ranks_workspace_id_ranked_by_id"
        " ON qualification.organisation_ranks (workspace_id, ranked_by_id)"
    )
    _refer("organisation_ranks", "organisation_id", "qualification.organisations")
    _refer("organisation_ranks", "ranked_by_id", "workspace.users")
