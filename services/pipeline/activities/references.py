"""What statements about activities name, found in a statement for each kind of record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.kit.batch import unknown_reference
from services.kit.db import Session
from services.pipeline.activities import repository
from services.pipeline.activities.repository import Company, Deal, uuid_of
from services.pipeline.contacts.repository import CONTACTS
from services.workspace.users.repository import USERS

Stated = Mapping[str, Any]


@dataclass(slots=True)
class References:
    """What was found; a name that was not found is its statement's problem."""

    deals: dict[UUID, Deal] = field(default_factory=dict)
    deals_named: dict[str, Deal] = field(default_factory=dict)
    companies: dict[UUID, Company] = field(default_factory=dict)
    companies_named: dict[str, Company] = field(default_factory=dict)
    users: Mapping[str, UUID] = field(default_factory=dict)
    contacts: frozenset[str] = frozenset()
    rebooked: dict[str, dict[str, Any]] = field(default_factory=dict)

    def deal_of(self, stated: Stated) -> Deal | None:
        """The opportunity it names; None where it names none."""
        found: Deal | None = None
        name, id_ = stated.get("opportunity_external_id"), stated.get("opportunity_id")
        if id_ is not None:
            found = self.deals.get(id_)
            if found is None:
                raise unknown_reference("/opportunity_id", "opportunity", str(id_))
        if name is not None:
            named = self.deals_named.get(name)
            if named is None or (found is not None and named.id != found.id):
                raise unknown_reference("/opportunity_external_id", "opportunity", name)
            found = named
        return found


async def find(
    session: Session, statements: Sequence[Stated], rows: Iterable[Mapping[str, Any]]
) -> References:
    """`rows` are the activities as they are stored, whose opportunities and accounts count too."""
    rows = list(rows)
    deals = await repository.find_deals(
        session,
        _named(statements, "opportunity_external_id"),
        _named(statements, "opportunity_id")
        | {row["opportunity_id"] for row in rows if row["opportunity_id"] is not None},
    )
    of_account_alone = [stated for stated in statements if _is_of_account(stated)]
    companies = await repository.find_companies(
        session,
        _named(statements, "account_external_id"),
        _named(of_account_alone, "account_id")
        | {row["account_id"] for row in rows if row["account_id"] and not row["opportunity_id"]},
    )
    contacts = {name for stated in statements for name in stated.get("contact_external_ids") or ()}
    return References(
        deals={deal.id: deal for deal in deals},
        deals_named={deal.external_id: deal for deal in deals if deal.external_id is not None},
        companies={each.id: each for each in companies},
        companies_named={each.external_id: each for each in companies if each.external_id},
        users=await USERS.ids_named(session, _named(statements, "user_external_id")),
        contacts=frozenset(await CONTACTS.ids_named(session, contacts)),
        rebooked=_by_either_name(
            await repository.find_rebooked(session, _named(statements, "rebooks"))
        ),
    )


def _is_of_account(stated: Stated) -> bool:
    return stated.get("account_id") is not None


def _named(statements: Iterable[Stated], name: str) -> set[Any]:
    return {stated[name] for stated in statements if stated.get(name) is not None}


def _by_either_name(rows: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found = {}
    for row in rows:
        found[str(row["id"])] = row
        if row["external_id"] is not None:
            found[row["external_id"]] = row
    return found


def rebooked_of(references: References, name: str) -> dict[str, Any] | None:
    """However the id is written."""
    id_ = uuid_of(name)
    return references.rebooked.get(name) or references.rebooked.get(str(id_))
