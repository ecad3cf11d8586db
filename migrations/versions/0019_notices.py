"""Stale deals and late renewals: clocks, and the notices people get."""

from __future__ import annotations

from alembic import op

from migrations import layout

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_TABLES = ("notices", "clocks")


def upgrade() -> None:
    _create_notices()
    _create_clocks()
    for table in _TABLES:
        for role in ("leadline_pipeline", "leadline_worker"):
            op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON pipeline.{table} TO {role}")


def downgrade() -> None:
    # The feed keeps its entries of notices: it has no end and no gaps.
    op.execute("DELETE FROM pipeline.outbox WHERE kind = 'notice'")
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE pipeline.{table}")


def _create_notices() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.notices (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            kind TEXT NOT NULL,
            key TEXT NOT NULL,
            user_id UUID NOT NULL,
            subject TEXT NOT NULL,
            message TEXT NOT NULL,
            opportunity_id UUID,
            account_id UUID,
            details JSONB DEFAULT '{}' NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            read_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT pk_notices PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_notices_workspace_id_kind_key_user_id
                UNIQUE (workspace_id, kind, key, user_id)
        )
        """
    )
    layout.place("pipeline.notices")
    op.execute(
        "CREATE INDEX ix_notices_workspace_id_user_id_id"
        " ON pipeline.notices (workspace_id, user_id, id)"
    )
    op.execute(
        "CREATE INDEX ix_notices_unread ON pipeline.notices (workspace_id, user_id, id)"
        " WHERE read_at IS NULL"
    )
    op.execute(
        "CREATE INDEX ix_notices_workspace_id_opportunity_id_id"
        " ON pipeline.notices (workspace_id, opportunity_id, id)"
    )
    for column, target in (
        ("user_id", "workspace.users"),
        ("opportunity_id", "pipeline.opportunities"),
        ("account_id", "pipeline.accounts"),
    ):
        op.execute(
            f"ALTER TABLE pipeline.notices ADD CONSTRAINT fk_notices_workspace_id_{column}"
            f" FOREIGN KEY (workspace_id, {column}) REFERENCES {target} (workspace_id, id)"
        )


def _create_clocks() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.clocks (
            workspace_id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            kind TEXT NOT NULL,
            run TEXT NOT NULL,
            started_at TIMESTAMP WITH TIME ZONE NOT NULL,
            done JSONB NOT NULL,
            due_at TIMESTAMP WITH TIME ZONE,
            deadline_at TIMESTAMP WITH TIME ZONE,
            ended_at TIMESTAMP WITH TIME ZONE,
            outcome TEXT,
            minutes BIGINT,
            policy_version INTEGER NOT NULL,
            CONSTRAINT pk_clocks PRIMARY KEY (workspace_id, opportunity_id, kind)
        )
        """
    )
    layout.place("pipeline.clocks")
    op.execute(
        "CREATE INDEX ix_clocks_workspace_id_due_at_opportunity_id_kind"
        " ON pipeline.clocks (workspace_id, due_at, opportunity_id, kind)"
    )
    op.execute(
        "CREATE INDEX ix_clocks_acceptance ON pipeline.clocks (workspace_id, started_at)"
        " WHERE kind = 'acceptance'"
    )
    op.execute(
        "ALTER TABLE pipeline.clocks ADD CONSTRAINT fk_clocks_workspace_id_opportunity_id"
        " FOREIGN KEY (workspace_id, opportunity_id)"
        " REFERENCES pipeline.opportunities (workspace_id, id)"
    )
