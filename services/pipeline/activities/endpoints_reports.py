"""HTTP paths of follow-ups and reports: parse, authorise, call, answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.kit import clock
from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import csv_response, figure_answer, list_answer, wants_csv
from services.kit.errors import InvalidPayloadError
from services.kit.http import Caller, Read, ServiceRoute
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import Day
from services.pipeline.activities import reports, schemas_reports
from services.pipeline.activities.periods import period_of
from services.pipeline.opportunities import service as opportunities
from services.pipeline.opportunities.access import sight
from services.pipeline.opportunities.errors import OpportunityNotFoundError
from services.workspace.workspaces.repository import get_workspace

router = APIRouter(
    route_class=ServiceRoute,
    tags=["activities"],
    responses=problems(*COMMON_ERRORS),
)

User = Annotated[
    str | None, Query(max_length=255, description="A user's id or external id, with the subtree.")
]
First = Annotated[
    Day | None, Query(alias="from", description="The quarter's first day by default.")
]
Last = Annotated[Day | None, Query(alias="to", description="Today by default.")]


@router.get(
    "/opportunities/{opportunity_id}/follow-up",
    response_model=schemas_reports.FollowUp,
    responses=problems(OpportunityNotFoundError),
)
async def get_follow_up(
    opportunity_id: UUID, request: Request, caller: Caller, session: Read
) -> Response:
    """The five steps of the opportunity's follow-up since the last connect, and what is next."""
    row = await opportunities.require(session, await sight(session, caller), opportunity_id)
    return figure_answer(request, await reports.follow_up_of(session, row))


@router.get("/activities/follow-ups", response_model=schemas_reports.FollowUpPage)
async def list_follow_ups(
    request: Request,
    caller: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    user_id: User = None,
) -> Response:
    """Where the open opportunities of a user and the subtree stand, overdue first. Whoever sees
    everybody's names a user."""
    items = await reports.follow_ups(session, caller, user_id, _after(page), page.limit + 1)
    shown, cursor = page.cut(items, lambda item: list[Any](reports.order_of(item)))
    columns = list(schemas_reports.FollowUpItem.model_fields)
    return list_answer(request, shown, cursor, columns)


@router.get("/activities/qualification-calls", response_model=schemas_reports.QualificationCalls)
async def get_qualification_calls(
    request: Request,
    caller: Caller,
    session: Read,
    first: First = None,
    last: Last = None,
    user_id: User = None,
) -> Response:
    """Qualification calls by their subjects, with customers and with prospects, and the share of
    customers that were contacted; by user and in total. As CSV a row a user, the total last."""
    period = await period_of(session, first, last)
    today = (await get_workspace(session)).calendar.local_date(clock.now())
    found = await reports.qualification_calls(session, caller, user_id, period, today)
    total = {"user_external_id": "total", "user_name": None, **found["total"]}
    return _grouped(request, found, [*found["users"], total])


@router.get("/activities/counts", response_model=schemas_reports.ActivityCounts)
async def get_counts(
    request: Request,
    caller: Caller,
    session: Read,
    first: First = None,
    last: Last = None,
    user_id: User = None,
    group_by: schemas_reports.GroupBy | None = None,
) -> Response:
    """How much was done in a period. As CSV a row a group, the total last."""
    period = await period_of(session, first, last)
    found = await reports.counts(session, caller, user_id, period, group_by)
    return _grouped(request, found, [*found["groups"], {"key": "total", **found["total"]}])


def _grouped(
    request: Request, content: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> Response:
    return csv_response(rows) if wants_csv(request) else json_answer(content)


def _after(page: PageRequest) -> reports.Place | None:
    if page.after is None:
        return None
    match page.after:
        case [int(rank), str(at), str(id_)]:
            return rank, at, id_
    raise InvalidPayloadError.one("query/cursor", "invalid_cursor", "is the cursor of another list")
