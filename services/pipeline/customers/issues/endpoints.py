"""HTTP paths of known issues: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.kit.answers import if_match, json_answer, record_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.batch import Change, same_external_id
from services.kit.csv_answer import list_answer
from services.kit.errors import IdMismatchError, IdTakenError, StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import ExternalId
from services.pipeline.accounts.errors import AccountNotFoundError
from services.pipeline.customers.issues import repository, schemas, service
from services.pipeline.customers.issues.errors import KnownIssueNotFoundError
from services.pipeline.customers.lookups import require_account
from services.workspace.users.reach import WRITERS

router = APIRouter(
    route_class=ServiceRoute,
    tags=["customers"],
    responses=problems(*COMMON_ERRORS),
)
_WORDS_MAX = 10


@router.post(
    "/known-issues/by-external-id/{external_id:path}/occurrences",
    status_code=201,
    response_model=schemas.Occurrence,
    responses=problems(KnownIssueNotFoundError),
)
async def post_occurrence(
    external_id: ExternalId, body: schemas.OccurrencePost, caller: Caller, session: Write
) -> Response:
    """The issue came up at an account once more."""
    caller.require(*WRITERS)
    told = await service.note_occurrence(session, caller.actor, external_id, dict(body))
    return json_answer(told, 201)


@router.put(
    "/known-issues/by-external-id/{external_id:path}",
    response_model=schemas.KnownIssue,
    responses={
        201: {"model": schemas.KnownIssue},
        **problems(IdTakenError, IdMismatchError, StaleVersionError),
    },
)
async def put_known_issue(
    external_id: ExternalId,
    body: schemas.KnownIssuePut,
    request: Request,
    caller: Caller,
    session: Write,
) -> Response:
    """Creates the issue or merges into it: an absent field is unchanged, null clears it."""
    caller.require(*WRITERS)
    same_external_id(external_id, body.external_id)
    stored = await service.upsert(session, Change.of(external_id, body), if_match=if_match(request))
    found = await service.require(session, external_id)
    return record_answer(request, dict(found), stored.version, stored.status, rests_on_more=True)


@router.get(
    "/known-issues/by-external-id/{external_id:path}",
    response_model=schemas.KnownIssue,
    responses=problems(KnownIssueNotFoundError),
)
async def get_known_issue(external_id: ExternalId, request: Request, session: Read) -> Response:
    """One known issue and its answer."""
    found = await service.require(session, external_id)
    return record_answer(request, dict(found), found["version"], rests_on_more=True)


@router.get("/known-issues", response_model=schemas.KnownIssuePage)
async def list_known_issues(
    request: Request,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    q: Annotated[
        str | None, Query(max_length=200, description="Words the issue or its answer has, all.")
    ] = None,
) -> Response:
    """Known issues, the most frequent first."""
    words = (q or "").split()[:_WORDS_MAX]
    rows = await repository.list_issues(session, page, words)
    rows, cursor = page.cut(rows, lambda row: [row["occurrences"], str(row["id"])])
    return list_answer(request, _dicts(rows), cursor, list(schemas.KnownIssue.model_fields))


@router.get(
    "/accounts/{account_id}/issues",
    response_model=schemas.AccountIssuePage,
    responses=problems(AccountNotFoundError),
)
async def list_account_issues(
    account_id: UUID,
    request: Request,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """Known issues that came up at an account, the most frequent first."""
    await require_account(session, account_id)
    rows = await repository.issues_at(session, account_id, page)
    rows, cursor = page.cut(rows, lambda row: [row["occurrences"], str(row["issue_id"])])
    return list_answer(request, _dicts(rows), cursor, list(schemas.AccountIssue.model_fields))


def _dicts(rows: list[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in rows]
