"""HTTP paths of stage gates: parse, authorise, call, answer."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Response

from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.http import Caller, Read, ServiceRoute
from services.pipeline.gates import schemas, stage_log
from services.pipeline.opportunities.access import sight
from services.pipeline.opportunities.errors import OpportunityNotFoundError
from services.pipeline.opportunities.service import require

router = APIRouter(
    route_class=ServiceRoute,
    tags=["gates"],
    responses=problems(*COMMON_ERRORS),
)


@router.get(
    "/opportunities/{opportunity_id}/stages",
    response_model=schemas.Stages,
    responses=problems(OpportunityNotFoundError),
)
async def get_stages(opportunity_id: UUID, caller: Caller, session: Read) -> Response:
    """The date of every stage, the first time only, and every stay in one, also when it came
    back."""
    row = await require(session, await sight(session, caller), opportunity_id)
    return json_answer(await stage_log.read_stages(session, row))
