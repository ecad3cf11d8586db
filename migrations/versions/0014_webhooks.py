"""Webhooks and what was, or is still to be, delivered to them."""

from __future__ import annotations

from alembic import op

from migrations import layout

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_webhooks()
    _create_deliveries()
    layout.discoverable("pipeline.webhooks")
    for table in ("pipeline.webhooks", "pipeline.webhook_deliveries"):
        for role in ("leadline_pipeline", "leadline_worker"):
            op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}")


def downgrade() -> None:
    op.execute("DROP TABLE pipeline.webhook_deliveries")
    op.execute("DROP TABLE pipeline.webhooks")


def _create_webhooks() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.webhooks (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            version INTEGER NOT NULL,
            url TEXT NOT NULL,
            description TEXT,
            event_types TEXT[] NOT NULL,
            secret TEXT NOT NULL,
            previous_secret TEXT,
            previous_secret_until TIMESTAMP WITH TIME ZONE,
            state TEXT NOT NULL,
            reason TEXT,
            position BIGINT NOT NULL,
            figures_position BIGINT NOT NULL,
            figures_attempts SMALLINT NOT NULL,
            figures_due_at TIMESTAMP WITH TIME ZONE,
            failures INTEGER NOT NULL,
            probe_at TIMESTAMP WITH TIME ZONE,
            lease_token UUID,
            lease_until TIMESTAMP WITH TIME ZONE,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_webhooks PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("pipeline.webhooks")
    op.execute(
        "CREATE INDEX ix_webhooks_active ON pipeline.webhooks (workspace_id) WHERE state = 'active'"
    )


def _create_deliveries() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.webhook_deliveries (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            webhook_id UUID NOT NULL,
            message_id TEXT NOT NULL,
            event_type TEXT NOT NULL,
            sequence BIGINT NOT NULL,
            subject_id UUID,
            state TEXT NOT NULL,
            attempts SMALLINT NOT NULL,
            due_at TIMESTAMP WITH TIME ZONE NOT NULL,
            history JSONB NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            settled_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT pk_webhook_deliveries PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_webhook_deliveries_workspace_id_webhook_id_message_id
                UNIQUE (workspace_id, webhook_id, message_id)
        )
        """
    )
    layout.place("pipeline.webhook_deliveries")
    op.execute(
        "CREATE INDEX ix_webhook_deliveries_waiting"
        " ON pipeline.webhook_deliveries (workspace_id, webhook_id, subject_id, sequence)"
        " WHERE state = 'pending'"
    )
    op.execute(
        "CREATE INDEX ix_webhook_deliveries_workspace_id_webhook_id_id"
        " ON pipeline.webhook_deliveries (workspace_id, webhook_id, id)"
    )
    op.execute(
        "CREATE INDEX ix_webhook_deliveries_workspace_id_settled_at"
        " ON pipeline.webhook_deliveries (workspace_id, settled_at)"
    )
    op.execute(
        "ALTER TABLE pipeline.webhook_deliveries"
        " ADD CONSTRAINT fk_webhook_deliveries_workspace_id_webhook_id"
        " FOREIGN KEY (workspace_id, webhook_id) REFERENCES pipeline.webhooks (workspace_id, id)"
    )
