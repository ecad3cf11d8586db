"""HTTP paths of response timers: parse, authorise, call, answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import csv_response, list_answer, wants_csv
from services.kit.errors import InvalidPayloadError
from services.kit.http import Caller, Read, ServiceRoute
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import Day, Instant
from services.qualification.leads.errors import LeadNotFoundError
from services.qualification.responses import reading, schemas

router = APIRouter(route_class=ServiceRoute, tags=["responses"], responses=problems(*COMMON_ERRORS))

LeadId = Annotated[UUID, Path(description="The lead's id.")]
Page = Annotated[PageRequest, Depends(page_request)]


@router.get(
    "/leads/{lead_id}/response-timers",
    response_model=schemas.ResponseTimerPage,
    responses=problems(LeadNotFoundError),
)
async def list_timers_of_lead(
    request: Request, lead_id: LeadId, principal: Caller, session: Read, page: Page
) -> Response:
    """The waits of one lead, by when they are due; the ten last ones and all that still run."""
    wanted = {"lead_id": lead_id}
    rows = await reading.list_timers(session, principal, page, wanted, _after(page))
    return _list(request, page, rows)


@router.get("/response-timers", response_model=schemas.ResponseTimerPage)
async def list_timers(
    request: Request,
    principal: Caller,
    session: Read,
    page: Page,
    state: schemas.State | None = None,
    kind: schemas.Kind | None = None,
    user_id: Annotated[UUID | None, Query(description="SDR or owner when the wait began.")] = None,
    due_before: Annotated[Instant | None, Query()] = None,
) -> Response:
    """Waits for an answer, by when they are due. A salesperson's key sees those of its leads."""
    wanted = {"state": state, "kind": kind, "user_id": user_id, "due_before": due_before}
    rows = await reading.list_timers(session, principal, page, wanted, _after(page))
    return _list(request, page, rows)


@router.get("/response-report", response_model=schemas.ResponseReport)
async def get_report(
    request: Request,
    principal: Caller,
    session: Read,
    first_day: Annotated[Day | None, Query(alias="from")] = None,
    last_day: Annotated[Day | None, Query(alias="to")] = None,
    group_by: schemas.GroupBy | None = None,
) -> Response:
    """How quickly leads were answered whose wait began in these days, both included, against the
    goal of the policy. As CSV: a row for each group, the total last."""
    if first_day is not None and last_day is not None and last_day < first_day:
        raise InvalidPayloadError.one(
            "query/from", "reversed_interval", "must not be later than `to`"
        )
    found = await reading.report(
        session, principal, first_day=first_day, last_day=last_day, group_by=group_by
    )
    total = schemas.figures_json(found.total)
    groups = [schemas.figures_json(group) for group in found.groups]
    if wants_csv(request):
        return csv_response([*groups, {**total, "name": "total"}])
    return json_answer(
        {
            "from": found.first_day,
            "to": found.last_day,
            "group_by": group_by,
            "goal_percent": found.goal_percent,
            "total": total,
            "groups": groups,
        }
    )


def _after(page: PageRequest) -> tuple[datetime, UUID] | None:
    if page.after is None:
        return None
    try:
        due, timer_id = page.after
        return datetime.fromisoformat(due).astimezone(UTC), UUID(timer_id)
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise InvalidPayloadError.one(
            "query/cursor", "invalid_cursor", "is the cursor of another list"
        ) from None


def _list(request: Request, page: PageRequest, rows: list[dict[str, object]]) -> Response:
    timers, next_cursor = page.cut(rows, lambda row: [row["due_at"].isoformat(), str(row["id"])])
    items = [schemas.timer_json(timer) for timer in timers]
    return list_answer(request, items, next_cursor, list(schemas.ResponseTimer.model_fields))
