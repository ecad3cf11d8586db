"""The HTTP edge: the transaction boundary of a request, and how answers and problems are rendered.

`ServiceRoute` authenticates, limits, reads the body, opens transactions on demand, runs the
handler, commits, and only then lets the answer leave. It must not know what any path means.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

import orjson
from fastapi import Depends, Request, Response, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from redis.asyncio import Redis
from starlette.types import Message

from services.kit.auth import Authenticator, Principal
from services.kit.db import Database, ReadSession, WriteSession, is_contention, is_transient
from services.kit.errors import (
    FieldProblem,
    InvalidPayloadError,
    TooLargeError,
    UnsupportedMediaTypeError,
)
from services.kit.idempotency import (
    Answer,
    IdempotencyStore,
    Lease,
    StreamedBody,
    fingerprint,
)
from services.kit.logging import get_logger
from services.kit.ratelimit import RateLimiter
from services.kit.tasks import Bell
from services.kit.wakes import Wakes

log = get_logger(__name__)

_ALWAYS_ALLOWED_QUERY = frozenset({"format"})
_ATTEMPTS = 2
# Who lost a race finds what the winner stored at the next try, so there are only so many to lose.
_CONTENDED_ATTEMPTS = 8


class Service:
    """What a running service's requests need; one per application, made at start-up."""

    def __init__(
        self,
        *,
        name: str,
        database: Database,
        authenticator: Authenticator,
        limiter: RateLimiter,
        idempotency: IdempotencyStore,
        bell: Bell,
        body_bytes_max: int,
        wakes: Wakes,
        redis: Redis | None = None,
    ) -> None:
        self.name = name
        self.database = database
        self.authenticator = authenticator
        self.limiter = limiter
        self.idempotency = idempotency
        self.bell = bell
        self.body_bytes_max = body_bytes_max
        self.wakes = wakes
        self.redis = redis


class Unit:
    """The transactions of one request. At most one, opened when the handler first asks."""

    def __init__(self, service: Service, principal: Principal) -> None:
        self.service = service
        self.principal = principal
        self._context: AbstractAsyncContextManager[Any] | None = None
        self._session: Any = None

    async def write(self) -> WriteSession:
        if self._session is None:
            session = await self._open(self.service.database.write(self.principal.workspace_id))
            bell, workspace_id = self.service.bell, self.principal.workspace_id
            session.after_commit(lambda: bell.ring(workspace_id))
        return WriteSession(self._session)

    async def read(self) -> ReadSession:
        if self._session is None:
            await self._open(self.service.database.read(self.principal.workspace_id))
        return ReadSession(self._session)

    async def _open(self, context: AbstractAsyncContextManager[Any]) -> Any:
        self._session = await context.__aenter__()
        self._context = context
        return self._session

    async def close(self, error: BaseException | None) -> None:
        """Commits, or rolls back when there is an error; raises when the commit fails."""
        context, self._context = self._context, None
        if context is None:
            return
        if error is None:
            await context.__aexit__(None, None, None)
            return
        try:
            await context.__aexit__(type(error), error, error.__traceback__)
        except BaseException as raised:
            if raised is not error:
                raise

    async def after_commit(self) -> None:
        if self._session is not None:
            await self._session.run_after_commit()


async def _principal(request: Request) -> Principal:
    return request.state.unit.principal


async def _write_session(request: Request) -> WriteSession:
    return await request.state.unit.write()


async def _read_session(request: Request) -> ReadSession:
    return await request.state.unit.read()


Caller = Annotated[Principal, Depends(_principal)]
Write = Annotated[WriteSession, Depends(_write_session)]
Read = Annotated[ReadSession, Depends(_read_session)]


class ServiceRoute(APIRoute):
    """The boundary of every authenticated path. Paths whose body is not JSON set
    `openapi_extra={"x-raw-body": True}` and read `request.stream()` themselves, without the
    body limit."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        allowed = {
            field.alias
            for field in get_flat_params(self.dependant)
            if isinstance(field.field_info, params.Query)
        } | _ALWAYS_ALLOWED_QUERY
        raw_body = bool((self.openapi_extra or {}).get("x-raw-body"))
        takes_json = self.body_field is not None and not raw_body
        needs_body = self.body_field is not None and self.body_field.field_info.is_required()

        async def handle(request: Request) -> Response:
            service: Service = request.app.state.service
            principal = await service.authenticator.authenticate(request)
            headers = await service.limiter.take(principal.key_id)
            _check_address(request, allowed)
            body = b"" if raw_body else await _read_body(request, service.body_bytes_max)
            if takes_json and (body or needs_body):
                _parse_json(request, body)
            key = request.headers.get("idempotency-key")
            if key is not None and request.method == "POST":
                streamed = _watched(request) if raw_body else None
                response = await _once(request, service, principal, handler, key, body, streamed)
            else:
                response = await _run(request, service, principal, handler, None)
            response.headers.update(headers)
            return response

        return handle


async def _once(
    request: Request,
    service: Service,
    principal: Principal,
    handler: Callable[[Request], Awaitable[Response]],
    key: str,
    body: bytes,
    streamed: StreamedBody | None,
) -> Response:
    print_ = fingerprint(request.method, request.url.path, request.url.query, body)
    store = service.idempotency
    lease = await store.begin(principal.workspace_id, principal.key_id, key, print_)
    if isinstance(lease, Answer):
        if streamed is not None:
            async for _ in request.stream():
                pass
            lease.require_body(streamed)
        return Response(lease.body, lease.status, {**lease.headers, "Idempotent-Replayed": "true"})
    try:
        return await _run(request, service, principal, handler, lease, streamed)
    except BaseException:
        await store.release(principal.workspace_id, lease)
        raise


async def _run(
    request: Request,
    service: Service,
    principal: Principal,
    handler: Callable[[Request], Awaitable[Response]],
    lease: Lease | None,
    streamed: StreamedBody | None = None,
) -> Response:
    """The handler in its transaction. A transient fault before the commit is tried once more, and
    a lost race until it is won; a fault of the commit itself is not, since it may have happened."""
    for attempt in range(1, _CONTENDED_ATTEMPTS + 1):
        unit = request.state.unit = Unit(service, principal)
        try:
            response = await handler(request)
            if lease is not None:
                await _store_answer(unit, lease, response, streamed)
        except BaseException as error:
            await unit.close(error)
            if attempt < _attempts(error):
                log.warning("request_retried", path=request.url.path, error=repr(error))
                continue
            raise
        await unit.close(None)
        await unit.after_commit()
        return response
    raise AssertionError("unreachable")


def _attempts(error: BaseException) -> int:
    if is_contention(error):
        return _CONTENDED_ATTEMPTS
    return _ATTEMPTS if is_transient(error) else 0


def _watched(request: Request) -> StreamedBody:
    """Learns what the body is while whoever reads it reads it."""
    streamed = StreamedBody(request.headers.get("content-type", ""))
    receive = request._receive

    async def watch() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            streamed.add(message.get("body", b""))
        return message

    request._receive = watch
    return streamed


async def _store_answer(
    unit: Unit, lease: Lease, response: Response, streamed: StreamedBody | None
) -> None:
    headers = {
        name: value
        for name, value in response.headers.items()
        if name in ("content-type", "etag", "location")
    }
    digest = streamed.digest() if streamed is not None else None
    answer = Answer(response.status_code, headers, bytes(response.body), digest)
    await unit.service.idempotency.store(await unit.write(), lease, answer)


def _check_address(request: Request, allowed: set[str]) -> None:
    query: bytes = request.scope["query_string"]
    if "\x00" in request.scope["path"] or b"%00" in query:
        raise InvalidPayloadError.one("path", "invalid_text", "must not contain NUL characters")
    if not query:
        return
    unknown = [name for name in request.query_params if name not in allowed]
    if unknown:
        accepted = ", ".join(sorted(allowed - _ALWAYS_ALLOWED_QUERY)) or "none"
        raise InvalidPayloadError(
            [
                FieldProblem(
                    f"query/{name}", "unknown_parameter",
                    f"is not a parameter of this path; accepted: {accepted}",
                )
                for name in unknown
            ]
        )  # fmt: skip


async def _read_body(request: Request, limit: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    body = b"".join(chunks)
    # Starlette's own cache: FastAPI's handler asks for the body again.
    request._body = body
    return body


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(
        f"The body is over {limit} bytes; send smaller batches, or POST /v1/imports, which streams."
    )


def _parse_json(request: Request, body: bytes) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaTypeError(
            f"Content-Type is {media_type or 'missing'!r}; send `Content-Type: application/json`."
        )
    if not body:
        raise InvalidPayloadError.one("", "missing_body", "a JSON body is required")
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidPayloadError.one(
            "", "invalid_json", f"the body is not JSON in UTF-8: {error}"
        ) from error
    pointer = _place_of_nul(parsed) if b"\\u0000" in body else None
    if pointer is not None:
        raise InvalidPayloadError.one(pointer, "invalid_text", "must not contain NUL characters")
    request._json = parsed


def _place_of_nul(body: Any) -> str | None:
    """Where a NUL character is, in a value or in a name; None where there is none. Without
    recursion, since a body may be nested deeper than Python's stack."""
    waiting = [("", body)]
    while waiting:
        pointer, value = waiting.pop()
        if isinstance(value, str) and "\x00" in value:
            return pointer
        if isinstance(value, dict):
            if any("\x00" in name for name in value):
                return pointer
            waiting += [(f"{pointer}/{name}", part) for name, part in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{pointer}/{place}", part) for place, part in enumerate(value)]
    return None
