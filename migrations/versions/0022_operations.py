"""The sales operation itself (components, reviews and their snapshots), and the indexes from which
opportunities are summed up."""

from __future__ import annotations

from alembic import op

from migrations import layout

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_OPEN = (
    "'pending_acceptance', 'discovery', 'scoping', 'technical_evaluation', 'proposal',"
    " 'negotiating', 'awaiting_signature', 'closing'"
)
_CLOSED = "'closed_won', 'closed_lost', 'unqualified', 'duplicate'"
_INDEXES = (
    "ix_opportunities_open",
    "ix_opportunities_closed",
    "ix_opportunities_moved",
    "ix_stage_dates_stage",
    "ix_stage_dates_met",
    "ix_stage_visits_left",
    "ix_stage_visits_stays",
)
_TABLES = (
    "operation_components",
    "operation_component_versions",
    "operation_reviews",
    "operation_snapshots",
    "operation_findings",
    "operation_scores",
    "operation_drivers",
)

_SEEN = ("territories", "engagement_activities")


def upgrade() -> None:
    _date_opportunities()
    _index_opportunities()
    _index_stages()
    _create_components()
    _create_reviews()
    _create_findings()
    _create_scores()
    for table in _TABLES:
        for role in ("leadline_pipeline", "leadline_worker"):
            op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON pipeline.{table} TO {role}")
    # Completeness asks whether there are any.
    for table in _SEEN:
        op.execute(f"GRANT SELECT ON qualification.{table} TO leadline_pipeline")


def downgrade() -> None:
    for table in _SEEN:
        op.execute(f"REVOKE SELECT ON qualification.{table} FROM leadline_pipeline")
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE pipeline.{table}")
    for index in reversed(_INDEXES):
        op.execute(f"DROP INDEX pipeline.{index}")
    op.execute(
        "ALTER TABLE pipeline.opportunities DROP COLUMN opened_on, DROP COLUMN entered_later_at"
    )


def _date_opportunities() -> None:
    """The day each opportunity began, of those that are there from their first version; and of
    those told out of order the latest moment they entered a stage."""
    op.execute(
        "ALTER TABLE pipeline.opportunities"
        " ADD COLUMN opened_on DATE, ADD COLUMN entered_later_at TIMESTAMP WITH TIME ZONE"
    )
    tables = (
        "pipeline.opportunities", "pipeline.opportunity_events", "pipeline.stage_visits",
        "workspace.workspaces",
    )  # fmt: skip
    for table in tables:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(
        """
        UPDATE pipeline.opportunities AS o
        SET opened_on = (e.occurred_at AT TIME ZONE w.timezone)::date
        FROM pipeline.opportunity_events AS e
        JOIN workspace.workspaces AS w ON w.id = e.workspace_id
        WHERE e.workspace_id = o.workspace_id AND e.opportunity_id = o.id AND e.version = 1
        """
    )
    op.execute(
        """
        UPDATE pipeline.opportunities AS o SET entered_later_at = met.latest
        FROM (
            SELECT workspace_id, opportunity_id, max(entered_at) AS latest
            FROM pipeline.stage_visits GROUP BY workspace_id, opportunity_id
        ) AS met
        WHERE met.workspace_id = o.workspace_id AND met.opportunity_id = o.id
          AND met.latest > o.stage_entered_at
        """
    )
    for table in tables:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def _index_opportunities() -> None:
    op.execute(
        f"""
        CREATE INDEX ix_opportunities_open ON pipeline.opportunities (workspace_id, owner_id)
        INCLUDE (id, stage, type, order_type, segment, region, forecast_category, route_to_market,
            buyer_stage, amount, net_arr, push_count, close_date, close_fiscal_quarter,
            stage_entered_at, opened_on, created_at)
        WHERE stage IN ({_OPEN})
        """
    )
    op.execute(
        f"""
        CREATE INDEX ix_opportunities_closed
        ON pipeline.opportunities (workspace_id, stage, close_date)
        INCLUDE (id, owner_id, type, order_type, segment, region, category, source_kind,
            lost_reason, net_arr, opened_on)
        WHERE stage IN ({_CLOSED})
        """
    )
    op.execute(
        """
        CREATE INDEX ix_opportunities_moved
        ON pipeline.opportunities
            (workspace_id, owner_id, greatest(stage_entered_at, entered_later_at))
        INCLUDE (id, stage, type, order_type, segment, region, forecast_category, route_to_market,
            buyer_stage, close_fiscal_quarter, opened_on, stage_entered_at, entered_later_at)
        """
    )


def _index_stages() -> None:
    op.execute(
        "CREATE INDEX ix_stage_dates_stage ON pipeline.stage_dates"
        " (workspace_id, stage, entered_on) INCLUDE (opportunity_id)"
    )
    op.execute(
        "CREATE INDEX ix_stage_dates_met ON pipeline.stage_dates (workspace_id, opportunity_id)"
        " INCLUDE (stage, entered_on, is_skipped)"
    )
    op.execute(
        "CREATE INDEX ix_stage_visits_left ON pipeline.stage_visits (workspace_id, left_at)"
        " INCLUDE (opportunity_id, stage, entered_at) WHERE left_at IS NOT NULL"
    )
    op.execute(
        "CREATE INDEX ix_stage_visits_stays ON pipeline.stage_visits"
        " (workspace_id, opportunity_id) INCLUDE (stage, entered_at, left_at)"
        " WHERE left_at IS NOT NULL"
    )


def _create_components() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.operation_components (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            component TEXT NOT NULL,
            version INTEGER NOT NULL,
            summary TEXT,
            document_url TEXT,
            owner_id UUID,
            reviewed_on DATE,
            items JSONB NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_operation_components PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_operation_components_workspace_id_component
                UNIQUE (workspace_id, component)
        )
        """
    )
    layout.place("pipeline.operation_components")
    _refer("operation_components", "owner_id", "workspace.users")
    op.execute(
        """
        CREATE TABLE pipeline.operation_component_versions (
            workspace_id UUID NOT NULL,
            component TEXT NOT NULL,
            version INTEGER NOT NULL,
            body JSONB NOT NULL,
            actor TEXT NOT NULL,
            recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_operation_component_versions
                PRIMARY KEY (workspace_id, component, version)
        )
        """
    )
    layout.place("pipeline.operation_component_versions")


def _create_reviews() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.operation_reviews (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            external_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            name TEXT NOT NULL,
            kind TEXT NOT NULL,
            cadence TEXT NOT NULL,
            anchor_on DATE NOT NULL,
            next_on DATE NOT NULL,
            functions TEXT[] NOT NULL,
            active BOOLEAN NOT NULL,
            due_on DATE,
            due_since DATE,
            held_on DATE,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_operation_reviews PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_operation_reviews_workspace_id_external_id
                UNIQUE (workspace_id, external_id)
        )
        """
    )
    layout.place("pipeline.operation_reviews")
    op.execute(
        """
        CREATE TABLE pipeline.operation_snapshots (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            review_id UUID NOT NULL,
            due_on DATE NOT NULL,
            taken_at TIMESTAMP WITH TIME ZONE NOT NULL,
            policy_version INTEGER NOT NULL,
            figures JSONB NOT NULL,
            CONSTRAINT pk_operation_snapshots PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_operation_snapshots_workspace_id_review_id_due_on
                UNIQUE (workspace_id, review_id, due_on)
        )
        """
    )
    layout.place("pipeline.operation_snapshots")
    _refer("operation_snapshots", "review_id", "pipeline.operation_reviews")


def _create_findings() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.operation_findings (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            review_id UUID NOT NULL,
            version INTEGER NOT NULL,
            kind TEXT NOT NULL,
            body TEXT NOT NULL,
            owner_id UUID,
            due_on DATE,
            state TEXT NOT NULL,
            actor TEXT NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_operation_findings PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("pipeline.operation_findings")
    op.execute(
        "CREATE INDEX ix_operation_findings_workspace_id_review_id_id"
        " ON pipeline.operation_findings (workspace_id, review_id, id)"
    )
    _refer("operation_findings", "review_id", "pipeline.operation_reviews")
    _refer("operation_findings", "owner_id", "workspace.users")


def _create_scores() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.operation_scores (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            review_id UUID NOT NULL,
            round_on DATE NOT NULL,
            factor TEXT NOT NULL,
            function TEXT NOT NULL,
            actor TEXT NOT NULL,
            score SMALLINT NOT NULL,
            comment TEXT,
            scored_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_operation_scores PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_operation_scores_rater
                UNIQUE (workspace_id, review_id, round_on, factor, function, actor)
        )
        """
    )
    layout.place("pipeline.operation_scores")
    _refer("operation_scores", "review_id", "pipeline.operation_reviews")
    op.execute(
        """
        CREATE TABLE pipeline.operation_drivers (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            review_id UUID NOT NULL,
            fiscal_year INTEGER NOT NULL,
            name TEXT NOT NULL,
            version INTEGER NOT NULL,
            unit TEXT,
            target NUMERIC(18, 2),
            actual NUMERIC(18, 2),
            note TEXT,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_operation_drivers PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_operation_drivers_workspace_id_review_id_fiscal_year_name
                UNIQUE (workspace_id, review_id, fiscal_year, name)
        )
        """
    )
    layout.place("pipeline.operation_drivers")
    _refer("operation_drivers", "review_id", "pipeline.operation_reviews")


def _refer(table: str, column: str, target: str) -> None:
    op.execute(
        f"ALTER TABLE pipeline.{table} ADD CONSTRAINT fk_{table}_workspace_id_{column}"
        f" FOREIGN KEY (workspace_id, {column}) REFERENCES {target} (workspace_id, id)"
    )
