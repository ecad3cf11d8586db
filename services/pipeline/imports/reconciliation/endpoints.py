"""HTTP paths of reconciliations: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import csv_response, list_answer, wants_csv
from services.kit.http import Caller, Read, ServiceRoute
from services.kit.pagination import PageRequest, page_request
from services.pipeline.imports.errors import ImportNotFoundError, ReconciliationGoneError
from services.pipeline.imports.reconciliation import schemas, service

router = APIRouter(
    prefix="/imports/{import_id}/reconciliation",
    route_class=ServiceRoute,
    tags=["imports"],
    responses=problems(*COMMON_ERRORS, ImportNotFoundError),
)

READERS = ("admin", "integration", "sales_ops", "analyst")


@router.get(
    "",
    response_model=schemas.Reconciliation,
    responses=problems(ReconciliationGoneError),
)
async def get_reconciliation(
    request: Request, caller: Caller, session: Read, import_id: UUID
) -> Response:
    """What the files add up to against what is stored now under their keys: counts of each kind,
    amounts of each fiscal quarter and standing. As CSV the quarters alone."""
    caller.require(*READERS)
    found = await service.reconcile(session, import_id)
    if wants_csv(request):
        return csv_response(found["totals"], list(schemas.ReconciledLine.model_fields))
    return json_answer(found)


@router.get("/differences", response_model=schemas.DifferencePage)
async def list_differences(
    request: Request,
    caller: Caller,
    session: Read,
    import_id: UUID,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """Each field of each record that differs: what the file says, what is stored, and why."""
    caller.require(*READERS)
    items, cursor = await service.list_differences(session, import_id, page)
    return list_answer(request, items, cursor, list(schemas.Difference.model_fields))
