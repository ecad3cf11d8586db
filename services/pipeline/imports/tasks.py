"""The worker's part: imports that are due, one after the other; what to do is in `service`."""

from __future__ import annotations

import asyncpg

from services.kit.db import TRANSIENT, Database, is_transient
from services.kit.logging import get_logger
from services.pipeline.imports import repository, service

log = get_logger(__name__)


async def run_due(database: Database) -> int:
    """One import of every workspace that has one due and not another process's; returns how many.
    The database must be connected with the worker's role. A workspace whose import meets a
    transient fault is left for the next call, so that it cannot hold up the others."""
    done = 0
    async with database.read(None) as session:
        workspaces = await repository.workspaces_with_work(session)
    for workspace_id in workspaces:
        try:
            await service.remove_abandoned(database, workspace_id)
            done += await service.run_one(database, workspace_id)
        except (*TRANSIENT, asyncpg.InterfaceError) as error:
            if not is_transient(error):
                raise
            log.warning("import_interrupted", workspace_id=str(workspace_id), error=repr(error))
    return done
