"""Accounts: one by its external id, many at once, lists."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Request, Response

from services.kit.answers import if_match, record_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.batch import Batch, BatchAnswer, BatchBody, Change, same_external_id, sole
from services.kit.csv_answer import list_answer
from services.kit.db import Session
from services.kit.errors import IdMismatchError, IdTakenError, StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import ExternalId
from services.pipeline.accounts import repository
from services.pipeline.accounts.errors import AccountFamilyCycleError, AccountNotFoundError
from services.pipeline.accounts.schemas import (
    Account,
    AccountFilters,
    AccountItem,
    AccountPage,
    AccountPut,
)
from services.pipeline.accounts.service import upsert_accounts

router = APIRouter(
    prefix="/accounts",
    route_class=ServiceRoute,
    tags=["accounts"],
    responses=problems(*COMMON_ERRORS),
)

WRITERS = ("admin", "integration", "sales_ops")


@router.put(
    "/by-external-id/{external_id:path}",
    response_model=Account,
    responses={
        201: {"model": Account},
        **problems(AccountFamilyCycleError, IdTakenError, IdMismatchError, StaleVersionError),
    },
)
async def put_account(
    external_id: ExternalId, body: AccountPut, request: Request, caller: Caller, session: Write
) -> Response:
    """Creates the account or merges into it: an absent field is unchanged, null clears it."""
    caller.require(*WRITERS)
    same_external_id(external_id, body.external_id)
    stored = sole(
        await upsert_accounts(
            session, caller.actor, [Change.of(external_id, body)], if_match=if_match(request)
        )
    )
    account = await _require_account(session, stored.id)
    return record_answer(request, dict(account), stored.version, stored.status)


@router.post("/batch", status_code=207, response_model=BatchAnswer)
async def post_accounts(body: BatchBody[AccountItem], caller: Caller, session: Write) -> Response:
    """Many accounts at once, each stored or refused by itself; parents may come later."""
    caller.require(*WRITERS)
    batch = Batch(body.items, AccountItem)
    changes = [Change.of(item.external_id, item) for item in batch.values]
    batch.settle_all(await upsert_accounts(session, caller.actor, changes))
    return batch.answer()


@router.get("", response_model=AccountPage)
async def list_accounts(
    request: Request,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    filters: Annotated[AccountFilters, Depends()],
) -> Response:
    """Accounts in the order of their ids."""
    rows = await repository.list_accounts(session, page, filters)
    rows, cursor = page.cut(rows, lambda row: [row["id"]])
    return list_answer(request, [dict(row) for row in rows], cursor, list(Account.model_fields))


@router.get("/{account_id}", response_model=Account, responses=problems(AccountNotFoundError))
async def get_account(account_id: UUID, request: Request, session: Read) -> Response:
    """One account; 304 when `If-None-Match` names its version."""
    account = await _require_account(session, account_id)
    return record_answer(request, dict(account), account["version"])


async def _require_account(session: Session, account_id: UUID) -> asyncpg.Record:
    account = await repository.get_account(session, account_id)
    if account is None:
        raise AccountNotFoundError(account_id)
    return account
