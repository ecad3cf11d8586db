"""All three services behind one port, as `leadline up` serves them: a prefix each, one readiness.

It adds no behaviour of its own; in containers a proxy may do the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from services.forecast.app import app as forecast
from services.forecast.heartbeats import is_worker_up
from services.kit.app import not_ready
from services.kit.settings import get_settings
from services.kit.telemetry import exposition
from services.pipeline.app import app as pipeline
from services.qualification.app import app as qualification
from services.schema import HEAD

SERVICES: dict[str, FastAPI] = {
    "qualification": qualification,
    "pipeline": pipeline,
    "forecast": forecast,
}


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for service in SERVICES.values():
            await stack.enter_async_context(service.router.lifespan_context(service))
        yield


app = FastAPI(title="Leadline", lifespan=_lifespan, openapi_url=None, docs_url=None)
for prefix, service in SERVICES.items():
    app.mount(f"/{prefix}", service)


@app.get("/healthz")
async def healthz() -> Response:
    """Alive: the process answers."""
    return JSONResponse({"status": "alive"})


@app.get("/readyz")
async def readyz(request: Request) -> Response:
    """Ready: every service can serve, the worker is up, and a first start has its data."""
    reasons: dict[str, str] = {}
    for name, service in SERVICES.items():
        reason = await not_ready(service.state.service, HEAD)
        if reason is not None:
            reasons[name] = reason
    if not reasons:
        async with forecast.state.service.database.read(None) as session:
            if not await is_worker_up(session):
                reasons["worker"] = "no worker has been heard of for some seconds"
    marker = get_settings().first_start_marker
    if marker is not None and marker.exists():
        reasons["demo"] = "the demo data is being loaded"
    if reasons:
        return JSONResponse({"status": "not ready", "reasons": reasons}, 503)
    return JSONResponse({"status": "ready"})


@app.get("/metrics")
async def metrics() -> Response:
    """Prometheus metrics of the one process that serves all three."""
    body, media_type = exposition()
    return Response(body, media_type=media_type)
