"""Hygiene: findings that stand and stood, when opportunities were looked at, and sales cycles."""

from __future__ import annotations

from alembic import op

from migrations import layout

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_TABLES = ("hygiene_findings", "hygiene_history", "hygiene_states", "hygiene_looks")
_SEEN = ("organisations", "organisation_ranks")


def upgrade() -> None:
    _create_findings()
    _create_history()
    _create_states()
    _create_looks()
    for table in _TABLES:
        for role in ("leadline_pipeline", "leadline_worker"):
            op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON pipeline.{table} TO {role}")
    # What was written in plans, and whom one met, since somebody last looked.
    for column in ("touched_at", "met_at"):
        op.execute(
            f"CREATE INDEX ix_command_plans_workspace_id_{column}"
            f" ON qualification.command_plans (workspace_id, {column})"
        )
    # Whether the organisation that is an account is ranked.
    op.execute(
        "CREATE INDEX ix_organisations_account"
        " ON qualification.organisations (workspace_id, account_external_id)"
        " WHERE account_external_id IS NOT NULL"
    )
    for table in _SEEN:
        op.execute(f"GRANT SELECT ON qualification.{table} TO leadline_pipeline")


def downgrade() -> None:
    for table in _SEEN:
        op.execute(f"REVOKE SELECT ON qualification.{table} FROM leadline_pipeline")
    op.execute("DROP INDEX qualification.ix_organisations_account")
    for column in ("touched_at", "met_at"):
        op.execute(f"DROP INDEX qualification.ix_command_plans_workspace_id_{column}")
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE pipeline.{table}")


def _create_findings() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.hygiene_findings (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            rule TEXT NOT NULL,
            severity TEXT NOT NULL,
            evidence JSONB NOT NULL,
            since TIMESTAMP WITH TIME ZONE NOT NULL,
            opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
            owner_id UUID NOT NULL,
            account_id UUID,
            fiscal_quarter INTEGER NOT NULL,
            policy_version INTEGER NOT NULL,
            snoozed_until TIMESTAMP WITH TIME ZONE,
            snoozed_at TIMESTAMP WITH TIME ZONE,
            snoozed_by TEXT,
            snooze_reason TEXT,
            CONSTRAINT pk_hygiene_findings PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_hygiene_findings_workspace_id_opportunity_id_rule
                UNIQUE (workspace_id, opportunity_id, rule)
        )
        """
    )
    layout.place("pipeline.hygiene_findings")
    # Every filter of the list, each in the order the list pages in; and what began in a week.
    for columns in ("owner_id, id", "rule, id", "fiscal_quarter, id", "opened_at"):
        name = columns.replace(", ", "_")
        op.execute(
            f"CREATE INDEX ix_hygiene_findings_workspace_id_{name}"
            f" ON pipeline.hygiene_findings (workspace_id, {columns})"
        )
    op.execute(
        "CREATE INDEX ix_hygiene_findings_account"
        " ON pipeline.hygiene_findings (workspace_id, account_id, id)"
        " WHERE account_id IS NOT NULL"
    )
    op.execute(
        "CREATE INDEX ix_hygiene_findings_snoozed"
        " ON pipeline.hygiene_findings (workspace_id, id) WHERE snoozed_until IS NOT NULL"
    )


def _create_history() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.hygiene_history (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            rule TEXT NOT NULL,
            severity TEXT NOT NULL,
            evidence JSONB NOT NULL,
            since TIMESTAMP WITH TIME ZONE NOT NULL,
            opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
            closed_at TIMESTAMP WITH TIME ZONE NOT NULL,
            owner_id UUID NOT NULL,
            CONSTRAINT pk_hygiene_history PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("pipeline.hygiene_history")
    for columns in ("opened_at", "closed_at", "opportunity_id, id", "owner_id, closed_at"):
        name = columns.replace(", ", "_")
        op.execute(
            f"CREATE INDEX ix_hygiene_history_workspace_id_{name}"
            f" ON pipeline.hygiene_history (workspace_id, {columns})"
        )


def _create_states() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.hygiene_states (
            workspace_id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            owner_id UUID NOT NULL,
            opened_on DATE NOT NULL,
            is_open BOOLEAN NOT NULL,
            review_from TIMESTAMP WITH TIME ZONE NOT NULL,
            reviewed_at TIMESTAMP WITH TIME ZONE,
            reviewed_by TEXT,
            review_note TEXT,
            CONSTRAINT pk_hygiene_states PRIMARY KEY (workspace_id, opportunity_id)
        )
        """
    )
    layout.place("pipeline.hygiene_states")
    op.execute(
        "CREATE INDEX ix_hygiene_states_opened"
        " ON pipeline.hygiene_states (workspace_id, opened_on) WHERE is_open"
    )
    op.execute(
        "CREATE INDEX ix_hygiene_states_review"
        " ON pipeline.hygiene_states (workspace_id, owner_id, review_from) WHERE is_open"
    )


def _create_looks() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.hygiene_looks (
            workspace_id UUID NOT NULL,
            cycles JSONB NOT NULL,
            cycles_on DATE NOT NULL,
            seen_through TIMESTAMP WITH TIME ZONE NOT NULL,
            seen JSONB NOT NULL,
            CONSTRAINT pk_hygiene_looks PRIMARY KEY (workspace_id)
        )
        """
    )
    layout.place("pipeline.hygiene_looks")
