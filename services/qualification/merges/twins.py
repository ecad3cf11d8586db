"""Finding leads that may be one person: the same mailbox, or one company and a similar name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import ReadSession
from services.kit.errors import InvalidPayloadError
from services.kit.pagination import PageRequest, encode_cursor
from services.qualification.leads.access import READERS, own_leads_only, self_id
from services.qualification.leads.record import Lead
from services.qualification.merges import domain, repository
from services.qualification.merges.domain import By
from services.workspace.policies.repository import get_policy, version_in_force

LOOKED_AT_MAX: Final = 5_000
"""Leads whose mailboxes one request looks at."""

COMPARED_MAX: Final = 1000
"""Leads whose names one request compares; of a larger company only the oldest so many are."""

_COMPANIES_MAX: Final = COMPARED_MAX // 2


@dataclass(frozen=True, slots=True)
class Group:
    """Leads that may be one person. `lead_count` may be more than are shown."""

    reason: str
    certainty: str
    key: str
    lead_count: int
    leads: list[Lead]


@dataclass(frozen=True, slots=True)
class Groups:
    """A page. It may hold fewer than were asked for and still have one after it."""

    found: list[Group]
    next_cursor: str | None


async def find(session: ReadSession, principal: Principal, by: By, page: PageRequest) -> Groups:
    principal.require(*READERS)
    holder_id = self_id(principal) if own_leads_only(principal) else None
    if by == "email":
        return await _by_email(session, page, holder_id)
    return await _by_domain(session, page, holder_id)


async def _by_email(session: ReadSession, page: PageRequest, holder_id: UUID | None) -> Groups:
    """Mailbox by mailbox, until the page is full or enough was looked at."""
    after = None if page.after is None else _text(page.after[0])
    looked = await repository.look_for_shared(
        session, after=after, holder_id=holder_id, limit=LOOKED_AT_MAX
    )
    counts, seen = dict(looked.shared), None
    if looked.lead_count >= LOOKED_AT_MAX:
        # The last mailbox may have more leads than were looked at, unless it is all of them.
        seen = looked.before_last or looked.last
        if looked.before_last is not None and looked.last is not None:
            counts.pop(looked.last, None)
    addresses = list(counts)[: page.limit]
    leads = await repository.leads_at(session, addresses, holder_id)
    found = [
        Group(domain.SAME_EMAIL, "certain", address, counts[address], leads[address])
        for address in addresses
    ]
    if len(counts) > page.limit:
        seen = addresses[-1]
    return Groups(found, None if seen is None else encode_cursor([seen]))


async def _by_domain(session: ReadSession, page: PageRequest, holder_id: UUID | None) -> Groups:
    """Company by company, until the page is full or enough was compared."""
    since, last_id = _place(page)
    is_done = page.after is not None and last_id is None
    policy = await get_policy(session, await version_in_force(session, clock.now()))
    counts = await repository.shared_domains(
        session,
        since=since,
        is_after=is_done,
        generic=policy.settings["score.generic_domains"],
        limit=_COMPANIES_MAX + 1,
    )
    companies = _as_many_as_compared(counts)
    names = await repository.names_in(session, companies, holder_id=holder_id, limit=COMPARED_MAX)
    keys = [
        (company, group)
        for company in companies
        for group in domain.similar_groups(names[company])
        if company != since or last_id is None or group[0] > last_id
    ]
    rest = len(companies) < len(counts)
    seen = companies[-1] if companies else since
    shown = keys[: page.limit]
    cursor = _cursor(shown, len(keys) > page.limit, rest, seen)
    wanted = {lead_id for _, group in shown for lead_id in group[: repository.LEADS_PER_GROUP_MAX]}
    leads = await repository.whole(session, wanted)
    return Groups(
        [
            Group(
                domain.SIMILAR_NAME,
                "likely",
                company,
                len(group),
                domain.oldest_first(leads[lead_id] for lead_id in group if lead_id in leads),
            )
            for company, group in shown
        ],
        cursor,
    )


def _as_many_as_compared(counts: Mapping[str, int]) -> list[str]:
    """The first companies whose leads one request compares; at least one, however large."""
    chosen: list[str] = []
    compared = 0
    for company, count in counts.items():
        if chosen and (compared + count > COMPARED_MAX or len(chosen) == _COMPANIES_MAX):
            break
        chosen.append(company)
        compared += count
    return chosen


def _cursor(
    shown: list[tuple[str, list[UUID]]], is_full: bool, rest: bool, seen: str | None
) -> str | None:
    """After the last group shown where more are known, else after the last company compared, which
    is a cursor without a group."""
    if is_full:
        company, group = shown[-1]
        return encode_cursor([company, str(group[0])])
    return encode_cursor([seen]) if rest else None


def _place(page: PageRequest) -> tuple[str | None, UUID | None]:
    match page.after:
        case None:
            return None, None
        case [str(company)]:
            return company, None
        case [str(company), str(lead_id)]:
            try:
                return company, UUID(lead_id)
            except ValueError:
                pass
    raise _foreign_cursor()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _foreign_cursor()
    return value


def _foreign_cursor() -> InvalidPayloadError:
    return InvalidPayloadError.one(
        "query/cursor", "invalid_cursor", "is the cursor of another list"
    )
