"""MEDDPPICC, command plans and consults."""

from __future__ import annotations

from alembic import op

from migrations import layout

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_PUBLISHED = ("pipeline.published_opportunities", "pipeline.published_accounts")


def upgrade() -> None:
    _create_command_plans()
    _create_command_plan_versions()
    _create_evidence_changes()
    _create_consults()
    layout.grant(
        "qualification",
        "SELECT, INSERT, UPDATE, DELETE",
        "leadline_qualification",
        "leadline_worker",
    )
    # What qualification knows of an opportunity stands in pipeline's gates: read, never written.
    op.execute("GRANT USAGE ON SCHEMA qualification TO leadline_pipeline")
    op.execute("GRANT SELECT ON qualification.command_plans TO leadline_pipeline")
    for view in _PUBLISHED:
        op.execute(f"GRANT SELECT ON {view} TO leadline_pipeline")


def downgrade() -> None:
    for view in _PUBLISHED:
        op.execute(f"REVOKE SELECT ON {view} FROM leadline_pipeline")
    for table in ("consults", "evidence_changes", "command_plan_versions", "command_plans"):
        op.execute(f"DROP TABLE qualification.{table}")


def _create_command_plans() -> None:
    op.execute(
        """
        CREATE TABLE qualification.command_plans (
            workspace_id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            version INTEGER NOT NULL,
            sections JSONB NOT NULL,
            elements JSONB NOT NULL,
            elements_version INTEGER NOT NULL,
            elements_at TIMESTAMP WITH TIME ZONE,
            touched_at TIMESTAMP WITH TIME ZONE,
            touched_by TEXT,
            met_at TIMESTAMP WITH TIME ZONE,
            overview_filled SMALLINT NOT NULL,
            elements_filled SMALLINT NOT NULL,
            step_count INTEGER NOT NULL,
            CONSTRAINT pk_command_plans PRIMARY KEY (workspace_id, opportunity_id)
        )
        """
    )
    layout.place("qualification.command_plans")


def _create_command_plan_versions() -> None:
    op.execute(
        """
        CREATE TABLE qualification.command_plan_versions (
            workspace_id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            version INTEGER NOT NULL,
            sections JSONB NOT NULL,
            elements JSONB NOT NULL,
            elements_version INTEGER NOT NULL,
            changes JSONB NOT NULL,
            author TEXT NOT NULL,
            saved_at TIMESTAMP WITH TIME ZONE NOT NULL,
            policy_version INTEGER NOT NULL,
            CONSTRAINT pk_command_plan_versions
                PRIMARY KEY (workspace_id, opportunity_id, version)
        )
        """
    )
    layout.place("qualification.command_plan_versions")


def _create_evidence_changes() -> None:
    op.execute(
        """
        CREATE TABLE qualification.evidence_changes (
            workspace_id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            version INTEGER NOT NULL,
            element TEXT NOT NULL,
            before JSONB,
            after JSONB,
            author TEXT NOT NULL,
            changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_evidence_changes
                PRIMARY KEY (workspace_id, opportunity_id, version, element)
        )
        """
    )
    layout.place("qualification.evidence_changes")


def _create_consults() -> None:
    op.execute(
        """
        CREATE TABLE qualification.consults (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            held_on DATE NOT NULL,
            stage TEXT NOT NULL,
            context TEXT NOT NULL,
            contact_external_ids JSONB NOT NULL,
            why_us TEXT,
            goals TEXT,
            next_steps TEXT,
            participants JSONB NOT NULL,
            questions JSONB NOT NULL,
            critiques JSONB NOT NULL,
            outcome TEXT,
            risk_found TEXT,
            author TEXT NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_consults PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("qualification.consults")
    op.execute(
        "CREATE INDEX ix_consults_workspace_id_opportunity_id_id"
        " ON qualification.consults (workspace_id, opportunity_id, id)"
    )
    op.execute(
        "CREATE INDEX ix_consults_held_on"
        " ON qualification.consults (workspace_id, opportunity_id, held_on)"
    )
