"""Keeps what rows of a file say, to reconcile with: in the transaction of their batch."""

from __future__ import annotations

from collections.abc import Container, Sequence
from uuid import UUID

import asyncpg

from services.kit.db import WriteSession
from services.pipeline.imports.mapping import Step
from services.pipeline.imports.reconciliation import repository
from services.pipeline.imports.reconciliation.collecting import Stated, bare, one_a_key, refused


async def keep(
    session: WriteSession,
    import_id: UUID,
    spec: Step,
    stated: Sequence[Stated],
    taken: Container[tuple[str, int]],
) -> None:
    """One of each key. `taken` are key and line of the rows that the import takes."""
    is_latest = spec.repeats == "versions"
    kept = one_a_key(stated, is_latest=is_latest, taken=taken)
    await repository.add(session, import_id, spec.record, kept, is_latest=is_latest)


async def keep_refused(
    session: WriteSession, import_id: UUID, spec: Step, stated: Stated, code: str
) -> None:
    """A row that the database refused, perhaps for the very texts that would be kept of it."""
    row = refused(stated, code)
    try:
        async with session.savepoint():
            await keep(session, import_id, spec, [row], ())
    except asyncpg.DataError:
        await keep(session, import_id, spec, [bare(row)], ())
