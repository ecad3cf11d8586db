"""The pipeline service: which paths it has. What they do lives in their packages."""

from __future__ import annotations

from services.kit.app import create_app
from services.pipeline.accounts.endpoints import router as accounts
from services.pipeline.activities.endpoints import router as activities
from services.pipeline.bookings.endpoints import router as bookings
from services.pipeline.changes.endpoints import router as changes
from services.pipeline.contacts.endpoints import router as contacts
from services.pipeline.customers.endpoints import router as customers
from services.pipeline.gates.endpoints import router as gates
from services.pipeline.hygiene.endpoints import router as hygiene
from services.pipeline.imports.endpoints import router as imports
from services.pipeline.imports.reconciliation.endpoints import router as reconciliation
from services.pipeline.notices.endpoints import router as notices
from services.pipeline.operations.endpoints import router as operations
from services.pipeline.opportunities.endpoints import router as opportunities
from services.pipeline.policies.endpoints import router as policies
from services.pipeline.renewals.endpoints import router as renewals
from services.pipeline.staleness.endpoints import router as staleness
from services.pipeline.subscriptions.endpoints import router as subscriptions
from services.pipeline.summary.endpoints import router as summary
from services.pipeline.webhooks.endpoints import router as webhooks
from services.schema import HEAD
from services.workspace.keys.lookups import token_lookups
from services.workspace.users.endpoints import router as users
from services.workspace.workspaces.endpoints import router as workspaces

app = create_app(
    name="pipeline",
    title="Leadline pipeline",
    description="Accounts, opportunities and their history, users, policies and imports.",
    # Routes are tried in order, so the busiest come first.
    routers=[
        opportunities,
        gates,
        activities,
        bookings,
        hygiene,
        summary,
        staleness,
        notices,
        workspaces,
        users,
        policies,
        accounts,
        contacts,
        subscriptions,
        customers,
        operations,
        renewals,
        changes,
        webhooks,
        imports,
        reconciliation,
    ],
    token_lookups=token_lookups,
    schema_head=HEAD,
)
