"""Acceptance tests of opportunities, tests made again, screens, and hand-overs.

The release before this one runs on it: what it writes keeps its place, and requests in the new
form have a kind of their own, which its worker leaves alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import op

from migrations import layout

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_PIPELINE_READS = ("qualification.assessments", "qualification.conversions")
# What a request says that the release before does not know.
_ADDED_TO_REQUESTS = (
    "contact", "account", "segment", "amount", "currency", "close_date", "next_step",
)  # fmt: skip


def upgrade() -> None:
    _widen_assessments()
    _widen_conversions()
    _create_screens()
    layout.grant(
        "qualification",
        "SELECT, INSERT, UPDATE, DELETE",
        "leadline_qualification",
        "leadline_worker",
    )
    # What keeps an opportunity at stage 0 is decided by pipeline, on what these say.
    op.execute("GRANT USAGE ON SCHEMA qualification TO leadline_pipeline")
    for table in _PIPELINE_READS:
        op.execute(f"GRANT SELECT ON {table} TO leadline_pipeline")


def _widen_assessments() -> None:
    op.execute(
        """
        ALTER TABLE qualification.assessments
            ALTER COLUMN lead_id DROP NOT NULL,
            ALTER COLUMN lead_version DROP NOT NULL,
            ADD COLUMN opportunity_id UUID,
            ADD COLUMN opportunity_version INTEGER,
            ADD COLUMN retest_of UUID,
            ADD COLUMN is_binding BOOLEAN DEFAULT true NOT NULL,
            ADD COLUMN carried JSONB,
            ADD COLUMN comparison JSONB
        """
    )
    op.execute(
        "CREATE INDEX ix_assessments_workspace_id_opportunity_id_id"
        " ON qualification.assessments (workspace_id, opportunity_id, id)"
    )
    op.execute(
        "CREATE INDEX ix_assessments_workspace_id_retest_of"
        " ON qualification.assessments (workspace_id, retest_of) WHERE retest_of IS NOT NULL"
    )
    op.execute(
        "ALTER TABLE qualification.assessments ADD CONSTRAINT fk_assessments_workspace_id_retest_of"
        " FOREIGN KEY (workspace_id, retest_of)"
        " REFERENCES qualification.assessments (workspace_id, id)"
    )


def _widen_conversions() -> None:
    op.execute(
        """
        ALTER TABLE qualification.conversions
            DROP CONSTRAINT pk_conversions,
            DROP CONSTRAINT uq_conversions_workspace_id_opportunity_id,
            ALTER COLUMN lead_id DROP NOT NULL,
            ADD COLUMN contact_external_id TEXT,
            ADD COLUMN sdr_id UUID,
            ADD COLUMN owner_id UUID,
            ADD COLUMN is_to_self BOOLEAN DEFAULT false NOT NULL,
            ADD COLUMN note TEXT,
            ADD CONSTRAINT pk_conversions PRIMARY KEY (workspace_id, opportunity_id),
            ADD CONSTRAINT uq_conversions_workspace_id_lead_id UNIQUE (workspace_id, lead_id)
        """
    )
    with _seen_by_the_owner("qualification.conversions", "workspace.users"):
        for column in ("sdr", "owner"):
            op.execute(
                f"UPDATE qualification.conversions AS c SET {column}_id = u.id"
                " FROM workspace.users AS u WHERE u.workspace_id = c.workspace_id"
                f" AND u.external_id = c.request ->> '{column}_external_id'"
            )
        op.execute("UPDATE qualification.conversions SET is_to_self = true WHERE sdr_id = owner_id")
    for name in ("state", "sdr_id", "owner_id"):
        op.execute(
            f"CREATE INDEX ix_conversions_workspace_id_{name}_opportunity_id"
            f" ON qualification.conversions (workspace_id, {name}, opportunity_id)"
        )
    for name in ("sdr_id", "owner_id"):
        op.execute(
            "ALTER TABLE qualification.conversions"
            f" ADD CONSTRAINT fk_conversions_workspace_id_{name}"
            f" FOREIGN KEY (workspace_id, {name}) REFERENCES workspace.users (workspace_id, id)"
        )


def _create_screens() -> None:
    op.execute(
        """
        CREATE TABLE qualification.screens (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            lead_id UUID NOT NULL,
            lead_version INTEGER NOT NULL,
            answers JSONB NOT NULL,
            score SMALLINT NOT NULL,
            screened_at TIMESTAMP WITH TIME ZONE NOT NULL,
            screened_by TEXT NOT NULL,
            CONSTRAINT pk_screens PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("qualification.screens")
    op.execute(
        "CREATE INDEX ix_screens_workspace_id_lead_id_id"
        " ON qualification.screens (workspace_id, lead_id, id)"
    )
    op.execute(
        "ALTER TABLE qualification.screens ADD CONSTRAINT fk_screens_workspace_id_lead_id"
        " FOREIGN KEY (workspace_id, lead_id) REFERENCES qualification.leads (workspace_id, id)"
    )


@contextmanager
def _seen_by_the_owner(*tables: str) -> Iterator[None]:
    """Row-level security is forced on whoever migrates too, who would see no row to change."""
    for table in tables:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    yield
    for table in tables:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    for table in _PIPELINE_READS:
        op.execute(f"REVOKE SELECT ON {table} FROM leadline_pipeline")
    op.execute("REVOKE USAGE ON SCHEMA qualification FROM leadline_pipeline")
    op.execute("DROP TABLE qualification.screens")
    with _seen_by_the_owner(
        "qualification.outbox", "qualification.conversions", "qualification.assessments"
    ):
        _forget_what_needs_no_lead()
    _narrow_conversions()
    op.execute(
        """
        ALTER TABLE qualification.assessments
            DROP CONSTRAINT fk_assessments_workspace_id_retest_of,
            DROP COLUMN comparison,
            DROP COLUMN carried,
            DROP COLUMN is_binding,
            DROP COLUMN retest_of,
            DROP COLUMN opportunity_version,
            DROP COLUMN opportunity_id,
            ALTER COLUMN lead_version SET NOT NULL,
            ALTER COLUMN lead_id SET NOT NULL
        """
    )


def _forget_what_needs_no_lead() -> None:
    """Hand-overs of contacts and tests of opportunities have no place in the tables before; those
    of leads are due in the form they had."""
    op.execute(
        "UPDATE qualification.outbox AS o SET kind = 'opportunity_requested', subject_id = c.lead_id"
        " FROM qualification.conversions AS c WHERE c.workspace_id = o.workspace_id"
        " AND o.kind = 'conversion_requested' AND c.opportunity_id = o.subject_id"
        " AND c.lead_id IS NOT NULL"
    )
    op.execute("DELETE FROM qualification.outbox WHERE kind = 'conversion_requested'")
    op.execute("DELETE FROM qualification.conversions WHERE lead_id IS NULL")
    names = ", ".join(f"'{name}'" for name in _ADDED_TO_REQUESTS)
    op.execute(f"UPDATE qualification.conversions SET request = request - ARRAY[{names}]")
    op.execute("UPDATE qualification.assessments SET retest_of = NULL WHERE retest_of IS NOT NULL")
    # What tells what another policy would say would pass for the last verdict.
    op.execute("DELETE FROM qualification.assessments WHERE lead_id IS NULL OR NOT is_binding")


def _narrow_conversions() -> None:
    op.execute(
        """
        ALTER TABLE qualification.conversions
            DROP CONSTRAINT pk_conversions,
            DROP CONSTRAINT uq_conversions_workspace_id_lead_id,
            DROP COLUMN note,
            DROP COLUMN is_to_self,
            DROP COLUMN owner_id,
            DROP COLUMN sdr_id,
            DROP COLUMN contact_external_id,
            ALTER COLUMN lead_id SET NOT NULL,
            ADD CONSTRAINT uq_conversions_workspace_id_opportunity_id
                UNIQUE (workspace_id, opportunity_id),
            ADD CONSTRAINT pk_conversions PRIMARY KEY (workspace_id, lead_id)
        """
    )
    op.execute(
        "DROP INDEX IF EXISTS qualification.ix_conversions_workspace_id_state_opportunity_id"
    )
