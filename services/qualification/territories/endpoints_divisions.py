"""Divisions: one by its external id within its organisation, many at once, lists, and everything
that was said of a colour."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response

from services.kit.answers import if_match, record_answer
from services.kit.app import problems
from services.kit.batch import (
    Batch,
    BatchAnswer,
    BatchBody,
    Change,
    DuplicateInBatchError,
    same_external_id,
    sole,
)
from services.kit.csv_answer import list_answer
from services.kit.errors import InvalidPayloadError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest
from services.kit.schemas import ExternalId
from services.qualification.territories import repository, schemas, service_divisions
from services.qualification.territories.access import require_reader
from services.qualification.territories.endpoints_records import (
    UPSERT_ERRORS,
    OrganisationId,
    Page,
    TerritoryId,
)
from services.qualification.territories.errors import (
    ContradictoryColourError,
    DivisionCircleError,
    DivisionNotFoundError,
    OrganisationNotFoundError,
    TerritoryNotFoundError,
    TerritoryNotYoursError,
)
from services.qualification.territories.service import require_organisation

router = APIRouter(route_class=ServiceRoute)

DivisionId = Annotated[UUID, Path(description="The division's id.")]


@router.put(
    "/organisations/{organisation_id}/divisions/by-external-id/{external_id:path}",
    response_model=schemas.Division,
    responses={
        201: {"model": schemas.Division},
        **problems(
            *UPSERT_ERRORS,
            OrganisationNotFoundError,
            DivisionCircleError,
            InvalidPayloadError,
            ContradictoryColourError,
        ),
    },
)
async def put_division(
    organisation_id: OrganisationId,
    external_id: ExternalId,
    body: schemas.DivisionPut,
    request: Request,
    caller: Caller,
    session: Write,
) -> Response:
    """Creates the division in the organisation or merges into it. A colour that says something
    new is added to what was said before; told late, it takes its place among it."""
    same_external_id(external_id, body.external_id)
    changes = [Change.of(external_id, body)]
    outcomes = await service_divisions.upsert_divisions(
        session, caller, organisation_id, changes, if_match=if_match(request)
    )
    stored = sole(outcomes)
    division = await service_divisions.require_division(session, stored.id)
    return record_answer(request, _shown(division), stored.version, stored.status)


@router.post(
    "/organisations/{organisation_id}/divisions/batch",
    status_code=207,
    response_model=BatchAnswer,
    responses=problems(OrganisationNotFoundError, TerritoryNotYoursError),
)
async def post_divisions(
    organisation_id: OrganisationId,
    body: BatchBody[schemas.DivisionItem],
    caller: Caller,
    session: Write,
) -> Response:
    """Many divisions of one organisation at once; what one is part of may come later."""
    batch = Batch(body.items, schemas.DivisionItem)
    changes = [Change.of(item.external_id, item) for item in batch.values]
    batch.settle_all(
        await service_divisions.upsert_divisions(session, caller, organisation_id, changes)
    )
    return batch.answer()


@router.post(
    "/territories/{territory_id}/divisions/batch",
    status_code=207,
    response_model=BatchAnswer,
    responses=problems(TerritoryNotFoundError, TerritoryNotYoursError),
)
async def post_divisions_of_territory(
    territory_id: TerritoryId,
    body: BatchBody[schemas.DivisionOfTerritoryItem],
    caller: Caller,
    session: Write,
) -> Response:
    """Many divisions of a territory at once, each with its organisation; what one is part of may
    come later."""
    batch = Batch(body.items, schemas.DivisionOfTerritoryItem, key=None)
    seen: dict[tuple[str, str], int] = {}
    items, changes = [], []
    for item in batch.items:
        organisation = item.values.organisation_external_id
        first = seen.setdefault((organisation, item.values.external_id), item.index)
        if first != item.index:
            batch.refuse(item.index, DuplicateInBatchError(item.values.external_id, first))
            continue
        change = Change.of(item.values.external_id, item.values)
        del change.stated["organisation_external_id"]
        items.append(item)
        changes.append((organisation, change))
    outcomes = await service_divisions.upsert_divisions_of_territory(
        session, caller, territory_id, changes
    )
    for item, outcome in zip(items, outcomes, strict=True):
        batch.settle(item, outcome)
    return batch.answer()


@router.get(
    "/organisations/{organisation_id}/divisions",
    response_model=schemas.DivisionPage,
    responses=problems(OrganisationNotFoundError),
)
async def list_divisions(
    organisation_id: OrganisationId,
    request: Request,
    caller: Caller,
    session: Read,
    page: Page,
    filters: Annotated[schemas.DivisionFilters, Depends()],
) -> Response:
    """An organisation's divisions in the order of their ids, with the colours of now."""
    require_reader(caller)
    await require_organisation(session, organisation_id)
    rows = await repository.list_divisions(session, page, filters, organisation_id)
    rows, cursor = page.cut(rows, lambda row: [row["id"]])
    divisions = await service_divisions.with_colours(session, rows)
    columns = list(schemas.Division.model_fields)
    return list_answer(request, [_shown(each) for each in divisions], cursor, columns)


@router.get(
    "/divisions/{division_id}",
    response_model=schemas.Division,
    responses=problems(DivisionNotFoundError),
)
async def get_division(
    division_id: DivisionId, request: Request, caller: Caller, session: Read
) -> Response:
    """One division; 304 when `If-None-Match` names its version."""
    require_reader(caller)
    division = await service_divisions.require_division(session, division_id)
    return record_answer(request, _shown(division), division["version"])


@router.get(
    "/divisions/{division_id}/colours",
    response_model=schemas.ColourStatementPage,
    responses=problems(DivisionNotFoundError),
)
async def list_colours(
    division_id: DivisionId, request: Request, caller: Caller, session: Read, page: Page
) -> Response:
    """Everything that was said of the division's colour, in the order in which it holds: by when
    it was so, then by when it was told."""
    require_reader(caller)
    await service_divisions.require_division(session, division_id)
    rows = await repository.list_statements(session, division_id, page.limit, _after(page))
    rows, cursor = page.cut(
        rows,
        lambda row: [row["occurred_at"].isoformat(), row["recorded_at"].isoformat(), row["id"]],
    )
    columns = list(schemas.ColourStatement.model_fields)
    items = [{name: row[name] for name in columns} for row in rows]
    return list_answer(request, items, cursor, columns)


def _after(page: PageRequest) -> tuple[datetime, datetime, UUID] | None:
    """The place of the last statement seen; raises InvalidPayloadError on another list's cursor."""
    if page.after is None:
        return None
    try:
        occurred_at, recorded_at, statement_id = map(str, page.after)
        return _instant(occurred_at), _instant(recorded_at), UUID(statement_id)
    except (ValueError, OverflowError) as error:
        raise InvalidPayloadError.one(
            "query/cursor", "invalid_cursor", "is the cursor of another list"
        ) from error


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _shown(division: dict[str, Any]) -> dict[str, Any]:
    return {name: division[name] for name in schemas.Division.model_fields}
