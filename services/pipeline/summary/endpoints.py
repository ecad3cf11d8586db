"""HTTP paths of the summary: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import csv_response, list_answer, wants_csv
from services.kit.http import Caller, Read, ServiceRoute
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import Day, Label
from services.pipeline.summary import flow_service, schemas, service

router = APIRouter(
    prefix="/summary",
    route_class=ServiceRoute,
    tags=["summary"],
    responses=problems(*COMMON_ERRORS),
)

Quarter = Annotated[str | None, Query(max_length=20, description="Like FY27-Q2.")]
User = Annotated[
    str | None, Query(max_length=255, description="A user's id or external id, with the subtree.")
]
GroupBy = schemas.GroupBy
FirstDay = Annotated[Day | None, Query(alias="from")]
LastDay = Annotated[Day | None, Query(alias="to", description="That day is in it.")]


def _cuts(
    stage: Annotated[Label | None, Query()] = None,
    segment: Annotated[Label | None, Query()] = None,
    region: Annotated[Label | None, Query()] = None,
    type_: Annotated[Label | None, Query(alias="type")] = None,
    order_type: Annotated[Label | None, Query()] = None,
    phase: Annotated[schemas.Phase | None, Query()] = None,
    buyer_stage: Annotated[Label | None, Query()] = None,
    forecast_category: Annotated[Label | None, Query()] = None,
    route_to_market: Annotated[Label | None, Query()] = None,
) -> dict[str, str | None]:
    return {
        "stage": stage, "segment": segment, "region": region, "type": type_,
        "order_type": order_type, "phase": phase, "buyer_stage": buyer_stage,
        "forecast_category": forecast_category, "route_to_market": route_to_market,
    }  # fmt: skip


def _cuts_of_cohort(
    segment: Annotated[Label | None, Query()] = None,
    region: Annotated[Label | None, Query()] = None,
    type_: Annotated[Label | None, Query(alias="type")] = None,
    order_type: Annotated[Label | None, Query()] = None,
    buyer_stage: Annotated[Label | None, Query()] = None,
    route_to_market: Annotated[Label | None, Query()] = None,
) -> dict[str, str | None]:
    return {
        "segment": segment, "region": region, "type": type_, "order_type": order_type,
        "buyer_stage": buyer_stage, "route_to_market": route_to_market,
    }  # fmt: skip


Cuts = Annotated[dict[str, str | None], Depends(_cuts)]
CutsOfCohort = Annotated[dict[str, str | None], Depends(_cuts_of_cohort)]


def _answer(request: Request, report: dict[str, Any], rows: str, **total: Any) -> Response:
    """The report, or its groups as a table with the total at the end, of which `total` is more."""
    if not wants_csv(request):
        return json_answer(report)
    lines = [dict(line) for line in report[rows]]
    if "total" in report:
        lines.append({"group": "total"} | report["total"] | total)
    return csv_response(lines)


@router.get("", response_model=schemas.Summary)
async def get_summary(
    request: Request,
    caller: Caller,
    session: Read,
    cuts: Cuts,
    fiscal_quarter: Quarter = None,
    user_id: User = None,
    group_by: GroupBy = "stage",
) -> Response:
    """Counts, amounts, ages and pushes of open opportunities: of those that close in the quarter,
    or of all. Beside them how long stays in a stage took that have ended."""
    report = await service.read_summary(
        session, caller, fiscal_quarter=fiscal_quarter, user=user_id, group_by=group_by, cuts=cuts
    )
    return _answer(request, report, "groups")


@router.get("/ageing", response_model=schemas.Ageing)
async def get_ageing(
    request: Request,
    caller: Caller,
    session: Read,
    cuts: Cuts,
    user_id: User = None,
    group_by: GroupBy = "stage",
) -> Response:
    """Open opportunities by age, and those older than deals of their segment and order type take
    to be won."""
    report = await service.read_ageing(session, caller, user=user_id, group_by=group_by, cuts=cuts)
    bands = {band["band"]: band["count"] for band in report["bands"]}
    return _answer(
        request, report, "groups", older_than_cycle=report["older_than_cycle"], bands=bands
    )


@router.get("/ageing/items", response_model=schemas.OldDealPage)
async def list_ageing(
    request: Request,
    caller: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    cuts: Cuts,
    user_id: User = None,
    older_than: Annotated[
        int | None,
        Query(ge=0, le=36500, description="Days; the sales cycle of each if left out."),
    ] = None,
) -> Response:
    """The opportunities that are too old, the oldest first."""
    items, cursor = await service.list_older(
        session, caller, page, user=user_id, cuts=cuts, older_than=older_than
    )
    return list_answer(request, items, cursor, list(schemas.OldDeal.model_fields))


@router.get("/conversion", response_model=schemas.Conversion)
async def get_conversion(
    request: Request,
    caller: Caller,
    session: Read,
    cuts: CutsOfCohort,
    stage: Annotated[
        schemas.Ladder | None,
        Query(description="The deals that met this stage first in the period; else those begun."),
    ] = None,
    first_day: FirstDay = None,
    last_day: LastDay = None,
    fiscal_quarter: Quarter = None,
    user_id: User = None,
) -> Response:
    """How far the deals of a period came: what share reached each stage, after how long, and what
    became of them. The current quarter where no days are named."""
    report = await flow_service.read_conversion(
        session, caller, stage=stage, first_day=first_day, last_day=last_day,
        fiscal_quarter=fiscal_quarter, user=user_id, cuts=cuts,
    )  # fmt: skip
    return _answer(request, report, "stages")


@router.get("/win-rate", response_model=schemas.WinRate)
async def get_win_rate(
    request: Request,
    caller: Caller,
    session: Read,
    cuts: CutsOfCohort,
    first_day: FirstDay = None,
    last_day: LastDay = None,
    fiscal_quarter: Quarter = None,
    user_id: User = None,
    group_by: GroupBy | None = None,
) -> Response:
    """How many of the deals closed in a period were won, by count and by Net ARR, what was left
    out of that and why. The current quarter where no days are named."""
    report = await flow_service.read_win_rate(
        session, caller, first_day=first_day, last_day=last_day, fiscal_quarter=fiscal_quarter,
        user=user_id, group_by=group_by, cuts=cuts,
    )  # fmt: skip
    if wants_csv(request):
        whole = {name: report[name] for name in schemas.WinSums.model_fields}
        return csv_response([*report["groups"], {"group": "total", **whole}])
    return json_answer(report)


@router.get("/pipeline-created", response_model=schemas.Created)
async def get_created(
    request: Request,
    caller: Caller,
    session: Read,
    cuts: CutsOfCohort,
    fiscal_quarter: Quarter = None,
    user_id: User = None,
    group_by: GroupBy = "stage",
) -> Response:
    """Pipeline created in a quarter: new business and growth by the day it met stage 1."""
    report = await flow_service.read_created(
        session, caller, fiscal_quarter=fiscal_quarter, user=user_id, group_by=group_by, cuts=cuts
    )
    return _answer(request, report, "groups")


@router.get("/capacity", response_model=schemas.Capacity)
async def get_capacity(
    request: Request, caller: Caller, session: Read, cuts: CutsOfCohort, user_id: User = None
) -> Response:
    """How many new deals a month a salesperson has room for: by the numbers of the policy, and by
    what happened in the last four quarters."""
    report = await flow_service.read_capacity(session, caller, user=user_id, cuts=cuts)
    if wants_csv(request):
        return csv_response(report["reps"], list(schemas.RepLoad.model_fields))
    return json_answer(report)
