"""Followers of the feed, and what pipeline has to do later."""

from __future__ import annotations

from alembic import op

from migrations import layout

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_TABLES = ("timers", "followers", "rechecks", "follow_ups_due")


def upgrade() -> None:
    _create_timers()
    _create_followers()
    _create_rechecks()
    _create_follow_ups_due()
    # Which followers lag behind is found over all workspaces at once.
    layout.discoverable("pipeline.feed")
    for table in _TABLES:
        layout.discoverable(f"pipeline.{table}")
        for role in ("leadline_pipeline", "leadline_worker"):
            op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON pipeline.{table} TO {role}")


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE pipeline.{table}")
    op.execute("DROP POLICY pipeline_feed_discovery ON pipeline.feed")


def _create_timers() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.timers (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            kind TEXT NOT NULL,
            subject_id UUID NOT NULL,
            due_at TIMESTAMP WITH TIME ZONE NOT NULL,
            attempts SMALLINT DEFAULT 0 NOT NULL,
            last_error TEXT,
            parked_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT pk_timers PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_timers_workspace_id_kind_subject_id
                UNIQUE (workspace_id, kind, subject_id)
        )
        """
    )
    layout.place("pipeline.timers")
    op.execute("CREATE INDEX ix_timers_due_at ON pipeline.timers (due_at) WHERE parked_at IS NULL")
    op.execute(
        "CREATE INDEX ix_timers_workspace_id_due_at ON pipeline.timers (workspace_id, due_at)"
        " WHERE parked_at IS NULL"
    )


def _create_followers() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.followers (
            workspace_id UUID NOT NULL,
            name TEXT NOT NULL,
            position BIGINT NOT NULL,
            swept_through UUID,
            failures SMALLINT NOT NULL,
            last_error TEXT,
            retry_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT pk_followers PRIMARY KEY (workspace_id, name)
        )
        """
    )
    layout.place("pipeline.followers")


def _create_rechecks() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.rechecks (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            follower TEXT NOT NULL,
            opportunity_id UUID NOT NULL,
            CONSTRAINT pk_rechecks PRIMARY KEY (workspace_id, follower, id)
        )
        """
    )
    layout.place("pipeline.rechecks")


def _create_follow_ups_due() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.follow_ups_due (
            workspace_id UUID NOT NULL,
            follower TEXT NOT NULL,
            opportunity_id UUID NOT NULL,
            due_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_follow_ups_due PRIMARY KEY (workspace_id, follower, opportunity_id)
        )
        """
    )
    layout.place("pipeline.follow_ups_due")
    op.execute(
        "CREATE INDEX ix_follow_ups_due_workspace_id_follower_due_at"
        " ON pipeline.follow_ups_due (workspace_id, follower, due_at)"
    )
