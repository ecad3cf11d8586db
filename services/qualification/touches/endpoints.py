"""HTTP paths of touches: parse, authorise, call, answer."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.batch import Batch, BatchAnswer, BatchBody, sole
from services.kit.csv_answer import figure_answer, list_answer
from services.kit.errors import InvalidPayloadError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import Day
from services.qualification.leads.errors import LeadMergedError, LeadNotFoundError
from services.qualification.leads.repository import get_lead
from services.qualification.touches import reading, repository, schemas
from services.qualification.touches.recording import Told, record_touches
from services.qualification.touches.resources.endpoints import router as resources

router = APIRouter(route_class=ServiceRoute, tags=["touches"], responses=problems(*COMMON_ERRORS))
router.include_router(resources)

LeadId = Annotated[UUID, Path(description="The lead's id.")]
Page = Annotated[PageRequest, Depends(page_request)]


@router.post(
    "/leads/{lead_id}/touches",
    status_code=201,
    responses={
        200: {"model": schemas.TouchAnswer, "description": "It was told before."},
        201: {"model": schemas.TouchAnswer},
        **problems(LeadNotFoundError, LeadMergedError),
    },
)
async def create_touch(
    lead_id: LeadId, body: schemas.TouchCreate, principal: Caller, session: Write
) -> Response:
    """A contact with the lead, and how far its sequence is now. The first one takes the lead up;
    a reply to one makes it a conversation."""
    told = [Told(lead_id, body.stated())]
    stored = sole(await record_touches(session, principal, told))
    lead = await get_lead(session, lead_id)
    assert lead is not None
    touch = schemas.touch_json(await repository.get_touch(session, stored.id))
    cadence = await reading.describe(session, lead)
    return json_answer({**touch, "cadence": cadence}, stored.status)


@router.get(
    "/leads/{lead_id}/touches",
    response_model=schemas.TouchPage,
    responses=problems(LeadNotFoundError),
)
async def list_touches(
    request: Request, lead_id: LeadId, principal: Caller, session: Read, page: Page
) -> Response:
    """Every touch of the lead, in the order in which they happened."""
    after = None
    if page.after is not None:
        at, touch_id = _cursor(page.after)
        after = (_instant(at), touch_id)
    rows = await reading.list_touches(session, principal, lead_id, page, after)
    touches, cursor = page.cut(rows, lambda row: [row["occurred_at"].isoformat(), str(row["id"])])
    items = [schemas.touch_json(touch) for touch in touches]
    return list_answer(request, items, cursor, list(schemas.Touch.model_fields))


@router.post("/touches/batch", status_code=207, response_model=BatchAnswer)
async def create_touches(
    body: BatchBody[schemas.TouchItem], principal: Caller, session: Write
) -> Response:
    """Many touches of many leads, each stored or refused by itself; one that was told before
    answers 200 and changes nothing."""
    batch = Batch(body.items, schemas.TouchItem, key=None)
    told = [
        Told(
            item.lead_id if item.lead_id is not None else item.lead_external_id or "", item.stated()
        )
        for item in batch.values
    ]
    batch.settle_all(await record_touches(session, principal, told))
    return batch.answer()


@router.get(
    "/leads/{lead_id}/cadence",
    response_model=schemas.Cadence,
    responses=problems(LeadNotFoundError),
)
async def get_cadence(
    request: Request, lead_id: LeadId, principal: Caller, session: Read
) -> Response:
    """How far the lead's sequence of touches is, when the next one is due, and by what."""
    return figure_answer(request, await reading.cadence_of(session, principal, lead_id))


@router.get("/touches/due", response_model=schemas.DueTouchPage)
async def list_due(
    request: Request,
    principal: Caller,
    session: Read,
    page: Page,
    user_id: Annotated[UUID | None, Query(description="Leads this user holds.")] = None,
    on: Annotated[Day | None, Query(description="Today by default.")] = None,
) -> Response:
    """Leads whose next touch is due by that day, longest due first."""
    after = None
    if page.after is not None:
        day, lead_id = _cursor(page.after)
        after = (_day(day), lead_id)
    rows = await reading.list_due(session, principal, page, user_id=user_id, on=on, after=after)
    due, cursor = page.cut(
        rows, lambda row: [row["next_touch_on"].isoformat(), str(row["lead_id"])]
    )
    items = [schemas.due_json(row) for row in due]
    return list_answer(request, items, cursor, list(schemas.DueTouch.model_fields))


def _cursor(after: list[object]) -> tuple[str, UUID]:
    try:
        place, row_id = after
        return str(place), UUID(str(row_id))
    except ValueError:
        raise _foreign_cursor() from None


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _foreign_cursor() from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _foreign_cursor() from None


def _foreign_cursor() -> InvalidPayloadError:
    return InvalidPayloadError.one(
        "query/cursor", "invalid_cursor", "is the cursor of another list"
    )
