"""The shared kernel: roles, workspaces, users, keys, policies."""

from __future__ import annotations

from alembic import op

from migrations import layout

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_roles()
    op.execute("CREATE SCHEMA workspace")
    _create_idempotency_keys()
    _create_workspace_slugs()
    _create_workspaces()
    _create_policies()
    _create_users()
    _create_api_keys()
    _create_reporting_lines()
    _create_plan_types()
    layout.discoverable("workspace.workspace_slugs")
    layout.discoverable("workspace.workspaces")
    layout.discoverable("workspace.policies")
    layout.grant(
        "workspace", "SELECT, INSERT, UPDATE, DELETE", "leadline_pipeline", "leadline_worker"
    )
    layout.grant("workspace", "SELECT", "leadline_forecast", "leadline_qualification")
    for role in layout.ROLES:
        op.execute(f"GRANT INSERT, UPDATE, DELETE ON workspace.idempotency_keys TO {role}")
        op.execute(f"GRANT SELECT ON public.alembic_version TO {role}")


def downgrade() -> None:
    op.execute("DROP SCHEMA workspace CASCADE")


def _create_idempotency_keys() -> None:
    op.execute(
        """
        CREATE TABLE workspace.idempotency_keys (
            workspace_id UUID NOT NULL,
            service TEXT NOT NULL,
            principal_id UUID NOT NULL,
            key TEXT NOT NULL,
            fingerprint BYTEA NOT NULL,
            lease_token UUID NOT NULL,
            lease_until TIMESTAMP WITH TIME ZONE NOT NULL,
            status INTEGER,
            headers JSONB,
            body BYTEA,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_idempotency_keys PRIMARY KEY (workspace_id, service, principal_id, key)
        )
        """
    )
    layout.place("workspace.idempotency_keys")
    op.execute(
        "CREATE INDEX ix_idempotency_keys_workspace_id_created_at"
        " ON workspace.idempotency_keys (workspace_id, created_at)"
    )


def _create_workspace_slugs() -> None:
    op.execute(
        """
        CREATE TABLE workspace.workspace_slugs (
            slug TEXT NOT NULL,
            workspace_id UUID NOT NULL,
            CONSTRAINT pk_workspace_slugs PRIMARY KEY (slug)
        )
        """
    )
    layout.reference("workspace.workspace_slugs")


def _create_roles() -> None:
    """Group roles; logins are made members of them (see deploy/roles.sql).

    Whoever migrates becomes a member where it may: an owner that is no superuser could not act
    for any service otherwise, not even with one login for everything.
    """
    for role in layout.ROLES:
        op.execute(
            f"""
            DO $$ BEGIN
                IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
                    CREATE ROLE {role} NOLOGIN NOSUPERUSER NOBYPASSRLS;
                END IF;
                IF EXISTS (SELECT FROM pg_roles WHERE rolname = current_user AND NOT rolsuper) THEN
                    BEGIN
                        GRANT {role} TO CURRENT_USER;
                    EXCEPTION WHEN insufficient_privilege THEN
                        NULL;
                    END;
                END IF;
            END $$
            """
        )


def _create_workspaces() -> None:
    op.execute(
        """
        CREATE TABLE workspace.workspaces (
            id UUID NOT NULL,
            slug TEXT NOT NULL,
            name TEXT NOT NULL,
            currency TEXT NOT NULL,
            fiscal_year_start_month SMALLINT NOT NULL,
            timezone TEXT NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_workspaces PRIMARY KEY (id)
        )
        """
    )
    layout.place("workspace.workspaces", "id")


def _create_policies() -> None:
    op.execute(
        """
        CREATE TABLE workspace.policies (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            version INTEGER NOT NULL,
            name TEXT NOT NULL,
            effective_from TIMESTAMP WITH TIME ZONE NOT NULL,
            settings JSONB NOT NULL,
            recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
            recorded_by TEXT NOT NULL,
            sequence BIGINT,
            applied_through UUID,
            applied_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT pk_policies PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_policies_workspace_id_version UNIQUE (workspace_id, version)
        )
        """
    )
    layout.place("workspace.policies")
    op.execute(
        "ALTER TABLE workspace.policies ADD CONSTRAINT fk_policies_workspace_id"
        " FOREIGN KEY (workspace_id) REFERENCES workspace.workspaces (id)"
    )
    op.execute(
        "CREATE INDEX ix_policies_unapplied ON workspace.policies (workspace_id, version)"
        " WHERE applied_at IS NULL"
    )


def _create_users() -> None:
    op.execute(
        """
        CREATE TABLE workspace.users (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            external_id TEXT NOT NULL,
            name TEXT NOT NULL,
            email TEXT,
            role TEXT NOT NULL,
            segment TEXT,
            region TEXT,
            plan_type TEXT NOT NULL,
            timezone TEXT,
            active BOOLEAN NOT NULL,
            version INTEGER NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_users PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_users_workspace_id_external_id UNIQUE (workspace_id, external_id)
        )
        """
    )
    layout.place("workspace.users")
    op.execute(
        "ALTER TABLE workspace.users ADD CONSTRAINT fk_users_workspace_id"
        " FOREIGN KEY (workspace_id) REFERENCES workspace.workspaces (id)"
    )


def _create_api_keys() -> None:
    op.execute(
        """
        CREATE TABLE workspace.api_keys (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            secret_hash BYTEA NOT NULL,
            name TEXT NOT NULL,
            roles TEXT[] NOT NULL,
            user_id UUID,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            expires_at TIMESTAMP WITH TIME ZONE,
            revoked_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT pk_api_keys PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_api_keys_workspace_id_secret_hash UNIQUE (workspace_id, secret_hash)
        )
        """
    )
    layout.place("workspace.api_keys")
    op.execute(
        "CREATE INDEX ix_api_keys_workspace_id_user_id"
        " ON workspace.api_keys (workspace_id, user_id)"
    )
    op.execute(
        "ALTER TABLE workspace.api_keys ADD CONSTRAINT fk_api_keys_workspace_id"
        " FOREIGN KEY (workspace_id) REFERENCES workspace.workspaces (id)"
    )
    op.execute(
        "ALTER TABLE workspace.api_keys ADD CONSTRAINT fk_api_keys_workspace_id_user_id"
        " FOREIGN KEY (workspace_id, user_id) REFERENCES workspace.users (workspace_id, id)"
    )


def _create_reporting_lines() -> None:
    op.execute(
        """
        CREATE TABLE workspace.reporting_lines (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            user_id UUID NOT NULL,
            manager_id UUID,
            effective_from TIMESTAMP WITH TIME ZONE NOT NULL,
            recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
            recorded_by TEXT NOT NULL,
            sequence BIGINT,
            CONSTRAINT pk_reporting_lines PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("workspace.reporting_lines")
    op.execute(
        "CREATE INDEX ix_reporting_lines_workspace_id_manager_id"
        " ON workspace.reporting_lines (workspace_id, manager_id)"
    )
    op.execute(
        "CREATE INDEX ix_reporting_lines_workspace_id_user_id_effective_from_sequence"
        " ON workspace.reporting_lines (workspace_id, user_id, effective_from, sequence)"
    )
    op.execute(
        "ALTER TABLE workspace.reporting_lines ADD CONSTRAINT fk_reporting_lines_workspace_id_manager_id"
        " FOREIGN KEY (workspace_id, manager_id) REFERENCES workspace.users (workspace_id, id)"
    )
    op.execute(
        "ALTER TABLE workspace.reporting_lines ADD CONSTRAINT fk_reporting_lines_workspace_id_user_id"
        " FOREIGN KEY (workspace_id, user_id) REFERENCES workspace.users (workspace_id, id)"
    )


def _create_plan_types() -> None:
    op.execute(
        """
        CREATE TABLE workspace.plan_types (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            user_id UUID NOT NULL,
            plan_type TEXT NOT NULL,
            recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
            recorded_by TEXT NOT NULL,
            sequence BIGINT,
            CONSTRAINT pk_plan_types PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("workspace.plan_types")
    op.execute(
        "CREATE INDEX ix_plan_types_workspace_id_user_id_sequence"
        " ON workspace.plan_types (workspace_id, user_id, sequence)"
    )
    op.execute(
        "ALTER TABLE workspace.plan_types ADD CONSTRAINT fk_plan_types_workspace_id_user_id"
        " FOREIGN KEY (workspace_id, user_id) REFERENCES workspace.users (workspace_id, id)"
    )
