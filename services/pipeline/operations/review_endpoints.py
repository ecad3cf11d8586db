"""HTTP paths of reviews, their snapshots, findings, scores and drivers."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.kit import clock
from services.kit.answers import if_match, json_answer, record_answer
from services.kit.app import problems
from services.kit.batch import Change
from services.kit.csv_answer import csv_response, list_answer, wants_csv
from services.kit.errors import StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import Day, ExternalId
from services.pipeline.operations import repository, schemas, snapshots
from services.pipeline.operations import reviews as service
from services.pipeline.operations.errors import (
    ReviewFindingNotFoundError,
    ReviewNotFoundError,
    SnapshotNotFoundError,
    WrongKindOfReviewError,
)
from services.workspace.users.reach import READ_ALL, READERS
from services.workspace.workspaces.repository import get_workspace

router = APIRouter(route_class=ServiceRoute)

Page = Annotated[PageRequest, Depends(page_request)]
NOT_FOUND = problems(ReviewNotFoundError)


@router.put(
    "/reviews/by-external-id/{external_id:path}",
    response_model=schemas.Review,
    responses={201: {"model": schemas.Review}, **problems(StaleVersionError)},
)
async def put_review(
    external_id: ExternalId,
    body: schemas.ReviewPut,
    request: Request,
    caller: Caller,
    session: Write,
) -> Response:
    """Schedules a review or merges into it. `held_on` says that it was held."""
    change = Change.of(external_id, body)
    stored = await service.put_review(session, caller, change, if_match(request))
    (told,) = await service.shown(session, [await service.require_review(session, stored.id)])
    return record_answer(request, told, stored.version, stored.status)


@router.get("/reviews", response_model=schemas.ReviewPage)
async def list_reviews(
    request: Request,
    caller: Caller,
    session: Read,
    page: Page,
    kind: schemas.Kind | None = None,
    overdue: Annotated[
        bool, Query(description="Only those due for longer than the policy lets.")
    ] = False,
) -> Response:
    """Reviews and how they stand."""
    caller.require(*READERS)
    before = None
    if overdue:
        today = (await get_workspace(session)).calendar.local_date(clock.now())
        before = today - timedelta(days=await service.overdue_days(session))
    rows = await repository.list_reviews(session, page, kind, before)
    shown, cursor = page.cut(list(rows), lambda row: [row["id"]])
    items = await service.shown(session, shown)
    return list_answer(request, items, cursor, list(schemas.Review.model_fields))


@router.get("/reviews/{review_id}", response_model=schemas.Review, responses=NOT_FOUND)
async def get_review(review_id: UUID, request: Request, caller: Caller, session: Read) -> Response:
    """One review."""
    caller.require(*READERS)
    row = await service.require_review(session, review_id)
    (told,) = await service.shown(session, [row])
    return record_answer(request, told, row["version"], rests_on_more=True)


@router.get(
    "/reviews/{review_id}/snapshots", response_model=schemas.SnapshotPage, responses=NOT_FOUND
)
async def list_snapshots(
    review_id: UUID, request: Request, caller: Caller, session: Read, page: Page
) -> Response:
    """The figures of the company as they were each time it was due, the latest first."""
    caller.require(*READ_ALL)
    await service.require_review(session, review_id)
    rows = await repository.list_snapshots(session, review_id, page)
    shown, cursor = page.cut(list(rows), lambda row: [row["id"]])
    items = [dict(row) for row in shown]
    return list_answer(request, items, cursor, list(schemas.Snapshot.model_fields))


@router.get(
    "/reviews/{review_id}/snapshots/difference",
    response_model=schemas.SnapshotDifference,
    responses=problems(ReviewNotFoundError, SnapshotNotFoundError),
)
async def compare_snapshots(
    review_id: UUID,
    request: Request,
    caller: Caller,
    session: Read,
    before: Annotated[UUID, Query(description="The id of a snapshot.")],
    after: Annotated[UUID, Query(description="The id of another one.")],
) -> Response:
    """Which figures are not the same in two snapshots, and by how much."""
    caller.require(*READ_ALL)
    await service.require_review(session, review_id)
    found = await snapshots.compare(session, review_id, before, after)
    if wants_csv(request):
        return csv_response(found["figures"], list(schemas.Difference.model_fields))
    return json_answer(found)


@router.post(
    "/reviews/{review_id}/findings",
    status_code=201,
    response_model=schemas.ReviewFinding,
    responses=NOT_FOUND,
)
async def post_finding(
    review_id: UUID, body: schemas.FindingNew, request: Request, caller: Caller, session: Write
) -> Response:
    """A note of the review, or an action: what, who and by when."""
    stated = body.model_dump()
    finding_id = await service.add_finding(session, caller, review_id, stated)
    return await _finding(request, session, finding_id, 201)


@router.get(
    "/reviews/{review_id}/findings", response_model=schemas.ReviewFindingPage, responses=NOT_FOUND
)
async def list_findings(
    review_id: UUID,
    request: Request,
    caller: Caller,
    session: Read,
    page: Page,
    kind: schemas.FindingKind | None = None,
    state: schemas.State | None = None,
) -> Response:
    """What was found in the review, oldest first."""
    caller.require(*READERS)
    await service.require_review(session, review_id)
    rows = await repository.list_findings(session, review_id, page, kind, state)
    shown, cursor = page.cut(list(rows), lambda row: [row["id"]])
    items = await service.shown_findings(session, shown)
    return list_answer(request, items, cursor, list(schemas.ReviewFinding.model_fields))


@router.patch(
    "/findings/{finding_id}",
    response_model=schemas.ReviewFinding,
    responses=problems(ReviewFindingNotFoundError, StaleVersionError),
)
async def patch_finding(
    finding_id: UUID, body: schemas.FindingPatch, request: Request, caller: Caller, session: Write
) -> Response:
    """How an action stands. Whoever is to take it may say so too."""
    await service.change_finding(session, caller, finding_id, body.stated(), if_match(request))
    return await _finding(request, session, finding_id, 200)


async def _finding(request: Request, session: Write, finding_id: UUID, status: int) -> Response:
    row = await repository.get_finding(session, finding_id)
    assert row is not None, "just written"
    (told,) = await service.shown_findings(session, [row])
    return record_answer(request, told, row["version"], status)


@router.put(
    "/reviews/{review_id}/scores",
    response_model=schemas.Alignment,
    responses=problems(ReviewNotFoundError, WrongKindOfReviewError),
)
async def put_scores(
    review_id: UUID, body: schemas.ScoresPut, caller: Caller, session: Write
) -> Response:
    """What the caller thinks of each factor from where a function stands, 1 to 5."""
    caller.require(*READERS)
    scores = [score.model_dump() for score in body.scores]
    day = await service.save_scores(session, caller, review_id, body.round_on, scores)
    review = await service.require_review(session, review_id)
    return json_answer(await service.read_alignment(session, review, day))


@router.get(
    "/reviews/{review_id}/alignment",
    response_model=schemas.Alignment,
    responses=problems(ReviewNotFoundError, WrongKindOfReviewError),
)
async def get_alignment(
    review_id: UUID,
    request: Request,
    caller: Caller,
    session: Read,
    round_on: Annotated[Day | None, Query(description="The last round if left out.")] = None,
) -> Response:
    """How far apart functions are on each factor, the widest gap first."""
    caller.require(*READERS)
    review = await service.require_review(session, review_id)
    if review["kind"] != "alignment":
        raise WrongKindOfReviewError(review["kind"], "alignment")
    report = await service.read_alignment(session, review, round_on)
    if wants_csv(request):
        return csv_response(report["factors"], list(schemas.FactorLine.model_fields))
    return json_answer(report)


@router.put(
    "/reviews/{review_id}/drivers",
    response_model=schemas.DriverList,
    responses=problems(ReviewNotFoundError, WrongKindOfReviewError),
)
async def put_driver(
    review_id: UUID, body: schemas.DriverPut, caller: Caller, session: Write
) -> Response:
    """One driver of value in a fiscal year: what is aimed at, what came of it. Answers the year."""
    await service.put_driver(session, caller, review_id, body.stated())
    year = service.fiscal_year(body.fiscal_year)
    rows = await repository.drivers(session, review_id, year)
    return json_answer({"items": [service.shown_driver(row) for row in rows], "next_cursor": None})


@router.get("/reviews/{review_id}/drivers", response_model=schemas.DriverList, responses=NOT_FOUND)
async def list_drivers(
    review_id: UUID,
    request: Request,
    caller: Caller,
    session: Read,
    fiscal_year: Annotated[schemas.FiscalYear | None, Query()] = None,
) -> Response:
    """The drivers of value, the latest year first."""
    caller.require(*READ_ALL)
    await service.require_review(session, review_id)
    year = None if fiscal_year is None else service.fiscal_year(fiscal_year)
    rows = await repository.drivers(session, review_id, year)
    items = [service.shown_driver(row) for row in rows]
    return list_answer(request, items, None, list(schemas.Driver.model_fields))
