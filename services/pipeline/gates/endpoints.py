"""HTTP paths of stage gates: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.kit.answers import if_match, json_answer, record_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import list_answer
from services.kit.errors import StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import Instant
from services.pipeline.gates import checklist, findings, schemas, stage_log
from services.pipeline.opportunities.access import sight, writer
from services.pipeline.opportunities.errors import OpportunityNotFoundError
from services.pipeline.opportunities.service import require

router = APIRouter(
    route_class=ServiceRoute,
    tags=["gates"],
    responses=problems(*COMMON_ERRORS),
)

_DEAL = "/opportunities/{opportunity_id}"
Paged = Annotated[PageRequest, Depends(page_request)]
Rules = Annotated[list[Annotated[str, Query(max_length=80)]] | None, Query()]
_FINDING = list(schemas.Finding.model_fields)


@router.get(
    f"{_DEAL}/stages",
    response_model=schemas.Stages,
    responses=problems(OpportunityNotFoundError),
)
async def get_stages(opportunity_id: UUID, caller: Caller, session: Read) -> Response:
    """The date of every stage, the first time only, and every stay in one, also when it came
    back."""
    row = await require(session, await sight(session, caller), opportunity_id)
    return json_answer(await stage_log.read_stages(session, row))


@router.get(
    f"{_DEAL}/checklist",
    response_model=schemas.Checklist,
    responses={304: {"description": "Not modified"}, **problems(OpportunityNotFoundError)},
)
async def get_checklist(
    opportunity_id: UUID, request: Request, caller: Caller, session: Read
) -> Response:
    """What is attested about the opportunity, and what the policy in force asks to be attested."""
    await require(session, await sight(session, caller), opportunity_id)
    content = await checklist.read(session, opportunity_id)
    return record_answer(request, content, content["version"], rests_on_more=True)


@router.put(
    f"{_DEAL}/checklist",
    response_model=schemas.Checklist,
    responses=problems(OpportunityNotFoundError, StaleVersionError),
)
async def put_checklist(
    opportunity_id: UUID,
    body: schemas.ChecklistPut,
    request: Request,
    caller: Caller,
    session: Write,
) -> Response:
    """Attests items: what is absent is unchanged, null clears it. Who said it and when is kept."""
    actor = await writer(session, caller)
    content = await checklist.write(
        session, actor, opportunity_id, body.items_said(), if_match=if_match(request)
    )
    return record_answer(request, content, content["version"], rests_on_more=True)


@router.get(
    f"{_DEAL}/checklist/history",
    response_model=schemas.ChecklistSavePage,
    responses=problems(OpportunityNotFoundError),
)
async def get_checklist_history(
    opportunity_id: UUID, request: Request, caller: Caller, session: Read, page: Paged
) -> Response:
    """Every save, the oldest first: who, when, from what to what."""
    await require(session, await sight(session, caller), opportunity_id)
    rows = await checklist.list_changes(session, opportunity_id, page)
    rows, cursor = page.cut(rows, lambda row: [row["version"]])
    return list_answer(request, rows, cursor, list(schemas.ChecklistSave.model_fields))


@router.get(
    f"{_DEAL}/findings",
    response_model=schemas.FindingPage,
    responses=problems(OpportunityNotFoundError),
)
async def list_own_findings(
    opportunity_id: UUID, request: Request, caller: Caller, session: Read, page: Paged
) -> Response:
    """The rules that writes of this opportunity broke, the oldest first."""
    await require(session, await sight(session, caller), opportunity_id)
    rows = await findings.list_findings(session, caller, page, opportunity_id=opportunity_id)
    rows, cursor = page.cut(rows, lambda row: [str(row["id"])])
    return list_answer(request, rows, cursor, _FINDING)


@router.get("/findings", response_model=schemas.FindingPage)
async def list_all_findings(
    request: Request,
    caller: Caller,
    session: Read,
    page: Paged,
    opportunity_id: UUID | None = None,
    rule: Rules = None,
    user_id: Annotated[
        str | None,
        Query(max_length=255, description="A user's id or external id, with the subtree."),
    ] = None,
    since: Instant | None = None,
) -> Response:
    """The rules that writes broke instead of being refused, the oldest first: gates that were
    overridden or bypassed, and records that other systems keep against the order of stages."""
    rows = await findings.list_findings(
        session,
        caller,
        page,
        user=user_id,
        opportunity_id=opportunity_id,
        rules=rule,
        since=since,
    )
    rows, cursor = page.cut(rows, lambda row: [str(row["id"])])
    return list_answer(request, rows, cursor, _FINDING)
