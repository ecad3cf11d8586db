"""HTTP paths of the catalogue of resources: one by its external id, many at once, lists."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Request, Response

from services.kit.answers import if_match, record_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.batch import Batch, BatchAnswer, BatchBody, Change, same_external_id, sole
from services.kit.csv_answer import list_answer
from services.kit.db import Session
from services.kit.errors import IdMismatchError, IdTakenError, StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import ExternalId
from services.qualification.leads.access import READERS
from services.qualification.touches.resources import repository
from services.qualification.touches.resources.errors import ResourceNotFoundError
from services.qualification.touches.resources.schemas import (
    Resource,
    ResourceFilters,
    ResourceItem,
    ResourcePage,
    ResourcePut,
)
from services.qualification.touches.resources.service import WRITERS, upsert_resources

router = APIRouter(
    prefix="/resources",
    route_class=ServiceRoute,
    tags=["resources"],
    responses=problems(*COMMON_ERRORS),
)


@router.put(
    "/by-external-id/{external_id:path}",
    response_model=Resource,
    responses={
        201: {"model": Resource},
        **problems(IdTakenError, IdMismatchError, StaleVersionError),
    },
)
async def put_resource(
    external_id: ExternalId, body: ResourcePut, request: Request, caller: Caller, session: Write
) -> Response:
    """Creates the resource or merges into it: an absent field is unchanged, null clears it."""
    caller.require(*WRITERS)
    same_external_id(external_id, body.external_id)
    changes = [Change.of(external_id, body)]
    stored = sole(await upsert_resources(session, changes, if_match=if_match(request)))
    resource = await _require_resource(session, stored.id)
    return record_answer(request, dict(resource), stored.version, stored.status)


@router.post("/batch", status_code=207, response_model=BatchAnswer)
async def post_resources(body: BatchBody[ResourceItem], caller: Caller, session: Write) -> Response:
    """Many resources at once, each stored or refused by itself."""
    caller.require(*WRITERS)
    batch = Batch(body.items, ResourceItem)
    changes = [Change.of(item.external_id, item) for item in batch.values]
    batch.settle_all(await upsert_resources(session, changes))
    return batch.answer()


@router.get("", response_model=ResourcePage)
async def list_resources(
    request: Request,
    caller: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    filters: Annotated[ResourceFilters, Depends()],
) -> Response:
    """The catalogue, oldest first; filters combine."""
    caller.require(*READERS)
    rows = await repository.list_resources(session, page, filters)
    rows, cursor = page.cut(rows, lambda row: [row["id"]])
    return list_answer(request, [dict(row) for row in rows], cursor, list(Resource.model_fields))


@router.get("/{resource_id}", response_model=Resource, responses=problems(ResourceNotFoundError))
async def get_resource(
    resource_id: UUID, request: Request, caller: Caller, session: Read
) -> Response:
    """One resource; 304 when `If-None-Match` names its version."""
    caller.require(*READERS)
    resource = await _require_resource(session, resource_id)
    return record_answer(request, dict(resource), resource["version"])


async def _require_resource(session: Session, resource_id: UUID) -> asyncpg.Record:
    resource = await repository.get_resource(session, resource_id)
    if resource is None:
        raise ResourceNotFoundError(resource_id)
    return resource
