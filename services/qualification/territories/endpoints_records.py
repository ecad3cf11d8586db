"""Territories and organisations: one by its external id, many at once, lists."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel

from services.kit.answers import if_match, record_answer
from services.kit.app import problems
from services.kit.batch import Batch, BatchAnswer, BatchBody, Change, same_external_id, sole
from services.kit.csv_answer import list_answer
from services.kit.errors import IdMismatchError, IdTakenError, StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import ExternalId
from services.qualification.territories import repository, schemas, service
from services.qualification.territories.access import require_reader
from services.qualification.territories.errors import (
    OrganisationNotFoundError,
    OwnersNotYoursError,
    TerritoryNotFoundError,
    TerritoryNotYoursError,
)
from services.workspace.users.repository import USERS

router = APIRouter(route_class=ServiceRoute)

TerritoryId = Annotated[UUID, Path(description="The territory's id.")]
OrganisationId = Annotated[UUID, Path(description="The organisation's id.")]
Page = Annotated[PageRequest, Depends(page_request)]
UPSERT_ERRORS = (IdTakenError, IdMismatchError, StaleVersionError, TerritoryNotYoursError)


@router.put(
    "/territories/by-external-id/{external_id:path}",
    response_model=schemas.Territory,
    responses={
        201: {"model": schemas.Territory},
        **problems(*UPSERT_ERRORS, OwnersNotYoursError),
    },
)
async def put_territory(
    external_id: ExternalId,
    body: schemas.TerritoryPut,
    request: Request,
    caller: Caller,
    session: Write,
) -> Response:
    """Creates the territory or merges into it. Owners may change all but who the owners are."""
    same_external_id(external_id, body.external_id)
    changes = [Change.of(external_id, body)]
    outcomes = await service.upsert_territories(
        session, caller, changes, if_match=if_match(request)
    )
    stored = sole(outcomes)
    territory = await service.require_territory(session, stored.id)
    return record_answer(
        request, _shown(territory, schemas.Territory), stored.version, stored.status
    )


@router.post("/territories/batch", status_code=207, response_model=BatchAnswer)
async def post_territories(
    body: BatchBody[schemas.TerritoryItem], caller: Caller, session: Write
) -> Response:
    """Many territories at once, each stored or refused by itself."""
    batch = Batch(body.items, schemas.TerritoryItem)
    changes = [Change.of(item.external_id, item) for item in batch.values]
    batch.settle_all(await service.upsert_territories(session, caller, changes))
    return batch.answer()


@router.get("/territories", response_model=schemas.TerritoryPage)
async def list_territories(
    request: Request,
    caller: Caller,
    session: Read,
    page: Page,
    filters: Annotated[schemas.TerritoryFilters, Depends()],
) -> Response:
    """Territories in the order of their ids; filters combine."""
    require_reader(caller)
    rows = []
    owner_id = None
    if filters.owner_external_id is not None:
        owner_id = (await USERS.ids_named(session, [filters.owner_external_id])).get(
            filters.owner_external_id
        )
    # Nobody owns what a user who is not there owns.
    if filters.owner_external_id is None or owner_id is not None:
        rows = await repository.list_territories(session, page, filters, owner_id)
    rows, cursor = page.cut(rows, lambda row: [row["id"]])
    items = [_shown(row, schemas.Territory) for row in rows]
    return list_answer(request, items, cursor, list(schemas.Territory.model_fields))


@router.get(
    "/territories/{territory_id}",
    response_model=schemas.Territory,
    responses=problems(TerritoryNotFoundError),
)
async def get_territory(
    territory_id: TerritoryId, request: Request, caller: Caller, session: Read
) -> Response:
    """One territory; 304 when `If-None-Match` names its version."""
    require_reader(caller)
    territory = await service.require_territory(session, territory_id)
    return record_answer(request, _shown(territory, schemas.Territory), territory["version"])


@router.put(
    "/territories/{territory_id}/organisations/by-external-id/{external_id:path}",
    response_model=schemas.Organisation,
    responses={
        201: {"model": schemas.Organisation},
        **problems(*UPSERT_ERRORS, TerritoryNotFoundError),
    },
)
async def put_organisation(
    territory_id: TerritoryId,
    external_id: ExternalId,
    body: schemas.OrganisationPut,
    request: Request,
    caller: Caller,
    session: Write,
) -> Response:
    """Creates the organisation in the territory or merges into it; one of another territory moves
    here."""
    same_external_id(external_id, body.external_id)
    changes = [Change.of(external_id, body)]
    outcomes = await service.upsert_organisations(
        session, caller, territory_id, changes, if_match=if_match(request)
    )
    stored = sole(outcomes)
    organisation = await service.require_organisation(session, stored.id)
    return record_answer(request, dict(organisation), stored.version, stored.status)


@router.post(
    "/territories/{territory_id}/organisations/batch",
    status_code=207,
    response_model=BatchAnswer,
    responses=problems(TerritoryNotFoundError, TerritoryNotYoursError),
)
async def post_organisations(
    territory_id: TerritoryId,
    body: BatchBody[schemas.OrganisationItem],
    caller: Caller,
    session: Write,
) -> Response:
    """Many organisations of one territory at once."""
    batch = Batch(body.items, schemas.OrganisationItem)
    changes = [Change.of(item.external_id, item) for item in batch.values]
    batch.settle_all(await service.upsert_organisations(session, caller, territory_id, changes))
    return batch.answer()


@router.get(
    "/territories/{territory_id}/organisations",
    response_model=schemas.OrganisationPage,
    responses=problems(TerritoryNotFoundError),
)
async def list_organisations_of_territory(
    territory_id: TerritoryId,
    request: Request,
    caller: Caller,
    session: Read,
    page: Page,
    filters: Annotated[schemas.OrganisationFilters, Depends()],
) -> Response:
    """A territory's organisations in the order of their ids; filters combine."""
    require_reader(caller)
    await service.require_territory(session, territory_id)
    rows = await repository.list_organisations(session, page, filters, territory_id)
    rows, cursor = page.cut(rows, lambda row: [row["id"]])
    columns = list(schemas.Organisation.model_fields)
    return list_answer(request, [dict(row) for row in rows], cursor, columns)


@router.get("/organisations", response_model=schemas.OrganisationPage)
async def list_organisations(
    request: Request,
    caller: Caller,
    session: Read,
    page: Page,
    filters: Annotated[schemas.OrganisationFilters, Depends()],
) -> Response:
    """Organisations of every territory in the order of their ids; filters combine."""
    require_reader(caller)
    rows = await repository.list_organisations(session, page, filters, None)
    rows, cursor = page.cut(rows, lambda row: [row["id"]])
    columns = list(schemas.Organisation.model_fields)
    return list_answer(request, [dict(row) for row in rows], cursor, columns)


@router.get(
    "/organisations/{organisation_id}",
    response_model=schemas.Organisation,
    responses=problems(OrganisationNotFoundError),
)
async def get_organisation(
    organisation_id: OrganisationId, request: Request, caller: Caller, session: Read
) -> Response:
    """One organisation; 304 when `If-None-Match` names its version."""
    require_reader(caller)
    organisation = await service.require_organisation(session, organisation_id)
    return record_answer(request, dict(organisation), organisation["version"])


def _shown(row: Any, model: type[BaseModel]) -> dict[str, Any]:
    """The columns that the answer has; others are for deciding."""
    return {name: row[name] for name in model.model_fields}
