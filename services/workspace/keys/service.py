"""Making, finding and revoking API keys, and turning one into the caller it stands for."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal, TokenLookup, key_hash, make_key, workspace_of_key
from services.kit.db import Database, Session, WriteSession
from services.kit.errors import InvalidPayloadError, NotFoundError
from services.kit.ids import new_id

ROLES = ("admin", "integration", "sales_ops", "manager", "rep", "sdr", "analyst")


async def create_key(
    session: WriteSession,
    *,
    name: str,
    roles: list[str],
    user_external_id: str | None = None,
    expires_at: datetime | None = None,
) -> tuple[UUID, str]:
    """The key's id and its token, which is not stored and cannot be shown again."""
    unknown = [role for role in roles if role not in ROLES]
    if unknown or not roles:
        raise InvalidPayloadError.one(
            "/roles", "unknown_role", f"must name at least one of {', '.join(ROLES)}"
        )
    user_id = None
    if user_external_id is not None:
        user_id = await session.fetchval(
            "SELECT id FROM workspace.users WHERE workspace_id = $1 AND external_id = $2",
            session.workspace_id,
            user_external_id,
        )
        if user_id is None:
            raise InvalidPayloadError.one(
                "/user_external_id", "unknown_user", "names no user of this workspace"
            )
    assert session.workspace_id is not None
    token, digest = make_key(session.workspace_id)
    key_id = new_id()
    await session.execute(
        """
        INSERT INTO workspace.api_keys
            (workspace_id, id, secret_hash, name, roles, user_id, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        session.workspace_id, key_id, digest, name, sorted(set(roles)), user_id, clock.now(),
        expires_at,
    )  # fmt: skip
    return key_id, token


async def list_keys(session: Session) -> list[dict[str, Any]]:
    """Every key of the workspace, the oldest first; no tokens, which nobody has."""
    rows = await session.fetch(
        """
        SELECT k.id, k.name, k.roles, u.external_id AS user_external_id, k.created_at,
               k.expires_at, k.revoked_at
        FROM workspace.api_keys AS k
        LEFT JOIN workspace.users AS u ON u.workspace_id = $1 AND u.id = k.user_id
        WHERE k.workspace_id = $1
        ORDER BY k.id
        """,
        session.workspace_id,
    )
    return [dict(row) for row in rows]


async def revoke_key(session: WriteSession, key_id: UUID) -> datetime:
    """Since when it is revoked; again changes nothing. Raises NotFoundError."""
    revoked_at: datetime | None = await session.fetchval(
        """
        UPDATE workspace.api_keys SET revoked_at = coalesce(revoked_at, $3)
        WHERE workspace_id = $1 AND id = $2
        RETURNING revoked_at
        """,
        session.workspace_id,
        key_id,
        clock.now(),
    )
    if revoked_at is None:
        raise NotFoundError("API key", key_id)
    return revoked_at


def key_lookup(database: Database) -> TokenLookup:
    """How a service resolves API keys: in the workspace the token names, by its hash. A key of a
    person who is not active any more stands for nobody."""

    async def look_up(token: str) -> Principal | None:
        workspace_id = workspace_of_key(token)
        if workspace_id is None:
            return None
        async with database.read(workspace_id) as session:
            row = await session.fetchrow(
                """
                SELECT k.id, k.user_id, k.name, k.roles FROM workspace.api_keys AS k
                LEFT JOIN workspace.users AS u ON u.workspace_id = $1 AND u.id = k.user_id
                WHERE k.workspace_id = $1 AND k.secret_hash = $2 AND k.revoked_at IS NULL
                  AND (k.expires_at IS NULL OR k.expires_at > $3)
                  AND (k.user_id IS NULL OR u.active)
                """,
                workspace_id,
                key_hash(token),
                clock.now(),
            )
        if row is None:
            return None
        return Principal(
            workspace_id=workspace_id,
            key_id=row["id"],
            user_id=row["user_id"],
            name=row["name"],
            roles=frozenset(row["roles"]),
        )

    return look_up
