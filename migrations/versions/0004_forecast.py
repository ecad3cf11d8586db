"""The ledger of figures and its sums, quotas and audits."""

from __future__ import annotations

from alembic import op

from migrations import layout

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA forecast")
    _create_audits()
    _create_batches()
    _create_cell_history()
    _create_cells()
    _create_cursors()
    _create_dimensions()
    _create_entries()
    _create_occurred_buckets()
    _create_positions()
    _create_postings()
    _create_quotas()
    _create_workers()
    layout.discoverable("forecast.audits")
    layout.grant("forecast", "SELECT, INSERT, UPDATE, DELETE", "leadline_worker")
    layout.grant("forecast", "SELECT", "leadline_forecast")
    op.execute("GRANT INSERT, UPDATE ON forecast.quotas TO leadline_forecast")
    op.execute("GRANT INSERT ON forecast.audits TO leadline_forecast")


def downgrade() -> None:
    op.execute("DROP SCHEMA forecast CASCADE")


def _create_audits() -> None:
    op.execute(
        """
        CREATE TABLE forecast.audits (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            kind TEXT NOT NULL,
            status TEXT NOT NULL,
            sequence BIGINT,
            opportunities BIGINT,
            differences JSONB NOT NULL,
            difference_count BIGINT NOT NULL,
            actor TEXT NOT NULL,
            error TEXT,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            started_at TIMESTAMP WITH TIME ZONE,
            lease_until TIMESTAMP WITH TIME ZONE,
            finished_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT pk_audits PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("forecast.audits")


def _create_batches() -> None:
    op.execute(
        """
        CREATE TABLE forecast.batches (
            workspace_id UUID NOT NULL,
            last_sequence BIGINT NOT NULL,
            first_sequence BIGINT NOT NULL,
            posted_at TIMESTAMP WITH TIME ZONE NOT NULL,
            last_event_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT pk_batches PRIMARY KEY (workspace_id, last_sequence),
            CONSTRAINT uq_batches_workspace_id_posted_at UNIQUE (workspace_id, posted_at)
        )
        """
    )
    layout.place("forecast.batches")


def _create_cell_history() -> None:
    op.execute(
        """
        CREATE TABLE forecast.cell_history (
            workspace_id UUID NOT NULL,
            fiscal_quarter INTEGER NOT NULL,
            dimensions_id UUID NOT NULL,
            owner_id UUID NOT NULL,
            sequence BIGINT NOT NULL,
            gross_closed NUMERIC(18, 2) NOT NULL,
            gross_commit NUMERIC(18, 2) NOT NULL,
            gross_best_case NUMERIC(18, 2) NOT NULL,
            loss_closed NUMERIC(18, 2) NOT NULL,
            loss_commit NUMERIC(18, 2) NOT NULL,
            loss_best_case NUMERIC(18, 2) NOT NULL,
            open_pipeline NUMERIC(18, 2) NOT NULL,
            open_stage_3_plus NUMERIC(18, 2) NOT NULL,
            open_signed NUMERIC(18, 2) NOT NULL,
            opportunity_count BIGINT NOT NULL,
            open_count BIGINT NOT NULL,
            unsized_count BIGINT NOT NULL,
            renewal_unsized_count BIGINT NOT NULL,
            contraction_uncategorised_count BIGINT NOT NULL,
            foreign_currency_count BIGINT NOT NULL,
            term_assumed_count BIGINT NOT NULL,
            CONSTRAINT pk_cell_history PRIMARY KEY (workspace_id, fiscal_quarter, dimensions_id, owner_id, sequence)
        )
        """
    )
    layout.place("forecast.cell_history")


def _create_cells() -> None:
    op.execute(
        """
        CREATE TABLE forecast.cells (
            workspace_id UUID NOT NULL,
            fiscal_quarter INTEGER NOT NULL,
            dimensions_id UUID NOT NULL,
            owner_id UUID NOT NULL,
            gross_closed NUMERIC(18, 2) NOT NULL,
            gross_commit NUMERIC(18, 2) NOT NULL,
            gross_best_case NUMERIC(18, 2) NOT NULL,
            loss_closed NUMERIC(18, 2) NOT NULL,
            loss_commit NUMERIC(18, 2) NOT NULL,
            loss_best_case NUMERIC(18, 2) NOT NULL,
            open_pipeline NUMERIC(18, 2) NOT NULL,
            open_stage_3_plus NUMERIC(18, 2) NOT NULL,
            open_signed NUMERIC(18, 2) NOT NULL,
            opportunity_count BIGINT NOT NULL,
            open_count BIGINT NOT NULL,
            unsized_count BIGINT NOT NULL,
            renewal_unsized_count BIGINT NOT NULL,
            contraction_uncategorised_count BIGINT NOT NULL,
            foreign_currency_count BIGINT NOT NULL,
            term_assumed_count BIGINT NOT NULL,
            CONSTRAINT pk_cells PRIMARY KEY (workspace_id, fiscal_quarter, dimensions_id, owner_id)
        ) WITH (fillfactor = 70)
        """
    )
    layout.place("forecast.cells")


def _create_cursors() -> None:
    op.execute(
        """
        CREATE TABLE forecast.cursors (
            workspace_id UUID NOT NULL,
            last_sequence BIGINT NOT NULL,
            last_posted_at TIMESTAMP WITH TIME ZONE NOT NULL,
            last_event_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT pk_cursors PRIMARY KEY (workspace_id)
        ) WITH (fillfactor = 70)
        """
    )
    layout.place("forecast.cursors")


def _create_dimensions() -> None:
    op.execute(
        """
        CREATE TABLE forecast.dimensions (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            segment TEXT NOT NULL,
            region TEXT NOT NULL,
            type TEXT NOT NULL,
            order_type TEXT NOT NULL,
            vertical TEXT NOT NULL,
            CONSTRAINT pk_dimensions PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("forecast.dimensions")


def _create_entries() -> None:
    op.execute(
        """
        CREATE TABLE forecast.entries (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            sequence BIGINT NOT NULL,
            opportunity_id UUID NOT NULL,
            version INTEGER NOT NULL,
            event_id UUID,
            cause TEXT NOT NULL,
            fiscal_quarter INTEGER NOT NULL,
            owner_id UUID NOT NULL,
            dimensions_id UUID NOT NULL,
            occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
            recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
            posted_at TIMESTAMP WITH TIME ZONE NOT NULL,
            gross_closed NUMERIC(18, 2) NOT NULL,
            gross_commit NUMERIC(18, 2) NOT NULL,
            gross_best_case NUMERIC(18, 2) NOT NULL,
            loss_closed NUMERIC(18, 2) NOT NULL,
            loss_commit NUMERIC(18, 2) NOT NULL,
            loss_best_case NUMERIC(18, 2) NOT NULL,
            open_pipeline NUMERIC(18, 2) NOT NULL,
            open_stage_3_plus NUMERIC(18, 2) NOT NULL,
            open_signed NUMERIC(18, 2) NOT NULL,
            opportunity_count BIGINT NOT NULL,
            open_count BIGINT NOT NULL,
            unsized_count BIGINT NOT NULL,
            renewal_unsized_count BIGINT NOT NULL,
            contraction_uncategorised_count BIGINT NOT NULL,
            foreign_currency_count BIGINT NOT NULL,
            term_assumed_count BIGINT NOT NULL,
            CONSTRAINT pk_entries PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_entries_once UNIQUE (workspace_id, opportunity_id, version, cause, occurred_at, fiscal_quarter, owner_id, dimensions_id)
        )
        """
    )
    layout.place("forecast.entries")
    op.execute(
        "CREATE INDEX ix_entries_workspace_id_fiscal_quarter_occurred_at"
        " ON forecast.entries (workspace_id, fiscal_quarter, occurred_at)"
    )
    op.execute(
        "CREATE INDEX ix_entries_workspace_id_fiscal_quarter_sequence"
        " ON forecast.entries (workspace_id, fiscal_quarter, sequence)"
    )


def _create_occurred_buckets() -> None:
    op.execute(
        """
        CREATE TABLE forecast.occurred_buckets (
            workspace_id UUID NOT NULL,
            fiscal_quarter INTEGER NOT NULL,
            dimensions_id UUID NOT NULL,
            level SMALLINT NOT NULL,
            bucket INTEGER NOT NULL,
            owner_id UUID NOT NULL,
            gross_closed NUMERIC(18, 2) NOT NULL,
            gross_commit NUMERIC(18, 2) NOT NULL,
            gross_best_case NUMERIC(18, 2) NOT NULL,
            loss_closed NUMERIC(18, 2) NOT NULL,
            loss_commit NUMERIC(18, 2) NOT NULL,
            loss_best_case NUMERIC(18, 2) NOT NULL,
            open_pipeline NUMERIC(18, 2) NOT NULL,
            open_stage_3_plus NUMERIC(18, 2) NOT NULL,
            open_signed NUMERIC(18, 2) NOT NULL,
            opportunity_count BIGINT NOT NULL,
            open_count BIGINT NOT NULL,
            unsized_count BIGINT NOT NULL,
            renewal_unsized_count BIGINT NOT NULL,
            contraction_uncategorised_count BIGINT NOT NULL,
            foreign_currency_count BIGINT NOT NULL,
            term_assumed_count BIGINT NOT NULL,
            CONSTRAINT pk_occurred_buckets PRIMARY KEY (workspace_id, fiscal_quarter, dimensions_id, level, bucket, owner_id)
        )
        """
    )
    layout.place("forecast.occurred_buckets")


def _create_positions() -> None:
    op.execute(
        """
        CREATE TABLE forecast.positions (
            workspace_id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            version INTEGER NOT NULL,
            inputs JSONB NOT NULL,
            occurred_at_max TIMESTAMP WITH TIME ZONE NOT NULL,
            fiscal_quarter INTEGER NOT NULL,
            owner_id UUID NOT NULL,
            dimensions_id UUID NOT NULL,
            gross_closed NUMERIC(18, 2) NOT NULL,
            gross_commit NUMERIC(18, 2) NOT NULL,
            gross_best_case NUMERIC(18, 2) NOT NULL,
            loss_closed NUMERIC(18, 2) NOT NULL,
            loss_commit NUMERIC(18, 2) NOT NULL,
            loss_best_case NUMERIC(18, 2) NOT NULL,
            open_pipeline NUMERIC(18, 2) NOT NULL,
            open_stage_3_plus NUMERIC(18, 2) NOT NULL,
            open_signed NUMERIC(18, 2) NOT NULL,
            opportunity_count BIGINT NOT NULL,
            open_count BIGINT NOT NULL,
            unsized_count BIGINT NOT NULL,
            renewal_unsized_count BIGINT NOT NULL,
            contraction_uncategorised_count BIGINT NOT NULL,
            foreign_currency_count BIGINT NOT NULL,
            term_assumed_count BIGINT NOT NULL,
            CONSTRAINT pk_positions PRIMARY KEY (workspace_id, opportunity_id)
        )
        """
    )
    layout.place("forecast.positions")
    op.execute(
        "CREATE INDEX ix_positions_workspace_id_fiscal_quarter_owner_id"
        " ON forecast.positions (workspace_id, fiscal_quarter, owner_id)"
    )


def _create_postings() -> None:
    op.execute(
        """
        CREATE TABLE forecast.postings (
            workspace_id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            version INTEGER NOT NULL,
            sequence BIGINT NOT NULL,
            posted_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_postings PRIMARY KEY (workspace_id, opportunity_id, version)
        )
        """
    )
    layout.place("forecast.postings")


def _create_quotas() -> None:
    op.execute(
        """
        CREATE TABLE forecast.quotas (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            period TEXT NOT NULL,
            user_id UUID NOT NULL,
            amount NUMERIC(18, 2) NOT NULL,
            recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
            recorded_by TEXT NOT NULL,
            sequence BIGINT,
            CONSTRAINT pk_quotas PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("forecast.quotas")
    op.execute(
        "CREATE INDEX ix_quotas_workspace_id_period_user_id_sequence"
        " ON forecast.quotas (workspace_id, period, user_id, sequence)"
    )


def _create_workers() -> None:
    """Of no workspace: which worker processes are alive."""
    op.execute(
        """
        CREATE TABLE forecast.workers (
            id UUID NOT NULL,
            started_at TIMESTAMP WITH TIME ZONE NOT NULL,
            beat_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_workers PRIMARY KEY (id)
        ) WITH (fillfactor = 50)
        """
    )
