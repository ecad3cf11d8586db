"""The usage map as JSON, CSV, a picture or a page; which division to turn next; the shares'
history."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from services.kit.answers import json_answer
from services.kit.app import problems
from services.kit.csv_answer import csv_response, list_answer, wants_csv
from services.kit.http import Caller, Read, ServiceRoute
from services.kit.rows import after_number
from services.kit.schemas import Day, PastInstant
from services.qualification.territories import answers, schemas_map, service_map
from services.qualification.territories.access import require_reader
from services.qualification.territories.colours import Axis
from services.qualification.territories.domain import share_text
from services.qualification.territories.drawing.layout import lay_out
from services.qualification.territories.drawing.page import HEADERS, render_page
from services.qualification.territories.drawing.svg import draw
from services.qualification.territories.endpoints_records import (
    OrganisationId,
    Page,
    TerritoryId,
)
from services.qualification.territories.errors import (
    NotAcceptableError,
    OrganisationNotFoundError,
    TerritoryNotFoundError,
)
from services.qualification.territories.formats import MEDIA_TYPES, wanted_format
from services.qualification.territories.ranking import rank_divisions
from services.qualification.territories.usage_map import UsageMap

router = APIRouter(route_class=ServiceRoute)

AsOf = Annotated[
    PastInstant | None, Query(description="The colours that held at this instant; now by default.")
]
OnAxis = Annotated[
    Axis,
    Query(
        description="With `as_of`: what is known now to have been so (`occurred`), or what whoever"
        " looked then saw (`recorded`)."
    ),
]
FormatName = Annotated[
    str | None,
    Query(
        alias="format",
        description="Instead of an Accept header.",
        json_schema_extra={"enum": list(MEDIA_TYPES)},
    ),
]
_FORMS: dict[str, Any] = {
    MEDIA_TYPES[name]: {"schema": {"type": "string"}} for name in ("csv", "svg", "html")
}


@router.get(
    "/territories/{territory_id}/map",
    response_model=schemas_map.UsageMap,
    responses={
        200: {"content": _FORMS},
        **problems(TerritoryNotFoundError, NotAcceptableError),
    },
)
async def get_map(
    territory_id: TerritoryId,
    request: Request,
    caller: Caller,
    session: Read,
    as_of: AsOf = None,
    axis: OnAxis = "occurred",
    format_: FormatName = None,
) -> Response:
    """Organisations and their divisions by colour: shares, who needs a point of entry, whose
    success can be shown to whom, and which division to turn next. Also as a picture."""
    require_reader(caller)
    wanted_format(request)
    usage_map = await service_map.read_map(session, territory_id, as_of=as_of, axis=axis)
    return _answer(request, usage_map)


@router.get(
    "/organisations/{organisation_id}/map",
    response_model=schemas_map.UsageMap,
    responses={
        200: {"content": _FORMS},
        **problems(OrganisationNotFoundError, NotAcceptableError),
    },
)
async def get_organisation_map(
    organisation_id: OrganisationId,
    request: Request,
    caller: Caller,
    session: Read,
    as_of: AsOf = None,
    axis: OnAxis = "occurred",
    format_: FormatName = None,
) -> Response:
    """The same of one organisation; neighbours and places are those of its whole territory."""
    require_reader(caller)
    wanted_format(request)
    usage_map = await service_map.read_organisation_map(
        session, organisation_id, as_of=as_of, axis=axis
    )
    return _answer(request, usage_map)


def _answer(request: Request, usage_map: UsageMap) -> Response:
    form = wanted_format(request)
    if form == "json":
        return json_answer(answers.map_json(usage_map))
    if form == "csv":
        return csv_response(answers.map_rows(usage_map), answers.MAP_COLUMNS)
    text = draw(lay_out(usage_map)) if form == "svg" else render_page(usage_map)
    return Response(
        text.encode(), headers=HEADERS, media_type=f"{MEDIA_TYPES[form]}; charset=utf-8"
    )


@router.get(
    "/territories/{territory_id}/next-divisions",
    response_model=schemas_map.NextDivisionPage,
    responses=problems(TerritoryNotFoundError),
)
async def list_next_divisions(
    territory_id: TerritoryId,
    request: Request,
    caller: Caller,
    session: Read,
    page: Page,
    as_of: AsOf = None,
    axis: OnAxis = "occurred",
) -> Response:
    """Every red or yellow division of the territory, the first to turn first, with the points of
    each factor and why."""
    require_reader(caller)
    usage_map = await service_map.read_map(session, territory_id, as_of=as_of, axis=axis)
    after = after_number(page) or 0
    rows = rank_divisions(usage_map)[max(after, 0) :]
    rows, cursor = page.cut(rows, lambda each: [each.place])
    items = [answers.candidate_json(each) for each in rows]
    return list_answer(request, items, cursor, list(schemas_map.NextDivision.model_fields))


@router.get(
    "/territories/{territory_id}/shares",
    response_model=schemas_map.SharesHistory,
    responses=problems(TerritoryNotFoundError),
)
async def get_shares(
    territory_id: TerritoryId,
    request: Request,
    caller: Caller,
    session: Read,
    first_day: Annotated[
        Day | None, Query(alias="from", description="A year before `to` by default.")
    ] = None,
    last_day: Annotated[
        Day | None, Query(alias="to", description="Today by default, and at most.")
    ] = None,
    interval: Annotated[Literal["day", "week", "month"], Query()] = "week",
) -> Response:
    """How the shares went, one point at the end of each interval, as it is known now to have been.
    The goal is all DevOps divisions green. Organisations and divisions are those of today."""
    require_reader(caller)
    face, points = await service_map.read_shares(
        session, territory_id, first_day=first_day, last_day=last_day, interval=interval
    )
    if wants_csv(request):
        return csv_response(answers.points_rows(points), ["day", "as_of", "to_goal"])
    return json_answer(
        {
            "territory": answers.territory_json(face),
            "interval": interval,
            "goal": share_text(answers.GOAL),
            "points": answers.points_json(points),
        }
    )
