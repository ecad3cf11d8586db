"""HTTP paths of plans: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from services.kit import sse
from services.kit.answers import if_match, json_answer, record_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.auth import Principal
from services.kit.csv_answer import csv_response, list_answer, wants_csv
from services.kit.errors import StaleVersionError
from services.kit.http import Caller, Read, Service, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import PositiveMoney
from services.kit.settings import get_settings
from services.qualification.opportunities.errors import OpportunityUnknownError
from services.qualification.opportunities.service import require_readable
from services.qualification.plans import listing, schemas, service, stream
from services.qualification.plans.errors import (
    ManagerReviewNotYoursError,
    PlanNotYoursError,
    PlanVersionUnknownError,
)
from services.qualification.plans.scope import OutOfReachError, UserUnknownError

router = APIRouter(route_class=ServiceRoute, tags=["plans"], responses=problems(*COMMON_ERRORS))

_PLAN = "/opportunities/{opportunity_id}/command-plan"
_LARGEST = 2**31 - 1
OpportunityId = Annotated[UUID, Path(description="The opportunity's id.")]
Paged = Annotated[PageRequest, Depends(page_request)]
_ONE = {"model": schemas.CommandPlan}


@router.get(
    _PLAN,
    responses={
        200: _ONE, 304: {"description": "Not modified"}, **problems(OpportunityUnknownError),
    },
)  # fmt: skip
async def get_plan(
    request: Request, opportunity_id: OpportunityId, caller: Caller, session: Read
) -> Response:
    """The whole plan, what must be filled in and whether it is stale. Empty where nobody wrote
    anything. Its ETag counts saves of MEDDPPICC too, which is one of its sections."""
    content = await service.read(session, caller, opportunity_id)
    return record_answer(request, content, content["version"], rests_on_more=True)


@router.put(
    _PLAN,
    responses={
        200: _ONE,
        **problems(
            OpportunityUnknownError, PlanNotYoursError, ManagerReviewNotYoursError,
            StaleVersionError,
        ),
    },
)  # fmt: skip
async def put_plan(
    request: Request,
    opportunity_id: OpportunityId,
    body: schemas.PlanPut,
    caller: Caller,
    session: Write,
) -> Response:
    """Merges by section and field: what is absent is unchanged, null clears it. `steps` and `notes`
    are whole lists; their items keep what they leave out."""
    content, is_changed = await service.write(
        session, caller, opportunity_id, body.sections(), if_match=if_match(request)
    )
    if is_changed:
        stream.tell(request, session, opportunity_id)
    return record_answer(request, content, content["version"], rests_on_more=True)


@router.get(
    f"{_PLAN}/versions",
    responses={200: {"model": schemas.PlanSavePage}, **problems(OpportunityUnknownError)},
)
async def list_versions(
    request: Request, opportunity_id: OpportunityId, caller: Caller, session: Read, page: Paged
) -> Response:
    """Every save, the newest first: who, when and what it changed."""
    rows = await service.list_versions(session, caller, opportunity_id, page)
    items, cursor = page.cut(rows, lambda row: [row["version"]])
    return list_answer(request, items, cursor, list(schemas.PlanSave.model_fields))


@router.get(
    f"{_PLAN}/versions/{{version}}",
    responses={
        200: {"model": schemas.PlanVersion},
        **problems(OpportunityUnknownError, PlanVersionUnknownError),
    },
)
async def get_version(
    opportunity_id: OpportunityId,
    version: Annotated[int, Path(ge=0, le=_LARGEST)],
    caller: Caller,
    session: Read,
) -> Response:
    """The whole plan, MEDDPPICC included, as one save left it; 0 is before the first."""
    return json_answer(await service.read_version(session, caller, opportunity_id, version))


@router.get(
    f"{_PLAN}/comparison",
    responses={
        200: {"model": schemas.Comparison},
        **problems(OpportunityUnknownError, PlanVersionUnknownError),
    },
)
async def get_comparison(
    request: Request,
    opportunity_id: OpportunityId,
    caller: Caller,
    session: Read,
    start: Annotated[int | None, Query(alias="from", ge=0, le=_LARGEST)] = None,
    end: Annotated[int | None, Query(alias="to", ge=0, le=_LARGEST)] = None,
) -> Response:
    """What differs between two versions, value by value; by default what the last save changed.
    Steps and notes are matched by their ids."""
    content = await service.compare_versions(session, caller, opportunity_id, start, end)
    if wants_csv(request):
        return csv_response(content["changes"], list(schemas.Difference.model_fields))
    return json_answer(content)


# Not in the schema: OpenAPI describes answers that end. The guide has it.
@router.get(f"{_PLAN}/stream", include_in_schema=False)
async def get_stream(
    request: Request,
    opportunity_id: OpportunityId,
    caller: Caller,
    session: Read,
    last_event_id: Annotated[
        str | None, Header(description="The `id` of the last event seen: a version.")
    ] = None,
) -> Response:
    """Server-sent events named `plan`, each the whole plan with its version as `id`, its author and
    what it changed: the plan as it is at once, then every save of it or of MEDDPPICC. A client
    that comes back with `Last-Event-ID` is sent every version after that one."""
    settings = get_settings()
    # Refuses before the stream begins what it would be refused for.
    await require_readable(session, caller, opportunity_id)
    sse.STREAMS.check_room(settings.streams_max)
    running: Service = request.app.state.service

    async def authenticate() -> Principal:
        return await running.authenticator.authenticate(request)

    seen = sse.last_seen(last_event_id)
    frames = stream.events(
        running.database, running.wakes, authenticate, opportunity_id, settings, seen
    )
    return sse.stream_answer(frames)


@router.get(
    "/command-plans",
    responses={
        200: {"model": schemas.PlanStandingPage}, **problems(UserUnknownError, OutOfReachError),
    },
)  # fmt: skip
async def list_plans(
    request: Request,
    caller: Caller,
    session: Read,
    page: Paged,
    stale: bool | None = None,
    incomplete: bool | None = None,
    user_id: Annotated[
        str | None,
        Query(max_length=300, description="A user's id or external id: that user and all below."),
    ] = None,
    min_net_arr: Annotated[PositiveMoney | None, Query()] = None,
) -> Response:
    """How the plans of open opportunities stand, oldest opportunity first; filters combine. What
    nobody wrote is listed too."""
    rows = await listing.list_plans(
        session,
        caller,
        page,
        user_id=user_id,
        is_stale=stale,
        is_incomplete=incomplete,
        net_arr_min=min_net_arr,
    )
    items, cursor = page.cut(rows, lambda row: [row["opportunity_id"]])
    return list_answer(request, items, cursor, list(schemas.PlanStanding.model_fields))
