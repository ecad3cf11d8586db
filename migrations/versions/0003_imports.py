"""Imports: the files in pieces, how far they are, and the rows that did not go in."""

from __future__ import annotations

from alembic import op

from migrations import layout

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_imports()
    _create_import_chunks()
    _create_import_rows()
    _create_import_errors()
    layout.discoverable("pipeline.imports")
    layout.grant(
        "pipeline", "SELECT, INSERT, UPDATE, DELETE", "leadline_pipeline", "leadline_worker"
    )


def downgrade() -> None:
    op.execute("DROP TABLE pipeline.import_errors")
    op.execute("DROP TABLE pipeline.import_rows")
    op.execute("DROP TABLE pipeline.import_chunks")
    op.execute("DROP TABLE pipeline.imports")


def _create_imports() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.imports (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            mapping JSONB NOT NULL,
            mapping_name TEXT NOT NULL,
            files JSONB NOT NULL,
            bytes_total BIGINT NOT NULL,
            status TEXT NOT NULL,
            position JSONB NOT NULL,
            counts JSONB NOT NULL,
            warnings JSONB NOT NULL,
            errors_total BIGINT NOT NULL,
            actor TEXT NOT NULL,
            actor_roles TEXT[] NOT NULL,
            error TEXT,
            attempts SMALLINT NOT NULL,
            lease_token UUID,
            lease_until TIMESTAMP WITH TIME ZONE,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            started_at TIMESTAMP WITH TIME ZONE,
            finished_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT pk_imports PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("pipeline.imports")
    op.execute(
        "CREATE INDEX ix_imports_workspace_id_status ON pipeline.imports (workspace_id, status)"
    )


def _create_import_chunks() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.import_chunks (
            workspace_id UUID NOT NULL,
            import_id UUID NOT NULL,
            file INTEGER NOT NULL,
            number INTEGER NOT NULL,
            body BYTEA NOT NULL,
            CONSTRAINT pk_import_chunks PRIMARY KEY (workspace_id, import_id, file, number)
        )
        """
    )
    layout.place("pipeline.import_chunks")
    # Pieces of files are compressed already or read once; the time to compress them is lost.
    op.execute("ALTER TABLE pipeline.import_chunks ALTER COLUMN body SET STORAGE EXTERNAL")
    op.execute(
        "ALTER TABLE pipeline.import_chunks ADD CONSTRAINT fk_import_chunks_workspace_id_import_id"
        " FOREIGN KEY (workspace_id, import_id) REFERENCES pipeline.imports (workspace_id, id)"
    )


def _create_import_rows() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.import_rows (
            workspace_id UUID NOT NULL,
            import_id UUID NOT NULL,
            step INTEGER NOT NULL,
            key TEXT NOT NULL,
            line BIGINT NOT NULL,
            body JSONB,
            CONSTRAINT pk_import_rows PRIMARY KEY (workspace_id, import_id, step, key, line)
        )
        """
    )
    layout.place("pipeline.import_rows")
    op.execute(
        "ALTER TABLE pipeline.import_rows ADD CONSTRAINT fk_import_rows_workspace_id_import_id"
        " FOREIGN KEY (workspace_id, import_id) REFERENCES pipeline.imports (workspace_id, id)"
    )


def _create_import_errors() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.import_errors (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            import_id UUID NOT NULL,
            file TEXT NOT NULL,
            line BIGINT NOT NULL,
            record TEXT NOT NULL,
            field TEXT,
            code TEXT NOT NULL,
            message TEXT NOT NULL,
            severity TEXT NOT NULL,
            CONSTRAINT pk_import_errors PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("pipeline.import_errors")
    op.execute(
        "CREATE INDEX ix_import_errors_workspace_id_import_id_severity_id"
        " ON pipeline.import_errors (workspace_id, import_id, severity, id)"
    )
    op.execute(
        "ALTER TABLE pipeline.import_errors ADD CONSTRAINT fk_import_errors_workspace_id_import_id"
        " FOREIGN KEY (workspace_id, import_id) REFERENCES pipeline.imports (workspace_id, id)"
    )
