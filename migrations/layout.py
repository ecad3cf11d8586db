"""Where tables live: the only code that knows of a distributed engine. A no-op on plain Postgres.

Order for a new table: CREATE TABLE without foreign keys, `place` or `reference`, indexes, foreign
keys. Every tenant table gets row-level security, forced on its owner too, in the same migration.
"""

from __future__ import annotations

from functools import lru_cache

from alembic import op
from sqlalchemy import text

ROLES = (
    "leadline_qualification",
    "leadline_pipeline",
    "leadline_forecast",
    "leadline_worker",
)
IN_WORKSPACE = "{column} = nullif(current_setting('app.workspace_id', true), '')::uuid"


@lru_cache(maxsize=1)
def _distributed() -> bool:
    found = op.get_bind().execute(text("SELECT 1 FROM pg_extension WHERE extname = 'citus'"))
    return found.first() is not None


def place(table: str, column: str = "workspace_id") -> None:
    """A tenant table: distributed by its workspace, beside all others of that workspace."""
    if _distributed():
        beside = "none" if table == "workspace.workspaces" else "workspace.workspaces"
        op.execute(
            f"SELECT create_distributed_table('{table}', '{column}', colocate_with := '{beside}')"
        )
    secure(table, column)


def reference(table: str, column: str = "workspace_id") -> None:
    """A small table copied to every node, for uniqueness over all workspaces."""
    if _distributed():
        op.execute(f"SELECT create_reference_table('{table}')")
    secure(table, column)


def secure(table: str, column: str) -> None:
    """No row of another workspace is visible or writable, whatever the code above forgets."""
    name = table.replace(".", "_")
    rule = IN_WORKSPACE.format(column=column)
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY {name}_workspace ON {table} USING ({rule}) WITH CHECK ({rule})")


def discoverable(table: str) -> None:
    """Lets the worker see which workspaces have rows here; every other role stays inside one."""
    name = table.replace(".", "_")
    op.execute(
        f"CREATE POLICY {name}_discovery ON {table} FOR SELECT TO leadline_worker USING (true)"
    )


def grant(schema: str, privileges: str, *roles: str) -> None:
    """On every table of the schema as it is now."""
    for role in roles:
        op.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
        op.execute(f"GRANT {privileges} ON ALL TABLES IN SCHEMA {schema} TO {role}")
