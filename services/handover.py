"""The hand-over: a request of qualification becomes an opportunity of pipeline, with its contact
and, where that is not there yet, its account.

Composes the two services' published interfaces, since neither may import the other. Each request
is claimed, opened and settled in ONE transaction: killed anywhere, it happened wholly or not at
all, and the opportunity's id, picked with the request, makes a second opening the first one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from services.kit.batch import Change, sole
from services.kit.db import Database, WriteSession, is_transient
from services.kit.errors import ServiceError
from services.kit.logging import get_logger
from services.pipeline.accounts.repository import ACCOUNTS
from services.pipeline.accounts.service import upsert_accounts
from services.pipeline.contacts.service import upsert_contacts
from services.pipeline.opportunities.service import open_requested
from services.qualification import events as requests
from services.qualification.events import ClaimedRequest, OpportunityRequest

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
            await _record_account(session, claimed.request)
            await _record_contact(session, claimed.request)
            await open_requested(session, claimed.request)
    except ServiceError as refusal:
        if refusal.status >= 500:
            raise
        log.warning(
            "conversion_refused",
            opportunity_id=str(claimed.request.opportunity_id),
            reason=refusal.detail,
        )
        await requests.settle_failed(session, claimed, refusal.detail)
    else:
        await requests.settle_opened(session, claimed)


async def _record_account(session: WriteSession, request: OpportunityRequest) -> None:
    """An account that is there is pipeline's own, and stays as it is."""
    external_id, account = request.account_external_id, request.account
    if external_id is None or account is None:
        return
    if await ACCOUNTS.ids_named(session, [external_id]):
        return
    change = Change(external_id, _known(asdict(account)))
    sole(await upsert_accounts(session, request.actor, [change]))


async def _record_contact(session: WriteSession, request: OpportunityRequest) -> None:
    """What is known of the person is merged: what is not known clears nothing."""
    if request.contact is None:
        return
    stated = _known(asdict(request.contact))
    external_id = stated.pop("external_id")
    # A contact that was handed over itself is at its account already.
    if request.lead_id is not None and request.account_external_id is not None:
        stated["account_external_id"] = request.account_external_id
    sole(await upsert_contacts(session, [Change(external_id, stated)]))


def _known(stated: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in stated.items() if value is not None}
