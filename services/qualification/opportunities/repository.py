"""Statements on what pipeline publishes: opportunities, accounts and contacts, read only.

The views `pipeline.published_*` are the contract between the two services; nothing else of
pipeline's schema is named here or anywhere in qualification.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import asyncpg

from services.kit.db import Session
from services.kit.rows import Filters


@dataclass(frozen=True, slots=True, kw_only=True)
class Opportunity:
    """An opportunity as pipeline has it now. `net_arr` is 0 where nothing is known of its size;
    people and the account are shown by external id too."""

    id: UUID
    external_id: str | None
    version: int
    name: str
    type: str
    order_type: str
    stage: str
    forecast_category: str
    segment: str
    region: str
    vertical: str
    route_to_market: str | None
    amount: Decimal | None
    currency: str
    net_arr: Decimal
    close_date: date | None
    close_fiscal_quarter: int
    next_step: str | None
    next_step_date: date | None
    source_kind: str | None
    use_case: str | None
    seats: int | None
    buyer_stage: str | None
    owner_id: UUID
    sdr_id: UUID | None
    account_id: UUID | None
    contact_external_ids: list[str]
    stage_entered_at: datetime
    sales_accepted_date: date | None
    created_at: datetime
    updated_at: datetime
    owner_external_id: str | None
    sdr_external_id: str | None
    account_external_id: str | None
    account_name: str | None


_JOINED = {
    "owner_external_id": "owner.external_id",
    "sdr_external_id": "sdr.external_id",
    "account_external_id": "account.external_id",
    "account_name": "account.name",
}
_COLUMNS = ", ".join(
    f"{_JOINED[field.name]} AS {field.name}" if field.name in _JOINED else f"o.{field.name}"
    for field in fields(Opportunity)
)
_FROM = """
    pipeline.published_opportunities AS o
    LEFT JOIN workspace.users AS owner ON owner.workspace_id = $1 AND owner.id = o.owner_id
    LEFT JOIN workspace.users AS sdr ON sdr.workspace_id = $1 AND sdr.id = o.sdr_id
    LEFT JOIN pipeline.published_accounts AS account
      ON account.workspace_id = $1 AND account.id = o.account_id
"""


async def get_opportunity(session: Session, opportunity_id: UUID) -> Opportunity | None:
    row = await session.fetchrow(
        f"SELECT {_COLUMNS} FROM {_FROM} WHERE o.workspace_id = $1 AND o.id = $2",
        session.workspace_id,
        opportunity_id,
    )
    return None if row is None else Opportunity(**dict(row))


async def get_opportunities(session: Session, ids: Iterable[UUID]) -> dict[UUID, Opportunity]:
    """Those of the ids that are open or closed in pipeline by now."""
    rows = await session.fetch(
        f"SELECT {_COLUMNS} FROM {_FROM} WHERE o.workspace_id = $1 AND o.id = ANY($2::uuid[])",
        session.workspace_id,
        list(ids),
    )
    return {row["id"]: Opportunity(**dict(row)) for row in rows}


async def list_opportunities(
    session: Session,
    *,
    stages: Sequence[str],
    owner_ids: Iterable[UUID] | None = None,
    after: UUID | None = None,
    limit: int,
) -> list[Opportunity]:
    """In these stages, oldest id first; `owner_ids` None is everybody's."""
    where = Filters("o.workspace_id = {}", session.workspace_id)
    where.require("o.stage = ANY({}::text[])", list(stages))
    where.where("o.owner_id = ANY({}::uuid[])", None if owner_ids is None else list(owner_ids))
    where.where("o.id > {}", after)
    rows = await session.fetch(
        f"SELECT {_COLUMNS} FROM {_FROM} WHERE {where} ORDER BY o.id LIMIT {int(limit)}",
        *where.values,
    )
    return [Opportunity(**dict(row)) for row in rows]


async def find_account(session: Session, external_id: str) -> dict[str, Any] | None:
    """The account of that external id, with its columns by name."""
    row = await session.fetchrow(
        """
        SELECT id, external_id, version, name, employees, segment, vertical, region,
               route_to_market, parent_id, owner_id
        FROM pipeline.published_accounts WHERE workspace_id = $1 AND external_id = $2
        """,
        session.workspace_id,
        external_id,
    )
    return None if row is None else dict(row)


async def find_contact(session: Session, external_id: str) -> dict[str, Any] | None:
    """The contact of that external id, with its account's external id."""
    row = await session.fetchrow(
        """
        SELECT c.id, c.external_id, c.version, c.name, c.email, c.title, c.persona,
               c.buying_role, c.champion, c.left_at, c.account_id,
               account.external_id AS account_external_id
        FROM pipeline.published_contacts AS c
        LEFT JOIN pipeline.published_accounts AS account
          ON account.workspace_id = $1 AND account.id = c.account_id
        WHERE c.workspace_id = $1 AND c.external_id = $2
        """,
        session.workspace_id,
        external_id,
    )
    return None if row is None else dict(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an opportunity stands, as far as adding up goes, and whose it is."""

    id: UUID
    external_id: str | None
    name: str
    stage: str
    forecast_category: str
    net_arr: Decimal
    currency: str
    sales_accepted_date: date | None
    owner_id: UUID
    sdr_id: UUID | None
    created_at: datetime


async def get_standings(session: Session, ids: Iterable[UUID]) -> list[Standing]:
    """Those of the ids that are opportunities, by id; cheaper than `get_opportunities` for many."""
    rows = await session.fetch(
        """
        SELECT id, external_id, name, stage, forecast_category, net_arr, currency,
               sales_accepted_date, owner_id, sdr_id, created_at
        FROM pipeline.published_opportunities
        WHERE workspace_id = $1 AND id = ANY($2::uuid[]) ORDER BY id
        """,
        session.workspace_id,
        list(ids),
    )
    return [Standing(**dict(row)) for row in rows]


async def find_contacts(session: Session, external_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """As `find_contact`, for many: those that are there, by external id."""
    rows = await session.fetch(
        """
        SELECT external_id, name, title, buying_role, champion, left_at
        FROM pipeline.published_contacts
        WHERE workspace_id = $1 AND external_id = ANY($2::text[])
        """,
        session.workspace_id,
        list(external_ids),
    )
    return {row["external_id"]: dict(row) for row in rows}


async def fetch_with(
    session: Session, where: Filters, *, joined: str, columns: str, order_by: str, limit: int | None
) -> list[tuple[Opportunity, dict[str, Any]]]:
    """Opportunities (`o`) joined with tables of qualification's own, and the columns of those. The
    first parameter of `where` is the workspace."""
    limited = "" if limit is None else f"LIMIT {int(limit)}"
    rows = await session.fetch(
        f"SELECT {_COLUMNS}, {columns} FROM {_FROM} {joined}"
        f" WHERE {where} ORDER BY {order_by} {limited}",
        *where.values,
    )
    own = [field.name for field in fields(Opportunity)]
    found = []
    for row in rows:
        known = dict(row)
        found.append((Opportunity(**{name: known.pop(name) for name in own}), known))
    return found


async def get_accounts(session: Session, external_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Those of the accounts that pipeline has by now, with what they say of size and buying."""
    rows = await session.fetch(
        """
        SELECT external_id, name, employees, segment, vertical, route_to_market
        FROM pipeline.published_accounts
        WHERE workspace_id = $1 AND external_id = ANY($2::text[])
        """,
        session.workspace_id,
        list(external_ids),
    )
    return {row["external_id"]: dict(row) for row in rows}


OPPORTUNITIES: Final = "pipeline.published_opportunities"
ACCOUNTS: Final = "pipeline.published_accounts"
CONTACTS: Final = "pipeline.published_contacts"
"""For statements that join what pipeline publishes with tables of qualification's own."""


async def fetch_columns(
    session: Session, where: Filters, *, columns: str, joined: str = ""
) -> list[asyncpg.Record]:
    """As `fetch_with`, for many of which little is asked."""
    return await session.fetch(
        f"SELECT {columns} FROM pipeline.published_opportunities AS o {joined} WHERE {where}",
        *where.values,
    )


async def ids_named(session: Session, external_ids: Iterable[str]) -> dict[str, UUID]:
    """The opportunities among these external ids."""
    rows = await session.fetch(
        """
        SELECT external_id, id FROM pipeline.published_opportunities
        WHERE workspace_id = $1 AND external_id = ANY($2::text[])
        """,
        session.workspace_id,
        list(external_ids),
    )
    return {row["external_id"]: row["id"] for row in rows}
