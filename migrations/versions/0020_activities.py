"""Activities on opportunities and accounts."""

from __future__ import annotations

from alembic import op

from migrations import layout

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_REFERENCES = {
    "opportunity_id": "pipeline.opportunities",
    "account_id": "pipeline.accounts",
    "user_id": "workspace.users",
    "rebooks_id": "pipeline.activities",
}


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.activities (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            external_id TEXT,
            version INTEGER NOT NULL,
            kind TEXT NOT NULL,
            direction TEXT,
            subject TEXT,
            body TEXT,
            state TEXT NOT NULL,
            occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
            scheduled_for TIMESTAMP WITH TIME ZONE,
            duration_minutes INTEGER,
            opportunity_id UUID,
            account_id UUID,
            contact_external_ids TEXT[] NOT NULL,
            user_id UUID,
            actor TEXT NOT NULL,
            is_qualification BOOLEAN NOT NULL,
            is_preparation BOOLEAN NOT NULL,
            step TEXT,
            steps SMALLINT NOT NULL DEFAULT 0,
            outcome TEXT,
            purpose TEXT,
            buyer_stage TEXT,
            rebooks_id UUID,
            details JSONB,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_activities PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_activities_workspace_id_external_id UNIQUE (workspace_id, external_id)
        )
        """
    )
    layout.place("pipeline.activities")
    _create_indexes()
    for column, target in _REFERENCES.items():
        op.execute(
            f"ALTER TABLE pipeline.activities"
            f" ADD CONSTRAINT fk_activities_workspace_id_{column}"
            f" FOREIGN KEY (workspace_id, {column}) REFERENCES {target} (workspace_id, id)"
        )
    for role in ("leadline_pipeline", "leadline_worker"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON pipeline.activities TO {role}")


def downgrade() -> None:
    op.execute("DROP TABLE pipeline.activities")


def _create_indexes() -> None:
    # Lists: of all, of an account, of a user, of a kind.
    for columns in (
        ("occurred_at",),
        ("account_id", "occurred_at"),
        ("user_id", "occurred_at"),
        ("kind", "occurred_at"),
    ):
        op.execute(
            f"CREATE INDEX ix_activities_workspace_id_{'_'.join(columns)}"
            f" ON pipeline.activities (workspace_id, {', '.join(columns)})"
        )
    # Qualification calls are few among all that is logged.
    op.execute(
        "CREATE INDEX ix_activities_qualification"
        " ON pipeline.activities (workspace_id, occurred_at) WHERE is_qualification"
    )
    # Lists of an opportunity, follow-ups of many of them, customers that were contacted.
    op.execute(
        "CREATE INDEX ix_activities_steps"
        " ON pipeline.activities (workspace_id, opportunity_id, occurred_at)"
        " INCLUDE (steps, state, kind)"
    )
    op.execute(
        "CREATE INDEX ix_activities_open_objections"
        " ON pipeline.activities (workspace_id, opportunity_id)"
        " WHERE kind = 'objection' AND state = 'done' AND details->>'state' = 'open'"
    )
    op.execute(
        "CREATE INDEX ix_activities_contacts"
        " ON pipeline.activities (workspace_id, account_id, occurred_at)"
        " WHERE state = 'done' AND NOT is_preparation"
        " AND kind IN ('call', 'meeting', 'demo', 'calendar', 'email', 'social', 'documentation')"
        " AND (outcome IS NULL OR lower(outcome) NOT IN ('no_answer', 'bounced'))"
    )
    # What is planned, missed or called off are few among all that was done.
    op.execute(
        "CREATE INDEX ix_activities_not_done"
        " ON pipeline.activities (workspace_id, state, occurred_at) WHERE state <> 'done'"
    )
    op.execute(
        "CREATE INDEX ix_activities_rebooks"
        " ON pipeline.activities (workspace_id, rebooks_id) WHERE rebooks_id IS NOT NULL"
    )
