"""Stage gates: checklists, stage dates, the log of stages and what findings say besides."""

from __future__ import annotations

from alembic import op

from migrations import layout

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_TABLES = ("stage_visits", "stage_dates", "stage_snapshots", "checklists", "checklist_changes")

# The order of stages as of this migration. 7 - Closing is not among those a deal can skip.
_RANKS = """
    (VALUES ('pending_acceptance', 0), ('discovery', 1), ('scoping', 2),
        ('technical_evaluation', 3), ('proposal', 4), ('negotiating', 5),
        ('awaiting_signature', 6), ('closing', 7), ('closed_won', 8)) AS {name} (stage, rank)
"""


def upgrade() -> None:
    _create_stages()
    _create_checklists()
    op.execute("ALTER TABLE pipeline.findings ADD COLUMN codes TEXT[] NOT NULL DEFAULT '{}'")
    op.execute("ALTER TABLE pipeline.findings ADD COLUMN reason TEXT")
    op.execute("CREATE INDEX ix_findings_workspace_id_rule_id"
               " ON pipeline.findings (workspace_id, rule, id)")  # fmt: skip
    op.execute("CREATE INDEX ix_findings_workspace_id_found_at"
               " ON pipeline.findings (workspace_id, found_at)")  # fmt: skip
    for table in _TABLES:
        for role in ("leadline_pipeline", "leadline_worker"):
            op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON pipeline.{table} TO {role}")
    # What a gate asks of meetings is read through qualification's views, by pipeline's own login.
    op.execute("GRANT SELECT ON qualification.meetings TO leadline_pipeline")
    _fill()


def downgrade() -> None:
    op.execute("REVOKE SELECT ON qualification.meetings FROM leadline_pipeline")
    op.execute("DROP INDEX pipeline.ix_findings_workspace_id_found_at")
    op.execute("DROP INDEX pipeline.ix_findings_workspace_id_rule_id")
    op.execute("ALTER TABLE pipeline.findings DROP COLUMN reason")
    op.execute("ALTER TABLE pipeline.findings DROP COLUMN codes")
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE pipeline.{table}")


def _create_stages() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.stage_visits (
            workspace_id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            version INTEGER NOT NULL,
            from_stage TEXT,
            stage TEXT NOT NULL,
            entered_at TIMESTAMP WITH TIME ZONE NOT NULL,
            recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
            actor TEXT NOT NULL,
            left_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT pk_stage_visits PRIMARY KEY (workspace_id, opportunity_id, version)
        )
        """
    )
    layout.place("pipeline.stage_visits")
    op.execute(
        "CREATE INDEX ix_stage_visits_workspace_id_stage_entered_at"
        " ON pipeline.stage_visits (workspace_id, stage, entered_at)"
    )
    op.execute(
        """
        CREATE TABLE pipeline.stage_dates (
            workspace_id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            stage TEXT NOT NULL,
            entered_on DATE NOT NULL,
            is_skipped BOOLEAN NOT NULL,
            CONSTRAINT pk_stage_dates PRIMARY KEY (workspace_id, opportunity_id, stage)
        )
        """
    )
    layout.place("pipeline.stage_dates")
    op.execute(
        """
        CREATE TABLE pipeline.stage_snapshots (
            workspace_id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            name TEXT NOT NULL,
            net_arr NUMERIC(18, 2) NOT NULL,
            frozen_at TIMESTAMP WITH TIME ZONE NOT NULL,
            version INTEGER NOT NULL,
            CONSTRAINT pk_stage_snapshots PRIMARY KEY (workspace_id, opportunity_id, name)
        )
        """
    )
    layout.place("pipeline.stage_snapshots")


def _create_checklists() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.checklists (
            workspace_id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            version INTEGER NOT NULL,
            items JSONB NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_checklists PRIMARY KEY (workspace_id, opportunity_id)
        )
        """
    )
    layout.place("pipeline.checklists")
    op.execute(
        """
        CREATE TABLE pipeline.checklist_changes (
            workspace_id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            version INTEGER NOT NULL,
            code TEXT NOT NULL,
            before JSONB,
            after JSONB,
            actor TEXT NOT NULL,
            changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_checklist_changes
                PRIMARY KEY (workspace_id, opportunity_id, version, code)
        )
        """
    )
    layout.place("pipeline.checklist_changes")


def _fill() -> None:
    """Visits and dates of what is there, from its history. What Net ARR was at a stage then is not
    told there, so nothing is frozen for it."""
    tables = (
        "pipeline.stage_visits",
        "pipeline.stage_dates",
        "pipeline.opportunity_events",
        "workspace.workspaces",
    )
    for table in tables:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(
        """
        INSERT INTO pipeline.stage_visits (workspace_id, opportunity_id, version, from_stage, stage,
            entered_at, recorded_at, actor, left_at)
        SELECT e.workspace_id, e.opportunity_id, e.version,
            lag(e.changes ->> 'stage') OVER visits, e.changes ->> 'stage', e.occurred_at,
            e.recorded_at, e.actor, lead(e.occurred_at) OVER visits
        FROM pipeline.opportunity_events AS e
        WHERE e.changes ->> 'stage' IS NOT NULL
        WINDOW visits AS (PARTITION BY e.workspace_id, e.opportunity_id ORDER BY e.version)
        """
    )
    op.execute(
        f"""
        INSERT INTO pipeline.stage_dates
            (workspace_id, opportunity_id, stage, entered_on, is_skipped)
        SELECT DISTINCT ON (v.workspace_id, v.opportunity_id, dated.stage)
            v.workspace_id, v.opportunity_id, dated.stage,
            (v.entered_at AT TIME ZONE w.timezone)::date, dated.stage <> v.stage
        FROM pipeline.stage_visits AS v
        JOIN workspace.workspaces AS w ON w.id = v.workspace_id
        LEFT JOIN {_RANKS.format(name="reached")} ON reached.stage = v.stage
        CROSS JOIN LATERAL (
            SELECT v.stage AS stage
            UNION ALL
            SELECT passed.stage FROM {_RANKS.format(name="passed")}
            WHERE passed.rank < reached.rank AND passed.stage <> 'closing'
        ) AS dated
        ORDER BY v.workspace_id, v.opportunity_id, dated.stage, v.version
        """
    )
    for table in tables:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
