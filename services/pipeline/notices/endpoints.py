"""HTTP paths of notices: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import list_answer
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import RecordId
from services.pipeline.notices import schemas, service
from services.pipeline.notices.errors import NoticeNotFoundError

router = APIRouter(
    prefix="/notices",
    route_class=ServiceRoute,
    tags=["notices"],
    responses=problems(*COMMON_ERRORS),
)

User = Annotated[
    str | None, Query(max_length=255, description="A user's id or external id, with the subtree.")
]
# In CSV details have columns of their own.
_COLUMNS = [name for name in schemas.Notice.model_fields if name != "details"]
Kind = Annotated[str | None, Query(max_length=100)]


@router.get("", response_model=schemas.NoticePage)
async def list_notices(
    request: Request,
    caller: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    user_id: User = None,
    state: schemas.State = "all",
    kind: Kind = None,
    opportunity_id: RecordId | None = None,
) -> Response:
    """What the caller was told, the newest first. `user_id` asks for somebody else's, within the
    caller's reach; a key of no user is answered for everybody it reaches."""
    rows = await service.read_notices(
        session,
        caller,
        page,
        user=user_id,
        is_unread=state == "unread",
        kind=kind,
        opportunity_id=opportunity_id,
    )
    rows, cursor = page.cut(rows, lambda row: [str(row["id"])])
    return list_answer(request, rows, cursor, _COLUMNS)


@router.post("/read", response_model=schemas.ReadAnswer)
async def read_notices(body: schemas.NoticesRead, caller: Caller, session: Write) -> Response:
    """Marks many of one's own as read; what was read before stays as it was."""
    read = await service.mark_many(session, caller, ids=body.ids, up_to=body.up_to)
    return json_answer({"read": read})


@router.post(
    "/{notice_id}/read",
    response_model=schemas.Notice,
    responses=problems(NoticeNotFoundError),
)
async def read_notice(notice_id: UUID, caller: Caller, session: Write) -> Response:
    """Marks one as read; the second time changes nothing."""
    return json_answer(await service.mark_one(session, caller, notice_id))
