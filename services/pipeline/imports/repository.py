"""Statements on imports: the upload, the lease of whoever is at it, its rows, errors and position.

Every write of a running import names its lease, so that a process which lost it can store nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.ids import new_id
from services.kit.pagination import PageRequest

_COLUMNS = """id, mapping, mapping_name, files, bytes_total, status, position, counts, warnings,
    errors_total, actor, actor_roles, error, attempts, lease_token, lease_until, created_at,
    started_at, finished_at"""
# What an answer tells; the mapping itself may be large and is not part of it.
_SHOWN = """id, mapping_name, files, bytes_total, status, position, counts, warnings,
    errors_total, error, created_at, started_at, finished_at"""

UPLOADING = "uploading"
QUEUED = "queued"
RUNNING = "running"
SUCCEEDED = "succeeded"
SUCCEEDED_WITH_ERRORS = "succeeded_with_errors"
FAILED = "failed"


async def insert_upload(
    session: WriteSession,
    import_id: UUID,
    *,
    actor: str,
    roles: Iterable[str],
    now: datetime,
    until: datetime,
) -> None:
    """An upload that has just begun; it counts as abandoned after `until` unless renewed."""
    await session.execute(
        """
        INSERT INTO pipeline.imports (workspace_id, id, mapping, mapping_name, files, bytes_total,
            status, position, counts, warnings, errors_total, actor, actor_roles, attempts,
            lease_until, created_at)
        VALUES ($1, $2, '{}', '', '[]', 0, 'uploading', '{}', '{}', '{}', 0, $3, $4, 0, $5, $6)
        """,
        session.workspace_id, import_id, actor, sorted(roles), until, now,
    )  # fmt: skip


async def insert_chunk(
    session: WriteSession, import_id: UUID, file: int, number: int, body: bytes, until: datetime
) -> None:
    await session.execute(
        """
        INSERT INTO pipeline.import_chunks (workspace_id, import_id, file, number, body)
        VALUES ($1, $2, $3, $4, $5)
        """,
        session.workspace_id, import_id, file, number, body,
    )  # fmt: skip
    await session.execute(
        "UPDATE pipeline.imports SET lease_until = $3 WHERE workspace_id = $1 AND id = $2",
        session.workspace_id,
        import_id,
        until,
    )


async def queue(
    session: WriteSession,
    import_id: UUID,
    *,
    mapping: dict[str, Any],
    mapping_name: str,
    files: list[dict[str, Any]],
    bytes_total: int,
) -> None:
    """The upload is whole: from here on a worker may take it."""
    await session.execute(
        """
        UPDATE pipeline.imports SET mapping = $3, mapping_name = $4, files = $5, bytes_total = $6,
            status = 'queued', lease_until = NULL
        WHERE workspace_id = $1 AND id = $2
        """,
        session.workspace_id, import_id, mapping, mapping_name, files, bytes_total,
    )  # fmt: skip


async def delete(session: WriteSession, import_id: UUID) -> None:
    """Everything of it; only of an upload that never became an import."""
    await delete_pieces(session, import_id)
    await session.execute(
        "DELETE FROM pipeline.imports WHERE workspace_id = $1 AND id = $2",
        session.workspace_id,
        import_id,
    )


async def delete_pieces(session: WriteSession, import_id: UUID) -> None:
    """The files and the rows kept aside; what they became stays."""
    for table in ("import_chunks", "import_rows"):
        await session.execute(
            f"DELETE FROM pipeline.{table} WHERE workspace_id = $1 AND import_id = $2",
            session.workspace_id,
            import_id,
        )


async def abandoned_uploads(session: WriteSession, now: datetime) -> list[UUID]:
    rows = await session.fetch(
        """
        SELECT id FROM pipeline.imports
        WHERE workspace_id = $1 AND status = 'uploading' AND lease_until < $2
        FOR UPDATE SKIP LOCKED
        """,
        session.workspace_id,
        now,
    )
    return [row["id"] for row in rows]


async def workspaces_with_work(session: Session) -> list[UUID]:
    """Over all workspaces: only the worker's role sees any."""
    rows = await session.fetch(
        """
        SELECT DISTINCT workspace_id FROM pipeline.imports
        WHERE status IN ('uploading', 'queued', 'running')
        """
    )
    return [row["workspace_id"] for row in rows]


async def claim(
    session: WriteSession, *, token: UUID, now: datetime, until: datetime, only: UUID | None
) -> asyncpg.Record | None:
    """The oldest import that is due and nobody's, or `only`; None when there is none."""
    found = await session.fetchval(
        """
        SELECT id FROM pipeline.imports
        WHERE workspace_id = $1 AND status IN ('queued', 'running')
          AND (lease_until IS NULL OR lease_until < $2) AND ($3::uuid IS NULL OR id = $3)
        ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
        """,
        session.workspace_id, now, only,
    )  # fmt: skip
    if found is None:
        return None
    return await session.fetchrow(
        f"""
        UPDATE pipeline.imports SET status = 'running', lease_token = $3, lease_until = $4,
            attempts = attempts + 1, started_at = coalesce(started_at, $5)
        WHERE workspace_id = $1 AND id = $2 RETURNING {_COLUMNS}
        """,
        session.workspace_id, found, token, until, now,
    )  # fmt: skip


async def save_position(
    session: WriteSession,
    import_id: UUID,
    token: UUID,
    *,
    position: dict[str, Any],
    counts: dict[str, Any],
    warnings: dict[str, Any],
    errors_total: int,
    until: datetime,
) -> bool:
    """In the transaction of the rows it covers. False when the lease is another's by now."""
    tag = await session.execute(
        """
        UPDATE pipeline.imports SET position = $4, counts = $5, warnings = $6, errors_total = $7,
            lease_until = $8, attempts = 0
        WHERE workspace_id = $1 AND id = $2 AND lease_token = $3
        """,
        session.workspace_id, import_id, token, position, counts, warnings, errors_total, until,
    )  # fmt: skip
    return tag == "UPDATE 1"


async def finish(
    session: WriteSession, import_id: UUID, token: UUID, status: str, error: str | None,
    now: datetime,
) -> None:  # fmt: skip
    """The files go: they are in, and a copy of a customer list is not kept for nothing."""
    tag = await session.execute(
        """
        UPDATE pipeline.imports SET status = $4, error = $5, finished_at = $6, lease_token = NULL,
            lease_until = NULL
        WHERE workspace_id = $1 AND id = $2 AND lease_token = $3
        """,
        session.workspace_id, import_id, token, status, error, now,
    )  # fmt: skip
    if tag == "UPDATE 1":
        await delete_pieces(session, import_id)


async def release(session: WriteSession, import_id: UUID, token: UUID) -> None:
    """For the next process to go on at once."""
    await session.execute(
        """
        UPDATE pipeline.imports SET lease_token = NULL, lease_until = NULL
        WHERE workspace_id = $1 AND id = $2 AND lease_token = $3
        """,
        session.workspace_id, import_id, token,
    )  # fmt: skip


async def get(session: Session, import_id: UUID) -> asyncpg.Record | None:
    return await session.fetchrow(
        f"SELECT {_SHOWN} FROM pipeline.imports"
        " WHERE workspace_id = $1 AND id = $2 AND status <> 'uploading'",
        session.workspace_id,
        import_id,
    )


async def page(session: Session, request: PageRequest) -> list[asyncpg.Record]:
    """Newest first, one more than the page holds."""
    after = UUID(request.after[0]) if request.after else None
    return await session.fetch(
        f"""
        SELECT {_SHOWN} FROM pipeline.imports
        WHERE workspace_id = $1 AND status <> 'uploading' AND ($2::uuid IS NULL OR id < $2)
        ORDER BY id DESC LIMIT $3
        """,
        session.workspace_id,
        after,
        request.limit + 1,
    )


async def read_chunk(session: Session, import_id: UUID, file: int, number: int) -> bytes | None:
    body: bytes | None = await session.fetchval(
        """
        SELECT body FROM pipeline.import_chunks
        WHERE workspace_id = $1 AND import_id = $2 AND file = $3 AND number = $4
        """,
        session.workspace_id, import_id, file, number,
    )  # fmt: skip
    return body


async def add_rows(
    session: WriteSession,
    import_id: UUID,
    step: int,
    rows: Sequence[tuple[str, int, dict[str, Any] | None]],
) -> None:
    """Rows of (key, line, body) to be remembered."""
    if not rows:
        return
    await session.execute(
        """
        INSERT INTO pipeline.import_rows (workspace_id, import_id, step, key, line, body)
        SELECT $1, $2, $3, * FROM unnest($4::text[], $5::bigint[], $6::jsonb[])
        ON CONFLICT (workspace_id, import_id, step, key, line) DO NOTHING
        """,
        session.workspace_id, import_id, step,
        [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows],
    )  # fmt: skip


async def rows_of(
    session: Session, import_id: UUID, step: int, keys: Iterable[str]
) -> list[asyncpg.Record]:
    """Of these keys, in the order of their lines."""
    return await session.fetch(
        """
        SELECT key, line, body FROM pipeline.import_rows
        WHERE workspace_id = $1 AND import_id = $2 AND step = $3 AND key = ANY($4::text[])
        ORDER BY key, line
        """,
        session.workspace_id, import_id, step, list(keys),
    )  # fmt: skip


async def next_rows(
    session: Session, import_id: UUID, step: int, limit: int
) -> list[asyncpg.Record]:
    return await session.fetch(
        """
        SELECT key, line, body FROM pipeline.import_rows
        WHERE workspace_id = $1 AND import_id = $2 AND step = $3
        ORDER BY key, line LIMIT $4
        """,
        session.workspace_id, import_id, step, limit,
    )  # fmt: skip


async def count_rows(session: Session, import_id: UUID, step: int) -> int:
    count: int = await session.fetchval(
        """
        SELECT count(*) FROM pipeline.import_rows
        WHERE workspace_id = $1 AND import_id = $2 AND step = $3
        """,
        session.workspace_id, import_id, step,
    )  # fmt: skip
    return count


async def remove_rows(
    session: WriteSession, import_id: UUID, step: int, keys: Iterable[str]
) -> None:
    await session.execute(
        """
        DELETE FROM pipeline.import_rows
        WHERE workspace_id = $1 AND import_id = $2 AND step = $3 AND key = ANY($4::text[])
        """,
        session.workspace_id, import_id, step, list(keys),
    )  # fmt: skip


async def remove_lines(
    session: WriteSession, import_id: UUID, step: int, rows: Sequence[asyncpg.Record]
) -> None:
    """Just these rows, as `next_rows` gave them."""
    await session.execute(
        """
        DELETE FROM pipeline.import_rows AS r
        USING unnest($4::text[], $5::bigint[]) AS gone (key, line)
        WHERE r.workspace_id = $1 AND r.import_id = $2 AND r.step = $3
          AND r.key = gone.key AND r.line = gone.line
        """,
        session.workspace_id, import_id, step,
        [row["key"] for row in rows], [row["line"] for row in rows],
    )  # fmt: skip


async def add_errors(
    session: WriteSession, import_id: UUID, entries: Sequence[dict[str, Any]]
) -> None:
    """Entries of file, line, record, field, code, message, severity."""
    if not entries:
        return
    names = ("file", "line", "record", "field", "code", "message", "severity")
    await session.execute(
        """
        INSERT INTO pipeline.import_errors
            (workspace_id, id, import_id, file, line, record, field, code, message, severity)
        SELECT $1, e.id, $2, e.file, e.line, e.record, e.field, e.code, e.message, e.severity
        FROM unnest($3::uuid[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::text[])
            AS e (id, file, line, record, field, code, message, severity)
        """,
        session.workspace_id,
        import_id,
        [new_id() for _ in entries],
        *([entry[name] for entry in entries] for name in names),
    )


async def error_page(
    session: Session, import_id: UUID, request: PageRequest, severity: str | None
) -> list[asyncpg.Record]:
    """In the order they were found, one more than the page holds."""
    after = UUID(request.after[0]) if request.after else None
    return await session.fetch(
        """
        SELECT id, file, line, record, field, code, message, severity
        FROM pipeline.import_errors
        WHERE workspace_id = $1 AND import_id = $2 AND ($3::uuid IS NULL OR id > $3)
          AND ($4::text IS NULL OR severity = $4)
        ORDER BY id LIMIT $5
        """,
        session.workspace_id, import_id, after, severity, request.limit + 1,
    )  # fmt: skip
