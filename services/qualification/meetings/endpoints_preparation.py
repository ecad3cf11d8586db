"""HTTP paths of preparing meetings: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response

from services.kit.answers import etag, if_match, json_answer
from services.kit.app import problems
from services.kit.csv_answer import list_answer
from services.kit.errors import StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.qualification.meetings import preparation, reviews
from services.qualification.meetings import schemas_preparation as schemas
from services.qualification.meetings.errors import MeetingNotFoundError

router = APIRouter(route_class=ServiceRoute)

MeetingId = Annotated[UUID, Path(description="The meeting's id.")]
_ONE = {"model": schemas.Preparation}


def _answer(content: dict[str, Any]) -> Response:
    # Not 304 by its version: what records answer changes without it.
    return json_answer(content, headers={"ETag": etag(content["version"])})


@router.get(
    "/meetings/{meeting_id}/preparation",
    responses={200: _ONE, **problems(MeetingNotFoundError)},
)
async def get_preparation(meeting_id: MeetingId, principal: Caller, session: Read) -> Response:
    """What records answer about the buyer now, what was put down, which questions to ask, and what
    is missing."""
    return _answer(await preparation.read_preparation(session, principal, meeting_id))


@router.put(
    "/meetings/{meeting_id}/preparation",
    responses={200: _ONE, **problems(MeetingNotFoundError, StaleVersionError)},
)
async def put_preparation(
    request: Request,
    meeting_id: MeetingId,
    body: schemas.PreparationPut,
    principal: Caller,
    session: Write,
) -> Response:
    """Merges what was prepared: absent is unchanged, null clears; a list is the whole list."""
    return _answer(
        await preparation.put_preparation(
            session, principal, meeting_id, body, if_match=if_match(request)
        )
    )


@router.post(
    "/meetings/{meeting_id}/agenda-sent",
    responses={200: _ONE, **problems(MeetingNotFoundError)},
)
async def note_agenda_sent(
    meeting_id: MeetingId, body: schemas.AgendaSent, principal: Caller, session: Write
) -> Response:
    """The agenda went to the buyer; the preparation says how long ahead."""
    return _answer(await preparation.note_agenda_sent(session, principal, meeting_id, body))


@router.post(
    "/meetings/{meeting_id}/reviews",
    status_code=201,
    responses={201: {"model": schemas.Review}, **problems(MeetingNotFoundError)},
)
async def add_review(
    meeting_id: MeetingId, body: schemas.ReviewPost, principal: Caller, session: Write
) -> Response:
    """A colleague's input and critique: a call prep before the meeting, a review after it."""
    return json_answer(await reviews.add_review(session, principal, meeting_id, body), 201)


@router.get(
    "/meetings/{meeting_id}/reviews",
    responses={200: {"model": schemas.ReviewPage}, **problems(MeetingNotFoundError)},
)
async def list_reviews(
    request: Request,
    meeting_id: MeetingId,
    principal: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """In the order in which they were given."""
    found = await reviews.list_reviews(session, principal, meeting_id, page)
    items, cursor = page.cut(found, lambda one: [str(one["id"])])
    return list_answer(request, items, cursor, list(schemas.Review.model_fields))
