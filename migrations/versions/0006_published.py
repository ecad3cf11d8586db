"""What pipeline publishes of itself to qualification, which may read it and write nothing."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_READ = ("pipeline.opportunities", "pipeline.accounts", "pipeline.contacts")


def upgrade() -> None:
    # A view runs with the rights of who reads it, so that row-level security binds the reader.
    _publish(
        "opportunities",
        """
        workspace_id, id, external_id, version, name, type, order_type, stage, forecast_category,
        segment, region, vertical, route_to_market, amount, currency, net_arr, close_date,
        close_fiscal_quarter, next_step, next_step_date, source_kind, use_case, seats,
        buyer_stage, owner_id, sdr_id, account_id, contact_external_ids, stage_entered_at,
        sales_accepted_date, created_at, updated_at
        """,
    )
    _publish(
        "accounts",
        """
        workspace_id, id, external_id, version, name, employees, segment, vertical, region,
        route_to_market, parent_id, owner_id, created_at, updated_at
        """,
    )
    _publish(
        "contacts",
        """
        workspace_id, id, external_id, version, account_id, name, email, title, persona,
        buying_role, champion, left_at, created_at, updated_at
        """,
    )
    op.execute("GRANT USAGE ON SCHEMA pipeline TO leadline_qualification")
    for table in _READ:
        op.execute(f"GRANT SELECT ON {table} TO leadline_qualification")


def _publish(table: str, columns: str) -> None:
    view = f"pipeline.published_{table}"
    op.execute(
        f"CREATE VIEW {view} WITH (security_invoker = true)"
        f" AS SELECT {columns} FROM pipeline.{table}"
    )
    for role in ("leadline_qualification", "leadline_worker"):
        op.execute(f"GRANT SELECT ON {view} TO {role}")


def downgrade() -> None:
    for table in _READ:
        op.execute(f"REVOKE SELECT ON {table} FROM leadline_qualification")
        op.execute(f"DROP VIEW {table.replace('pipeline.', 'pipeline.published_')}")
    op.execute("REVOKE USAGE ON SCHEMA pipeline FROM leadline_qualification")
