"""HTTP paths of signals, scores and fit: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.kit import clock
from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.batch import Batch, BatchAnswer, BatchBody
from services.kit.csv_answer import figure_answer, list_answer
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import Label
from services.qualification.leads.errors import LeadMergedError, LeadNotFoundError
from services.qualification.signals import schemas, use_cases

router = APIRouter(route_class=ServiceRoute, tags=["signals"], responses=problems(*COMMON_ERRORS))

LeadId = Annotated[UUID, Path(description="The lead's id.")]


@router.post(
    "/leads/{lead_id}/signals",
    status_code=201,
    responses={
        200: {"model": schemas.Signal, "description": "Told before: the first answer."},
        201: {"model": schemas.Signal},
        **problems(LeadNotFoundError, LeadMergedError),
    },
)
async def hear_signal(
    lead_id: LeadId, body: schemas.SignalCreate, principal: Caller, session: Write
) -> Response:
    """Something the lead did: what it is worth, where it leads, and why."""
    heard = await use_cases.hear_one(session, principal, lead_id, body.to_signal(clock.now()))
    return json_answer(schemas.signal_json(heard.row), 201 if heard.is_new else 200)


@router.get(
    "/leads/{lead_id}/signals",
    responses={200: {"model": schemas.SignalPage}, **problems(LeadNotFoundError)},
)
async def list_signals(
    request: Request,
    lead_id: LeadId,
    principal: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    name: Annotated[Label | None, Query()] = None,
) -> Response:
    """Everything that counted for the lead or against it, oldest record first."""
    rows = await use_cases.list_signals(session, principal, lead_id, page, name)
    signals, next_cursor = page.cut(rows, lambda row: [str(row["id"])])
    items = [schemas.signal_json(row) for row in signals]
    return list_answer(request, items, next_cursor, list(schemas.Signal.model_fields))


@router.post("/signals/batch", status_code=207, response_model=BatchAnswer)
async def hear_signals(
    body: BatchBody[schemas.SignalItem], principal: Caller, session: Write
) -> Response:
    """Signals of many leads at once, in order; each one is heard or refused by itself. `id` is
    the signal's, `version` the lead's."""
    batch = Batch(body.items, schemas.SignalItem, key=None)
    await use_cases.hear_batch(session, principal, batch)
    return batch.answer()


@router.get(
    "/leads/{lead_id}/score",
    responses={200: {"model": schemas.Score}, **problems(LeadNotFoundError)},
)
async def explain_score(
    request: Request, lead_id: LeadId, principal: Caller, session: Read
) -> Response:
    """What the lead's score is made of: what it did, who it is, what is stated, what is missing."""
    return figure_answer(request, await use_cases.explain_score(session, principal, lead_id))


@router.get(
    "/leads/{lead_id}/fit", responses={200: {"model": schemas.Fit}, **problems(LeadNotFoundError)}
)
async def explain_fit(
    request: Request, lead_id: LeadId, principal: Caller, session: Read
) -> Response:
    """How the lead compares with the ideal customer, side by side."""
    return figure_answer(request, await use_cases.explain_fit(session, principal, lead_id))


@router.get("/ideal-customer-profile", responses={200: {"model": schemas.Profile}})
async def show_profile(request: Request, principal: Caller, session: Read) -> Response:
    """The ideal customer, as the policy in force has it."""
    return figure_answer(request, await use_cases.show_profile(session, principal))
