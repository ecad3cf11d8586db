"""HTTP paths of engagement: the catalogue of kinds and the activities. Parse, authorise, answer."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Path, Request, Response
from pydantic import ValidationError

from services.kit.answers import etag, if_match, json_answer, record_answer
from services.kit.app import COMMON_ERRORS, field_problems, problems
from services.kit.batch import Batch, BatchAnswer, BatchBody, Change, same_external_id, sole
from services.kit.csv_answer import list_answer
from services.kit.db import WriteSession
from services.kit.errors import (
    IdMismatchError,
    IdTakenError,
    InvalidPayloadError,
    StaleVersionError,
)
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import ExternalId
from services.qualification.engagement import repository, repository_partners, results, service
from services.qualification.engagement.endpoints_partners import router as partners
from services.qualification.engagement.endpoints_results import router as outcomes
from services.qualification.engagement.errors import (
    ActivityNotFoundError,
    EngagementKindNotFoundError,
)
from services.qualification.engagement.kinds import KINDS
from services.qualification.engagement.schemas import (
    Activity,
    ActivityFilters,
    ActivityItem,
    ActivityPage,
    ActivityPut,
    Kind,
    KindList,
    kind_json,
)
from services.qualification.engagement.schemas_partners import PartnerFilters
from services.qualification.engagement.schemas_results import ActivityWithResults, figures_json

router = APIRouter(
    route_class=ServiceRoute, tags=["engagement"], responses=problems(*COMMON_ERRORS)
)

ActivityId = Annotated[UUID, Path(description="The activity's id.")]
_PARTNERS_SHOWN = 200
_ONE_OR_MANY: dict[str, Any] = {
    "requestBody": {
        "content": {
            "application/json": {
                "schema": {
                    "title": "One activity, or many as items",
                    "anyOf": [
                        {"$ref": "#/components/schemas/ActivityItem"},
                        {"$ref": "#/components/schemas/BatchBody_ActivityItem_"},
                    ],
                }
            }
        }
    }
}


@router.get("/engagement-kinds", response_model=KindList)
async def list_kinds(request: Request, principal: Caller) -> Response:
    """The catalogue: what each kind is for, what to ask, whom to work with, what to say."""
    items = [kind_json(kind) for kind in KINDS.values()]
    return list_answer(request, items, None, list(Kind.model_fields))


@router.get(
    "/engagement-kinds/{key}", response_model=Kind, responses=problems(EngagementKindNotFoundError)
)
async def get_kind(key: str, principal: Caller) -> Response:
    """One kind of the catalogue."""
    if key not in KINDS:
        raise EngagementKindNotFoundError(key)
    return json_answer(kind_json(KINDS[key]))


@router.put(
    "/engagement-activities/by-external-id/{external_id:path}",
    response_model=Activity,
    responses={
        201: {"model": Activity},
        **problems(IdTakenError, IdMismatchError, StaleVersionError),
    },
)
async def put_activity(
    external_id: ExternalId, body: ActivityPut, request: Request, caller: Caller, session: Write
) -> Response:
    """Creates the activity or merges into it: an absent field is unchanged, null clears it. A
    salesperson records the activities it owns."""
    same_external_id(external_id, body.external_id)
    change = Change.of(external_id, body)
    return await _put_one(request, caller, session, change)


@router.put(
    "/engagement-activities",
    response_model=Activity,
    responses={
        201: {"model": Activity},
        207: {"model": BatchAnswer},
        **problems(IdTakenError, IdMismatchError, StaleVersionError),
    },
    openapi_extra=_ONE_OR_MANY,
)
async def put_activities(
    body: Annotated[dict[str, Any], Body()], request: Request, caller: Caller, session: Write
) -> Response:
    """One activity that names itself by `external_id`, or many as `{"items": […]}`, which answer
    as the batch does."""
    if "items" in body:
        try:
            many = BatchBody[ActivityItem].model_validate(body)
        except ValidationError as error:
            raise _invalid(error) from error
        return await _put_many(many.items, caller, session)
    try:
        item = ActivityItem.model_validate(body)
    except ValidationError as error:
        raise _invalid(error) from error
    return await _put_one(request, caller, session, Change.of(item.external_id, item))


@router.post("/engagement-activities/batch", status_code=207, response_model=BatchAnswer)
async def post_activities(
    body: BatchBody[ActivityItem], caller: Caller, session: Write
) -> Response:
    """Many activities at once, each stored or refused by itself."""
    return await _put_many(body.items, caller, session)


def _invalid(error: ValidationError) -> InvalidPayloadError:
    details: list[Any] = list(error.errors(include_url=False, include_context=False))
    return InvalidPayloadError(field_problems(details))


async def _put_one(
    request: Request, caller: Caller, session: WriteSession, change: Change
) -> Response:
    stored = sole(
        await service.upsert_activities(session, caller, [change], if_match=if_match(request))
    )
    activity = await service.require_activity(session, stored.id)
    (content,) = await service.shown(session, [activity])
    return record_answer(request, content, stored.version, stored.status)


async def _put_many(items: list[Any], caller: Caller, session: WriteSession) -> Response:
    batch = Batch(items, ActivityItem)
    changes = [Change.of(item.external_id, item) for item in batch.values]
    batch.settle_all(await service.upsert_activities(session, caller, changes))
    return batch.answer()


@router.get("/engagement-activities", response_model=ActivityPage)
async def list_activities(
    request: Request,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    filters: Annotated[ActivityFilters, Depends()],
) -> Response:
    """Activities in the order of their ids; what they brought is in `/results`."""
    rows = await repository.list_activities(session, page, filters)
    rows, cursor = page.cut(rows, lambda row: [row["id"]])
    items = await service.shown(session, rows)
    return list_answer(request, items, cursor, list(Activity.model_fields))


router.include_router(outcomes)
router.include_router(partners)


@router.get(
    "/engagement-activities/{activity_id}",
    response_model=ActivityWithResults,
    responses=problems(ActivityNotFoundError),
)
async def get_activity(activity_id: ActivityId, caller: Caller, session: Read) -> Response:
    """One activity, what it brought and whom it recruited. Its ETag is for If-Match; there is no
    304, since what it brought changes while the activity does not."""
    activity = await service.require_activity(session, activity_id)
    (content,) = await service.shown(session, [activity])
    brought = await results.results_of(session, caller, activity)
    recruited = await repository_partners.list_partners(
        session,
        PageRequest(_PARTNERS_SHOWN, None),
        PartnerFilters(activity_external_id=activity["external_id"]),
    )
    content["brought"] = figures_json(brought)
    content["partners"] = [dict(row) for row in recruited[:_PARTNERS_SHOWN]]
    return json_answer(content, headers={"ETag": etag(activity["version"])})
