"""What an import adds up to, against what its source says."""

from __future__ import annotations

from alembic import op

from migrations import layout

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.reconciliation_rows (
            workspace_id UUID NOT NULL,
            import_id UUID NOT NULL,
            record TEXT NOT NULL,
            key TEXT NOT NULL,
            file INTEGER NOT NULL,
            line BIGINT NOT NULL,
            state TEXT NOT NULL,
            standing TEXT,
            amount NUMERIC,
            currency TEXT,
            close_date DATE,
            occurred_at TIMESTAMP WITH TIME ZONE,
            codes TEXT[] NOT NULL,
            CONSTRAINT pk_reconciliation_rows PRIMARY KEY (workspace_id, import_id, record, key)
        )
        """
    )
    layout.place("pipeline.reconciliation_rows")
    op.execute(
        "ALTER TABLE pipeline.reconciliation_rows"
        " ADD CONSTRAINT fk_reconciliation_rows_workspace_id_import_id"
        " FOREIGN KEY (workspace_id, import_id) REFERENCES pipeline.imports (workspace_id, id)"
    )
    for role in ("leadline_pipeline", "leadline_worker"):
        op.execute(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON pipeline.reconciliation_rows TO {role}"
        )


def downgrade() -> None:
    op.execute("DROP TABLE pipeline.reconciliation_rows")
