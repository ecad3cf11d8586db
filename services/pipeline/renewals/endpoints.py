"""HTTP paths of the renewals view: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import figure_answer, list_answer
from services.kit.http import Caller, Read, ServiceRoute
from services.kit.pagination import PageRequest, page_request
from services.kit.rows import after_id
from services.pipeline.renewals import schemas
from services.pipeline.renewals.service import item_of, read_renewals, report_of

router = APIRouter(
    prefix="/renewals",
    route_class=ServiceRoute,
    tags=["renewals"],
    responses=problems(*COMMON_ERRORS),
)

Quarter = Annotated[str, Query(max_length=20, description="Like FY27-Q2.")]
User = Annotated[
    str | None, Query(max_length=255, description="A user's id or external id, with the subtree.")
]
Dimension = Annotated[str | None, Query(max_length=255)]


@router.get("", response_model=schemas.RenewalReport)
async def get_renewals(
    request: Request,
    caller: Caller,
    session: Read,
    fiscal_quarter: Quarter,
    user_id: User = None,
    segment: Dimension = None,
    region: Dimension = None,
) -> Response:
    """What comes up for renewal in a quarter by the end of its subscriptions, what is kept of it,
    and what may still be saved. Pushing a renewal's close date moves nothing here."""
    quarter, currency, found = await read_renewals(
        session, caller, fiscal_quarter, user_id, {"segment": segment, "region": region}
    )
    return figure_answer(request, report_of(quarter, currency, user_id, found))


@router.get("/items", response_model=schemas.RenewalPage)
async def list_renewals(
    request: Request,
    caller: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    fiscal_quarter: Quarter,
    user_id: User = None,
    segment: Dimension = None,
    region: Dimension = None,
    risk: schemas.Risk | None = None,
) -> Response:
    """The renewals behind the report; they add up to it exactly."""
    filters = {"segment": segment, "region": region, "risk": risk}
    _, _, found = await read_renewals(session, caller, fiscal_quarter, user_id, filters)
    after = after_id(page)
    rest = [up for up in found if after is None or up.row["id"] > after]
    shown, cursor = page.cut(rest[: page.limit + 1], lambda up: [str(up.row["id"])])
    items = [item_of(up) for up in shown]
    return list_answer(request, items, cursor, list(schemas.RenewalItem.model_fields))
