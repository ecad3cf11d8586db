"""Statements on leads. The holders are stored by id and shown by external id, so every read joins
the workspace's users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.dialects import postgresql

from services.kit.columns import column_names
from services.kit.db import Session, WriteSession
from services.kit.rows import Rows
from services.qualification.leads.record import Lead as Lead
from services.qualification.models import Lead as LeadTable
from services.qualification.models import LeadMove

COLUMNS = [name for name in column_names(LeadTable) if name != "workspace_id"]
MOVES = Rows(LeadMove)

_TYPES = {
    column.name: column.type.compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]
    for column in LeadTable.__table__.columns
}
# A thousand leads travel as one document: their tools are lists, which arrays cannot carry.
_RECORDS = "json_to_recordset($2::json) AS r({})".format(
    ", ".join(f"{name} {_TYPES[name]}" for name in COLUMNS)
)
_CHANGEABLE = [name for name in COLUMNS if name not in ("id", "external_id", "created_at")]

_INSERT = f"""
    INSERT INTO qualification.leads (workspace_id, {", ".join(COLUMNS)})
    SELECT $1::uuid, {", ".join(f"r.{name}" for name in COLUMNS)} FROM {_RECORDS}
    ON CONFLICT DO NOTHING
    RETURNING id
"""
_UPDATE = f"""
    UPDATE qualification.leads AS l
    SET {", ".join(f"{name} = r.{name}" for name in _CHANGEABLE)}
    FROM {_RECORDS}
    WHERE l.workspace_id = $1 AND l.id = r.id
"""
SELECT = f"""
    SELECT {", ".join(f"l.{name}" for name in COLUMNS)},
           sdr.external_id AS sdr_external_id, owner.external_id AS owner_external_id,
           conversion.opportunity_id, conversion.state AS conversion_state,
           conversion.reason AS conversion_reason,
           giver.external_id AS handed_from, taker.external_id AS handed_to,
           conversion.requested_at AS handed_at, conversion.requested_by AS handed_by,
           conversion.is_to_self AS is_handed_to_self, conversion.note AS hand_off_note
    FROM qualification.leads AS l
    LEFT JOIN workspace.users AS sdr ON sdr.workspace_id = $1 AND sdr.id = l.sdr_id
    LEFT JOIN workspace.users AS owner ON owner.workspace_id = $1 AND owner.id = l.owner_id
    LEFT JOIN qualification.conversions AS conversion
      ON conversion.workspace_id = $1 AND conversion.lead_id = l.id
    LEFT JOIN workspace.users AS giver
      ON giver.workspace_id = $1 AND giver.id = conversion.sdr_id
    LEFT JOIN workspace.users AS taker
      ON taker.workspace_id = $1 AND taker.id = conversion.owner_id
"""
# Rows are locked in the order of their ids, so that two batches cannot deadlock; what refers to a
# locked lead may still be added.
_LOCK = """
    SELECT id FROM qualification.leads WHERE workspace_id = $1 AND id = ANY($2::uuid[])
    ORDER BY id FOR NO KEY UPDATE
"""
_LOCK_ONE = """
    SELECT id FROM qualification.leads WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE
"""


async def get_leads(
    session: Session, ids: Sequence[UUID], *, lock: bool = False
) -> dict[UUID, Lead]:
    """With `lock` nobody else changes the leads before the transaction ends: they are read once
    the lock is held, with the holders they have by then."""
    if not ids:
        return {}
    if lock:
        await session.execute(_LOCK, session.workspace_id, list(ids))
    rows = await session.fetch(
        f"{SELECT} WHERE l.workspace_id = $1 AND l.id = ANY($2::uuid[]) ORDER BY l.id",
        session.workspace_id,
        list(ids),
    )
    return {row["id"]: Lead(**dict(row)) for row in rows}


async def get_lead(session: Session, lead_id: UUID, *, lock: bool = False) -> Lead | None:
    """As `get_leads`, of one: equal to an id and not in a list of one, since Postgres takes a list
    of unknown length for long and plans it anew each time, which costs more than reading it."""
    if lock:
        await session.execute(_LOCK_ONE, session.workspace_id, lead_id)
    row = await session.fetchrow(
        f"{SELECT} WHERE l.workspace_id = $1 AND l.id = $2", session.workspace_id, lead_id
    )
    return None if row is None else Lead(**dict(row))


async def lock_by_external_id(
    session: WriteSession, external_ids: Sequence[str]
) -> dict[str, Lead]:
    """The leads that exist, locked, by the external id asked for. A merged one is its survivor,
    so two of the names may be one lead."""
    rows = await session.fetch(
        """
        SELECT external_id, coalesce(merged_into_id, id) AS id FROM qualification.leads
        WHERE workspace_id = $1 AND external_id = ANY($2::text[])
        """,
        session.workspace_id,
        list(external_ids),
    )
    names: dict[str, UUID] = {row["external_id"]: row["id"] for row in rows}
    leads: dict[UUID, Lead] = {}
    missing = set(names.values())
    while missing:
        leads |= await get_leads(session, sorted(missing), lock=True)
        # Merged in its turn, perhaps while we waited for it.
        survivors = {lead.merged_into_id for lead in leads.values()} - {None}
        missing = {lead_id for lead_id in survivors if lead_id is not None} - leads.keys()
    return {name: _survivor(leads, lead_id) for name, lead_id in names.items()}


def _survivor(leads: dict[UUID, Lead], lead_id: UUID) -> Lead:
    lead = leads[lead_id]
    while lead.merged_into_id is not None:
        lead = leads[lead.merged_into_id]
    return lead


def _records(leads: Sequence[Lead]) -> list[dict[str, Any]]:
    return [{name: getattr(lead, name) for name in COLUMNS} for lead in leads]


async def insert_leads(session: WriteSession, leads: Sequence[Lead]) -> set[UUID]:
    """The ids that went in; one that did not met a lead with its id or external id."""
    if not leads:
        return set()
    rows = await session.fetch(_INSERT, session.workspace_id, _records(leads))
    return {row["id"] for row in rows}


async def update_leads(session: WriteSession, leads: Sequence[Lead]) -> None:
    """The rows must be locked."""
    if leads:
        await session.execute(_UPDATE, session.workspace_id, _records(leads))


async def user_ids(session: Session, external_ids: Sequence[str]) -> dict[str, UUID]:
    """The users among these external ids."""
    rows = await session.fetch(
        """
        SELECT external_id, id FROM workspace.users
        WHERE workspace_id = $1 AND external_id = ANY($2::text[])
        """,
        session.workspace_id,
        list(external_ids),
    )
    return {row["external_id"]: row["id"] for row in rows}


async def user_external_id(session: Session, user_id: UUID) -> str | None:
    """How the user is named outside."""
    found: str | None = await session.fetchval(
        "SELECT external_id FROM workspace.users WHERE workspace_id = $1 AND id = $2",
        session.workspace_id,
        user_id,
    )
    return found
