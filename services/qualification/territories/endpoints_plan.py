"""How the customers of a territory buy: verticals, team, ranks, and the plan on a page."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from services.kit.answers import etag, if_match, json_answer, record_answer
from services.kit.app import problems
from services.kit.csv_answer import csv_response, wants_csv
from services.kit.errors import StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.schemas import Label
from services.qualification.territories import (
    schemas_plan,
    service_buying,
    service_plan,
    service_ranks,
)
from services.qualification.territories.access import require_reader
from services.qualification.territories.answers import territory_json
from services.qualification.territories.endpoints_records import OrganisationId, TerritoryId
from services.qualification.territories.errors import (
    NotYourRankError,
    OrganisationNotFoundError,
    TerritoryNotFoundError,
    TerritoryNotYoursError,
    VerticalNotFoundError,
)

router = APIRouter(route_class=ServiceRoute)

VerticalName = Annotated[Label, Path(description="The vertical as organisations have it.")]


@router.get(
    "/territories/{territory_id}/verticals",
    response_model=schemas_plan.Verticals,
    responses=problems(TerritoryNotFoundError),
)
async def list_verticals(
    territory_id: TerritoryId, request: Request, caller: Caller, session: Read
) -> Response:
    """The territory's verticals, the most common first: how many organisations, by which routes
    they buy, and what is planned."""
    require_reader(caller)
    verticals = await service_buying.read_verticals(session, territory_id)
    columns = list(schemas_plan.Vertical.model_fields)
    return _answer(request, verticals, columns)


@router.get(
    "/territories/{territory_id}/verticals/{vertical:path}",
    response_model=schemas_plan.Vertical,
    responses=problems(TerritoryNotFoundError, VerticalNotFoundError),
)
async def get_vertical(
    territory_id: TerritoryId,
    vertical: VerticalName,
    caller: Caller,
    session: Read,
) -> Response:
    """One vertical; its ETag is the version of what was put."""
    require_reader(caller)
    found = await service_buying.read_vertical(session, territory_id, vertical)
    # Not a 304 by its version, since what organisations say is in the answer too.
    return json_answer(found, headers={"ETag": etag(found["version"])})


@router.put(
    "/territories/{territory_id}/verticals/{vertical:path}",
    response_model=schemas_plan.Vertical,
    responses={
        201: {"model": schemas_plan.Vertical},
        **problems(TerritoryNotFoundError, TerritoryNotYoursError, StaleVersionError),
    },
)
async def put_vertical(
    territory_id: TerritoryId,
    vertical: VerticalName,
    body: schemas_plan.VerticalPut,
    request: Request,
    caller: Caller,
    session: Write,
) -> Response:
    """Objectives with their tactics, and the strategy for the routes, of one vertical."""
    status = await service_buying.put_vertical(
        session,
        caller,
        territory_id,
        vertical,
        schemas_plan.stated_json(body),
        if_match=if_match(request),
    )
    found = await service_buying.read_vertical(session, territory_id, vertical)
    return record_answer(request, found, found["version"], status)


@router.get(
    "/territories/{territory_id}/team",
    response_model=schemas_plan.Team,
    responses=problems(TerritoryNotFoundError),
)
async def get_team(
    territory_id: TerritoryId, request: Request, caller: Caller, session: Read
) -> Response:
    """The extended team by role, and the roles nobody has."""
    require_reader(caller)
    team = await service_buying.read_team(session, territory_id)
    return record_answer(request, team, team["version"])


@router.put(
    "/territories/{territory_id}/team",
    response_model=schemas_plan.Team,
    responses={
        201: {"model": schemas_plan.Team},
        **problems(TerritoryNotFoundError, TerritoryNotYoursError, StaleVersionError),
    },
)
async def put_team(
    territory_id: TerritoryId,
    body: schemas_plan.TeamPut,
    request: Request,
    caller: Caller,
    session: Write,
) -> Response:
    """Who has each of the eight roles: a user of the workspace, or somebody by name."""
    status = await service_buying.put_team(
        session,
        caller,
        territory_id,
        schemas_plan.stated_json(body),
        if_match=if_match(request),
    )
    team = await service_buying.read_team(session, territory_id)
    return record_answer(request, team, team["version"], status)


@router.get(
    "/organisations/{organisation_id}/rank",
    response_model=schemas_plan.OrganisationRank,
    responses=problems(OrganisationNotFoundError),
)
async def get_rank(organisation_id: OrganisationId, caller: Caller, session: Read) -> Response:
    """The rank in force, what it lacks, and every ranking there was."""
    require_reader(caller)
    rank = await service_ranks.read_rank(session, organisation_id)
    # Not a 304 by its version: what it lacks changes with the year and the owners.
    return json_answer(rank, headers={"ETag": etag(rank["version"])})


@router.put(
    "/organisations/{organisation_id}/rank",
    response_model=schemas_plan.OrganisationRank,
    responses={
        201: {"model": schemas_plan.OrganisationRank},
        **problems(
            OrganisationNotFoundError,
            TerritoryNotYoursError,
            NotYourRankError,
            StaleVersionError,
        ),
    },
)
async def put_rank(
    organisation_id: OrganisationId,
    body: schemas_plan.RankPut,
    request: Request,
    caller: Caller,
    session: Write,
) -> Response:
    """Ranks the organisation in the caller's name for the fiscal year. What was given before is
    kept."""
    status = await service_ranks.put_rank(
        session, caller, organisation_id, body.stated(), if_match=if_match(request)
    )
    rank = await service_ranks.read_rank(session, organisation_id)
    return record_answer(request, rank, rank["version"], status)


@router.get(
    "/territories/{territory_id}/ranks",
    response_model=schemas_plan.Ranks,
    responses=problems(TerritoryNotFoundError),
)
async def list_ranks(
    territory_id: TerritoryId, request: Request, caller: Caller, session: Read
) -> Response:
    """Every organisation's rank, the best first, and what each lacks to be relied on."""
    require_reader(caller)
    ranks = await service_ranks.read_ranks(session, territory_id)
    return _answer(request, ranks, list(schemas_plan.RankRow.model_fields))


@router.get(
    "/territories/{territory_id}/plan",
    response_model=schemas_plan.Plan,
    responses=problems(TerritoryNotFoundError),
)
async def get_plan(territory_id: TerritoryId, caller: Caller, session: Read) -> Response:
    """The plan on a page: usage, verticals, team and ranks, and what is not filled in yet."""
    require_reader(caller)
    return json_answer(await service_plan.read_plan(session, territory_id))


def _answer(request: Request, content: dict[str, Any], columns: list[str]) -> Response:
    """With its items as rows where CSV is wanted."""
    if wants_csv(request):
        return csv_response(content["items"], columns)
    return json_answer(content | {"territory": territory_json(content["territory"])})
