"""Bookings: approvals and what special cases of Net ARR are made of."""

from __future__ import annotations

from alembic import op

from migrations import layout

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_TABLES = ("booking_links", "booking_approvals", "late_renewals", "seat_reconciliations")


def upgrade() -> None:
    _create_links()
    _create_approvals()
    _create_late_renewals()
    _create_reconciliations()
    for table in _TABLES:
        for role in ("leadline_pipeline", "leadline_worker"):
            op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON pipeline.{table} TO {role}")


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE pipeline.{table}")


def _refer(table: str, column: str, target: str) -> None:
    op.execute(
        f"ALTER TABLE pipeline.{table}"
        f" ADD CONSTRAINT fk_{table}_workspace_id_{column}"
        f" FOREIGN KEY (workspace_id, {column}) REFERENCES pipeline.{target} (workspace_id, id)"
    )


def _create_links() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.booking_links (
            workspace_id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            kind TEXT NOT NULL,
            source_id UUID NOT NULL,
            position SMALLINT NOT NULL,
            details JSONB NOT NULL,
            actor TEXT NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_booking_links PRIMARY KEY (workspace_id, opportunity_id)
        )
        """
    )
    layout.place("pipeline.booking_links")
    op.execute(
        "CREATE INDEX ix_booking_links_workspace_id_source_id"
        " ON pipeline.booking_links (workspace_id, source_id)"
    )
    _refer("booking_links", "opportunity_id", "opportunities")
    _refer("booking_links", "source_id", "opportunities")


def _create_approvals() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.booking_approvals (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            submitted_at TIMESTAMP WITH TIME ZONE NOT NULL,
            kind TEXT NOT NULL,
            decision TEXT NOT NULL,
            note TEXT,
            actor TEXT NOT NULL,
            decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
            policy_version INTEGER NOT NULL,
            CONSTRAINT pk_booking_approvals PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("pipeline.booking_approvals")
    op.execute(
        "CREATE UNIQUE INDEX ix_booking_approvals_round"
        " ON pipeline.booking_approvals (workspace_id, opportunity_id, submitted_at, kind)"
    )
    _refer("booking_approvals", "opportunity_id", "opportunities")


def _create_late_renewals() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.late_renewals (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            reason TEXT NOT NULL,
            impact TEXT NOT NULL,
            new_date DATE NOT NULL,
            actor TEXT NOT NULL,
            granted_at TIMESTAMP WITH TIME ZONE NOT NULL,
            policy_version INTEGER NOT NULL,
            CONSTRAINT pk_late_renewals PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("pipeline.late_renewals")
    op.execute(
        "CREATE INDEX ix_late_renewals_workspace_id_opportunity_id"
        " ON pipeline.late_renewals (workspace_id, opportunity_id)"
    )
    _refer("late_renewals", "opportunity_id", "opportunities")


def _create_reconciliations() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.seat_reconciliations (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            subscription_id UUID NOT NULL,
            term_start DATE NOT NULL,
            quarter SMALLINT NOT NULL,
            licensed_seats BIGINT NOT NULL,
            peak_seats BIGINT NOT NULL,
            seat_price NUMERIC(18, 2) NOT NULL,
            invoiced NUMERIC(18, 2) NOT NULL,
            opportunity_id UUID,
            actor TEXT NOT NULL,
            recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_seat_reconciliations PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("pipeline.seat_reconciliations")
    op.execute(
        "CREATE UNIQUE INDEX ix_seat_reconciliations_quarter"
        " ON pipeline.seat_reconciliations (workspace_id, subscription_id, term_start, quarter)"
    )
    _refer("seat_reconciliations", "subscription_id", "subscriptions")
    _refer("seat_reconciliations", "opportunity_id", "opportunities")
