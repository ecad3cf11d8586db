"""The paths of quotas."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.forecast.errors import OutOfScopeError
from services.forecast.quotas import service
from services.forecast.quotas.errors import InvalidPeriodError
from services.forecast.quotas.repository import Quota
from services.forecast.quotas.schemas import QuotaIn, QuotaOut, QuotaPage
from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import list_answer
from services.kit.errors import NotFoundError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.workspace.workspaces.repository import get_workspace

router = APIRouter(
    prefix="/quotas",
    tags=["quotas"],
    route_class=ServiceRoute,
    responses=problems(*COMMON_ERRORS, NotFoundError, InvalidPeriodError, OutOfScopeError),
)


def _render(quota: Quota, currency: str) -> dict[str, Any]:
    return {
        "period": quota.period,
        "user_id": quota.user_id,
        "user_external_id": quota.user_external_id,
        "amount": quota.amount,
        "currency": currency,
        "recorded_at": quota.recorded_at,
        "recorded_by": quota.recorded_by,
        "sequence": quota.sequence,
    }


@router.put("/{period}/{user_id}", response_model=QuotaOut, summary="Set a user's quota")
async def put_quota(
    session: Write,
    caller: Caller,
    period: Annotated[str, Path(max_length=20, description="`FY27-Q2` or `FY27`.")],
    user_id: Annotated[str, Path(max_length=300, description="A user's id or external id.")],
    body: QuotaIn,
) -> Response:
    """The newest amount counts from the ledger batch that posts it; the same amount again changes
    nothing. A manager's own quota stands for everybody below."""
    quota = await service.set_quota(session, caller, period, user_id, body.amount)
    workspace = await get_workspace(session)
    return json_answer(_render(quota, workspace.currency))


@router.get("", response_model=QuotaPage, summary="List the quotas as they stand")
async def get_quotas(
    request: Request,
    session: Read,
    caller: Caller,
    page: Annotated[PageRequest, Depends(page_request)],
    period: Annotated[str | None, Query(max_length=20)] = None,
    user_id: Annotated[str | None, Query(max_length=300)] = None,
) -> Response:
    """By period and user."""
    rows = await service.list_quotas(session, caller, period=period, user=user_id, page=page)
    workspace = await get_workspace(session)
    items, next_cursor = page.cut(rows, lambda quota: [quota.period, quota.user_id])
    columns = list(QuotaOut.model_fields)
    return list_answer(
        request, [_render(quota, workspace.currency) for quota in items], next_cursor, columns
    )
