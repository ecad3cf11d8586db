"""The forecast service: which paths it has. What they do lives in their modules."""

from __future__ import annotations

from services.forecast.audits.endpoints import router as audits
from services.forecast.endpoints import router as forecasts
from services.forecast.quotas.endpoints import router as quotas
from services.kit.app import create_app
from services.schema import HEAD
from services.workspace.keys.lookups import token_lookups

app = create_app(
    name="forecast",
    title="Leadline forecast",
    description="Net ARR figures of a fiscal quarter, now and as of any instant, and their causes.",
    routers=[forecasts, quotas, audits],
    token_lookups=token_lookups,
    schema_head=HEAD,
)
