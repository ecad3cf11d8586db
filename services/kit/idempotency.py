"""Idempotency-Key: the first answer to a POST, kept so that a retry gets it again.

The key is leased in a transaction of its own before the work, and the answer is stored in the
transaction of the work, so there is never an effect without its answer. A refused or failed
request releases its key: it changed nothing, so it may be tried again.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.kit import clock
from services.kit.db import Database, Session, WriteSession
from services.kit.errors import ConflictError, InvalidPayloadError, ServiceError
from services.kit.ids import new_id

KEY_LENGTH_MAX = 255
_CLEAR_INTERVAL = timedelta(hours=1)
_CLEARED_MAX = 10_000
_BOUNDARY = re.compile(r'boundary="?([^";,]+)', re.IGNORECASE)
_STREAMED = "streamed-body"


class IdempotencyKeyReusedError(ServiceError):
    """422: the key was used before with another body, path or query."""

    status = 422
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was sent before with a different request; make a new key."
        )


class IdempotencyInProgressError(ConflictError):
    """409: the first request with this key is still running."""

    code = "idempotency_in_progress"

    def __init__(self, seconds: int) -> None:
        super().__init__(
            "The first request with this Idempotency-Key is still running; ask again shortly.",
            headers={"Retry-After": str(max(1, seconds))},
        )


class StreamedBody:
    """What a body that is never held whole was, known once it has been read. The boundary of a
    multipart body does not count: a client draws a new one for each try."""

    def __init__(self, content_type: str) -> None:
        named = _BOUNDARY.search(content_type)
        self._boundary = named[1].encode() if named else b""
        self._waiting = b""
        self._hash = hashlib.sha256()

    def add(self, piece: bytes) -> None:
        """The next piece, in the order of the body."""
        if not self._boundary:
            self._hash.update(piece)
            return
        known = (self._waiting + piece).replace(self._boundary, b"")
        # The end may be the beginning of a boundary that the next piece completes.
        settled = max(0, len(known) - len(self._boundary) + 1)
        self._hash.update(known[:settled])
        self._waiting = known[settled:]

    def digest(self) -> str:
        """Of everything added."""
        whole = self._hash.copy()
        whole.update(self._waiting)
        return whole.hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored answer, replayed byte for byte. `streamed` is the digest of a streamed body, which
    the fingerprint could not cover."""

    status: int
    headers: dict[str, str]
    body: bytes
    streamed: str | None = None

    def require_body(self, sent: StreamedBody) -> None:
        """Raises IdempotencyKeyReusedError where another body was sent the first time."""
        if self.streamed != sent.digest():
            raise IdempotencyKeyReusedError


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run the request once; `token` proves it is still ours when the answer is stored."""

    service: str
    principal_id: UUID
    key: str
    token: UUID


def fingerprint(method: str, path: str, query: str, body: bytes) -> bytes:
    """What must be the same for a retry to be a retry."""
    digest = hashlib.sha256()
    for part in (method.encode(), path.encode(), query.encode(), body):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


class IdempotencyStore:
    """Keys of one service, per workspace and principal."""

    def __init__(self, database: Database, service: str, lease_s: int, keep_h: int) -> None:
        self._database = database
        self._service = service
        self._lease = timedelta(seconds=lease_s)
        self._keep = timedelta(hours=keep_h)
        # When this process last looked for answers of a workspace that are too old.
        self._cleared: dict[UUID, datetime] = {}

    async def begin(
        self, workspace_id: UUID, principal_id: UUID, key: str, print_: bytes
    ) -> Lease | Answer:
        """A lease to run the request, or the answer it got before."""
        if not 1 <= len(key) <= KEY_LENGTH_MAX:
            raise InvalidPayloadError.one(
                "header/Idempotency-Key",
                "invalid_length",
                f"must have 1 to {KEY_LENGTH_MAX} characters",
            )
        lease = Lease(self._service, principal_id, key, new_id())
        now = clock.now()
        identity = (workspace_id, self._service, principal_id, key)
        async with self._database.write(workspace_id) as session:
            await self._clear(session, now)
            tag = await session.execute(
                """
                INSERT INTO workspace.idempotency_keys (workspace_id, service, principal_id, key,
                    fingerprint, lease_token, lease_until, created_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                ON CONFLICT (workspace_id, service, principal_id, key) DO NOTHING
                """,
                *identity, print_, lease.token, now + self._lease, now,
            )  # fmt: skip
            if tag == "INSERT 0 1":
                return lease
            row = await session.fetchrow(
                """
                SELECT fingerprint, lease_until, status, headers, body
                FROM workspace.idempotency_keys
                WHERE workspace_id = $1 AND service = $2 AND principal_id = $3 AND key = $4
                FOR UPDATE
                """,
                *identity,
            )
            if row is None:
                raise IdempotencyInProgressError(1)
            if bytes(row["fingerprint"]) != print_:
                raise IdempotencyKeyReusedError
            if row["status"] is not None:
                streamed = row["headers"].pop(_STREAMED, None)
                return Answer(row["status"], row["headers"], bytes(row["body"]), streamed)
            if row["lease_until"] > now:
                raise IdempotencyInProgressError(int((row["lease_until"] - now).total_seconds()))
            await session.execute(
                """
                UPDATE workspace.idempotency_keys SET lease_token = $5, lease_until = $6
                WHERE workspace_id = $1 AND service = $2 AND principal_id = $3 AND key = $4
                """,
                *identity, lease.token, now + self._lease,
            )  # fmt: skip
            return lease

    async def _clear(self, session: WriteSession, now: datetime) -> None:
        """Forgets answers that are kept no longer, at most once an hour and workspace."""
        assert session.workspace_id is not None
        last = self._cleared.get(session.workspace_id)
        if last is not None and now - last < _CLEAR_INTERVAL:
            return
        if len(self._cleared) >= _CLEARED_MAX:
            self._cleared.clear()
        self._cleared[session.workspace_id] = now
        await session.execute(
            "DELETE FROM workspace.idempotency_keys WHERE workspace_id = $1 AND created_at < $2",
            session.workspace_id,
            now - self._keep,
        )

    async def store(self, session: Session, lease: Lease, answer: Answer) -> None:
        """In the transaction of the work. Raises when the lease was taken over meanwhile, so that
        the work of the slower of the two is undone."""
        headers = answer.headers
        if answer.streamed is not None:
            headers = {**headers, _STREAMED: answer.streamed}
        tag = await session.execute(
            """
            UPDATE workspace.idempotency_keys SET status = $6, headers = $7, body = $8
            WHERE workspace_id = $1 AND service = $2 AND principal_id = $3 AND key = $4
              AND lease_token = $5 AND status IS NULL
            """,
            session.workspace_id, lease.service, lease.principal_id, lease.key, lease.token,
            answer.status, headers, answer.body,
        )  # fmt: skip
        if tag != "UPDATE 1":
            raise IdempotencyInProgressError(1)

    async def release(self, workspace_id: UUID, lease: Lease) -> None:
        """After a refusal or failure: the key is free again."""
        async with self._database.write(workspace_id) as session:
            await self._delete(session, lease)

    async def _delete(self, session: WriteSession, lease: Lease) -> None:
        await session.execute(
            """
            DELETE FROM workspace.idempotency_keys
            WHERE workspace_id = $1 AND service = $2 AND principal_id = $3 AND key = $4
              AND lease_token = $5 AND status IS NULL
            """,
            session.workspace_id, lease.service, lease.principal_id, lease.key, lease.token,
        )  # fmt: skip
