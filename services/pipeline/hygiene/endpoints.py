"""HTTP paths of hygiene: parse, authorise, call, answer."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import csv_response, list_answer, wants_csv
from services.kit.errors import InvalidPayloadError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.pipeline.hygiene import (
    required7_service,
    schemas,
    schemas_required7,
    service,
    told,
)
from services.pipeline.hygiene.errors import FindingNotFoundError
from services.pipeline.hygiene.follower import moment
from services.pipeline.opportunities.access import READERS
from services.pipeline.opportunities.errors import OpportunityNotFoundError

router = APIRouter(
    route_class=ServiceRoute,
    tags=["hygiene"],
    responses=problems(*COMMON_ERRORS),
)

User = Annotated[
    str | None, Query(max_length=255, description="A user's id or external id, with the subtree.")
]
Quarter = Annotated[str | None, Query(max_length=20, description="Like FY27-Q2.")]
Account = Annotated[str | None, Query(max_length=255, description="Its id or external id.")]


@router.get("/hygiene", response_model=schemas.FindingPage)
async def list_findings(
    request: Request,
    caller: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    user_id: User = None,
    rule: schemas.RuleName | None = None,
    severity: schemas.Severity | None = None,
    snoozed: schemas.Snoozed = "false",
    fiscal_quarter: Quarter = None,
    opportunity_id: UUID | None = None,
    account: Account = None,
) -> Response:
    """What is wrong now: by which rule, since when, by which values, and what cures it."""
    filters = {
        "user_id": user_id,
        "rule": rule,
        "severity": severity,
        "snoozed": snoozed,
        "fiscal_quarter": fiscal_quarter,
        "opportunity_id": opportunity_id,
        "account": account,
    }
    items, cursor, fresh = await service.list_findings(session, caller, page, filters)
    if wants_csv(request):
        return list_answer(request, [told.as_line(item) for item in items], cursor, told.COLUMNS)
    return json_answer({"items": items, "next_cursor": cursor, **fresh})


@router.get("/hygiene/summary", response_model=schemas.Summary)
async def get_summary(
    request: Request,
    caller: Caller,
    session: Read,
    group_by: schemas.Grouping = "rule",
    user_id: User = None,
    rule: schemas.RuleName | None = None,
    severity: schemas.Severity | None = None,
    fiscal_quarter: Quarter = None,
    weeks: Annotated[int, Query(ge=1, le=53)] = 8,
) -> Response:
    """How much is wrong and what is at stake, snoozed findings included; by week, how many began
    and ended in each."""
    filters = {
        "user_id": user_id,
        "rule": rule,
        "severity": severity,
        "fiscal_quarter": fiscal_quarter,
    }
    content = await service.summary(session, caller, group_by, filters, weeks)
    if wants_csv(request):
        return csv_response(content["items"], list(schemas.SummaryItem.model_fields))
    return json_answer(content)


@router.get("/hygiene/rules", response_model=schemas.RuleCatalogue)
async def get_rules(request: Request, caller: Caller, session: Read) -> Response:
    """Every rule there is, under the policy in force."""
    caller.require(*READERS)
    content = told.catalogue(await moment(session))
    if wants_csv(request):
        rows = [{**item, "settings": str(item["settings"])} for item in content["items"]]
        return csv_response(rows, list(schemas.RuleInForce.model_fields))
    return json_answer(content)


@router.get("/hygiene/required-7", response_model=schemas_required7.Required7)
async def get_required_7(
    request: Request,
    caller: Caller,
    session: Read,
    user_id: User = None,
    on: Annotated[date | None, Query(description="A day; today by default.")] = None,
) -> Response:
    """The seven things none of which may be missing at the end of a day, person by person, with
    the records that are missing something."""
    content = await required7_service.read(session, caller, user_id, on)
    if wants_csv(request):
        return csv_response([required7_service.as_line(item) for item in content["items"]])
    return json_answer(content)


@router.get("/hygiene/reviews", response_model=schemas.ReviewPage)
async def list_reviews(
    request: Request,
    caller: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    user_id: User = None,
    due: Annotated[bool, Query(description="Only those that are to be looked at now.")] = True,
) -> Response:
    """Open opportunities nobody looked at for longest."""
    items, cursor = await service.reviews(session, caller, page, user_id, due=due)
    return list_answer(request, items, cursor, list(schemas.ReviewItem.model_fields))


@router.post(
    "/reviews",
    response_model=schemas.Reviews,
    responses=problems(OpportunityNotFoundError),
)
async def post_reviews(body: schemas.ReviewsBody, caller: Caller, session: Write) -> Response:
    """Says of many opportunities that somebody looked at them; of all or none."""
    items = await service.review(session, caller, body.opportunity_ids, body.note)
    return json_answer({"items": items})


@router.post(
    "/opportunities/{opportunity_id}/reviews",
    status_code=201,
    response_model=schemas.Review,
    responses=problems(OpportunityNotFoundError),
)
async def post_review(
    opportunity_id: UUID, body: schemas.ReviewBody, caller: Caller, session: Write
) -> Response:
    """Says that somebody looked at the opportunity now."""
    (item,) = await service.review(session, caller, [opportunity_id], body.note)
    return json_answer(item, 201)


@router.get(
    "/opportunities/{opportunity_id}/hygiene",
    response_model=schemas.OpportunityHygiene,
    responses=problems(OpportunityNotFoundError),
)
async def get_opportunity_hygiene(opportunity_id: UUID, caller: Caller, session: Read) -> Response:
    """Everything that is wrong with one opportunity, and what was."""
    return json_answer(await service.of_opportunity(session, caller, opportunity_id))


@router.post(
    "/opportunities/{opportunity_id}/snoozes",
    status_code=201,
    response_model=schemas.Finding,
    responses=problems(OpportunityNotFoundError, FindingNotFoundError),
)
async def post_snooze(
    opportunity_id: UUID, body: schemas.SnoozeBody, caller: Caller, session: Write
) -> Response:
    """Leaves a finding out of lists for a while. Snoozing anew moves the end."""
    content = await service.snooze(
        session, caller, opportunity_id, rule=body.rule, until=body.until, reason=body.reason
    )
    return json_answer(content, 201)


@router.delete(
    "/opportunities/{opportunity_id}/snoozes/{rule}",
    status_code=204,
    responses=problems(OpportunityNotFoundError, FindingNotFoundError),
)
async def delete_snooze(
    opportunity_id: UUID, rule: str, caller: Caller, session: Write
) -> Response:
    """Ends a snooze before its time."""
    if len(rule) > 100:
        raise InvalidPayloadError.one("path/rule", "invalid_rule", "is the name of no rule")
    await service.wake(session, caller, opportunity_id, rule)
    return Response(status_code=204)
