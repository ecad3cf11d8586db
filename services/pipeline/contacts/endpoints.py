"""Contacts: one by its external id, many at once, lists."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Request, Response

from services.kit.answers import if_match, record_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.batch import Batch, BatchAnswer, BatchBody, Change, same_external_id, sole
from services.kit.csv_answer import list_answer
from services.kit.db import Session
from services.kit.errors import IdMismatchError, IdTakenError, StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.kit.schemas import ExternalId
from services.pipeline.contacts import repository
from services.pipeline.contacts.errors import ContactNotFoundError
from services.pipeline.contacts.schemas import (
    Contact,
    ContactFilters,
    ContactItem,
    ContactPage,
    ContactPut,
)
from services.pipeline.contacts.service import upsert_contacts

router = APIRouter(
    prefix="/contacts",
    route_class=ServiceRoute,
    tags=["contacts"],
    responses=problems(*COMMON_ERRORS),
)

WRITERS = ("admin", "integration", "sales_ops")


@router.put(
    "/by-external-id/{external_id:path}",
    response_model=Contact,
    responses={
        201: {"model": Contact},
        **problems(IdTakenError, IdMismatchError, StaleVersionError),
    },
)
async def put_contact(
    external_id: ExternalId, body: ContactPut, request: Request, caller: Caller, session: Write
) -> Response:
    """Creates the contact or merges into it: an absent field is unchanged, null clears it."""
    caller.require(*WRITERS)
    same_external_id(external_id, body.external_id)
    changes = [Change.of(external_id, body)]
    stored = sole(await upsert_contacts(session, changes, if_match=if_match(request)))
    contact = await _require_contact(session, stored.id)
    return record_answer(request, dict(contact), stored.version, stored.status)


@router.post("/batch", status_code=207, response_model=BatchAnswer)
async def post_contacts(body: BatchBody[ContactItem], caller: Caller, session: Write) -> Response:
    """Many contacts at once, each stored or refused by itself."""
    caller.require(*WRITERS)
    batch = Batch(body.items, ContactItem)
    changes = [Change.of(item.external_id, item) for item in batch.values]
    batch.settle_all(await upsert_contacts(session, changes))
    return batch.answer()


@router.get("", response_model=ContactPage)
async def list_contacts(
    request: Request,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    filters: Annotated[ContactFilters, Depends()],
) -> Response:
    """Contacts in the order of their ids."""
    rows = await repository.list_contacts(session, page, filters)
    rows, cursor = page.cut(rows, lambda row: [row["id"]])
    return list_answer(request, [dict(row) for row in rows], cursor, list(Contact.model_fields))


@router.get("/{contact_id}", response_model=Contact, responses=problems(ContactNotFoundError))
async def get_contact(contact_id: UUID, request: Request, session: Read) -> Response:
    """One contact; 304 when `If-None-Match` names its version."""
    contact = await _require_contact(session, contact_id)
    return record_answer(request, dict(contact), contact["version"])


async def _require_contact(session: Session, contact_id: UUID) -> asyncpg.Record:
    contact = await repository.get_contact(session, contact_id)
    if contact is None:
        raise ContactNotFoundError(contact_id)
    return contact
