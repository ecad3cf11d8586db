"""Statements on leads. The holders are stored by id and shown by external id, so every read joins
the workspace's users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.dialects import postgresql

from services.kit.columns import column_names
from services.kit.db import Session, WriteSession
from services.kit.pagination import PageRequest
from services.qualification.models import Conversion
from services.qualification.models import Lead as LeadTable
from services.workspace.models import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """A lead as stored, with what its answer shows of holders and conversion."""

    id: UUID
    external_id: str | None
    version: int
    name: str
    email: str | None
    title: str | None
    company: str | None
    account_external_id: str | None
    employees: int | None
    region: str | None
    source_kind: str | None
    source: str | None
    use_case: str | None
    seats: int | None
    persona: str | None
    sdr_id: UUID | None
    owner_id: UUID | None
    status: str
    status_since: datetime
    score: int
    notes: str | None
    created_at: datetime
    updated_at: datetime
    industry: str | None
    tools: list[str]
    email_domain: str | None
    phone: str | None
    campaign: str | None
    engagement_external_id: str | None
    landing_page: str | None
    behaviour_points: int
    demographic_points: int
    stated_score: int | None
    fit_score: int | None
    unsubscribed: bool
    status_reason: str | None
    status_details: str | None
    recycle_until: date | None
    woken_at: datetime | None
    first_mql_at: datetime | None
    first_pql_at: datetime | None
    mql_count: int
    first_response_at: datetime | None
    sql_at: datetime | None
    last_signal_at: datetime | None
    last_touch_at: datetime | None
    next_touch_on: date | None
    merged_into_id: UUID | None
    sdr_external_id: str | None = None
    owner_external_id: str | None = None
    opportunity_id: UUID | None = None
    conversion_state: str | None = None
    conversion_reason: str | None = None


COLUMNS = [name for name in column_names(LeadTable) if name != "workspace_id"]
_TYPES = {
    column.name: column.type.compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]
    for column in LeadTable.__table__.columns
}
_NAMES = ", ".join(COLUMNS)
_VALUES = ", ".join(f"r.{name}" for name in COLUMNS)
# A thousand leads travel as one document: tools are lists, which arrays of arrays cannot carry.
_RECORDS = "json_to_recordset($2::json) AS r({})".format(
    ", ".join(f"{name} {_TYPES[name]}" for name in COLUMNS)
)
_CHANGEABLE = [name for name in COLUMNS if name not in ("id", "external_id", "created_at")]

_INSERT = f"""
    INSERT INTO qualification.leads (workspace_id, {_NAMES})
    SELECT $1::uuid, {_VALUES} FROM {_RECORDS}
    ON CONFLICT DO NOTHING
    RETURNING id
"""
_UPDATE = f"""
    UPDATE qualification.leads AS l
    SET {", ".join(f"{name} = r.{name}" for name in _CHANGEABLE)}
    FROM {_RECORDS}
    WHERE l.workspace_id = $1 AND l.id = r.id
"""


def _select() -> Select[Any]:
    lead, sdr, owner = LeadTable.__table__, User.__table__.alias(), User.__table__.alias()
    conversion = Conversion.__table__
    joined = (
        lead.outerjoin(
            sdr, and_(sdr.c.workspace_id == lead.c.workspace_id, sdr.c.id == lead.c.sdr_id)
        )
        .outerjoin(
            owner, and_(owner.c.workspace_id == lead.c.workspace_id, owner.c.id == lead.c.owner_id)
        )
        .outerjoin(
            conversion,
            and_(
                conversion.c.workspace_id == lead.c.workspace_id, conversion.c.lead_id == lead.c.id
            ),
        )
    )
    shown = (
        sdr.c.external_id.label("sdr_external_id"),
        owner.c.external_id.label("owner_external_id"),
        conversion.c.opportunity_id,
        conversion.c.state.label("conversion_state"),
        conversion.c.reason.label("conversion_reason"),
    )
    return select(*(lead.c[name] for name in COLUMNS), *shown).select_from(joined)


async def _leads(session: Session, *where: ColumnElement[bool], lock: bool = False) -> list[Lead]:
    lead = LeadTable.__table__
    statement = _select().where(lead.c.workspace_id == session.workspace_id, *where)
    if lock:
        # Rows are locked in the order of their ids, so that two batches cannot deadlock.
        statement = statement.order_by(lead.c.id).with_for_update(of=lead)
    return [Lead(**dict(row)) for row in await session.fetch(statement)]


async def get_lead(session: Session, lead_id: UUID, *, lock: bool = False) -> Lead | None:
    """With `lock` nobody else changes the lead before the transaction ends."""
    found = await _leads(session, LeadTable.__table__.c.id == lead_id, lock=lock)
    return found[0] if found else None


async def lock_by_external_id(
    session: WriteSession, external_ids: Sequence[str]
) -> dict[str, Lead]:
    """The leads that exist, locked, by external id."""
    column = LeadTable.__table__.c.external_id
    found = await _leads(session, column.in_(external_ids), lock=True)
    return {lead.external_id: lead for lead in found if lead.external_id is not None}


async def list_leads(
    session: Session,
    page: PageRequest,
    *,
    equal: dict[str, Any],
    holder_id: UUID | None = None,
) -> list[Lead]:
    """Up to one more than the page holds, oldest first. `equal` are columns and what they must
    be; `holder_id` keeps to leads this user holds as SDR or owner."""
    lead = LeadTable.__table__
    statement = _select().where(lead.c.workspace_id == session.workspace_id)
    statement = statement.where(*(lead.c[name] == value for name, value in equal.items()))
    if holder_id is not None:
        statement = statement.where((lead.c.sdr_id == holder_id) | (lead.c.owner_id == holder_id))
    if page.after is not None:
        statement = statement.where(lead.c.id > page.after[0])
    statement = statement.order_by(lead.c.id).limit(page.limit + 1)
    return [Lead(**dict(row)) for row in await session.fetch(statement)]


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
