"""Use cases on imports: run the one that is due, tell how far one is, list what went wrong.

Uploads are in `upload`, running in `runner`; this module joins them to the database.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.kit import clock
from services.kit.db import Database, Session
from services.kit.ids import new_id
from services.kit.logging import get_logger
from services.kit.pagination import PageRequest
from services.pipeline.imports import repository
from services.pipeline.imports.errors import ImportNotFoundError
from services.pipeline.imports.records import RECORDS
from services.pipeline.imports.report import HISTORY
from services.pipeline.imports.runner import ATTEMPTS_MAX, LEASE, Runner
from services.workspace.workspaces.repository import get_workspace

log = get_logger(__name__)


async def run_one(
    database: Database,
    workspace_id: UUID,
    only: UUID | None = None,
    on_progress: Callable[[dict[str, Any]], None] | None = None,
) -> bool:
    """Claims the oldest import that is due, or `only`, and runs it to its end. False when there is
    none to be had. A fault is raised with the lease given back; after five in a row without a
    batch stored the import is given up."""
    token = new_id()
    now = clock.now()
    async with database.write(workspace_id) as session:
        claimed = await repository.claim(
            session, token=token, now=now, until=now + LEASE, only=only
        )
        if claimed is None:
            return False
        company_zone = ZoneInfo((await get_workspace(session)).timezone)
        if claimed["attempts"] > ATTEMPTS_MAX:
            log.error("import_given_up", import_id=str(claimed["id"]))
            await repository.finish(
                session, claimed["id"], token, repository.FAILED,
                f"Gave up after {ATTEMPTS_MAX} tries without progress; see the worker's log.", now,
            )  # fmt: skip
            return True
    runner = Runner(database, workspace_id, claimed, token, company_zone, on_progress=on_progress)
    try:
        await runner.run()
    except BaseException:
        async with database.write(workspace_id) as session:
            await repository.release(session, claimed["id"], token)
        raise
    return True


async def remove_abandoned(database: Database, workspace_id: UUID) -> None:
    """Uploads nobody has added to for a while: the process that took them is gone."""
    async with database.write(workspace_id) as session:
        for import_id in await repository.abandoned_uploads(session, clock.now()):
            log.info("import_upload_removed", import_id=str(import_id))
            await repository.delete(session, import_id)


async def show(session: Session, import_id: UUID) -> dict[str, Any]:
    """Raises ImportNotFoundError; an upload under way is not an import yet."""
    row = await repository.get(session, import_id)
    if row is None:
        raise ImportNotFoundError(import_id)
    return told(dict(row))


async def list_imports(
    session: Session, page: PageRequest
) -> tuple[list[dict[str, Any]], str | None]:
    """Newest first."""
    rows = await repository.page(session, page)
    kept, cursor = page.cut(rows, lambda row: [str(row["id"])])
    return [told(dict(row)) for row in kept], cursor


async def list_errors(
    session: Session, import_id: UUID, page: PageRequest, severity: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """In the order they were found."""
    if await repository.get(session, import_id) is None:
        raise ImportNotFoundError(import_id)
    rows = await repository.error_page(session, import_id, page, severity)
    kept, cursor = page.cut(rows, lambda row: [str(row["id"])])
    return [{k: v for k, v in row.items() if k != "id"} for row in kept], cursor


def told(row: dict[str, Any]) -> dict[str, Any]:
    """The import as an answer tells it."""
    counts: dict[str, dict[str, int]] = row["counts"]
    names = ("created", "updated", "unchanged", "skipped", "failed")
    # Rows of a history file are part of their opportunities, which are counted.
    records = {
        record: {name: counts[record][name] for name in (*names, "versions")}
        for record in RECORDS
        if record in counts
    }
    return {
        "id": row["id"],
        "status": row["status"],
        "mapping": row["mapping_name"],
        "files": [
            {name: file[name] for name in ("name", "role", "bytes", "sha256")}
            for file in row["files"]
        ],
        "progress": {
            "phase": row["position"].get("phase", 0),
            "rows_done": row["position"].get("rows_done", 0),
            "bytes_total": row["bytes_total"],
        },
        "rows": {name: sum(count[name] for count in records.values()) for name in names},
        "records": records,
        "history": counts.get(HISTORY),
        "warnings": [{"code": code, **row["warnings"][code]} for code in sorted(row["warnings"])],
        "errors_total": row["errors_total"],
        "error": row["error"],
        "created_at": row["created_at"],
        "started_at": row["started_at"],
        "finished_at": row["finished_at"],
    }
