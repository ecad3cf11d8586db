"""Importing leads: teaches pipeline's import the records of qualification.

Composes the two services, since neither may import the other; whoever runs or checks imports calls
`register` first. Two kinds: leads, and hand-overs that link a lead to the opportunity it became.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.batch import Outcome
from services.kit.db import WriteSession
from services.kit.ids import NIL
from services.pipeline.imports import records
from services.pipeline.imports.records import Author, RecordKind
from services.pipeline.imports.told import Note, Payload, Rows, instant_of
from services.qualification.leads import service as leads
from services.qualification.leads.schemas import LeadItem
from services.qualification.recorded import (
    HandOverItem,
    Told,
    handed_over,
    record_hand_overs,
    told_moves,
)

_HOLDERS: Final = {"sdr_external_id": "users", "owner_external_id": "users"}
# What a move says; everything else of a lead is a fact that holds until another is stated.
_OF_MOVES: Final = (
    "status", "status_reason", "status_details", "recycle_until", "occurred_at", *_HOLDERS,
)  # fmt: skip


def register() -> None:
    """At start-up, before any mapping is read; again is no change."""
    records.register("leads", _LEADS)
    records.register("handovers", _HANDOVERS)


def _principal(session: WriteSession, author: Author) -> Principal:
    """Whoever sent the import, as the services know callers."""
    kind, _, text = author.name.partition(":")
    key_id = UUID(text) if kind == "key" else NIL
    assert session.workspace_id is not None
    return Principal(session.workspace_id, key_id, author.user_id, author.name, author.roles)


async def _store_leads(
    session: WriteSession, author: Author, payloads: list[LeadItem]
) -> list[Outcome]:
    items = [payload.stated() for payload in payloads]
    return await leads.upsert(session, _principal(session, author), items)


async def _store_handovers(
    session: WriteSession, author: Author, payloads: list[HandOverItem]
) -> list[Outcome]:
    return await record_hand_overs(session, _principal(session, author), payloads)


async def settle_leads(
    session: WriteSession, rows: Rows, are_rows_versions: bool
) -> list[list[Note]]:
    """Takes out, in place, what a lead went through already, so that it is not stepped back. Of a
    row whose own state is of the past the facts are kept, unless every row is a version."""
    told = await told_moves(session, {key for key, _ in rows})
    notes: list[list[Note]] = []
    for key, versions in rows:
        found: list[Note] = []
        known = told.setdefault(key, [])
        if versions and not _is_told(versions, known, found):
            known.append(_said(versions[-1], known))
        elif are_rows_versions:
            versions.clear()
        else:
            last = versions[-1]
            versions[-1] = {name: value for name, value in last.items() if name not in _OF_MOVES}
        notes.append(found)
    return notes


def _is_told(versions: list[Payload], known: list[Told], notes: list[Note]) -> bool:
    """Whether the last version is of the past; earlier ones that are leave `versions`."""
    if not known or "occurred_at" not in versions[-1]:
        return False
    latest, said = known[-1], _said(versions[-1], known)
    versions[:-1] = [each for each in versions[:-1] if instant_of(each, latest.at) > latest.at]
    if said.at > latest.at or said == latest or (said.at == latest.at and said not in known):
        return False
    if said not in known and "status" in versions[-1]:
        day = versions[-1]["occurred_at"][:10]
        sentence = f"the lead has moved on since {day}; its status stays"
        notes.append(("told_late", "occurred_at", sentence))
    return True


def _said(version: Payload, known: list[Told]) -> Told:
    """What the version says; of what it leaves out, what is known."""
    latest = known[-1] if known else Told(clock.now(), "raw")
    at = instant_of(version, latest.at)
    return Told(at, str(version.get("status", latest.status)))


async def settle_handovers(
    session: WriteSession, rows: Rows, are_rows_versions: bool
) -> list[list[Note]]:
    """A hand-over before the lead's last move is taken to have happened with that: a lead is not
    stepped back."""
    told = await told_moves(session, {key for key, _ in rows})
    done = await handed_over(session, told)
    notes: list[list[Note]] = []
    for key, versions in rows:
        found: list[Note] = []
        latest = told[key][-1].at if key in told and key not in done else None
        for version in versions:
            if latest is not None and instant_of(version, latest) < latest:
                first, last = version["occurred_at"][:10], clock.isoformat(latest)
                sentence = f"it is dated {first}, before the lead was as it is on {last[:10]}"
                notes_of = f"{sentence}; it is taken to have happened then"
                found.append(("handed_over_before_move", "occurred_at", notes_of))
                version["occurred_at"] = last
        notes.append(found)
    return notes


_LEADS: Final = RecordKind(
    LeadItem,
    "qualification.leads",
    _store_leads,
    _HOLDERS,
    settle=settle_leads,
    types={
        "score": "integer",
        "tools": "list",
        "key_account": "boolean",
        "unsubscribed": "boolean",
        "recycle_until": "date",
    },
)
_HANDOVERS: Final = RecordKind(
    HandOverItem,
    "qualification.leads",
    _store_handovers,
    _HOLDERS,
    settle=settle_handovers,
)
