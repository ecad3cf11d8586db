"""The life of leads: moves, signals, touches, response timers, nurture, merges."""

from __future__ import annotations

from alembic import op

from migrations import layout

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TABLES = ("lead_merges", "response_timers", "touches", "resources")
_TABLES += ("timers", "nurture_activities", "signals", "lead_moves")
# Lists page in the order of ids, so every filter of one has the id at its end.
_BY_VALUE = ("source", "region", "industry", "email_domain", "campaign", "engagement_external_id")
_REPLACED = ("owner_id", "sdr_id", "status")
_LEFT = ("owner_id_id", "sdr_id_id", "status_id", "source_kind_id", "source_id", "region_id")
_LEFT += ("score_id", "status_score_id", "account_external_id")


def upgrade() -> None:
    _extend_leads()
    _index_leads()
    _create_moves()
    _create_signals()
    _create_nurture_activities()
    _create_timers()
    _create_resources()
    _create_touches()
    _create_response_timers()
    _create_merges()
    _fill()
    layout.discoverable("qualification.timers")
    layout.grant(
        "qualification",
        "SELECT, INSERT, UPDATE, DELETE",
        "leadline_qualification",
        "leadline_worker",
    )


def downgrade() -> None:
    for table in _TABLES:
        op.execute(f"DROP TABLE qualification.{table}")
    # Indexes go with the columns they name.
    for column in _COLUMNS:
        op.execute(f"ALTER TABLE qualification.leads DROP COLUMN {column}")
    for name in _LEFT:
        op.execute(f"DROP INDEX qualification.ix_leads_workspace_id_{name}")
    for column in _REPLACED:
        _index("leads", column)


_COLUMNS = {
    "industry": "TEXT",
    "tools": "JSONB DEFAULT '[]' NOT NULL",
    "email_domain": "TEXT",
    "phone": "TEXT",
    "campaign": "TEXT",
    "engagement_external_id": "TEXT",
    "landing_page": "TEXT",
    "behaviour_points": "INTEGER DEFAULT 0 NOT NULL",
    "demographic_points": "INTEGER DEFAULT 0 NOT NULL",
    "key_account": "BOOLEAN DEFAULT false NOT NULL",
    "stated_score": "INTEGER",
    "fit_score": "INTEGER",
    "unsubscribed": "BOOLEAN DEFAULT false NOT NULL",
    "status_reason": "TEXT",
    "status_details": "TEXT",
    "recycle_until": "DATE",
    "woken_at": "TIMESTAMP WITH TIME ZONE",
    "first_mql_at": "TIMESTAMP WITH TIME ZONE",
    "first_pql_at": "TIMESTAMP WITH TIME ZONE",
    "mql_count": "INTEGER DEFAULT 0 NOT NULL",
    "first_response_at": "TIMESTAMP WITH TIME ZONE",
    "sql_at": "TIMESTAMP WITH TIME ZONE",
    "last_signal_at": "TIMESTAMP WITH TIME ZONE",
    "last_touch_at": "TIMESTAMP WITH TIME ZONE",
    "next_touch_on": "DATE",
    "merged_into_id": "UUID",
}


def _extend_leads() -> None:
    added = ", ".join(f"ADD COLUMN {name} {kind}" for name, kind in _COLUMNS.items())
    op.execute(f"ALTER TABLE qualification.leads {added}")


def _index(table: str, *columns: str, where: str | None = None) -> None:
    names = "_".join(columns)
    condition = "" if where is None else f" WHERE {where}"
    op.execute(
        f"CREATE INDEX ix_{table}_workspace_id_{names}"
        f" ON qualification.{table} (workspace_id, {', '.join(columns)}){condition}"
    )


def _refer(table: str, column: str, target: str) -> None:
    op.execute(
        f"ALTER TABLE qualification.{table} ADD CONSTRAINT fk_{table}_workspace_id_{column}"
        f" FOREIGN KEY (workspace_id, {column}) REFERENCES {target} (workspace_id, id)"
    )


def _index_leads() -> None:
    for column in _REPLACED:
        op.execute(f"DROP INDEX qualification.ix_leads_workspace_id_{column}")
    op.execute(
        "CREATE INDEX ix_leads_workspace_id_address ON qualification.leads"
        " (workspace_id, regexp_replace(lower(email), '[+][^@]*@', '@')) INCLUDE (email)"
        " WHERE email IS NOT NULL AND merged_into_id IS NULL"
    )
    for column in ("owner_id", "sdr_id", "status", "source_kind"):
        _index("leads", column, "id")
    for column in _BY_VALUE:
        _index("leads", column, "id", where=f"{column} IS NOT NULL")
    _index("leads", "score", "id")
    _index("leads", "status", "score", "id")
    _index("leads", "account_external_id", where="account_external_id IS NOT NULL")
    _index("leads", "next_touch_on", "id", where="next_touch_on IS NOT NULL")
    _index("leads", "woken_at", where="woken_at IS NOT NULL")
    _index("leads", "merged_into_id", where="merged_into_id IS NOT NULL")
    _refer("leads", "merged_into_id", "qualification.leads")


def _create_moves() -> None:
    op.execute(
        """
        CREATE TABLE qualification.lead_moves (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            lead_id UUID NOT NULL,
            from_status TEXT,
            to_status TEXT NOT NULL,
            reason TEXT,
            details TEXT,
            score INTEGER NOT NULL,
            sdr_id UUID,
            owner_id UUID,
            actor TEXT NOT NULL,
            occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
            recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_lead_moves PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("qualification.lead_moves")
    _index("lead_moves", "lead_id", "id")
    _index("lead_moves", "to_status", "occurred_at")
    _refer("lead_moves", "lead_id", "qualification.leads")


def _create_signals() -> None:
    op.execute(
        """
        CREATE TABLE qualification.signals (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            lead_id UUID NOT NULL,
            external_id TEXT,
            name TEXT NOT NULL,
            worth INTEGER NOT NULL,
            points INTEGER NOT NULL,
            score_before INTEGER NOT NULL,
            score_after INTEGER NOT NULL,
            status_before TEXT NOT NULL,
            status_after TEXT NOT NULL,
            reasons JSONB NOT NULL,
            value BIGINT,
            details JSONB,
            policy_version INTEGER NOT NULL,
            occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
            recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
            actor TEXT NOT NULL,
            CONSTRAINT pk_signals PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_signals_workspace_id_lead_id_external_id
                UNIQUE (workspace_id, lead_id, external_id)
        )
        """
    )
    layout.place("qualification.signals")
    _index("signals", "lead_id", "id")
    _index("signals", "lead_id", "name", "occurred_at")
    _refer("signals", "lead_id", "qualification.leads")


def _create_nurture_activities() -> None:
    op.execute(
        """
        CREATE TABLE qualification.nurture_activities (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            lead_id UUID NOT NULL,
            version INTEGER NOT NULL,
            kind TEXT NOT NULL,
            title TEXT NOT NULL,
            resource_external_id TEXT,
            planned_on DATE NOT NULL,
            done_at TIMESTAMP WITH TIME ZONE,
            note TEXT,
            actor TEXT NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_nurture_activities PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("qualification.nurture_activities")
    _index("nurture_activities", "lead_id", "id")
    _index("nurture_activities", "planned_on", "id", where="done_at IS NULL")
    _refer("nurture_activities", "lead_id", "qualification.leads")


def _create_timers() -> None:
    op.execute(
        """
        CREATE TABLE qualification.timers (
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
    layout.place("qualification.timers")
    op.execute(
        "CREATE INDEX ix_timers_due_at ON qualification.timers (due_at) WHERE parked_at IS NULL"
    )
    _index("timers", "due_at", where="parked_at IS NULL")


def _create_resources() -> None:
    op.execute(
        """
        CREATE TABLE qualification.resources (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            external_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            title TEXT NOT NULL,
            use_case TEXT,
            kind TEXT,
            url TEXT,
            persona TEXT,
            buyer_stage TEXT,
            active BOOLEAN NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_resources PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_resources_workspace_id_external_id UNIQUE (workspace_id, external_id)
        )
        """
    )
    layout.place("qualification.resources")


def _create_touches() -> None:
    op.execute(
        """
        CREATE TABLE qualification.touches (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            lead_id UUID NOT NULL,
            external_id TEXT,
            channel TEXT NOT NULL,
            direction TEXT NOT NULL,
            subject TEXT,
            note TEXT,
            resource_id UUID,
            resource_external_id TEXT,
            outcome TEXT,
            user_id UUID,
            actor TEXT NOT NULL,
            occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
            recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_touches PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_touches_workspace_id_lead_id_external_id
                UNIQUE (workspace_id, lead_id, external_id)
        )
        """
    )
    layout.place("qualification.touches")
    _index("touches", "lead_id", "id")
    _index("touches", "lead_id", "occurred_at")
    _index("touches", "resource_id", where="resource_id IS NOT NULL")
    _index("touches", "user_id", "occurred_at", where="user_id IS NOT NULL")
    _refer("touches", "lead_id", "qualification.leads")
    _refer("touches", "resource_id", "qualification.resources")
    _refer("touches", "user_id", "workspace.users")


def _create_response_timers() -> None:
    op.execute(
        """
        CREATE TABLE qualification.response_timers (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            lead_id UUID NOT NULL,
            kind TEXT NOT NULL,
            started_at TIMESTAMP WITH TIME ZONE NOT NULL,
            due_at TIMESTAMP WITH TIME ZONE NOT NULL,
            stopped_at TIMESTAMP WITH TIME ZONE,
            stopped_by TEXT,
            stopped_actor TEXT,
            responder_id UUID,
            sdr_id UUID,
            owner_id UUID,
            region TEXT,
            source TEXT,
            business_minutes INTEGER,
            is_met BOOLEAN,
            calendar TEXT NOT NULL,
            policy_version INTEGER NOT NULL,
            CONSTRAINT pk_response_timers PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("qualification.response_timers")
    _index("response_timers", "lead_id")
    _index("response_timers", "started_at")
    _index("response_timers", "due_at", "id")
    op.execute(
        "CREATE INDEX ix_response_timers_open ON qualification.response_timers"
        " (workspace_id, due_at, id) WHERE stopped_at IS NULL"
    )
    op.execute(
        "CREATE INDEX ix_response_timers_unanswered ON qualification.response_timers"
        " (workspace_id, due_at, id) WHERE stopped_at IS NOT NULL AND is_met IS NULL"
    )
    _index("response_timers", "is_met", "due_at", "id", where="is_met IS NOT NULL")
    _index("response_timers", "sdr_id", "due_at")
    _index("response_timers", "owner_id", "due_at")
    _refer("response_timers", "lead_id", "qualification.leads")


def _create_merges() -> None:
    op.execute(
        """
        CREATE TABLE qualification.lead_merges (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            survivor_id UUID NOT NULL,
            merged_id UUID NOT NULL,
            snapshot JSONB NOT NULL,
            moved JSONB NOT NULL,
            rule TEXT NOT NULL,
            actor TEXT NOT NULL,
            merged_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_lead_merges PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("qualification.lead_merges")
    _index("lead_merges", "survivor_id", "id")
    _index("lead_merges", "merged_id")
    _refer("lead_merges", "survivor_id", "qualification.leads")
    _refer("lead_merges", "merged_id", "qualification.leads")


def _fill() -> None:
    """What the leads that are there already tell by themselves. A history begins with the status
    they have; a score was stated by whoever sent it."""
    for table in ("leads", "lead_moves"):
        # Row-level security hides every row from the owner too, unless it is told otherwise.
        op.execute(f"ALTER TABLE qualification.{table} NO FORCE ROW LEVEL SECURITY")
    op.execute(
        """
        UPDATE qualification.leads SET
            email_domain = lower(substring(email from '[^@]*$')),
            stated_score = nullif(score, 0),
            first_mql_at = CASE WHEN status = 'mql' THEN status_since END,
            first_pql_at = CASE WHEN status = 'pql' THEN status_since END,
            mql_count = CASE WHEN status = 'mql' THEN 1 ELSE 0 END,
            sql_at = CASE WHEN status = 'qualified' THEN status_since END
        """
    )
    op.execute(
        """
        INSERT INTO qualification.lead_moves (workspace_id, id, lead_id, to_status, score, sdr_id,
            owner_id, actor, occurred_at, recorded_at)
        SELECT workspace_id, id, id, status, score, sdr_id, owner_id, 'migration', status_since,
            updated_at
        FROM qualification.leads
        """
    )
    for table in ("leads", "lead_moves"):
        op.execute(f"ALTER TABLE qualification.{table} FORCE ROW LEVEL SECURITY")
