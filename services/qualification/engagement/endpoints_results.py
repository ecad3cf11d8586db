"""HTTP paths of what engagement brought, what to do next, and the opportunities activities are
named for."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.kit.answers import json_answer
from services.kit.app import problems
from services.kit.csv_answer import NEXT_CURSOR_HEADER, csv_response, list_answer, wants_csv
from services.kit.errors import InvalidPayloadError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.rows import after_id
from services.kit.schemas import Day
from services.qualification.engagement import results, schemas_results, service
from services.qualification.engagement.errors import (
    ActivityNotFoundError,
    OpportunityNotNamedError,
    OpportunitySourcedElsewhereError,
)
from services.qualification.engagement.schemas import NamedOpportunity, Naming
from services.qualification.engagement.schemas_suggestions import (
    Suggestion,
    SuggestionList,
    suggestion_json,
)
from services.qualification.engagement.service_suggestions import suggest_for
from services.qualification.opportunities.errors import OpportunityUnknownError
from services.qualification.territories.errors import TerritoryNotFoundError
from services.workspace.workspaces.repository import get_workspace

router = APIRouter(route_class=ServiceRoute)

ActivityId = Annotated[UUID, Path(description="The activity's id.")]


@router.get("/engagement-activities/results", response_model=schemas_results.Results)
async def list_results(
    request: Request,
    caller: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    group_by: schemas_results.GroupBy = "activity",
    first_day: Annotated[
        Day | None, Query(alias="from", description="Leads that came from this day on.")
    ] = None,
    last_day: Annotated[
        Day | None, Query(alias="to", description="Leads that came up to this day.")
    ] = None,
) -> Response:
    """What engagement brought, in groups that add up to `totals`: leads, opportunities it is the
    source of, and those it helped. Counts what the caller may read. The days are those on which a
    lead came; an opportunity without such a lead, on which it was opened."""
    if first_day is not None and last_day is not None and last_day < first_day:
        raise InvalidPayloadError.one(
            "query/from", "reversed_interval", "must not be later than `to`"
        )
    days = results.Days(first_day, last_day)
    groups, totals = await results.results(session, caller, days, group_by)
    if page.after is not None:
        groups = _behind(groups, page)
    groups, cursor = page.cut(groups, lambda group: [group[0] is None, group[0] or ""])
    items = [
        {"key": key, "name": name, **schemas_results.figures_json(figures)}
        for key, name, figures in groups
    ]
    if wants_csv(request):
        return csv_response(
            items,
            list(schemas_results.Group.model_fields) if not items else None,
            {} if cursor is None else {NEXT_CURSOR_HEADER: cursor},
        )
    content = {
        "group_by": group_by,
        "first_day": first_day,
        "last_day": last_day,
        "currency": (await get_workspace(session)).currency,
        "totals": schemas_results.figures_json(totals),
        "items": items,
        "next_cursor": cursor,
    }
    return json_answer(content)


def _behind(groups: list[results.Group], page: PageRequest) -> list[results.Group]:
    after = page.after or []
    if len(after) != 2 or not isinstance(after[0], bool) or not isinstance(after[1], str):
        raise InvalidPayloadError.one(
            "query/cursor", "invalid_cursor", "is the cursor of another list"
        )
    last = (after[0], after[1])
    return [group for group in groups if results.sort_key(group[0]) > last]


@router.get(
    "/engagement-activities/suggestions",
    response_model=SuggestionList,
    responses=problems(TerritoryNotFoundError),
)
async def list_suggestions(
    request: Request, caller: Caller, session: Read, territory_id: UUID
) -> Response:
    """The kinds that suit a territory by its map and its routes to market, each with its reasons:
    a point of entry where nobody uses the product, growth where some do."""
    found = await suggest_for(session, territory_id)
    items = [suggestion_json(suggested) for suggested in found]
    return list_answer(request, items, None, list(Suggestion.model_fields))


@router.get(
    "/engagement-activities/{activity_id}/opportunities",
    response_model=schemas_results.CreditedOpportunityPage,
    responses=problems(ActivityNotFoundError),
)
async def list_opportunities(
    activity_id: ActivityId,
    request: Request,
    caller: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """The opportunities behind the activity's figures, through its leads or by name; those that
    count for another activity are marked."""
    activity = await service.require_activity(session, activity_id)
    deals = await results.deals_of(session, caller, activity)
    after = after_id(page)
    deals = [deal for deal in deals if after is None or deal.standing.id > after]
    deals, cursor = page.cut(deals[: page.limit + 1], lambda deal: [deal.standing.id])
    items = [schemas_results.deal_json(deal) for deal in deals]
    columns = list(schemas_results.CreditedOpportunity.model_fields)
    return list_answer(request, items, cursor, columns)


@router.put(
    "/engagement-activities/{activity_id}/opportunities/{opportunity_id}",
    response_model=NamedOpportunity,
    responses={
        201: {"model": NamedOpportunity},
        **problems(
            ActivityNotFoundError, OpportunityUnknownError, OpportunitySourcedElsewhereError
        ),
    },
)
async def name_for_opportunity(
    activity_id: ActivityId, opportunity_id: UUID, body: Naming, caller: Caller, session: Write
) -> Response:
    """Says that the activity brought the opportunity, or helped it along. Whoever may change the
    opportunity may say so; what is said here goes before what its lead says."""
    naming, is_new = await service.name_for_opportunity(
        session, caller, activity_id, opportunity_id, body.role
    )
    return json_answer(naming, 201 if is_new else 200)


@router.delete(
    "/engagement-activities/{activity_id}/opportunities/{opportunity_id}",
    status_code=204,
    response_class=Response,
    responses=problems(ActivityNotFoundError, OpportunityUnknownError, OpportunityNotNamedError),
)
async def take_back_naming(
    activity_id: ActivityId, opportunity_id: UUID, caller: Caller, session: Write
) -> Response:
    """Takes back what was named; what the opportunity's lead says stands."""
    await service.take_back_naming(session, caller, activity_id, opportunity_id)
    return Response(status_code=204)
