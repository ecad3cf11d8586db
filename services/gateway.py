"""All three services behind one port, as `leadline up` serves them: a prefix each, one readiness.

It adds no behaviour of its own; in containers a proxy may do the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from services import lead_import
from services.forecast.app import app as forecast
from services.forecast.heartbeats import is_worker_up
from services.kit.app import not_ready, render_problems
from services.kit.settings import get_settings
from services.kit.telemetry import exposition
from services.pipeline.app import app as pipeline
from services.qualification.app import app as qualification
from services.schema import HEAD

# Imports are checked here, also those of records that are not pipeline's own.
lead_import.register()

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


class Gateway(FastAPI):
    """Hands a request to the service its path begins with. Not `mount`, which would send every
    request through a second application's middleware and router first: a fifth of a PATCH."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        prefix = scope.get("path", "").split("/", 2)[1:2]
        service = SERVICES.get(prefix[0]) if prefix else None
        if service is None or scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        root_path = scope.get("root_path", "")
        inner = {
            **scope,
            "app_root_path": scope.get("app_root_path", root_path),
            "root_path": f"{root_path}/{prefix[0]}",
        }
        await service(inner, receive, send)


app = Gateway(title="Leadline", lifespan=_lifespan, openapi_url=None, docs_url=None)
render_problems(app)


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
