"""Users, and the workspace they belong to."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Request, Response

from services.kit import clock
from services.kit.answers import etag, if_match, json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.batch import (
    Batch,
    BatchAnswer,
    BatchBody,
    Change,
    same_external_id,
    sole,
)
from services.kit.csv_answer import list_answer
from services.kit.db import Session
from services.kit.errors import IdMismatchError, IdTakenError, StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import ExternalId
from services.workspace.users import repository
from services.workspace.users.errors import ReportingLineCycleError, UserNotFoundError
from services.workspace.users.schemas import (
    User,
    UserDetail,
    UserFilters,
    UserItem,
    UserPage,
    UserPut,
)
from services.workspace.users.service import upsert_users

router = APIRouter(route_class=ServiceRoute, tags=["workspace"], responses=problems(*COMMON_ERRORS))

WRITERS = ("admin", "integration", "sales_ops")


@router.put(
    "/users/by-external-id/{external_id:path}",
    response_model=User,
    responses={
        201: {"model": User},
        **problems(ReportingLineCycleError, IdTakenError, IdMismatchError, StaleVersionError),
    },
)
async def put_user(
    external_id: ExternalId, body: UserPut, request: Request, caller: Caller, session: Write
) -> Response:
    """Creates the user or merges into it: an absent field is unchanged, null clears it."""
    caller.require(*WRITERS)
    same_external_id(external_id, body.external_id)
    outcomes = await upsert_users(
        session, caller.actor, [Change.of(external_id, body)], if_match=if_match(request)
    )
    stored = sole(outcomes)
    user = await _require_user(session, stored.id)
    return json_answer(dict(user), stored.status, {"ETag": etag(stored.version)})


@router.post("/users/batch", status_code=207, response_model=BatchAnswer)
async def post_users(body: BatchBody[UserItem], caller: Caller, session: Write) -> Response:
    """Many users at once, each stored or refused by itself; managers may come later in the list."""
    caller.require(*WRITERS)
    batch = Batch(body.items, UserItem)
    changes = [Change.of(item.external_id, item) for item in batch.values]
    batch.settle_all(await upsert_users(session, caller.actor, changes))
    return batch.answer()


@router.get("/users", response_model=UserPage)
async def list_users(
    request: Request,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    filters: Annotated[UserFilters, Depends()],
) -> Response:
    """Users in the order of their ids; `manager_external_id` lists direct reports as of now."""
    rows = await repository.list_users(session, page, clock.now(), filters)
    rows, cursor = page.cut(rows, lambda row: [row["id"]])
    return list_answer(request, [dict(row) for row in rows], cursor, list(User.model_fields))


@router.get("/users/{user_id}", response_model=UserDetail, responses=problems(UserNotFoundError))
async def get_user(user_id: UUID, session: Read) -> Response:
    """One user with every reporting line. Never a 304: a scheduled line changes whom the user
    reports to without changing the version."""
    user = dict(await _require_user(session, user_id))
    lines = [dict(line) for line in await repository.lines_of(session, user_id)]
    for line in lines:
        if line["effective_from"] == repository.ALWAYS:
            line["effective_from"] = None
    return json_answer(user | {"reporting_lines": lines}, headers={"ETag": etag(user["version"])})


async def _require_user(session: Session, user_id: UUID) -> asyncpg.Record:
    user = await repository.get_user(session, user_id, clock.now())
    if user is None:
        raise UserNotFoundError(user_id)
    return user
