"""Who is calling: bearer tokens turned into a principal. Which roles a path needs is said by the
endpoints; how a token is looked up is given by the service, since the kit knows no tables."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from fastapi import Request

from services.kit import clock
from services.kit.errors import ForbiddenError, UnauthorizedError

KEY_PREFIX = "llk"
_CACHE_SECONDS = 2.0
_CACHE_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. `key_id` is the rate-limit and audit identity; `user_id` is set
    where the token belongs to a person of the workspace."""

    workspace_id: UUID
    key_id: UUID
    user_id: UUID | None
    name: str
    roles: frozenset[str]

    def has(self, *roles: str) -> bool:
        return not self.roles.isdisjoint(roles)

    def require(self, *roles: str) -> None:
        """Raises ForbiddenError unless one of `roles` is held."""
        if not self.has(*roles):
            wanted = ", ".join(sorted(roles))
            raise ForbiddenError(
                f"This needs one of the roles {wanted}; the token has "
                f"{', '.join(sorted(self.roles)) or 'none'}."
            )

    @property
    def actor(self) -> str:
        """How the history names the caller."""
        return f"user:{self.user_id}" if self.user_id else f"key:{self.key_id}"


TokenLookup = Callable[[str], Awaitable[Principal | None]]


def make_key(workspace_id: UUID) -> tuple[str, bytes]:
    """A new token and the hash that is stored in its place; the token is shown once."""
    token = f"{KEY_PREFIX}_{workspace_id.hex}_{secrets.token_urlsafe(32)}"
    return token, key_hash(token)


def key_hash(token: str) -> bytes:
    """SHA-256: the secret has 256 random bits, so a slow password hash would add nothing."""
    return hashlib.sha256(token.encode()).digest()


def workspace_of_key(token: str) -> UUID | None:
    """The workspace an API key claims to belong to, None when it is not shaped like a key."""
    parts = token.split("_", 2)
    if len(parts) != 3 or parts[0] != KEY_PREFIX:
        return None
    try:
        return UUID(hex=parts[1])
    except ValueError:
        return None


class Authenticator:
    """Resolves tokens through the lookups given, remembering good answers for two seconds: long
    enough to spare a query under load, short enough that a revoked key dies at once."""

    def __init__(self, lookups: list[TokenLookup]) -> None:
        self._lookups = lookups
        self._seen: dict[bytes, tuple[float, Principal]] = {}

    async def authenticate(self, request: Request) -> Principal:
        """Raises UnauthorizedError for a missing, malformed or unknown token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise UnauthorizedError("Send `Authorization: Bearer <api key>`.")
        digest = key_hash(token)
        instant = clock.now().timestamp()
        known = self._seen.get(digest)
        if known is not None and 0 <= instant - known[0] < _CACHE_SECONDS:
            return known[1]
        for lookup in self._lookups:
            principal = await lookup(token)
            if principal is not None:
                if len(self._seen) >= _CACHE_MAX:
                    self._seen.clear()
                self._seen[digest] = (instant, principal)
                return principal
        raise UnauthorizedError("The token is unknown, revoked or expired.")
