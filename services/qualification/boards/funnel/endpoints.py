"""HTTP paths of the funnel: parse, call, answer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import csv_response, list_answer, wants_csv
from services.kit.http import Caller, Read, ServiceRoute
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import Day, Instant
from services.qualification.boards.funnel import schemas, service
from services.qualification.boards.funnel.service import Asked

router = APIRouter(
    prefix="/funnel",
    route_class=ServiceRoute,
    tags=["funnel"],
    responses=problems(*COMMON_ERRORS),
)


def _asked(
    first_day: Annotated[Day | None, Query(alias="from")] = None,
    last_day: Annotated[Day | None, Query(alias="to", description="That day is in it.")] = None,
    fiscal_quarter: Annotated[
        str | None, Query(max_length=40, description="Like `FY27-Q2`, instead of `from` and `to`.")
    ] = None,
    group_by: schemas.GroupBy | None = None,
    axis: Annotated[
        schemas.Axis,
        Query(
            description="`cohort`: the leads that came into the funnel in the period, followed "
            "until `as_of`; `event`: what happened in the period."
        ),
    ] = "cohort",
    as_of: Annotated[Instant | None, Query(description="Now if left out.")] = None,
) -> Asked:
    return Asked(
        first_day=first_day,
        last_day=last_day,
        fiscal_quarter=fiscal_quarter,
        group_by=group_by,
        axis=axis,
        as_of=as_of,
    )


Question = Annotated[Asked, Depends(_asked)]


@router.get("", responses={200: {"model": schemas.Funnel}})
async def read_funnel(
    request: Request, principal: Caller, session: Read, asked: Question
) -> Response:
    """How many leads took each step, at which rate and how fast; the current fiscal quarter where
    no days are named. A salesperson's key reads the funnel of the leads it holds."""
    funnel = await service.read_funnel(session, principal, asked)
    if wants_csv(request):
        return csv_response(schemas.csv_rows(funnel))
    return json_answer(funnel)


@router.get("/leads", responses={200: {"model": schemas.FunnelLeadPage}})
async def list_funnel_leads(
    request: Request,
    principal: Caller,
    session: Read,
    asked: Question,
    page: Annotated[PageRequest, Depends(page_request)],
    step: schemas.Step = "leads",
    group: Annotated[
        str | None,
        Query(max_length=255, description="One of `group_by`; empty: those without a value."),
    ] = None,
    skipped: Annotated[
        bool | None, Query(description="Only those who skipped the step before, or did not.")
    ] = None,
) -> Response:
    """The leads behind a figure: as many as it counts."""
    found = await service.list_leads(
        session, principal, asked, page, step=step, group=group, skipped=skipped
    )
    items, next_cursor = page.cut(found, lambda lead: [str(lead["id"])])
    return list_answer(request, items, next_cursor, list(schemas.FunnelLead.model_fields))
