"""HTTP paths of customers: parse, authorise, call, answer. The parts have their own paths."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import list_answer
from services.kit.http import Read, ServiceRoute
from services.kit.pagination import PageRequest, encode_cursor, page_request
from services.kit.rows import after_id
from services.kit.schemas import ExternalId
from services.pipeline.accounts.errors import AccountNotFoundError
from services.pipeline.customers import schemas, service
from services.pipeline.customers.issues.endpoints import router as issues
from services.pipeline.customers.life_cycle.endpoints import router as life_cycle
from services.pipeline.customers.onboarding.endpoints import router as onboarding
from services.pipeline.customers.reviews.endpoints import router as reviews
from services.pipeline.customers.suggestions.endpoints import router as suggestions
from services.pipeline.customers.usage.endpoints import router as usage

router = APIRouter(
    route_class=ServiceRoute,
    tags=["customers"],
    responses=problems(*COMMON_ERRORS),
)
Dimension = Annotated[str | None, Query(max_length=255)]


@router.get(
    "/accounts/{account_id}/success",
    response_model=schemas.Success,
    responses=problems(AccountNotFoundError),
)
async def get_success(account_id: UUID, session: Read) -> Response:
    """An account after the sale: phases of use, the last purchase, reviews, use of licences,
    champions, and what to do next."""
    return json_answer(await service.success_of(session, account_id))


@router.get("/customers", response_model=schemas.CustomerPage)
async def list_customers(
    request: Request,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    user_id: Annotated[
        str | None,
        Query(max_length=255, description="Of accounts whose owner is in this user's subtree."),
    ] = None,
    phase: schemas.Phase | None = None,
    category: schemas.Category | None = None,
    band: schemas.Band | None = None,
    flag: schemas.Flag | None = None,
    segment: Dimension = None,
    region: Dimension = None,
    account_external_id: Annotated[ExternalId | None, Query()] = None,
) -> Response:
    """Accounts with a subscription that runs today. A page may be short though it is not the last:
    `next_cursor` says whether there is more."""
    filters = {
        "user_id": user_id,
        "phase": phase,
        "category": category,
        "band": band,
        "flag": flag,
        "segment": segment,
        "region": region,
        "account_external_id": account_external_id,
    }
    items, last = await service.list_customers(session, filters, after_id(page), page.limit)
    cursor = None if last is None else encode_cursor([str(last)])
    return list_answer(request, items, cursor, list(schemas.CustomerItem.model_fields))


for part in (usage, suggestions, onboarding, reviews, life_cycle, issues):
    router.include_router(part)
