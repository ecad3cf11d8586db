"""The HTTP path of the change feed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import csv_response, wants_csv
from services.kit.http import Caller, Read, ServiceRoute
from services.pipeline.changes import schemas
from services.pipeline.changes.service import read_changes

router = APIRouter(route_class=ServiceRoute, tags=["changes"], responses=problems(*COMMON_ERRORS))

READERS = ("admin", "integration", "sales_ops", "analyst")
LIMIT_DEFAULT = 200
LIMIT_MAX = 1000
NEXT_AFTER_HEADER = "X-Next-After"


@router.get("/changes", response_model=schemas.FeedPage)
async def list_changes(
    request: Request,
    caller: Caller,
    session: Read,
    after: Annotated[int, Query(ge=0, lt=2**63, description="The last sequence you have.")] = 0,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT,
) -> Response:
    """Everything that moved a figure since `after`, in the order the figures took it in, and what
    people were told of it. Nothing is ever removed: begin at 0 to read it all. It is everybody's records, so it needs a role that
    reads everything."""
    caller.require(*READERS)
    page = await read_changes(session, after, limit)
    if not wants_csv(request):
        return json_answer(page)
    return csv_response(
        page["items"],
        list(schemas.FeedChange.model_fields),
        {NEXT_AFTER_HEADER: str(page["next_after"])},
    )
