"""HTTP paths of what came of meetings: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response

from services.kit.answers import etag, json_answer, record_answer
from services.kit.app import problems
from services.kit.csv_answer import list_answer
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.qualification.meetings import outcomes
from services.qualification.meetings import schemas_outcome as schemas
from services.qualification.meetings.errors import (
    MeetingCancelledError,
    MeetingNotFoundError,
    OutcomeNotToldError,
)

router = APIRouter(route_class=ServiceRoute)

MeetingId = Annotated[UUID, Path(description="The meeting's id.")]
_ONE = {"model": schemas.Outcome}


@router.post(
    "/meetings/{meeting_id}/outcome",
    status_code=201,
    responses={
        200: _ONE,
        201: _ONE,
        **problems(MeetingNotFoundError, MeetingCancelledError),
    },
)
async def tell_outcome(
    request: Request,
    meeting_id: MeetingId,
    body: schemas.OutcomePost,
    principal: Caller,
    session: Write,
) -> Response:
    """What came of the meeting. Answers are appended to the opportunity's MEDDPPICC, and wait on
    the meeting while its lead has none. Told again without a difference (200) nothing changes."""
    told, is_new = await outcomes.tell_outcome(session, principal, meeting_id, body)
    return record_answer(request, told, told["version"], 201 if is_new else 200)


@router.get(
    "/meetings/{meeting_id}/outcome",
    responses={200: _ONE, **problems(MeetingNotFoundError, OutcomeNotToldError)},
)
async def get_outcome(meeting_id: MeetingId, principal: Caller, session: Read) -> Response:
    """The outcome as told last."""
    told = await outcomes.read_outcome(session, principal, meeting_id)
    # Not 304 by its version: answers are carried later, and scores change.
    return json_answer(told, headers={"ETag": etag(told["version"])})


@router.get(
    "/meetings/{meeting_id}/outcomes",
    responses={200: {"model": schemas.ToldPage}, **problems(MeetingNotFoundError)},
)
async def list_tellings(
    request: Request,
    meeting_id: MeetingId,
    principal: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """Every telling of the outcome, the first one first."""
    found = await outcomes.list_tellings(session, principal, meeting_id, page)
    told, cursor = page.cut(found, lambda row: [row["version"]])
    items = [schemas.told_json(row) for row in told]
    return list_answer(request, items, cursor, list(schemas.Told.model_fields))


@router.get("/moments", responses={200: {"model": schemas.MomentPage}})
async def list_moments(
    request: Request,
    principal: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    filters: Annotated[schemas.MomentFilters, Depends()],
) -> Response:
    """Moments That Matter of the meetings one sees, in the order of time; an account's are also
    those of its opportunities and leads."""
    found = await outcomes.list_moments(session, principal, page, filters)
    items, cursor = page.cut(found, lambda row: [row["occurred_at"].isoformat(), str(row["id"])])
    return list_answer(request, items, cursor, list(schemas.MomentShown.model_fields))
