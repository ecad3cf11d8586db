"""Customers after the sale: what subscriptions became, use, suggestions, onboarding, reviews and
known issues."""

from __future__ import annotations

from alembic import op

from migrations import layout

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_TABLES = {
    "subscription_changes": """
        subscription_id UUID NOT NULL,
        version INTEGER NOT NULL,
        changed_on DATE NOT NULL,
        previous_tier TEXT,
        tier TEXT,
        previous_seats BIGINT,
        seats BIGINT,
        previous_arr NUMERIC(18, 2) NOT NULL,
        arr NUMERIC(18, 2) NOT NULL,
        previous_end_date DATE NOT NULL,
        end_date DATE NOT NULL,
        recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_subscription_changes PRIMARY KEY (workspace_id, subscription_id, version)
    """,
    "usage_readings": """
        id UUID NOT NULL,
        subscription_id UUID NOT NULL,
        measured_on DATE NOT NULL,
        active_users BIGINT,
        seats_used BIGINT,
        features JSONB NOT NULL,
        tier TEXT,
        actor TEXT NOT NULL,
        recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_usage_readings PRIMARY KEY (workspace_id, id),
        CONSTRAINT uq_usage_readings_workspace_id_subscription_id_measured_on
            UNIQUE (workspace_id, subscription_id, measured_on)
    """,
    "suggestions": """
        id UUID NOT NULL,
        version INTEGER NOT NULL,
        kind TEXT NOT NULL,
        subscription_id UUID NOT NULL,
        opportunity_id UUID,
        value TEXT NOT NULL,
        evidence JSONB NOT NULL,
        state TEXT NOT NULL,
        policy_version INTEGER NOT NULL,
        reason TEXT,
        decided_by TEXT,
        decided_at TIMESTAMP WITH TIME ZONE,
        cleared_at TIMESTAMP WITH TIME ZONE,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_suggestions PRIMARY KEY (workspace_id, id)
    """,
    "onboardings": """
        id UUID NOT NULL,
        subscription_id UUID NOT NULL,
        version INTEGER NOT NULL,
        started_on DATE NOT NULL,
        steps JSONB NOT NULL,
        trainings JSONB NOT NULL,
        first_value_on DATE,
        adoption_done_on DATE,
        next_due_on DATE,
        completed_at TIMESTAMP WITH TIME ZONE,
        policy_version INTEGER NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_onboardings PRIMARY KEY (workspace_id, id),
        CONSTRAINT uq_onboardings_workspace_id_subscription_id
            UNIQUE (workspace_id, subscription_id)
    """,
    "account_reviews": """
        id UUID NOT NULL,
        account_id UUID NOT NULL,
        subscription_id UUID,
        kind TEXT NOT NULL,
        held_on DATE NOT NULL,
        looked_at TEXT[] NOT NULL,
        outcome TEXT NOT NULL,
        note TEXT,
        actor TEXT NOT NULL,
        recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_account_reviews PRIMARY KEY (workspace_id, id)
    """,
    "known_issues": """
        id UUID NOT NULL,
        external_id TEXT,
        version INTEGER NOT NULL,
        title TEXT NOT NULL,
        problem TEXT NOT NULL,
        answer TEXT,
        occurrences BIGINT NOT NULL,
        last_occurred_at TIMESTAMP WITH TIME ZONE,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_known_issues PRIMARY KEY (workspace_id, id),
        CONSTRAINT uq_known_issues_workspace_id_external_id UNIQUE (workspace_id, external_id)
    """,
    "issue_occurrences": """
        id UUID NOT NULL,
        issue_id UUID NOT NULL,
        account_id UUID NOT NULL,
        note TEXT,
        actor TEXT NOT NULL,
        occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_issue_occurrences PRIMARY KEY (workspace_id, id)
    """,
}

_INDEXES = {
    "suggestions": (
        "workspace_id, subscription_id, kind, id",
        "workspace_id, opportunity_id",
        "workspace_id, state, id",
    ),
    "account_reviews": ("workspace_id, account_id, held_on",),
    "known_issues": ("workspace_id, occurrences, id",),
    "issue_occurrences": ("workspace_id, account_id, id", "workspace_id, issue_id, id"),
}
_OPEN_SUGGESTIONS = """
    CREATE UNIQUE INDEX ux_suggestions_open
    ON pipeline.suggestions (workspace_id, subscription_id, kind) WHERE state = 'open'
"""
_OPEN_ONBOARDINGS = """
    CREATE INDEX ix_onboardings_open
    ON pipeline.onboardings (workspace_id, next_due_on, id) WHERE completed_at IS NULL
"""
_OF_ACCOUNTS = (
    """
    CREATE INDEX ix_subscriptions_workspace_id_account_id_end_date
    ON pipeline.subscriptions (workspace_id, account_id, end_date) INCLUDE (id, start_date, arr)
    """,
    "DROP INDEX pipeline.ix_subscriptions_workspace_id_account_id",
    """
    CREATE INDEX ix_opportunities_worked_on ON pipeline.opportunities (workspace_id, account_id, type)
    WHERE stage IN ('discovery', 'scoping', 'technical_evaluation', 'proposal', 'negotiating',
        'awaiting_signature', 'closing')
    """,
)
_OF_ACCOUNTS_BEFORE = (
    "DROP INDEX pipeline.ix_opportunities_worked_on",
    """
    CREATE INDEX ix_subscriptions_workspace_id_account_id
    ON pipeline.subscriptions (workspace_id, account_id)
    """,
    "DROP INDEX pipeline.ix_subscriptions_workspace_id_account_id_end_date",
)
_REFERENCES = {
    "subscription_changes": {"subscription_id": "subscriptions"},
    "usage_readings": {"subscription_id": "subscriptions"},
    "suggestions": {"subscription_id": "subscriptions", "opportunity_id": "opportunities"},
    "onboardings": {"subscription_id": "subscriptions"},
    "account_reviews": {"account_id": "accounts", "subscription_id": "subscriptions"},
    "issue_occurrences": {"issue_id": "known_issues", "account_id": "accounts"},
}


def upgrade() -> None:
    for table, columns in _TABLES.items():
        op.execute(f"CREATE TABLE pipeline.{table} (workspace_id UUID NOT NULL, {columns})")
        layout.place(f"pipeline.{table}")
        for role in ("leadline_pipeline", "leadline_worker"):
            op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON pipeline.{table} TO {role}")
    for table, indexes in _INDEXES.items():
        for columns in indexes:
            name = f"ix_{table}_{columns.replace(', ', '_')}"
            op.execute(f"CREATE INDEX {name} ON pipeline.{table} ({columns})")
    op.execute(_OPEN_SUGGESTIONS)
    op.execute(_OPEN_ONBOARDINGS)
    for statement in _OF_ACCOUNTS:
        op.execute(statement)
    for table, references in _REFERENCES.items():
        for column, target in references.items():
            op.execute(
                f"ALTER TABLE pipeline.{table} ADD CONSTRAINT fk_{table}_workspace_id_{column}"
                f" FOREIGN KEY (workspace_id, {column})"
                f" REFERENCES pipeline.{target} (workspace_id, id)"
            )


def downgrade() -> None:
    for statement in _OF_ACCOUNTS_BEFORE:
        op.execute(statement)
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE pipeline.{table}")
