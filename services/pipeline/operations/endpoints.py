"""HTTP paths of the sales operation: parse, authorise, call, answer. Those of reviews are in
`review_endpoints`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from services.kit.answers import if_match, json_answer, record_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import csv_response, list_answer, wants_csv
from services.kit.errors import StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.rows import after_number
from services.pipeline.operations import repository, schemas, service
from services.pipeline.operations.review_endpoints import router as reviews
from services.workspace.users.reach import READERS

router = APIRouter(
    prefix="/operation",
    route_class=ServiceRoute,
    tags=["operations"],
    responses=problems(*COMMON_ERRORS),
)


@router.get("/components/{component}", response_model=schemas.ComponentTold)
async def get_component(
    component: schemas.Component, request: Request, caller: Caller, session: Read
) -> Response:
    """What is said of one of the six components."""
    caller.require(*READERS)
    told = await service.read_component(session, component)
    content = {name: told[name] for name in schemas.ComponentTold.model_fields}
    return record_answer(request, content, told["version"])


@router.put(
    "/components/{component}",
    response_model=schemas.ComponentTold,
    responses=problems(StaleVersionError),
)
async def put_component(
    component: schemas.Component,
    body: schemas.ComponentPut,
    request: Request,
    caller: Caller,
    session: Write,
) -> Response:
    """Merges what is stated: an absent field is unchanged, null clears it; `items` come whole."""
    stated = body.stated()
    await service.put_component(session, caller, component, stated, if_match(request))
    told = await service.read_component(session, component)
    content = {name: told[name] for name in schemas.ComponentTold.model_fields}
    return record_answer(request, content, told["version"])


@router.get("/components/{component}/versions", response_model=schemas.ComponentVersionPage)
async def list_component_versions(
    component: schemas.Component,
    request: Request,
    caller: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """What was said of it before, the latest first."""
    caller.require(*READERS)
    rows = await repository.list_component_versions(session, component, page, after_number(page))
    shown, cursor = page.cut(list(rows), lambda row: [row["version"]])
    items = [dict(row) for row in shown]
    return list_answer(request, items, cursor, list(schemas.ComponentVersion.model_fields))


@router.get("/completeness", response_model=schemas.Completeness)
async def get_completeness(request: Request, caller: Caller, session: Read) -> Response:
    """What each of the six components still lacks, and how to supply it."""
    caller.require(*READERS)
    report = await service.read_completeness(session)
    if wants_csv(request):
        return csv_response(report["components"])
    return json_answer(report)


router.include_router(reviews)
