"""The paths of the figures: parse the question, ask the service, answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel

from services.forecast import drill_down, service, stream, trend, waterfall
from services.forecast.answer_parts import render_page, render_trend, render_waterfall
from services.forecast.errors import (
    FutureInstantError,
    OutOfScopeError,
    ReversedIntervalError,
    UnknownFigureError,
)
from services.forecast.question import Axis, GroupBy, Organised, Question
from services.forecast.schemas import (
    EntryOut,
    EntryPage,
    FigureOpportunityOut,
    FigureOpportunityPage,
    ForecastOut,
    TrendOut,
    WaterfallOut,
)
from services.kit import sse
from services.kit.answers import json_answer, stored_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import csv_response, list_answer, wants_csv
from services.kit.db import ReadSession
from services.kit.errors import InvalidPayloadError, NotFoundError
from services.kit.http import Caller, Read, ServiceRoute, Unit
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import refuse
from services.kit.settings import get_settings
from services.workspace.fiscal import FiscalCalendarError, FiscalQuarter
from services.workspace.workspaces.repository import get_workspace

router = APIRouter(
    prefix="/forecasts/{fiscal_quarter}",
    tags=["forecasts"],
    route_class=ServiceRoute,
    responses=problems(*COMMON_ERRORS, NotFoundError, OutOfScopeError, FutureInstantError),
)


QuarterLabel = Annotated[str, Path(description="Like `FY27-Q2`.", examples=["FY27-Q2"])]
UserId = Annotated[
    str | None,
    Query(max_length=300, description="A user's id or external id: that user and all below."),
]


def _in_utc(instant: datetime) -> datetime:
    if not 1900 <= instant.year <= 9000:
        raise refuse("instant_out_of_range", "must be of a year from 1900 to 9000")
    return instant.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
AsOf = Annotated[Moment | None, Query(description="An instant with a time zone.")]
AsOfSequence = Annotated[
    int | None, Query(ge=0, le=2**62, description="Instead of `as_of`: a `freshness.sequence`.")
]
OnAxis = Annotated[Axis, Query()]
OrganisedBy = Annotated[Organised, Query()]


async def parse_quarter(session: ReadSession, label: str) -> FiscalQuarter:
    """The quarter of the session's company that the path names."""
    workspace = await get_workspace(session)
    try:
        return workspace.calendar.parse(label)
    except FiscalCalendarError as error:
        raise InvalidPayloadError.one(
            "path/fiscal_quarter", "invalid_fiscal_quarter", str(error)
        ) from error


def ask(
    quarter: FiscalQuarter,
    user: str | None,
    as_of: datetime | None,
    as_of_sequence: int | None,
    axis: Axis,
    organised: Organised,
    group_by: GroupBy | None = None,
) -> Question:
    """Refuses parameters that contradict each other."""
    if as_of_sequence is not None and (as_of is not None or axis is Axis.OCCURRED):
        raise InvalidPayloadError.one(
            "query/as_of_sequence",
            "conflicting_parameters",
            "stands in place of `as_of`, on the recorded axis only",
        )
    return Question(quarter, user, as_of, as_of_sequence, axis, organised, group_by)


async def _quarter(session: Read, fiscal_quarter: QuarterLabel) -> FiscalQuarter:
    return await parse_quarter(session, fiscal_quarter)


async def _question(
    quarter: Annotated[FiscalQuarter, Depends(_quarter)],
    user_id: UserId = None,
    as_of: AsOf = None,
    as_of_sequence: AsOfSequence = None,
    axis: OnAxis = Axis.RECORDED,
    organised: OrganisedBy = Organised.THEN,
) -> Question:
    """The parameters everything about figures shares."""
    return ask(quarter, user_id, as_of, as_of_sequence, axis, organised)


Asked = Annotated[Question, Depends(_question)]
Paged = Annotated[PageRequest, Depends(page_request)]
Figure = Annotated[
    str, Query(max_length=60, description="A figure by its place in the answer: `net_arr.commit`.")
]


@router.get("", response_model=ForecastOut, summary="The figures of a fiscal quarter")
async def get_forecast(
    request: Request,
    fiscal_quarter: QuarterLabel,
    user_id: UserId = None,
    as_of: AsOf = None,
    as_of_sequence: AsOfSequence = None,
    axis: OnAxis = Axis.RECORDED,
    organised: OrganisedBy = Organised.THEN,
    group_by: Annotated[GroupBy | None, Query()] = None,
) -> Response:
    """For a user and everybody below, or for the whole company; now, or as of an instant.

    `as_of` in the answer is the instant of the last ledger batch in it: asked for again, it gives
    the same figures for ever. As CSV: one row, or with `group_by` one row a group."""
    # The path asked most often: without dependencies, whose solving costs more than the answer.
    unit: Unit = request.state.unit
    session = await unit.read()
    quarter = await parse_quarter(session, fiscal_quarter)
    question = ask(quarter, user_id, as_of, as_of_sequence, axis, organised, group_by)
    answer = await service.read_forecast(session, unit.principal, question)
    if wants_csv(request):
        return csv_response(answer.content["groups"] if group_by else [answer.content])
    # What is pending is part of the answer and may change without a new sequence.
    version = None if answer.pending_events else answer.sequence
    return stored_answer(request, answer.body, version)


@router.get(
    "/opportunities",
    response_model=FigureOpportunityPage,
    responses=problems(UnknownFigureError),
    summary="The opportunities behind a figure",
)
async def get_opportunities(
    request: Request, session: Read, caller: Caller, question: Asked, page: Paged, figure: Figure
) -> Response:
    """Each with what it contributes, the largest first; the contributions of all pages add up to
    `total`, which is the figure. Their fields are as they stood at the moment asked for."""
    found = await drill_down.list_opportunities(session, caller, question, figure, page)
    content = render_page(question, figure, found)
    return _page_answer(request, content, FigureOpportunityOut)


@router.get(
    "/entries",
    response_model=EntryPage,
    responses=problems(UnknownFigureError),
    summary="The ledger entries behind the figures",
)
async def get_entries(
    request: Request,
    session: Read,
    caller: Caller,
    question: Asked,
    page: Paged,
    figure: Annotated[str | None, Query(max_length=60)] = None,
    cause: Annotated[str | None, Query(max_length=40)] = None,
    after: Annotated[int, Query(ge=0, le=2**62, description="Entries behind this sequence.")] = 0,
) -> Response:
    """In the order of the ledger, each with the event that made it."""
    found = await drill_down.list_entries(
        session, caller, question, figure=figure, cause=cause, after=after, page=page
    )
    return _page_answer(request, render_page(question, figure, found), EntryOut)


@router.get(
    "/waterfall",
    response_model=WaterfallOut,
    responses=problems(UnknownFigureError, ReversedIntervalError),
    summary="From what a figure was to what it is, cause by cause",
)
async def get_waterfall(
    request: Request,
    session: Read,
    caller: Caller,
    quarter: Annotated[FiscalQuarter, Depends(_quarter)],
    start: Annotated[Moment, Query(alias="from", description="Where it starts.")],
    end: Annotated[Moment | None, Query(alias="to", description="Now if left out.")] = None,
    figure: Figure = "net_arr.commit",
    user_id: UserId = None,
    axis: OnAxis = Axis.RECORDED,
    organised: OrganisedBy = Organised.THEN,
) -> Response:
    """`ending` is exactly `starting` and every cause. `reorganised` is what moved because
    reporting lines did."""
    question = Question(quarter, user_id, end, None, axis, organised)
    found = await waterfall.read_waterfall(session, caller, question, figure, start)
    content = render_waterfall(question, figure, found)
    if wants_csv(request):
        return csv_response(content["causes"], ["cause", "amount", "entry_count"])
    return json_answer(content)


@router.get("/trend", response_model=TrendOut, summary="The figures as they were")
async def get_trend(
    request: Request,
    session: Read,
    caller: Caller,
    quarter: Annotated[FiscalQuarter, Depends(_quarter)],
    interval: Annotated[trend.Interval, Query()] = trend.Interval.WEEK,
    user_id: UserId = None,
    axis: OnAxis = Axis.RECORDED,
    organised: OrganisedBy = Organised.THEN,
) -> Response:
    """At the end of each day or fiscal week, up to now."""
    question = Question(quarter, user_id, None, None, axis, organised)
    scope, points = await trend.read_trend(session, caller, question, interval)
    content = render_trend(question, scope, points)
    if wants_csv(request):
        return csv_response(content["points"], ["date", "as_of"])
    return json_answer(content)


# Not in the schema: OpenAPI describes answers that end. The API guide has it.
@router.get("/stream", include_in_schema=False)
async def get_stream(
    request: Request,
    session: Read,
    caller: Caller,
    quarter: Annotated[FiscalQuarter, Depends(_quarter)],
    user_id: UserId = None,
    last_event_id: Annotated[
        str | None, Header(description="The `id` of the last event seen: a sequence.")
    ] = None,
) -> Response:
    """Server-sent events named `figures`, each a whole answer with its sequence as `id`: one at
    once, and one after every change. A stream ends after a while; a client that comes back with
    `Last-Event-ID` is told only what is newer."""
    settings = get_settings()
    question = Question(quarter, user_id)
    # Refuses before the stream begins what it would be refused for.
    await service.read_forecast(session, caller, question)
    sse.STREAMS.check_room(settings.streams_max)
    database = request.app.state.service.database
    seen = sse.last_seen(last_event_id)
    return sse.stream_answer(stream.events(database, caller, question, settings, seen))


def _page_answer(request: Request, content: dict[str, Any], item: type[BaseModel]) -> Response:
    if not wants_csv(request):
        return json_answer(content)
    return list_answer(request, content["items"], content["next_cursor"], list(item.model_fields))
