"""The HTTP path of qualification calls: parse, authorise, call, answer."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from services.kit.answers import json_answer
from services.kit.csv_answer import csv_response, wants_csv
from services.kit.http import Caller, Read, ServiceRoute
from services.kit.schemas import Day
from services.qualification.meetings.calls import count_calls

router = APIRouter(route_class=ServiceRoute)


class Counts(BaseModel):
    """`calls` were held: `prospect` and `customer` add up to it."""

    calls: int
    prospect: int
    customer: int
    no_show: int
    planned: int


class Group(Counts):
    """One user's, or one fiscal week's."""

    user_external_id: str | None
    user_name: str | None
    fiscal_quarter: str | None
    fiscal_week: int | None
    week_start: date | None


class QualificationCalls(BaseModel):
    first: date = Field(alias="from")
    to: date
    user_id: str | None
    group_by: Literal["user", "week"] | None
    total: Counts
    groups: list[Group]


@router.get("/qualification-calls", responses={200: {"model": QualificationCalls}})
async def get_qualification_calls(
    request: Request,
    principal: Caller,
    session: Read,
    first: Annotated[Day | None, Query(alias="from")] = None,
    to: Annotated[Day | None, Query()] = None,
    user_id: Annotated[
        str | None, Query(max_length=300, description="The user and everybody below.")
    ] = None,
    group_by: Annotated[Literal["user", "week"] | None, Query()] = None,
) -> Response:
    """Qualification calls by the day they were held, this fiscal quarter by default: first
    qualifying meetings, and those whose subject says so. A customer's account had won an
    opportunity by that day. As CSV: a row a group, or the total where there are none."""
    found = await count_calls(
        session, principal, first=first, last=to, user=user_id, group_by=group_by
    )
    if not wants_csv(request):
        return json_answer(found)
    if group_by is None:
        return csv_response([found["total"]], list(Counts.model_fields))
    return csv_response(found["groups"], [*list(Group.model_fields)[5:], *Counts.model_fields])
