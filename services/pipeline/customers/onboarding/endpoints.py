"""HTTP paths of onboarding: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.kit import clock
from services.kit.answers import if_match, record_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import list_answer
from services.kit.errors import StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.pipeline.customers.lookups import require_subscription
from services.pipeline.customers.onboarding import repository, schemas, service
from services.pipeline.customers.onboarding.errors import OnboardingNotFoundError
from services.pipeline.subscriptions.errors import SubscriptionNotFoundError
from services.workspace.users.reach import WRITERS, find_subtree
from services.workspace.workspaces.repository import get_workspace

router = APIRouter(route_class=ServiceRoute, tags=["customers"], responses=problems(*COMMON_ERRORS))


@router.get(
    "/subscriptions/{subscription_id}/onboarding",
    response_model=schemas.Onboarding,
    responses=problems(SubscriptionNotFoundError, OnboardingNotFoundError),
)
async def get_onboarding(subscription_id: UUID, request: Request, session: Read) -> Response:
    """The plan of one subscription and how far it is."""
    await require_subscription(session, subscription_id)
    found = await service.require(session, subscription_id)
    return record_answer(request, dict(found), found["version"], rests_on_more=True)


@router.put(
    "/subscriptions/{subscription_id}/onboarding",
    response_model=schemas.Onboarding,
    responses={
        201: {"model": schemas.Onboarding},
        **problems(SubscriptionNotFoundError, StaleVersionError),
    },
)
async def put_onboarding(
    subscription_id: UUID,
    body: schemas.OnboardingPut,
    request: Request,
    caller: Caller,
    session: Write,
) -> Response:
    """Says what is done. A subscription without a plan gets the one of the policy in force."""
    caller.require(*WRITERS)
    subscription = await require_subscription(session, subscription_id)
    is_new = await service.put(
        session, caller.actor, subscription, schemas.stated_of(body), if_match=if_match(request)
    )
    found = await service.require(session, subscription_id)
    return record_answer(request, dict(found), found["version"], 201 if is_new else 200)


@router.get("/customers/onboarding", response_model=schemas.OnboardingPage)
async def list_onboardings(
    request: Request,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    user_id: Annotated[
        str | None,
        Query(max_length=255, description="Of accounts whose owner is in this user's subtree."),
    ] = None,
    segment: Annotated[str | None, Query(max_length=255)] = None,
) -> Response:
    """Onboardings that are not completed, what is overdue longest first."""
    owners = None if user_id is None else await find_subtree(session, user_id)
    rows = await repository.list_open(session, page, owners, segment)
    shown, cursor = page.cut(rows, lambda row: [row["next_due_on"].isoformat(), str(row["id"])])
    today = (await get_workspace(session)).calendar.local_date(clock.now())
    items = [service.item_of(row, today) for row in shown]
    return list_answer(request, items, cursor, list(schemas.OnboardingItem.model_fields))
