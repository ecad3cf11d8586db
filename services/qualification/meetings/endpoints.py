"""HTTP paths of meetings: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response

from services.kit.answers import if_match, record_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.batch import Batch, BatchAnswer, BatchBody, Change, same_external_id, sole
from services.kit.csv_answer import list_answer
from services.kit.errors import IdTakenError, StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import ExternalId
from services.qualification.meetings import schemas, service
from services.qualification.meetings.endpoints_calls import router as calls
from services.qualification.meetings.endpoints_outcome import router as outcome
from services.qualification.meetings.endpoints_preparation import router as preparation
from services.qualification.meetings.errors import (
    MeetingExistsError,
    MeetingHeldError,
    MeetingNotFoundError,
    RebookingOverError,
)

router = APIRouter(route_class=ServiceRoute, tags=["meetings"], responses=problems(*COMMON_ERRORS))

for _part in (preparation, outcome, calls):
    router.include_router(_part)

MeetingId = Annotated[UUID, Path(description="The meeting's id.")]
_ONE = {"model": schemas.Meeting}


@router.post(
    "/meetings",
    status_code=201,
    responses={201: _ONE, **problems(MeetingExistsError, IdTakenError)},
)
async def create_meeting(
    request: Request, body: schemas.MeetingCreate, principal: Caller, session: Write
) -> Response:
    """A meeting about a lead, an opportunity or an account, or several of them; the caller's own
    unless somebody is named. A contact among the attendees brings its account."""
    meeting = await service.create_meeting(session, principal, body.stated())
    return record_answer(request, schemas.meeting_json(meeting), meeting.version, 201)


@router.get("/meetings", responses={200: {"model": schemas.MeetingPage}})
async def list_meetings(
    request: Request,
    principal: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    filters: Annotated[schemas.MeetingFilters, Depends()],
) -> Response:
    """Meetings in the order of time; filters combine. One sees those one takes part in, and those
    about opportunities, leads and accounts one sees."""
    rows = await service.list_meetings(session, principal, page, filters)
    meetings, cursor = page.cut(rows, lambda one: [one.happens_at.isoformat(), str(one.id)])
    items = [schemas.meeting_json(meeting) for meeting in meetings]
    return list_answer(request, items, cursor, list(schemas.Meeting.model_fields))


@router.post("/meetings/batch", status_code=207, responses={207: {"model": BatchAnswer}})
async def put_meetings(
    body: BatchBody[schemas.MeetingItem], principal: Caller, session: Write
) -> Response:
    """Many entries of a calendar at once, each stored or refused by itself."""
    batch = Batch(body.items, schemas.MeetingItem)
    changes = [Change.of(item.external_id, item) for item in batch.values]
    batch.settle_all(await service.upsert_meetings(session, principal, changes))
    return batch.answer()


@router.put(
    "/meetings/by-external-id/{external_id:path}",
    responses={
        200: _ONE,
        201: _ONE,
        **problems(MeetingHeldError, RebookingOverError, StaleVersionError),
    },
)
async def put_meeting(
    request: Request,
    external_id: ExternalId,
    body: schemas.MeetingPut,
    principal: Caller,
    session: Write,
) -> Response:
    """Creates the meeting (201) or merges into it (200): absent is unchanged, null clears."""
    same_external_id(external_id, body.external_id)
    change = Change.of(external_id, body)
    stored = sole(
        await service.upsert_meetings(session, principal, [change], if_match=if_match(request))
    )
    meeting = await service.read_back(session, stored.id)
    return record_answer(request, schemas.meeting_json(meeting), meeting.version, stored.status)


@router.get("/meetings/{meeting_id}", responses={200: _ONE, **problems(MeetingNotFoundError)})
async def get_meeting(
    request: Request, meeting_id: MeetingId, principal: Caller, session: Read
) -> Response:
    """One meeting; 304 when `If-None-Match` names its version."""
    meeting = await service.require_meeting(session, principal, meeting_id)
    return record_answer(request, schemas.meeting_json(meeting), meeting.version)


@router.patch(
    "/meetings/{meeting_id}",
    responses={
        200: _ONE,
        **problems(MeetingNotFoundError, MeetingHeldError, RebookingOverError, StaleVersionError),
    },
)
async def change_meeting(
    request: Request,
    meeting_id: MeetingId,
    body: schemas.MeetingUpdate,
    principal: Caller,
    session: Write,
) -> Response:
    """Changes what is sent. A new time for a meeting nobody came to plans it again, for two weeks
    after the first one."""
    meeting = await service.change_meeting(
        session, principal, meeting_id, body.stated(), if_match=if_match(request)
    )
    return record_answer(request, schemas.meeting_json(meeting), meeting.version)
