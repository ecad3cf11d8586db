"""Accounts, opportunities and their events, the outbox and the sequenced feed."""

from __future__ import annotations

from alembic import op

from migrations import layout

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA pipeline")
    _create_feed()
    _create_findings()
    _create_opportunity_events()
    _create_outbox()
    _create_accounts()
    _create_contacts()
    _create_subscriptions()
    _create_opportunities()
    layout.discoverable("pipeline.outbox")
    layout.grant(
        "pipeline", "SELECT, INSERT, UPDATE, DELETE", "leadline_pipeline", "leadline_worker"
    )
    layout.grant("pipeline", "SELECT", "leadline_forecast")
    op.execute("GRANT INSERT ON pipeline.outbox TO leadline_forecast")


def downgrade() -> None:
    op.execute("DROP SCHEMA pipeline CASCADE")


def _create_feed() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.feed (
            workspace_id UUID NOT NULL,
            sequence BIGINT NOT NULL,
            kind TEXT NOT NULL,
            subject_id UUID NOT NULL,
            version INTEGER NOT NULL,
            event_id UUID,
            posted_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_feed PRIMARY KEY (workspace_id, sequence)
        )
        """
    )
    layout.place("pipeline.feed")


def _create_findings() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.findings (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            version INTEGER NOT NULL,
            rule TEXT NOT NULL,
            message TEXT NOT NULL,
            actor TEXT NOT NULL,
            found_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_findings PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("pipeline.findings")
    op.execute(
        "CREATE INDEX ix_findings_workspace_id_opportunity_id"
        " ON pipeline.findings (workspace_id, opportunity_id)"
    )


def _create_opportunity_events() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.opportunity_events (
            workspace_id UUID NOT NULL,
            opportunity_id UUID NOT NULL,
            version INTEGER NOT NULL,
            id UUID NOT NULL,
            kind TEXT NOT NULL,
            changes JSONB NOT NULL,
            previous JSONB NOT NULL,
            occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
            recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
            actor TEXT NOT NULL,
            reason TEXT,
            CONSTRAINT pk_opportunity_events PRIMARY KEY (workspace_id, opportunity_id, version)
        )
        """
    )
    layout.place("pipeline.opportunity_events")


def _create_outbox() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.outbox (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            kind TEXT NOT NULL,
            subject_id UUID NOT NULL,
            version INTEGER NOT NULL,
            event_id UUID,
            recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
            due_at TIMESTAMP WITH TIME ZONE NOT NULL,
            attempts SMALLINT DEFAULT 0 NOT NULL,
            last_error TEXT,
            parked_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT pk_outbox PRIMARY KEY (workspace_id, id)
        ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)
        """
    )
    layout.place("pipeline.outbox")
    op.execute(
        "CREATE INDEX ix_outbox_workspace_id_subject_id_version"
        " ON pipeline.outbox (workspace_id, subject_id, version)"
    )
    op.execute(
        "CREATE INDEX ix_outbox_failed ON pipeline.outbox (workspace_id, subject_id)"
        " WHERE attempts > 0"
    )


def _create_accounts() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.accounts (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            external_id TEXT,
            name TEXT NOT NULL,
            employees BIGINT,
            segment TEXT NOT NULL,
            vertical TEXT,
            region TEXT,
            route_to_market TEXT,
            parent_id UUID,
            owner_id UUID,
            version INTEGER NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_accounts PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_accounts_workspace_id_external_id UNIQUE (workspace_id, external_id)
        )
        """
    )
    layout.place("pipeline.accounts")
    op.execute(
        "CREATE INDEX ix_accounts_workspace_id_owner_id"
        " ON pipeline.accounts (workspace_id, owner_id)"
    )
    op.execute(
        "CREATE INDEX ix_accounts_workspace_id_parent_id"
        " ON pipeline.accounts (workspace_id, parent_id)"
    )
    op.execute(
        "ALTER TABLE pipeline.accounts ADD CONSTRAINT fk_accounts_workspace_id_owner_id"
        " FOREIGN KEY (workspace_id, owner_id) REFERENCES workspace.users (workspace_id, id)"
    )
    op.execute(
        "ALTER TABLE pipeline.accounts ADD CONSTRAINT fk_accounts_workspace_id_parent_id"
        " FOREIGN KEY (workspace_id, parent_id) REFERENCES pipeline.accounts (workspace_id, id)"
    )


def _create_contacts() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.contacts (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            external_id TEXT,
            account_id UUID,
            name TEXT NOT NULL,
            email TEXT,
            title TEXT,
            persona TEXT,
            buying_role TEXT,
            champion BOOLEAN NOT NULL,
            left_at DATE,
            version INTEGER NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_contacts PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_contacts_workspace_id_external_id UNIQUE (workspace_id, external_id)
        )
        """
    )
    layout.place("pipeline.contacts")
    op.execute(
        "CREATE INDEX ix_contacts_workspace_id_account_id"
        " ON pipeline.contacts (workspace_id, account_id)"
    )
    op.execute(
        "ALTER TABLE pipeline.contacts ADD CONSTRAINT fk_contacts_workspace_id_account_id"
        " FOREIGN KEY (workspace_id, account_id) REFERENCES pipeline.accounts (workspace_id, id)"
    )


def _create_subscriptions() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.subscriptions (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            external_id TEXT,
            account_id UUID NOT NULL,
            start_date DATE NOT NULL,
            end_date DATE NOT NULL,
            arr NUMERIC(18, 2) NOT NULL,
            currency TEXT NOT NULL,
            seats BIGINT,
            tier TEXT,
            usage JSONB,
            version INTEGER NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_subscriptions PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_subscriptions_workspace_id_external_id UNIQUE (workspace_id, external_id)
        )
        """
    )
    layout.place("pipeline.subscriptions")
    op.execute(
        "CREATE INDEX ix_subscriptions_workspace_id_account_id"
        " ON pipeline.subscriptions (workspace_id, account_id)"
    )
    op.execute(
        "CREATE INDEX ix_subscriptions_workspace_id_end_date"
        " ON pipeline.subscriptions (workspace_id, end_date)"
    )
    op.execute(
        "ALTER TABLE pipeline.subscriptions ADD CONSTRAINT fk_subscriptions_workspace_id_account_id"
        " FOREIGN KEY (workspace_id, account_id) REFERENCES pipeline.accounts (workspace_id, id)"
    )


def _create_opportunities() -> None:
    op.execute(
        """
        CREATE TABLE pipeline.opportunities (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            external_id TEXT,
            version INTEGER NOT NULL,
            name TEXT NOT NULL,
            account_id UUID,
            owner_id UUID NOT NULL,
            type TEXT NOT NULL,
            order_type TEXT NOT NULL,
            stage TEXT NOT NULL,
            forecast_category TEXT NOT NULL,
            stated_forecast_category TEXT,
            renewal_loss_category TEXT NOT NULL,
            amount NUMERIC(18, 2),
            currency TEXT NOT NULL,
            term_months INTEGER,
            true_up_amount NUMERIC(18, 2) NOT NULL,
            services_amount NUMERIC(18, 2) NOT NULL,
            other_non_recurring_amount NUMERIC(18, 2) NOT NULL,
            arr_basis NUMERIC(18, 2) NOT NULL,
            expected_renewed_arr NUMERIC(18, 2),
            net_arr NUMERIC(18, 2) NOT NULL,
            stated_net_arr NUMERIC(18, 2),
            close_date DATE,
            close_fiscal_quarter INTEGER NOT NULL,
            next_step TEXT,
            next_step_date DATE,
            source_kind TEXT,
            segment TEXT NOT NULL,
            region TEXT NOT NULL,
            vertical TEXT NOT NULL,
            category TEXT NOT NULL,
            parent_external_id TEXT,
            subscription_id UUID,
            renewal_date DATE,
            quote_start_date DATE,
            submitted_at TIMESTAMP WITH TIME ZONE,
            duplicate_of TEXT,
            contact_external_ids TEXT[] NOT NULL,
            sdr_id UUID,
            seats BIGINT,
            use_case TEXT,
            route_to_market TEXT,
            buyer_stage TEXT,
            splits JSONB NOT NULL,
            lost_reason TEXT,
            lost_details TEXT,
            push_count INTEGER NOT NULL,
            stage_entered_at TIMESTAMP WITH TIME ZONE NOT NULL,
            sales_accepted_date DATE,
            policy_version INTEGER NOT NULL,
            stated_fields TEXT[] NOT NULL,
            occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_opportunities PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_opportunities_workspace_id_external_id UNIQUE (workspace_id, external_id)
        )
        """
    )
    layout.place("pipeline.opportunities")
    op.execute(
        "CREATE INDEX ix_opportunities_workspace_id_account_id_stage"
        " ON pipeline.opportunities (workspace_id, account_id, stage)"
    )
    op.execute(
        "CREATE INDEX ix_opportunities_workspace_id_close_fiscal_quarter_stage"
        " ON pipeline.opportunities (workspace_id, close_fiscal_quarter, stage)"
    )
    op.execute(
        "CREATE INDEX ix_opportunities_workspace_id_owner_id_close_date"
        " ON pipeline.opportunities (workspace_id, owner_id, close_date)"
    )
    op.execute(
        "CREATE INDEX ix_opportunities_workspace_id_sdr_id"
        " ON pipeline.opportunities (workspace_id, sdr_id)"
    )
    op.execute(
        "CREATE INDEX ix_opportunities_workspace_id_subscription_id"
        " ON pipeline.opportunities (workspace_id, subscription_id)"
    )
    op.execute(
        "ALTER TABLE pipeline.opportunities ADD CONSTRAINT fk_opportunities_workspace_id_account_id"
        " FOREIGN KEY (workspace_id, account_id) REFERENCES pipeline.accounts (workspace_id, id)"
    )
    op.execute(
        "ALTER TABLE pipeline.opportunities ADD CONSTRAINT fk_opportunities_workspace_id_owner_id"
        " FOREIGN KEY (workspace_id, owner_id) REFERENCES workspace.users (workspace_id, id)"
    )
    op.execute(
        "ALTER TABLE pipeline.opportunities ADD CONSTRAINT fk_opportunities_workspace_id_sdr_id"
        " FOREIGN KEY (workspace_id, sdr_id) REFERENCES workspace.users (workspace_id, id)"
    )
    op.execute(
        "ALTER TABLE pipeline.opportunities ADD CONSTRAINT fk_opportunities_workspace_id_subscription_id"
        " FOREIGN KEY (workspace_id, subscription_id) REFERENCES pipeline.subscriptions (workspace_id, id)"
    )
