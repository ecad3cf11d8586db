"""The ways a token is resolved, in order: API keys, and JSON Web Tokens where they are set up."""

from __future__ import annotations

from services.kit.auth import TokenLookup
from services.kit.db import Database
from services.kit.oidc import oidc_lookup
from services.kit.settings import Settings
from services.workspace.keys.service import ROLES, key_lookup


def token_lookups(database: Database, settings: Settings) -> list[TokenLookup]:
    """For `create_app`."""
    lookups = [key_lookup(database)]
    if settings.oidc_enabled:
        lookups.append(oidc_lookup(settings, frozenset(ROLES)))
    return lookups
