"""What team boards and the funnel need to be read quickly: indexes and statistics."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_ENTERED = "LEAST(first_mql_at, first_pql_at, sql_at)"
# Not COALESCE: Postgres takes that for leaky, so that row-level security keeps it out of indexes.
_WORKER = "CASE WHEN sdr_id IS NULL THEN owner_id ELSE sdr_id END"
_WORKED = "merged_into_id IS NULL AND status IN ('mql', 'pql', 'accepted', 'qualifying')"
_STEPS = "id, created_at, first_mql_at, first_pql_at, sql_at"
# An entry of an index holds 2.7 kB, which two labels of 255 characters always fit and four do not.
_GROUPS = {
    "source": "source_kind, employees, sdr_id, source, campaign",
    "region": "region, engagement_external_id",
}
_INDEXES = (
    {
        f"qualification.ix_leads_funnel_entered_{name}": f"""
        ON qualification.leads (workspace_id, {_ENTERED}) INCLUDE ({_STEPS}, {columns})
        WHERE merged_into_id IS NULL AND {_ENTERED} IS NOT NULL
    """
        for name, columns in _GROUPS.items()
    }
    | {
        f"qualification.ix_leads_funnel_waiting_{name}": f"""
        ON qualification.leads (workspace_id, created_at) INCLUDE ({columns})
        WHERE merged_into_id IS NULL AND {_ENTERED} IS NULL
    """
        for name, columns in _GROUPS.items()
    }
    | {
        "qualification.ix_conversions_funnel": """
        ON qualification.conversions (workspace_id, lead_id) INCLUDE (opportunity_id)
    """,
        "qualification.ix_leads_work": f"""
        ON qualification.leads (workspace_id, ({_WORKER}), status)
        WHERE {_WORKED}
    """,
        "qualification.ix_leads_owned": f"""
        ON qualification.leads (workspace_id, owner_id)
        WHERE {_WORKED} AND owner_id IS NOT NULL
    """,
        "qualification.ix_leads_touches": f"""
        ON qualification.leads (workspace_id, ({_WORKER}), next_touch_on)
        WHERE merged_into_id IS NULL AND next_touch_on IS NOT NULL
    """,
        "qualification.ix_assessments_convertible": """
        ON qualification.assessments (workspace_id, lead_id, id) INCLUDE (assessed_at, verdict)
        WHERE is_convertible AND is_binding AND lead_id IS NOT NULL
    """,
        # Opportunities nobody accepted yet are few at any time.
        "pipeline.ix_opportunities_pending": """
        ON pipeline.opportunities (workspace_id, owner_id) WHERE stage = 'pending_acceptance'
    """,
    }
)


def upgrade() -> None:
    for name, definition in _INDEXES.items():
        op.execute(f"CREATE INDEX {name.partition('.')[2]} {definition}")
    # How many leads a period holds is only guessed well from statistics of the expression.
    op.execute(
        f"CREATE STATISTICS qualification.leads_entered ON ({_ENTERED}) FROM qualification.leads"
    )
    # Figures are read from indexes alone only where pages are known to be visible to all, which
    # vacuum makes known: after each fiftieth of the leads has changed, not each fifth.
    op.execute(
        "ALTER TABLE qualification.leads SET (autovacuum_vacuum_scale_factor = 0.02,"
        " autovacuum_vacuum_insert_scale_factor = 0.02)"
    )


def downgrade() -> None:
    op.execute(
        "ALTER TABLE qualification.leads RESET (autovacuum_vacuum_scale_factor,"
        " autovacuum_vacuum_insert_scale_factor)"
    )
    op.execute("DROP STATISTICS qualification.leads_entered")
    for name in _INDEXES:
        op.execute(f"DROP INDEX {name}")
