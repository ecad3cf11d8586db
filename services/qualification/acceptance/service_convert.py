"""Use cases of the hand-over: of a lead that passed, or straight from a contact. Opening the
opportunity is not done here but by the worker, who finds the request in the outbox."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.batch import unknown_reference
from services.kit.db import ReadSession, Session, WriteSession
from services.kit.ids import NIL, new_id
from services.kit.pagination import PageRequest
from services.kit.rows import after_id
from services.qualification.acceptance import events, repository, repository_conversions
from services.qualification.acceptance.domain import BUYING_ROLES, what_is_unmet
from services.qualification.acceptance.errors import (
    ContactNotConvertibleError,
    ContactUnknownError,
    ConversionNotFoundError,
    HandOverNotYoursError,
    LeadNotConvertibleError,
    OpportunityIdTakenError,
)
from services.qualification.acceptance.evidence import UNKNOWN_SEGMENT, Known, gather
from services.qualification.acceptance.repository_conversions import StoredConversion
from services.qualification.acceptance.schemas_conversions import (
    ContactConversionCreate,
    ConversionCreate,
)
from services.qualification.acceptance.service import judged, policy_at
from services.qualification.events import (
    KIND_CONVERSION_REQUESTED,
    OUTBOX,
    OpportunityRequest,
)
from services.qualification.leads import repository as leads
from services.qualification.leads import storing
from services.qualification.leads.access import (
    READERS,
    WRITERS,
    own_leads_only,
    require_lead,
    require_yours,
)
from services.qualification.leads.draft import Draft
from services.qualification.leads.record import Lead
from services.qualification.leads.service import move_lead
from services.qualification.meetings.service import carry_over
from services.qualification.opportunities import repository as opportunities
from services.workspace.policy import Policy
from services.workspace.users.reach import as_writer


class Person(NamedTuple):
    """A user by both names."""

    id: UUID
    external_id: str


async def convert_lead(
    session: WriteSession, principal: Principal, lead_id: UUID, deal: ConversionCreate
) -> StoredConversion:
    """Asks for the lead's opportunity; the same id whenever it is asked. A conversion pipeline
    refused is asked for anew. Raises LeadNotConvertibleError with everything unmet."""
    principal.require(*WRITERS)
    # The lock makes two calls at once one after the other; what follows is read behind it.
    lead = await require_lead(session, principal, lead_id, lock=True)
    require_yours(principal, lead)
    known = await repository_conversions.lock_of_lead(session, lead_id)
    if known is not None and known.state != "failed":
        return known
    sdr = await _sdr_of_lead(session, principal, lead)
    owner = await _owner_of_lead(session, principal, lead, deal.owner_external_id) or sdr
    last = await repository.last_assessment(
        session, lead_id=lead_id, opportunity_id=known.opportunity_id if known else None
    )
    unmet = what_is_unmet(lead.status, owner is not None, last.conclusion if last else None)
    if last is None or owner is None or unmet:
        raise LeadNotConvertibleError(unmet)
    now = clock.now()
    held = _held_by(lead, sdr, owner)
    request = events.of_lead(
        held,
        deal,
        opportunity_id=known.opportunity_id if known is not None else new_id(),
        owner_external_id=owner.external_id,
        evidence=last.evidence,
        actor=principal.actor,
        at=now,
    )
    asked = _asked(request, last.id, sdr, owner, deal.note)
    await _ask(session, asked, again=known is not None)
    await carry_over(session, lead_id, asked.opportunity_id)
    await _qualify(session, principal, lead, held, await policy_at(session, now))
    return asked


def _asked(
    request: OpportunityRequest,
    assessment_id: UUID,
    sdr: Person | None,
    owner: Person,
    note: str | None,
) -> StoredConversion:
    is_of_lead = request.lead_id is not None
    contact = None if is_of_lead or request.contact is None else request.contact.external_id
    return StoredConversion(
        opportunity_id=request.opportunity_id,
        lead_id=request.lead_id,
        contact_external_id=contact,
        assessment_id=assessment_id,
        request=request.to_json(),
        state="requested",
        reason=None,
        sdr_id=sdr.id if sdr is not None else None,
        owner_id=owner.id,
        is_to_self=sdr is not None and sdr.id == owner.id,
        note=note,
        requested_at=request.requested_at,
        requested_by=request.actor,
        settled_at=None,
        sdr_external_id=sdr.external_id if sdr is not None else None,
        owner_external_id=owner.external_id,
    )


async def _ask(session: WriteSession, asked: StoredConversion, *, again: bool) -> None:
    store = repository_conversions.ask_again if again else repository_conversions.ask
    await store(session, asked)
    await OUTBOX.append(session, kind=KIND_CONVERSION_REQUESTED, subject_id=asked.opportunity_id)


async def _sdr_of_lead(session: Session, principal: Principal, lead: Lead) -> Person | None:
    """Who hands it over: the lead's SDR, else whoever asks and may be one."""
    if lead.sdr_id is not None and lead.sdr_external_id is not None:
        return Person(lead.sdr_id, lead.sdr_external_id)
    return await _caller(session, principal) if principal.has("sdr", "rep") else None


async def _owner_of_lead(
    session: Session, principal: Principal, lead: Lead, named: str | None
) -> Person | None:
    """Who gets it: whoever is named, else the lead's owner, else the salesperson who asks."""
    holder = None
    if lead.owner_id is not None and lead.owner_external_id is not None:
        holder = Person(lead.owner_id, lead.owner_external_id)
    if named is not None:
        return await _named_owner(session, principal, named, holder)
    if holder is None and principal.has("rep"):
        return await _caller(session, principal)
    return holder


async def _named_owner(
    session: Session, principal: Principal, external_id: str, holder: Person | None
) -> Person:
    found = await _person(session, "/owner_external_id", external_id)
    is_theirs = found.id != principal.user_id and found != holder
    if is_theirs and own_leads_only(as_writer(principal)):
        raise HandOverNotYoursError
    return found


async def _person(session: Session, pointer: str, external_id: str) -> Person:
    """Raises InvalidPayloadError where there is no such user."""
    user_id = (await leads.user_ids(session, [external_id])).get(external_id)
    if user_id is None:
        raise unknown_reference(pointer, "user", external_id)
    return Person(user_id, external_id)


async def _caller(session: Session, principal: Principal) -> Person | None:
    return None if principal.user_id is None else await _user(session, principal.user_id)


async def _user(session: Session, user_id: UUID) -> Person | None:
    external_id = await leads.user_external_id(session, user_id)
    return None if external_id is None else Person(user_id, external_id)


def _held_by(lead: Lead, sdr: Person | None, owner: Person) -> Lead:
    """The lead with the people of its hand-over; who did both is its owner, not its SDR."""
    lead = replace(lead, owner_id=owner.id, owner_external_id=owner.external_id)
    if sdr is None or sdr.id == owner.id:
        return lead
    return replace(lead, sdr_id=sdr.id, sdr_external_id=sdr.external_id)


async def _qualify(
    session: WriteSession, principal: Principal, old: Lead, lead: Lead, policy: Policy
) -> None:
    """Qualified is what a converted lead is; one that is so already may change hands."""
    moved = await move_lead(session, principal.actor, lead, "qualified")
    if moved is lead:
        now = clock.now()
        draft = Draft(old, lead, policy, at=now, now=now, actor=principal.actor)
        await storing.store(session, [draft.change()], policy)


async def convert_contact(
    session: WriteSession, principal: Principal, deal: ContactConversionCreate
) -> StoredConversion:
    """Tests what is said of a contact, keeps the test and asks for the opportunity. Raises
    ContactNotConvertibleError with everything unmet, and then keeps nothing."""
    principal.require(*WRITERS)
    contact = await opportunities.find_contact(session, deal.contact_external_id)
    if contact is None:
        raise ContactUnknownError(deal.contact_external_id)
    known = await _known_by_id(session, principal, deal)
    if known is not None and known.state != "failed":
        return known
    account = None
    if contact["account_external_id"] is not None:
        account = await opportunities.find_account(session, contact["account_external_id"])
    sdr = await _sdr_of_contact(session, principal, deal)
    owner = await _owner_of_contact(session, principal, deal, account)
    now = clock.now()
    opportunity_id = deal.id or new_id()
    evidence, _ = gather(deal.said(), _known_of_contact(contact, account))
    policy = await policy_at(session, now)
    test = judged(evidence, policy, at=now, actor=principal.actor, opportunity_id=opportunity_id)
    unmet = what_is_unmet(None, owner is not None, test.conclusion)
    if owner is None or unmet:
        raise ContactNotConvertibleError(unmet)
    await repository.insert_assessment(session, test)
    request = events.of_contact(
        contact,
        account,
        deal,
        opportunity_id=opportunity_id,
        owner_external_id=owner.external_id,
        sdr_external_id=sdr.external_id if sdr is not None else None,
        evidence=test.evidence,
        actor=principal.actor,
        at=now,
    )
    if sdr is None and principal.has("rep"):
        sdr = await _caller(session, principal)
    asked = _asked(request, test.id, sdr, owner, deal.note)
    await _ask(session, asked, again=known is not None)
    return asked


async def _known_by_id(
    session: WriteSession, principal: Principal, deal: ContactConversionCreate
) -> StoredConversion | None:
    """The hand-over that has the id the client chose. Raises OpportunityIdTakenError where it is
    of something else, or of others and not for this client to see."""
    if deal.id is None:
        return None
    known = await repository_conversions.lock(session, deal.id)
    if known is None:
        if await opportunities.get_opportunity(session, deal.id) is not None:
            raise OpportunityIdTakenError(deal.id)
    elif known.contact_external_id != deal.contact_external_id or not _is_yours(principal, known):
        raise OpportunityIdTakenError(deal.id)
    return known


def _is_yours(principal: Principal, known: StoredConversion) -> bool:
    """A salesperson's are those it gave or got, as in the list."""
    holders = (known.sdr_id, known.owner_id)
    return not own_leads_only(as_writer(principal)) or principal.user_id in holders


async def _sdr_of_contact(
    session: Session, principal: Principal, deal: ContactConversionCreate
) -> Person | None:
    if deal.sdr_external_id is not None:
        return await _person(session, "/sdr_external_id", deal.sdr_external_id)
    return await _caller(session, principal) if principal.has("sdr") else None


async def _owner_of_contact(
    session: Session,
    principal: Principal,
    deal: ContactConversionCreate,
    account: dict[str, Any] | None,
) -> Person | None:
    """Whoever is named, else the salesperson who asks, else the account's owner."""
    if deal.owner_external_id is not None:
        return await _named_owner(session, principal, deal.owner_external_id, None)
    if principal.has("rep"):
        return await _caller(session, principal)
    if account is None or account["owner_id"] is None:
        return None
    return await _user(session, account["owner_id"])


def _known_of_contact(contact: dict[str, Any], account: dict[str, Any] | None) -> Known:
    role = contact["buying_role"]
    return Known(
        segment=account["segment"] if account is not None else UNKNOWN_SEGMENT,
        segment_source="account",
        employees=account["employees"] if account is not None else None,
        buying_role=role if role in BUYING_ROLES else None,
    )


async def conversion_of_lead(
    session: ReadSession, principal: Principal, lead_id: UUID
) -> StoredConversion:
    """How far the hand-over of the lead is. Raises ConversionNotFoundError before there is one."""
    principal.require(*READERS)
    await require_lead(session, principal, lead_id)
    found = await repository_conversions.of_lead(session, lead_id)
    if found is None:
        raise ConversionNotFoundError(lead_id)
    return found


async def list_conversions(
    session: ReadSession, principal: Principal, page: PageRequest, state: str | None
) -> list[StoredConversion]:
    """Up to one more than the page holds. A salesperson sees what it gave or got."""
    principal.require(*READERS)
    holder_id = principal.user_id or NIL
    return await repository_conversions.list_conversions(
        session,
        state=state,
        holder_id=holder_id if own_leads_only(principal) else None,
        after=after_id(page),
        limit=page.limit + 1,
    )
