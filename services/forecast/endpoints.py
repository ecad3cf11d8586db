"""The paths of the figures: parse the question, ask the service, answer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import AwareDatetime

from services.forecast import service
from services.forecast.answer import render
from services.forecast.errors import OutOfScopeError
from services.forecast.question import Axis, GroupBy, Organised, Question
from services.forecast.schemas import ForecastOut
from services.kit.answers import json_answer, record_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.errors import InvalidPayloadError, NotFoundError
from services.kit.http import Caller, Read, ServiceRoute
from services.workspace.fiscal import FiscalCalendarError, FiscalQuarter
from services.workspace.workspaces.repository import get_workspace

router = APIRouter(
    prefix="/forecasts/{fiscal_quarter}",
    tags=["forecasts"],
    route_class=ServiceRoute,
    responses=problems(*COMMON_ERRORS, NotFoundError, OutOfScopeError),
)


async def _quarter(
    session: Read,
    fiscal_quarter: Annotated[str, Path(description="Like `FY27-Q2`.", examples=["FY27-Q2"])],
) -> FiscalQuarter:
    workspace = await get_workspace(session)
    try:
        return workspace.calendar.parse(fiscal_quarter)
    except FiscalCalendarError as error:
        raise InvalidPayloadError.one(
            "path/fiscal_quarter", "invalid_fiscal_quarter", str(error)
        ) from error


UserId = Annotated[
    str | None,
    Query(max_length=300, description="A user's id or external id: that user and all below."),
]
AsOf = Annotated[AwareDatetime | None, Query(description="An instant with a time zone.")]
AsOfSequence = Annotated[
    int | None, Query(ge=0, le=2**62, description="Instead of `as_of`: a `freshness.sequence`.")
]


async def _question(
    quarter: Annotated[FiscalQuarter, Depends(_quarter)],
    user_id: UserId = None,
    as_of: AsOf = None,
    as_of_sequence: AsOfSequence = None,
    axis: Annotated[Axis, Query()] = Axis.RECORDED,
    organised: Annotated[Organised, Query()] = Organised.THEN,
) -> Question:
    """The parameters everything about figures shares."""
    if as_of_sequence is not None and (as_of is not None or axis is Axis.OCCURRED):
        raise InvalidPayloadError.one(
            "query/as_of_sequence",
            "conflicting_parameters",
            "stands in place of `as_of`, on the recorded axis only",
        )
    return Question(quarter, user_id, as_of, as_of_sequence, axis, organised)


Asked = Annotated[Question, Depends(_question)]


@router.get("", response_model=ForecastOut, summary="The figures of a fiscal quarter")
async def get_forecast(
    request: Request,
    session: Read,
    caller: Caller,
    question: Asked,
    group_by: Annotated[GroupBy | None, Query()] = None,
) -> Response:
    """For a user and everybody below, or for the whole company; now, or as of an instant.

    `as_of` in the answer is the instant of the last ledger batch in it: asked for again, it gives
    the same figures for ever."""
    if group_by is not None:
        question = question.grouped(group_by)
    reading = await service.read_forecast(session, caller, question)
    content = render(reading)
    if reading.standing.pending_events:
        # What is pending is part of the answer and may change without a new sequence.
        return json_answer(content)
    return record_answer(request, content, reading.moment.batch.sequence)
