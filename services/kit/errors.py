"""Errors as facts: a class per fact, status-coded, with a sentence that names the cure.

Concrete classes live in each service's `errors.py`; this module knows only how they are shaped
and rendered (RFC 9457). It must not know what any of them means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def code_of(name: str) -> str:
    """`OpportunityClosedError` -> `opportunity_closed`."""
    return _WORD.sub("_", name.removesuffix("Error")).lower()


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with one field of the input; `pointer` is a JSON pointer into the body,
    or `query/<name>`, `header/<name>`, `path/<name>` for the other parts of a request."""

    pointer: str
    code: str
    message: str

    def render(self) -> dict[str, str]:
        return {"pointer": self.pointer, "code": self.code, "message": self.message}


class ServiceError(Exception):
    """Base of every expected refusal. `code` is stable for ever; `detail` is for people."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    code: ClassVar[str] = "internal_error"

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "code" not in cls.__dict__:
            cls.code = code_of(cls.__name__)
        if "title" not in cls.__dict__:
            cls.title = cls.code.replace("_", " ").capitalize()

    def __init__(
        self,
        detail: str,
        *,
        errors: list[FieldProblem] | None = None,
        extra: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors or []
        self.extra = extra or {}
        self.headers = headers or {}

    def problem(self) -> dict[str, Any]:
        """The problem+json members, `errors` only where a field is to blame."""
        body: dict[str, Any] = {
            "type": f"urn:leadline:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.errors:
            body["errors"] = [problem.render() for problem in self.errors]
        return body | self.extra


class InvalidPayloadError(ServiceError):
    """422: the payload itself is wrong, whatever the state of the records."""

    status = 422
    code = "invalid_payload"

    def __init__(self, errors: list[FieldProblem]) -> None:
        first = errors[0]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        where = f"{first.pointer}: " if first.pointer else ""
        super().__init__(f"{where}{first.message}{more}", errors=errors)

    @classmethod
    def one(cls, pointer: str, code: str, message: str) -> InvalidPayloadError:
        """The common case of a single field being wrong."""
        return cls([FieldProblem(pointer, code, message)])


class NotFoundError(ServiceError):
    """404: absent, or not visible to the caller's workspace; the two are never told apart."""

    status = 404
    code = "not_found"

    def __init__(self, kind: str, reference: object) -> None:
        super().__init__(f"There is no {kind} {str(reference)[:200]!r} in this workspace.")


class ConflictError(ServiceError):
    """409: the request is well formed but the record's state does not allow it."""

    status = 409
    code = "conflict"


class IdTakenError(ConflictError):
    """409: the id a client chose for a new record is another one's."""

    def __init__(self, kind: str, record_id: object) -> None:
        super().__init__(
            f"There is another {kind} with the id {record_id}, and it is not what was sent."
            " Leave `id` out, or name that record."
        )


class IdMismatchError(ConflictError):
    """409: the external id belongs to a record with another id."""

    def __init__(self, sent: object, found: object) -> None:
        super().__init__(
            f"The record has the id {found}, not {sent}; an id never changes. Leave `id` out."
        )


class StaleVersionError(ServiceError):
    """412: `If-Match` names a version that is no longer the current one."""

    status = 412
    code = "stale_version"

    def __init__(self, sent: str, current: int | None) -> None:
        if current is None:
            super().__init__(
                f"If-Match was {sent}, but there is no such record. Leave the header out to make it."
            )
            return
        super().__init__(
            f'If-Match was {sent}, but the record is at version "{current}". Read it again, '
            "apply the change to what it says now, and send the new ETag.",
            headers={"ETag": f'"{current}"'},
        )


class UnauthorizedError(ServiceError):
    """401: no token, or one that is unknown, revoked or expired."""

    status = 401
    code = "unauthorized"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class ForbiddenError(ServiceError):
    """403: the token is good, its roles do not allow this."""

    status = 403
    code = "forbidden"


class TooLargeError(ServiceError):
    """413: the body is over the limit."""

    status = 413
    code = "body_too_large"


class UnsupportedMediaTypeError(ServiceError):
    """415: the body is not of a type this path reads."""

    status = 415
    code = "unsupported_media_type"


class RateLimitedError(ServiceError):
    """429: this key sent more than its share; `Retry-After` says when to try again."""

    status = 429
    code = "rate_limited"


class UnavailableError(ServiceError):
    """503: transient (lock wait, deadlock, connection); the same request may succeed at once."""

    status = 503
    code = "temporarily_unavailable"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Retry-After": "1"})
