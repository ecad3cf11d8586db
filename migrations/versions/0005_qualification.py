"""Leads, their acceptance tests, and the hand-over to pipeline with its outbox."""

from __future__ import annotations

from alembic import op

from migrations import layout

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA qualification")
    _create_outbox()
    _create_leads()
    _create_assessments()
    _create_conversions()
    layout.discoverable("qualification.outbox")
    layout.grant(
        "qualification",
        "SELECT, INSERT, UPDATE, DELETE",
        "leadline_qualification",
        "leadline_worker",
    )


def downgrade() -> None:
    op.execute("DROP SCHEMA qualification CASCADE")


def _create_outbox() -> None:
    op.execute(
        """
        CREATE TABLE qualification.outbox (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            kind TEXT NOT NULL,
            subject_id UUID NOT NULL,
            version INTEGER NOT NULL,
            event_id UUID,
            recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
            due_at TIMESTAMP WITH TIME ZONE NOT NULL,
            attempts SMALLINT DEFAULT 0 NOT NULL,
            last_error TEXT,
            parked_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT pk_outbox PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("qualification.outbox")
    op.execute(
        "CREATE INDEX ix_outbox_workspace_id_subject_id_version"
        " ON qualification.outbox (workspace_id, subject_id, version)"
    )


def _create_leads() -> None:
    op.execute(
        """
        CREATE TABLE qualification.leads (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            external_id TEXT,
            version INTEGER NOT NULL,
            name TEXT NOT NULL,
            email TEXT,
            title TEXT,
            company TEXT,
            account_external_id TEXT,
            employees BIGINT,
            region TEXT,
            source_kind TEXT,
            source TEXT,
            use_case TEXT,
            seats BIGINT,
            persona TEXT,
            sdr_id UUID,
            owner_id UUID,
            status TEXT NOT NULL,
            status_since TIMESTAMP WITH TIME ZONE NOT NULL,
            score INTEGER NOT NULL,
            notes TEXT,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_leads PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_leads_workspace_id_external_id UNIQUE (workspace_id, external_id)
        )
        """
    )
    layout.place("qualification.leads")
    op.execute(
        "CREATE INDEX ix_leads_workspace_id_email ON qualification.leads (workspace_id, email)"
    )
    op.execute(
        "CREATE INDEX ix_leads_workspace_id_owner_id"
        " ON qualification.leads (workspace_id, owner_id)"
    )
    op.execute(
        "CREATE INDEX ix_leads_workspace_id_sdr_id ON qualification.leads (workspace_id, sdr_id)"
    )
    op.execute(
        "CREATE INDEX ix_leads_workspace_id_status ON qualification.leads (workspace_id, status)"
    )
    op.execute(
        "ALTER TABLE qualification.leads ADD CONSTRAINT fk_leads_workspace_id_owner_id"
        " FOREIGN KEY (workspace_id, owner_id) REFERENCES workspace.users (workspace_id, id)"
    )
    op.execute(
        "ALTER TABLE qualification.leads ADD CONSTRAINT fk_leads_workspace_id_sdr_id"
        " FOREIGN KEY (workspace_id, sdr_id) REFERENCES workspace.users (workspace_id, id)"
    )


def _create_assessments() -> None:
    op.execute(
        """
        CREATE TABLE qualification.assessments (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            lead_id UUID NOT NULL,
            lead_version INTEGER NOT NULL,
            policy_version INTEGER NOT NULL,
            segment TEXT NOT NULL,
            evidence JSONB NOT NULL,
            criteria JSONB NOT NULL,
            verdict TEXT NOT NULL,
            is_convertible BOOLEAN NOT NULL,
            assessed_at TIMESTAMP WITH TIME ZONE NOT NULL,
            assessed_by TEXT NOT NULL,
            CONSTRAINT pk_assessments PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("qualification.assessments")
    op.execute(
        "CREATE INDEX ix_assessments_workspace_id_lead_id_id"
        " ON qualification.assessments (workspace_id, lead_id, id)"
    )
    op.execute(
        "ALTER TABLE qualification.assessments ADD CONSTRAINT fk_assessments_workspace_id_lead_id"
        " FOREIGN KEY (workspace_id, lead_id) REFERENCES qualification.leads (workspace_id, id)"
    )


def _create_conversions() -> None:
    op.execute(
        """
        CREATE TABLE qualification.conversions (
            workspace_id UUID NOT NULL,
            lead_id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            assessment_id UUID NOT NULL,
            request JSONB NOT NULL,
            state TEXT NOT NULL,
            reason TEXT,
            requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
            requested_by TEXT NOT NULL,
            settled_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT pk_conversions PRIMARY KEY (workspace_id, lead_id),
            CONSTRAINT uq_conversions_workspace_id_opportunity_id
                UNIQUE (workspace_id, opportunity_id)
        )
        """
    )
    layout.place("qualification.conversions")
    op.execute(
        "CREATE INDEX ix_conversions_workspace_id_assessment_id"
        " ON qualification.conversions (workspace_id, assessment_id)"
    )
    op.execute(
        "ALTER TABLE qualification.conversions"
        " ADD CONSTRAINT fk_conversions_workspace_id_assessment_id"
        " FOREIGN KEY (workspace_id, assessment_id)"
        " REFERENCES qualification.assessments (workspace_id, id)"
    )
    op.execute(
        "ALTER TABLE qualification.conversions ADD CONSTRAINT fk_conversions_workspace_id_lead_id"
        " FOREIGN KEY (workspace_id, lead_id) REFERENCES qualification.leads (workspace_id, id)"
    )
