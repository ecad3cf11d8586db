"""Engagement activities and the partners they recruit; hand-overs of other systems."""

from __future__ import annotations

from alembic import op

from migrations import layout

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TABLES = (
    "engagement_partner_moves",
    "engagement_partners",
    "engagement_opportunities",
    "engagement_activities",
)


def upgrade() -> None:
    _create_activities()
    _create_opportunities()
    _create_partners()
    _create_partner_moves()
    # What another system handed over was never tested here.
    op.execute("ALTER TABLE qualification.conversions ALTER COLUMN assessment_id DROP NOT NULL")
    layout.grant(
        "qualification",
        "SELECT, INSERT, UPDATE, DELETE",
        "leadline_qualification",
        "leadline_worker",
    )


def downgrade() -> None:
    # Row-level security is forced on whoever migrates too, who would see no row to delete.
    op.execute("ALTER TABLE qualification.conversions NO FORCE ROW LEVEL SECURITY")
    op.execute("DELETE FROM qualification.conversions WHERE assessment_id IS NULL")
    op.execute("ALTER TABLE qualification.conversions FORCE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE qualification.conversions ALTER COLUMN assessment_id SET NOT NULL")
    for table in _TABLES:
        op.execute(f"DROP TABLE qualification.{table}")


def _index(table: str, *columns: str) -> None:
    op.execute(
        f"CREATE INDEX ix_{table}_workspace_id_{'_'.join(columns)}"
        f" ON qualification.{table} (workspace_id, {', '.join(columns)})"
    )


def _refer(table: str, column: str, target: str) -> None:
    op.execute(
        f"ALTER TABLE qualification.{table} ADD CONSTRAINT fk_{table}_workspace_id_{column}"
        f" FOREIGN KEY (workspace_id, {column}) REFERENCES {target} (workspace_id, id)"
    )


def _create_activities() -> None:
    op.execute(
        """
        CREATE TABLE qualification.engagement_activities (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            external_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            state TEXT NOT NULL,
            territory_external_id TEXT,
            owner_id UUID,
            starts_on DATE,
            ends_on DATE,
            cadence TEXT NOT NULL,
            vertical TEXT,
            organisation_external_ids JSONB NOT NULL,
            division_external_ids JSONB NOT NULL,
            partner_name TEXT,
            answers JSONB NOT NULL,
            value_messages JSONB NOT NULL,
            briefing_materials JSONB NOT NULL,
            cost NUMERIC(18, 2),
            notes TEXT,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_engagement_activities PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_engagement_activities_workspace_id_external_id
                UNIQUE (workspace_id, external_id)
        )
        """
    )
    layout.place("qualification.engagement_activities")
    _index("engagement_activities", "owner_id")
    _index("engagement_activities", "territory_external_id")
    _index("engagement_activities", "kind", "id")
    _refer("engagement_activities", "owner_id", "workspace.users")


def _create_opportunities() -> None:
    op.execute(
        """
        CREATE TABLE qualification.engagement_opportunities (
            workspace_id UUID NOT NULL,
            activity_id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            role TEXT NOT NULL,
            named_by TEXT NOT NULL,
            named_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_engagement_opportunities
                PRIMARY KEY (workspace_id, activity_id, opportunity_id)
        )
        """
    )
    layout.place("qualification.engagement_opportunities")
    op.execute(
        "CREATE UNIQUE INDEX uq_engagement_opportunities_sourced"
        " ON qualification.engagement_opportunities (workspace_id, opportunity_id)"
        " WHERE role = 'sourced'"
    )
    _index("engagement_opportunities", "opportunity_id")
    _refer("engagement_opportunities", "activity_id", "qualification.engagement_activities")


def _create_partners() -> None:
    op.execute(
        """
        CREATE TABLE qualification.engagement_partners (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            version INTEGER NOT NULL,
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            name_key TEXT NOT NULL,
            state TEXT NOT NULL,
            state_since TIMESTAMP WITH TIME ZONE NOT NULL,
            next_step TEXT,
            next_step_date DATE,
            activity_id UUID NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_engagement_partners PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_engagement_partners_workspace_id_kind_name_key
                UNIQUE (workspace_id, kind, name_key)
        )
        """
    )
    layout.place("qualification.engagement_partners")
    _index("engagement_partners", "activity_id")
    _refer("engagement_partners", "activity_id", "qualification.engagement_activities")


def _create_partner_moves() -> None:
    op.execute(
        """
        CREATE TABLE qualification.engagement_partner_moves (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            partner_id UUID NOT NULL,
            activity_id UUID,
            from_state TEXT,
            to_state TEXT NOT NULL,
            next_step TEXT,
            actor TEXT NOT NULL,
            occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
            recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_engagement_partner_moves PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("qualification.engagement_partner_moves")
    _index("engagement_partner_moves", "partner_id", "id")
    _index("engagement_partner_moves", "activity_id")
    _refer("engagement_partner_moves", "partner_id", "qualification.engagement_partners")
    _refer("engagement_partner_moves", "activity_id", "qualification.engagement_activities")
