"""The outbox: due work written in the transaction that made it due. The row is the work; a bell
only makes it start sooner. Which schema holds the table is the caller's word, not the kit's."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.kit import clock
from services.kit.db import WriteSession
from services.kit.ids import new_id


class Outbox:
    """Appends rows to `<schema>.outbox` of the session's workspace."""

    def __init__(self, schema: str) -> None:
        self._insert = f"""
            INSERT INTO {schema}.outbox
                (workspace_id, id, kind, subject_id, version, event_id, recorded_at, due_at)
            SELECT $1, * FROM unnest(
                $2::uuid[], $3::text[], $4::uuid[], $5::int[], $6::uuid[], $7::timestamptz[],
                $8::timestamptz[])
        """
        self._insert_one = f"""
            INSERT INTO {schema}.outbox
                (workspace_id, id, kind, subject_id, version, event_id, recorded_at, due_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """

    async def append(
        self,
        session: WriteSession,
        *,
        kind: str,
        subject_id: UUID,
        version: int = 0,
        event_id: UUID | None = None,
        due_at: datetime | None = None,
    ) -> None:
        """One row; `due_at` in the future keeps it from being worked on, and from being counted
        as pending, until then."""
        now = clock.now()
        await session.execute(
            self._insert_one,
            session.workspace_id, new_id(), kind, subject_id, version, event_id, now,
            due_at or now,
        )  # fmt: skip

    async def append_many(
        self, session: WriteSession, *, kind: str, rows: list[tuple[UUID, int, UUID]]
    ) -> None:
        """Rows of (subject_id, version, event_id), worked on in the order given."""
        now = clock.now()
        count = len(rows)
        await session.execute(
            self._insert,
            session.workspace_id,
            [new_id() for _ in rows],
            [kind] * count,
            [row[0] for row in rows],
            [row[1] for row in rows],
            [row[2] for row in rows],
            [now] * count,
            [now] * count,
        )
