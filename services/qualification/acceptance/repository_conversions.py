"""Statements on conversions: asked for, looked at, listed. Claiming and settling is `events`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.rows import ConcurrentInsertError, Filters


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredConversion:
    """A hand-over: what it is of, who gave it to whom, and how far opening it is. One recorded
    from another system has no test."""

    opportunity_id: UUID
    lead_id: UUID | None
    contact_external_id: str | None
    assessment_id: UUID | None
    request: Mapping[str, Any]
    state: str
    reason: str | None
    sdr_id: UUID | None
    owner_id: UUID | None
    is_to_self: bool
    note: str | None
    requested_at: datetime
    requested_by: str
    settled_at: datetime | None
    sdr_external_id: str | None = None
    owner_external_id: str | None = None


_OWN: Final = """opportunity_id, lead_id, contact_external_id, assessment_id, request, state, reason,
    sdr_id, owner_id, is_to_self, note, requested_at, requested_by, settled_at"""
_HOLDERS: Final = ("sdr_id", "owner_id")
_SELECTED: Final = ", ".join(f"c.{name.strip()}" for name in _OWN.split(","))
_FROM: Final = """
    qualification.conversions AS c
    LEFT JOIN workspace.users AS sdr ON sdr.workspace_id = $1 AND sdr.id = c.sdr_id
    LEFT JOIN workspace.users AS owner ON owner.workspace_id = $1 AND owner.id = c.owner_id
"""
_SHOWN: Final = (
    f"{_SELECTED}, sdr.external_id AS sdr_external_id, owner.external_id AS owner_external_id"
)


async def of_lead(session: Session, lead_id: UUID) -> StoredConversion | None:
    row = await session.fetchrow(
        f"SELECT {_SHOWN} FROM {_FROM} WHERE c.workspace_id = $1 AND c.lead_id = $2",
        session.workspace_id,
        lead_id,
    )
    return None if row is None else StoredConversion(**dict(row))


async def lock_of_lead(session: WriteSession, lead_id: UUID) -> StoredConversion | None:
    """Kept from being settled until the transaction ends."""
    row = await session.fetchrow(
        f"""
        SELECT {_SHOWN} FROM {_FROM} WHERE c.workspace_id = $1 AND c.lead_id = $2 FOR UPDATE OF c
        """,
        session.workspace_id,
        lead_id,
    )
    return None if row is None else StoredConversion(**dict(row))


async def get(session: Session, opportunity_id: UUID) -> StoredConversion | None:
    row = await session.fetchrow(
        f"SELECT {_SHOWN} FROM {_FROM} WHERE c.workspace_id = $1 AND c.opportunity_id = $2",
        session.workspace_id,
        opportunity_id,
    )
    return None if row is None else StoredConversion(**dict(row))


async def lock(session: WriteSession, opportunity_id: UUID) -> StoredConversion | None:
    """Kept from being settled until the transaction ends."""
    row = await session.fetchrow(
        f"""
        SELECT {_SHOWN} FROM {_FROM} WHERE c.workspace_id = $1 AND c.opportunity_id = $2
        FOR UPDATE OF c
        """,
        session.workspace_id,
        opportunity_id,
    )
    return None if row is None else StoredConversion(**dict(row))


async def list_conversions(
    session: Session,
    *,
    state: str | None,
    holder_id: UUID | None,
    after: UUID | None,
    limit: int,
) -> list[StoredConversion]:
    """In the order they were first asked for. `holder_id` keeps to what this user gave or got."""
    where = Filters("c.workspace_id = {}", session.workspace_id)
    where.where("c.state = {}", state)
    where.where("c.opportunity_id > {}", after)
    order = f"ORDER BY c.opportunity_id LIMIT {int(limit)}"
    if holder_id is None:
        statement = f"SELECT {_SHOWN} FROM {_FROM} WHERE {where} {order}"
    else:
        # Either column has its index; one condition with OR would walk through everybody's.
        gave, got = (f"{where} AND c.{name} = ${len(where.values) + 1}" for name in _HOLDERS)
        statement = f"""
            WITH held AS (
                (SELECT c.opportunity_id FROM qualification.conversions AS c WHERE {gave} {order})
                UNION
                (SELECT c.opportunity_id FROM qualification.conversions AS c WHERE {got} {order})
            )
            SELECT {_SHOWN} FROM {_FROM}
            WHERE c.workspace_id = $1 AND c.opportunity_id IN (SELECT opportunity_id FROM held)
            {order}
        """
        where.values.append(holder_id)
    rows = await session.fetch(statement, *where.values)
    return [StoredConversion(**dict(row)) for row in rows]


async def ask(session: WriteSession, asked: StoredConversion) -> None:
    """For the first time. Raises ConcurrentInsertError where somebody else just did."""
    try:
        await session.execute(
            f"""
            INSERT INTO qualification.conversions (workspace_id, {_OWN})
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
            """,
            *_values(session, asked),
        )
    except asyncpg.UniqueViolationError as error:
        raise ConcurrentInsertError(str(error)) from error


async def ask_again(session: WriteSession, asked: StoredConversion) -> None:
    """After a refusal, by the same id; the row is locked."""
    await session.execute(
        f"""
        UPDATE qualification.conversions
        SET ({_OWN}) = ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        WHERE workspace_id = $1 AND opportunity_id = $2
        """,
        *_values(session, asked),
    )


def _values(session: WriteSession, asked: StoredConversion) -> list[Any]:
    return [session.workspace_id, *(getattr(asked, name.strip()) for name in _OWN.split(","))]
