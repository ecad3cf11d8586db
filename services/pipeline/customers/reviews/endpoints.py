"""HTTP paths of reviews of accounts: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import list_answer
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.pipeline.accounts.errors import AccountNotFoundError
from services.pipeline.customers.lookups import require_account
from services.pipeline.customers.reviews import repository, schemas, service
from services.workspace.users.reach import WRITERS

router = APIRouter(
    prefix="/accounts",
    route_class=ServiceRoute,
    tags=["customers"],
    responses=problems(*COMMON_ERRORS),
)
_COLUMNS = list(schemas.Review.model_fields)


@router.post(
    "/{account_id}/reviews",
    status_code=201,
    response_model=schemas.Review,
    responses=problems(AccountNotFoundError),
)
async def post_review(
    account_id: UUID, body: schemas.ReviewPost, caller: Caller, session: Write
) -> Response:
    """Records a review; what was due of its kind is done."""
    caller.require(*WRITERS)
    row = await service.record(session, caller.actor, account_id, dict(body))
    return json_answer({name: row[name] for name in _COLUMNS}, 201)


@router.get(
    "/{account_id}/reviews",
    response_model=schemas.ReviewPage,
    responses=problems(AccountNotFoundError),
)
async def list_reviews(
    account_id: UUID,
    request: Request,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """Every review of an account, in the order they were recorded."""
    await require_account(session, account_id)
    rows = await repository.list_reviews(session, account_id, page)
    rows, cursor = page.cut(rows, lambda row: [row["id"]])
    return list_answer(
        request, [{name: row[name] for name in _COLUMNS} for row in rows], cursor, _COLUMNS
    )
