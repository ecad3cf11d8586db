"""Builds a service's FastAPI application: life cycle, problem rendering, health and metrics.

It must not know which paths a service has, only how each of them behaves at the edge.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from redis.asyncio import Redis
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.kit.auth import Authenticator, TokenLookup
from services.kit.collector import calm_collector
from services.kit.db import Database, is_transient
from services.kit.errors import (
    FieldProblem,
    ForbiddenError,
    InvalidPayloadError,
    RateLimitedError,
    ServiceError,
    TooLargeError,
    UnauthorizedError,
    UnavailableError,
    UnsupportedMediaTypeError,
)
from services.kit.http import Service
from services.kit.idempotency import (
    IdempotencyInProgressError,
    IdempotencyKeyReusedError,
    IdempotencyStore,
)
from services.kit.logging import get_logger
from services.kit.ratelimit import RateLimiter
from services.kit.settings import ServiceName, Settings, get_settings
from services.kit.tasks import Bell
from services.kit.telemetry import REQUEST_SECONDS, REQUESTS, exposition
from services.kit.wakes import Wakes

log = get_logger(__name__)

PROBLEM_MEDIA_TYPE = "application/problem+json"

_PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "message"],
                "properties": {
                    "pointer": {"type": "string"},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}


def problems(*errors: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a path: each declared error under its status, as problem+json."""
    responses: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        known = responses.setdefault(
            error.status,
            {"description": "", "content": {PROBLEM_MEDIA_TYPE: {"schema": _PROBLEM_SCHEMA}}},
        )
        known["description"] = ", ".join(filter(None, [known["description"], f"`{error.code}`"]))
    return responses


# What any authenticated path may answer besides its own errors.
COMMON_ERRORS: tuple[type[ServiceError], ...] = (
    UnauthorizedError,
    ForbiddenError,
    IdempotencyInProgressError,
    TooLargeError,
    UnsupportedMediaTypeError,
    InvalidPayloadError,
    IdempotencyKeyReusedError,
    RateLimitedError,
    UnavailableError,
)


def render_problem(error: ServiceError) -> Response:
    """The error as its answer."""
    return JSONResponse(
        error.problem(), error.status, headers=error.headers, media_type=PROBLEM_MEDIA_TYPE
    )


def field_problems(details: list[Any], base: str = "") -> list[FieldProblem]:
    """pydantic's error list as ours: JSON pointers into the body, and what is accepted instead."""
    problems_: list[FieldProblem] = []
    for detail in details:
        location = [str(part) for part in detail["loc"]]
        if location and location[0] == "body":
            location = location[1:]
            pointer = base + "".join(f"/{part}" for part in location)
        elif location and location[0] in ("query", "path", "header"):
            pointer = "/".join(location)
        else:
            pointer = base + "".join(f"/{part}" for part in location)
        message = str(detail["msg"]).removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = "is not a field of this record; check the spelling or leave it out"
        problems_.append(FieldProblem(pointer, str(detail["type"]), message))
    return problems_


async def _on_service_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    return render_problem(error)


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return render_problem(InvalidPayloadError(field_problems(list(error.errors()))))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's own refusals: unknown path, wrong method."""
    assert isinstance(error, StarletteHTTPException)
    titles = {404: "path_not_found", 405: "method_not_allowed"}
    code = titles.get(error.status_code, "bad_request")
    body = {
        "type": f"urn:leadline:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": error.status_code,
        "detail": f"{request.method} {request.url.path}: {error.detail}.",
        "code": code,
    }
    return JSONResponse(
        body, error.status_code, headers=error.headers, media_type=PROBLEM_MEDIA_TYPE
    )


async def _on_unexpected(request: Request, error: Exception) -> Response:
    if is_transient(error):
        log.warning("transient_fault", path=request.url.path, error=repr(error))
        return render_problem(
            UnavailableError("The database could not do this now; nothing was stored. Try again.")
        )
    log.error("request_failed", path=request.url.path, exc_info=error)
    body = {
        "type": "urn:leadline:problem:internal_error",
        "title": "Internal error",
        "status": 500,
        "detail": "Something is wrong on our side; nothing of this request was stored.",
        "code": "internal_error",
    }
    return JSONResponse(body, 500, media_type=PROBLEM_MEDIA_TYPE)


def render_problems(app: FastAPI) -> None:
    """Every refusal of the application leaves as problem+json, the framework's own included."""
    app.add_exception_handler(ServiceError, _on_service_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(StarletteHTTPException, _on_http_exception)


class Measured:
    """ASGI wrapper: counts and times answers, and turns unexpected faults into problems while the
    connection can still carry one."""

    def __init__(self, app: ASGIApp, service: str) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            if status:
                raise
            await (await _on_unexpected(Request(scope), error))(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            method = scope["method"]
            REQUESTS.labels(self._service, method, route, str(status)).inc()
            REQUEST_SECONDS.labels(self._service, method, route).observe(
                time.perf_counter() - started
            )


class Application(FastAPI):
    """FastAPI keeps the OpenAPI document as objects, a fifth of an idle process's memory for what is
    asked for once in a while. Here it is kept as text."""

    _document: bytes | None = None

    def openapi(self) -> dict[str, Any]:
        if self._document is None:
            self._document = orjson.dumps(super().openapi())
            self.openapi_schema = None
        document: dict[str, Any] = orjson.loads(self._document)
        return document


def create_app(
    *,
    name: ServiceName,
    title: str,
    description: str,
    routers: list[APIRouter],
    token_lookups: Callable[[Database, Settings], list[TokenLookup]],
    schema_head: str,
    on_start: Callable[[FastAPI], Awaitable[None]] | None = None,
) -> FastAPI:
    """One service. `schema_head` names the migration `/readyz` wants the database to be at."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        settings = get_settings()
        app.state.service = await start_service(name, settings, token_lookups)
        if on_start is not None:
            await on_start(app)
        calm_collector()
        yield
        await stop_service(app.state.service)

    app = Application(
        title=title,
        description=description,
        version="1",
        lifespan=lifespan,
        openapi_url="/openapi.json",
        docs_url="/docs",
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    render_problems(app)
    app.add_middleware(Measured, service=name)
    for router in routers:
        app.include_router(router, prefix="/v1")
    _add_operations(app, schema_head)
    return app


async def start_service(
    name: ServiceName,
    settings: Settings,
    token_lookups: Callable[[Database, Settings], list[TokenLookup]],
) -> Service:
    """Connects what the service needs. Redis is optional to serving: only the bell and the shared
    rate limit want it, and both go on without."""
    database = await Database.connect(
        settings.database_dsn(name),
        role=f"leadline_{name}",
        application_name=f"leadline-{name}",
        pool_min=settings.database_pool_min,
        pool_max=settings.database_pool_max,
        statement_timeout_ms=settings.statement_timeout_ms,
        lock_timeout_ms=settings.lock_timeout_ms,
        idle_in_transaction_timeout_ms=settings.idle_in_transaction_timeout_ms,
    )
    redis_url = settings.redis_dsn() if settings.redis_url else None
    redis = None
    if redis_url is not None:
        redis = Redis.from_url(
            redis_url,
            socket_timeout=settings.redis_timeout_s,
            socket_connect_timeout=settings.redis_timeout_s,
        )
    return Service(
        name=name,
        database=database,
        authenticator=Authenticator(token_lookups(database, settings)),
        limiter=RateLimiter(redis, settings.rate_limit_per_second),
        idempotency=IdempotencyStore(
            database, name, int(settings.idempotency_lease_s), settings.idempotency_keep_h
        ),
        bell=Bell(redis_url),
        body_bytes_max=settings.body_bytes_max,
        redis=redis,
        wakes=Wakes(redis_url, f"leadline:{name}:changed", settings.redis_timeout_s),
    )


async def stop_service(service: Service) -> None:
    """Rings what is waiting, then closes connections."""
    await service.bell.close()
    await service.wakes.close()
    if service.redis is not None:
        await service.redis.aclose()
    await service.database.close()


async def not_ready(service: Service, head: str) -> str | None:
    """Why the service cannot serve, None when it can: the database answers and is migrated."""
    try:
        async with service.database.pool.acquire() as connection:
            found = await connection.fetchval("SELECT version_num FROM public.alembic_version")
    except Exception as error:
        if is_transient(error) or "alembic_version" in str(error):
            return f"database: {error}"
        raise
    # A later schema is fine: the previous release runs on the next one. Revisions sort as text.
    if found is not None and found >= head:
        return None
    return f"database is at migration {found}, the code wants {head}"


def _add_operations(app: FastAPI, schema_head: str) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> Response:
        return JSONResponse({"status": "alive"})

    @app.get("/readyz", include_in_schema=False)
    async def readyz(request: Request) -> Response:
        reason = await not_ready(request.app.state.service, schema_head)
        if reason is None:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready", "reason": reason}, 503)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        body, media_type = exposition()
        return Response(body, media_type=media_type)
