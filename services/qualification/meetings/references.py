"""What a meeting names: leads, opportunities, users and contacts, looked up for many at once. A
record the caller may not see is not there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.kit.batch import unknown_reference
from services.kit.db import Session
from services.qualification.leads.repository import user_ids
from services.qualification.meetings.access import Viewer
from services.qualification.opportunities.repository import ACCOUNTS, CONTACTS, OPPORTUNITIES
from services.qualification.questions.catalogue import read_buyer_process, read_personas
from services.qualification.questions.domain import known_persona

_ATTENDEE = ("contact_external_id", "name", "title", "email", "persona", "buying_role")


@dataclass(frozen=True, slots=True)
class References:
    """Everything some payloads name, by id and by external id."""

    viewer: Viewer
    leads: Mapping[UUID | str, Mapping[str, Any]]
    opportunities: Mapping[UUID | str, Mapping[str, Any]]
    users: Mapping[str, UUID]
    contacts: Mapping[str, Mapping[str, Any]]
    personas: frozenset[str]
    buyer_stages: frozenset[str]

    def columns(self, stated: Mapping[str, Any]) -> dict[str, Any]:
        """The payload as columns, with the team as sorted ids. Raises InvalidPayloadError where it
        names what is not there."""
        columns = {name: value for name, value in stated.items() if name not in _REFERENCES}
        for kind, known in (("lead", self.leads), ("opportunity", self.opportunities)):
            column = f"{kind}_id"
            for field in (f"{kind}_external_id", column):
                if field in stated:
                    columns[column] = self._id(f"/{field}", kind, stated[field], known)
        lead = self.leads.get(columns["lead_id"]) if columns.get("lead_id") else None
        if lead is not None and columns.get("opportunity_id") is None:
            # Of a lead that became an opportunity, the meeting is about that.
            columns["opportunity_id"] = lead["opportunity_id"]
        if "owner_external_id" in stated:
            columns["owner_id"] = self._user("/owner_external_id", stated["owner_external_id"])
        if "team" in stated:
            named = enumerate(stated["team"] or ())
            columns["team_ids"] = sorted(
                {str(self._user(f"/team/{place}", name)) for place, name in named}
            )
        if "attendees" in stated:
            columns["attendees"] = [
                self._attendee(f"/attendees/{place}", one.model_dump())
                for place, one in enumerate(stated["attendees"] or ())
            ]
        stage = stated.get("buyer_stage")
        if stage is not None and stage not in self.buyer_stages:
            raise unknown_reference("/buyer_stage", "stage of the buyer's process", stage)
        return columns

    def account_of(self, attendees: Sequence[Mapping[str, Any]]) -> str | None:
        """Where the first contact that has one works."""
        for attendee in attendees:
            contact = self.contacts.get(attendee["contact_external_id"] or "")
            if contact is not None and contact["account_external_id"] is not None:
                return str(contact["account_external_id"])
        return None

    def _id(
        self, pointer: str, kind: str, named: Any, known: Mapping[UUID | str, Mapping[str, Any]]
    ) -> UUID | None:
        if named is None:
            return None
        if named not in known:
            raise unknown_reference(pointer, kind, str(named))
        found: UUID = known[named]["id"]
        return found

    def _user(self, pointer: str, external_id: str | None) -> UUID | None:
        if external_id is None:
            return None
        if external_id not in self.users:
            raise unknown_reference(pointer, "user", external_id)
        return self.users[external_id]

    def _attendee(self, pointer: str, stated: dict[str, Any]) -> dict[str, Any]:
        external_id = stated["contact_external_id"]
        contact: Mapping[str, Any] = {}
        if external_id is not None:
            if external_id not in self.contacts:
                raise unknown_reference(f"{pointer}/contact_external_id", "contact", external_id)
            contact = self.contacts[external_id]
        persona = stated["persona"]
        if persona is not None and known_persona(persona, self.personas) is None:
            raise unknown_reference(f"{pointer}/persona", "persona", persona)
        merged = {name: stated[name] or contact.get(name) for name in _ATTENDEE}
        merged["contact_external_id"] = external_id
        merged["persona"] = known_persona(merged["persona"], self.personas)
        return merged


_REFERENCES = frozenset(
    {
        "lead_id",
        "lead_external_id",
        "opportunity_id",
        "opportunity_external_id",
        "owner_external_id",
        "team",
        "attendees",
    }
)


async def look_up(
    session: Session, viewer: Viewer, payloads: Sequence[Mapping[str, Any]]
) -> References:
    """Everything the payloads name, in a few statements."""
    users = {stated.get("owner_external_id") for stated in payloads}
    contacts: set[str | None] = set()
    for stated in payloads:
        users.update(stated.get("team") or ())
        contacts.update(one.contact_external_id for one in stated.get("attendees") or ())
    return References(
        viewer=viewer,
        leads=await _leads(session, viewer, payloads),
        opportunities=await _opportunities(session, viewer, payloads),
        users=await user_ids(session, sorted(filter(None, users))),
        contacts=await _contacts(session, sorted(filter(None, contacts))),
        personas=frozenset(await read_personas(session, retired=True)),
        buyer_stages=frozenset(await read_buyer_process(session, retired=True)),
    )


def _named(payloads: Iterable[Mapping[str, Any]], field: str) -> list[Any]:
    return list({stated[field] for stated in payloads if stated.get(field) is not None})


async def _leads(
    session: Session, viewer: Viewer, payloads: Sequence[Mapping[str, Any]]
) -> dict[UUID | str, Mapping[str, Any]]:
    """By the id and external id each was named by; a merged lead is the one it became."""
    ids, names = _named(payloads, "lead_id"), _named(payloads, "lead_external_id")
    if not ids and not names:
        return {}
    rows = await session.fetch(
        """
        SELECT named.id AS named_id, named.external_id AS named_external_id, l.id, l.sdr_id,
               l.owner_id, l.status, c.opportunity_id
        FROM qualification.leads AS named
        JOIN qualification.leads AS l
          ON l.workspace_id = $1 AND l.id = coalesce(named.merged_into_id, named.id)
        LEFT JOIN qualification.conversions AS c ON c.workspace_id = $1 AND c.lead_id = l.id
        WHERE named.workspace_id = $1
          AND (named.id = ANY($2::uuid[]) OR named.external_id = ANY($3::text[]))
        """,
        session.workspace_id,
        ids,
        names,
    )
    found: dict[UUID | str, Mapping[str, Any]] = {}
    for row in rows:
        if viewer.covers_lead(row["owner_id"], row["sdr_id"], row["status"]):
            lead = dict(row)
            found[row["named_id"]] = found[row["id"]] = lead
            if row["named_external_id"] is not None:
                found[row["named_external_id"]] = lead
    return found


async def _opportunities(
    session: Session, viewer: Viewer, payloads: Sequence[Mapping[str, Any]]
) -> dict[UUID | str, Mapping[str, Any]]:
    ids = _named(payloads, "opportunity_id")
    names = _named(payloads, "opportunity_external_id")
    if not ids and not names:
        return {}
    rows = await session.fetch(
        f"""
        SELECT o.id, o.external_id, o.owner_id, o.sdr_id FROM {OPPORTUNITIES} AS o
        WHERE o.workspace_id = $1 AND (o.id = ANY($2::uuid[]) OR o.external_id = ANY($3::text[]))
        """,
        session.workspace_id,
        ids,
        names,
    )
    found: dict[UUID | str, Mapping[str, Any]] = {}
    for row in rows:
        if viewer.sight.covers(row["owner_id"], row["sdr_id"]):
            found[row["id"]] = dict(row)
            if row["external_id"] is not None:
                found[row["external_id"]] = dict(row)
    return found


async def _contacts(session: Session, external_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    if not external_ids:
        return {}
    rows = await session.fetch(
        f"""
        SELECT c.external_id, c.name, c.title, c.email, c.persona, c.buying_role,
               a.external_id AS account_external_id
        FROM {CONTACTS} AS c
        LEFT JOIN {ACCOUNTS} AS a ON a.workspace_id = $1 AND a.id = c.account_id
        WHERE c.workspace_id = $1 AND c.external_id = ANY($2::text[])
        """,
        session.workspace_id,
        list(external_ids),
    )
    return {row["external_id"]: dict(row) for row in rows}
