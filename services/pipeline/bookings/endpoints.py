"""HTTP paths of bookings: parse, authorise, call, answer."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.kit import money
from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import figure_answer, list_answer
from services.kit.errors import InvalidPayloadError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import LARGEST_COUNT
from services.pipeline.bookings import (
    approvals,
    domain,
    merges,
    repository,
    schemas,
    seats,
    service,
)
from services.pipeline.bookings.errors import (
    AlreadyDecidedError,
    ApprovalOutOfOrderError,
    NotSubmittedError,
    QuarterReconciledError,
    SeatsUnknownError,
    SpecialCaseError,
    SubscriptionNotFoundError,
)
from services.pipeline.opportunities import service as opportunities
from services.pipeline.opportunities.access import sight, writer
from services.pipeline.opportunities.booking_errors import BOOKING_ERRORS
from services.pipeline.opportunities.errors import (
    ExternalIdTakenError,
    NotYourOpportunityError,
    OpportunityNotFoundError,
)

router = APIRouter(
    route_class=ServiceRoute,
    tags=["bookings"],
    responses=problems(*COMMON_ERRORS),
)

DryRun = Annotated[bool, Query(description="Say what it would do; store nothing.")]
SubscriptionName = Annotated[
    str, Path(max_length=255, description="A subscription's id or external id.")
]
_MADE = {
    200: {"model": schemas.BookingAnswer},
    **problems(
        OpportunityNotFoundError, SpecialCaseError, ExternalIdTakenError, *BOOKING_ERRORS
    ),
}  # fmt: skip
_APPROVERS = ("admin", "sales_ops")


@router.post(
    "/opportunities/{opportunity_id}/ramp",
    status_code=201,
    response_model=schemas.BookingAnswer,
    responses=_MADE,
)
async def make_ramp(
    opportunity_id: UUID,
    body: schemas.Ramp,
    caller: Caller,
    session: Write,
    dry_run: DryRun = False,
) -> Response:
    """Makes an open deal a ramp: itself the first year, and one opportunity for each later year,
    whose ARR basis is the year before. Said again with other years, the ramp is changed."""
    actor = await writer(session, caller)
    case = await service.open_case(session, actor, opportunity_id, is_dry_run=dry_run)
    years = [domain.RampYear(year.amount, year.start_date) for year in body.years]
    made = await service.ramp(case, years)
    return json_answer(made.told(), made.status)


@router.post(
    "/opportunities/{opportunity_id}/contract-reset",
    status_code=201,
    response_model=schemas.BookingAnswer,
    responses=_MADE,
)
async def reset_contract(
    opportunity_id: UUID,
    body: schemas.ContractReset,
    caller: Caller,
    session: Write,
    dry_run: DryRun = False,
) -> Response:
    """Opens a new contract in place of the one this won deal brought: a renewal without ARR basis,
    and a credit that moves and closes with it."""
    actor = await writer(session, caller)
    case = await service.open_case(session, actor, opportunity_id, is_dry_run=dry_run)
    reset = domain.Reset(
        body.amount, body.term_months, body.credit_amount, body.credit_term_months,
        body.close_date, body.start_date,
    )  # fmt: skip
    made = await service.reset_contract(case, reset, body.stage)
    return json_answer(made.told(), made.status)


@router.post(
    "/opportunities/{opportunity_id}/merged-renewals",
    response_model=schemas.BookingAnswer,
    responses=problems(
        OpportunityNotFoundError, SpecialCaseError, ExternalIdTakenError, *BOOKING_ERRORS
    ),
)
async def merge_renewals(
    opportunity_id: UUID,
    body: schemas.MergedRenewals,
    caller: Caller,
    session: Write,
    dry_run: DryRun = False,
) -> Response:
    """Merges open renewals into this one: their ARR bases and amounts add up here, and they become
    its duplicates, which count nowhere."""
    actor = await writer(session, caller)
    case = await service.open_case(session, actor, opportunity_id, is_dry_run=dry_run)
    made = await merges.merge(case, body.opportunity_external_ids, body.amount)
    return json_answer(made.told())


@router.delete(
    "/opportunities/{opportunity_id}/merged-renewals",
    response_model=schemas.BookingAnswer,
    responses=problems(OpportunityNotFoundError, SpecialCaseError, *BOOKING_ERRORS),
)
async def take_merger_back(opportunity_id: UUID, caller: Caller, session: Write) -> Response:
    """Takes every merger into this open renewal back: amounts as before the first one, and the
    others open again in the stage they had."""
    actor = await writer(session, caller)
    case = await service.open_case(session, actor, opportunity_id)
    return json_answer((await merges.take_back(case)).told())


@router.post(
    "/opportunities/{opportunity_id}/return",
    status_code=201,
    response_model=schemas.BookingAnswer,
    responses=_MADE,
)
async def return_customer(
    opportunity_id: UUID,
    body: schemas.Return,
    caller: Caller,
    session: Write,
    dry_run: DryRun = False,
) -> Response:
    """The customer of a lost renewal comes back. Within the window for late renewals it is open
    again; until `return_window_days` after the term's end another renewal is opened, and when that
    closes, a debook takes the loss back; after that it is new business."""
    actor = await writer(session, caller)
    case = await service.open_case(session, actor, opportunity_id, is_dry_run=dry_run)
    made = await service.come_back(case, body.on, body.amount, body.close_date)
    return json_answer(made.told(), made.status)


@router.post(
    "/opportunities/{opportunity_id}/decommission",
    status_code=201,
    response_model=schemas.BookingAnswer,
    responses=_MADE,
)
async def decommission(
    opportunity_id: UUID,
    body: schemas.Decommission,
    caller: Caller,
    session: Write,
    dry_run: DryRun = False,
) -> Response:
    """Gives a won deal back: an opportunity with its values turned round, which counts for one deal
    less. Both stay, each in the month it was booked in."""
    actor = await writer(session, caller)
    case = await service.open_case(session, actor, opportunity_id, is_dry_run=dry_run)
    made = await service.decommission(case, body.reason, body.on)
    return json_answer(made.told(), made.status)


@router.post(
    "/opportunities/{opportunity_id}/approvals",
    response_model=schemas.ApprovalAnswer,
    responses=problems(
        OpportunityNotFoundError, NotSubmittedError, ApprovalOutOfOrderError, AlreadyDecidedError,
        *BOOKING_ERRORS,
    ),
)  # fmt: skip
async def decide(
    opportunity_id: UUID, body: schemas.Decision, caller: Caller, session: Write
) -> Response:
    """Decides about a deal in 7 - Closing: the deal desk first, then billing. When both approve it
    is won on its booking date; a rejection hands it back to 6 - Awaiting Signature, unlocked."""
    caller.require(*_APPROVERS)
    if body.decision == "rejected" and body.note is None:
        raise InvalidPayloadError.one("/note", "missing", "is required to reject a deal")
    case = await service.open_case(session, await writer(session, caller), opportunity_id)
    return json_answer(await approvals.decide(case, body.kind, body.decision, body.note))


@router.get(
    "/opportunities/{opportunity_id}/approvals",
    response_model=schemas.ApprovalPage,
    responses=problems(OpportunityNotFoundError),
)
async def list_approvals(
    opportunity_id: UUID,
    request: Request,
    caller: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """Every decision about the opportunity, the oldest first."""
    await opportunities.require(session, await sight(session, caller), opportunity_id)
    rows = await repository.list_approvals(session, opportunity_id, page)
    rows, cursor = page.cut(rows, lambda row: [row["id"]])
    items = [dict(row) for row in rows]
    return list_answer(request, items, cursor, list(schemas.Approval.model_fields))


@router.get(
    "/subscriptions/{subscription}/reconciliation",
    response_model=schemas.ReconciliationView,
    responses=problems(SubscriptionNotFoundError, SeatsUnknownError),
)
async def compare_reconciliation(
    subscription: SubscriptionName,
    request: Request,
    caller: Caller,
    session: Read,
    peaks: Annotated[
        str,
        Query(max_length=100, examples=["110,110,120,120"],
              description="The peak of seats in each quarter of the term so far."),
    ],
    seat_price: Annotated[
        str | None,
        Query(max_length=40, description="Of a seat for a year; absent: ARR divided by seats."),
    ] = None,
    platform: schemas.Platform = "saas",
) -> Response:  # fmt: skip
    """What peaks above the licence cost: one true-up at the end of the term, or a reconciliation
    each quarter, charged for the quarters that are left. Nothing is stored."""
    caller.require(*_READERS)
    price = None if seat_price is None else _price(seat_price)
    return figure_answer(
        request, await seats.compare(session, subscription, _peaks(peaks), price, platform)
    )


_READERS = ("admin", "integration", "sales_ops", "manager", "rep", "sdr", "analyst")


def _peaks(text: str) -> list[int]:
    parts = text.split(",")
    if not 1 <= len(parts) <= domain.QUARTERS or not all(
        part.isascii() and part.isdigit() and len(part) <= 16 and int(part) <= LARGEST_COUNT
        for part in parts
    ):
        raise InvalidPayloadError.one(
            "query/peaks", "invalid_peaks", "must be one to four whole numbers like 110,110,120"
        )
    return [int(part) for part in parts]


def _price(text: str) -> Decimal:
    try:
        price = money.parse(text)
    except money.MoneyError as error:
        raise InvalidPayloadError.one(
            "query/seat_price", "invalid_money", error.sentence
        ) from error
    if price < 0:
        raise InvalidPayloadError.one("query/seat_price", "negative_money", "must not be negative")
    return price


@router.post(
    "/subscriptions/{subscription}/reconciliations",
    response_model=schemas.ReconciliationAnswer,
    responses=problems(
        SubscriptionNotFoundError, SeatsUnknownError, QuarterReconciledError,
        NotYourOpportunityError, ExternalIdTakenError,
    ),
)  # fmt: skip
async def reconcile_quarter(
    subscription: SubscriptionName,
    body: schemas.Reconciliation,
    caller: Caller,
    session: Write,
    dry_run: DryRun = False,
) -> Response:
    """Records a quarter that was reconciled: the add-on is won at its yearly value, invoiced for the
    quarters that are left, and the licence is raised at once. A quarter is recorded once."""
    actor = await writer(session, caller)
    quarter = seats.Quarter(
        body.quarter, body.peak_seats, body.seat_price, body.platform, body.owner_external_id,
        body.name,
    )  # fmt: skip
    return json_answer(
        await seats.record(session, actor, subscription, quarter, is_dry_run=dry_run)
    )
