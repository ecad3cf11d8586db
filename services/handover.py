"""The hand-over: a request of qualification becomes an opportunity of pipeline.

Composes the two services' published interfaces, since neither may import the other. Each request
is claimed, opened and settled in ONE transaction: killed anywhere, it happened wholly or not at
all, and the opportunity's id, picked with the request, makes a second opening the first one.
"""

from __future__ import annotations

from uuid import UUID

from services.kit.db import Database, WriteSession, is_transient
from services.kit.errors import ServiceError
from services.kit.logging import get_logger
from services.pipeline.opportunities.service import open_requested
from services.qualification import events as requests
from services.qualification.events import ClaimedRequest

log = get_logger(__name__)

_AT_ONCE_MAX = 1000


async def hand_over(database: Database, workspace_id: UUID) -> int:
    """Opens what is due in one workspace and says how many were settled. An unexpected fault is
    counted against its request, which then waits, and is raised."""
    for settled in range(_AT_ONCE_MAX):
        if not await _hand_over_one(database, workspace_id):
            return settled
    return _AT_ONCE_MAX


async def due_workspaces(
    database: Database, *, after: UUID | None = None, limit: int = 50
) -> list[UUID]:
    """For the sweep: workspaces with a request that is due."""
    async with database.read(None) as session:
        return await requests.workspaces_with_requests(session, after=after, limit=limit)


async def _hand_over_one(database: Database, workspace_id: UUID) -> bool:
    claimed: ClaimedRequest | None = None
    try:
        async with database.write(workspace_id) as session:
            claimed = await requests.claim_request(session)
            if claimed is None:
                return False
            await _open(session, claimed)
    except Exception as error:
        if claimed is not None and not is_transient(error):
            async with database.write(workspace_id) as session:
                await requests.count_failure(session, claimed, repr(error))
        raise
    return True


async def _open(session: WriteSession, claimed: ClaimedRequest) -> None:
    try:
        async with session.savepoint():
            await open_requested(session, claimed.request)
    except ServiceError as refusal:
        if refusal.status >= 500:
            raise
        log.warning(
            "conversion_refused", lead_id=str(claimed.request.lead_id), reason=refusal.detail
        )
        await requests.settle_failed(session, claimed, refusal.detail)
    else:
        await requests.settle_opened(session, claimed)
