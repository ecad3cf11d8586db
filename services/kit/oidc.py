"""JSON Web Tokens of an identity provider, checked against its published keys.

The claims `leadline_workspace` (the workspace's id) and `leadline_roles` (a list) say where and as
what the caller may act; `leadline_user` (a user's id) is optional. Nothing is stored.
"""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx
import jwt

from services.kit import clock
from services.kit.auth import KEY_PREFIX, Principal, TokenLookup
from services.kit.errors import UnavailableError
from services.kit.logging import get_logger
from services.kit.settings import Settings

log = get_logger(__name__)

_ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "PS256", "EdDSA"]
_FETCH_TIMEOUT_S = 5.0


class KeySet:
    """The provider's signing keys, fetched when asked for and kept for a while."""

    def __init__(self, url: str, keep_s: int) -> None:
        self._url = url
        self._keep_s = keep_s
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched_at = 0.0
        self._lock = asyncio.Lock()

    async def key(self, key_id: str | None) -> jwt.PyJWK | None:
        """None for a key the provider does not publish. Raises UnavailableError when the keys
        are needed and cannot be fetched."""
        if self._is_stale():
            async with self._lock:
                if self._is_stale():
                    await self._fetch()
        return self._keys.get(key_id)

    def _is_stale(self) -> bool:
        return clock.now().timestamp() - self._fetched_at >= self._keep_s

    async def _fetch(self) -> None:
        try:
            async with httpx.AsyncClient(timeout=_FETCH_TIMEOUT_S) as client:
                answer = (await client.get(self._url)).raise_for_status()
            keys = jwt.PyJWKSet.from_dict(answer.json()).keys
        except (httpx.HTTPError, jwt.PyJWTError, ValueError) as error:
            log.warning("signing_keys_not_fetched", error=repr(error))
            if self._keys:
                return
            raise UnavailableError("The identity provider's keys cannot be read now.") from error
        self._keys = {key.key_id: key for key in keys}
        self._fetched_at = clock.now().timestamp()


def oidc_lookup(settings: Settings, roles_known: frozenset[str]) -> TokenLookup:
    """A lookup that answers None for everything that is not a valid token of the issuer."""
    assert settings.oidc_jwks_url is not None
    keys = KeySet(settings.oidc_jwks_url, settings.oidc_jwks_keep_s)

    async def look_up(token: str) -> Principal | None:
        if token.startswith(KEY_PREFIX) or token.count(".") != 2:
            return None
        try:
            key = await keys.key(jwt.get_unverified_header(token).get("kid"))
            if key is None:
                return None
            claims = jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                audience=settings.oidc_audience,
                issuer=settings.oidc_issuer,
                options={"require": ["exp", "sub", "iss", "aud"]},
            )
            return _principal(claims, roles_known)
        except (jwt.PyJWTError, ValueError) as error:
            log.info("token_refused", error=str(error))
            return None

    return look_up


def _principal(claims: dict[str, Any], roles_known: frozenset[str]) -> Principal | None:
    workspace = claims.get("leadline_workspace")
    if not isinstance(workspace, str):
        return None
    roles = claims.get("leadline_roles")
    user = claims.get("leadline_user")
    return Principal(
        workspace_id=UUID(workspace),
        # Stable per person: the identity of rate limits and idempotency keys.
        key_id=uuid5(NAMESPACE_URL, f"{claims['iss']}#{claims['sub']}"),
        user_id=UUID(user) if isinstance(user, str) else None,
        name=str(claims.get("name") or claims["sub"])[:200],
        roles=frozenset(roles) & roles_known if isinstance(roles, list) else frozenset(),
    )
