"""The qualification service: which paths it has. What they do lives in their packages."""

from __future__ import annotations

from services.kit.app import create_app
from services.qualification.acceptance.endpoints import router as acceptance
from services.qualification.leads.endpoints import router as leads
from services.schema import HEAD
from services.workspace.keys.lookups import token_lookups

app = create_app(
    name="qualification",
    title="Leadline qualification",
    description="Leads, the acceptance test, and the hand-over of accepted leads to pipeline.",
    routers=[leads, acceptance],
    token_lookups=token_lookups,
    schema_head=HEAD,
)
