"""Statements on twins and merges. Whoever merges holds the locks of all the leads it merges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.pagination import PageRequest
from services.kit.rows import Filters, Rows, after_id
from services.qualification.leads.record import Lead
from services.qualification.leads.repository import SELECT
from services.qualification.merges.models import LeadMerge
from services.qualification.touches.seen import SEEN

MERGES = Rows(LeadMerge)

CHILDREN: Final[dict[str, str]] = {
    "signals": "id",
    "touches": "id",
    "response_timers": "id",
    "lead_moves": "id",
    "nurture_activities": "id",
    "assessments": "id",
    "screens": "id",
    "meetings": "id",
    "conversions": "opportunity_id",
}
"""Every table with rows of a lead, and what identifies one of them."""

_TOLD_ONCE: Final = ("signals", "touches")
_ADDRESS: Final = "regexp_replace(lower(l.email), '[+][^@]*@', '@')"
LEADS_PER_GROUP_MAX: Final = 100


async def lock_conversions(session: WriteSession, lead_ids: Sequence[UUID]) -> list[UUID]:
    """The leads among these that were handed over; none of it is settled meanwhile."""
    rows = await session.fetch(
        """
        SELECT lead_id FROM qualification.conversions
        WHERE workspace_id = $1 AND lead_id = ANY($2::uuid[])
        ORDER BY opportunity_id FOR UPDATE
        """,
        session.workspace_id,
        list(lead_ids),
    )
    return [row["lead_id"] for row in rows]


async def move_children(
    session: WriteSession, merged_ids: Sequence[UUID], survivor_id: UUID
) -> dict[UUID, dict[str, list[str]]]:
    """Everything of the merged leads becomes the survivor's; by lead, what it was, by table."""
    moved: dict[UUID, dict[str, list[str]]] = {lead_id: {} for lead_id in merged_ids}
    for table, key in CHILDREN.items():
        rows = await session.fetch(
            f"""
            UPDATE qualification.{table} AS t SET lead_id = $3
            FROM (
                SELECT {key}, lead_id FROM qualification.{table}
                WHERE workspace_id = $1 AND lead_id = ANY($2::uuid[])
                ORDER BY {key} FOR NO KEY UPDATE
            ) AS old
            WHERE t.workspace_id = $1 AND t.{key} = old.{key}
            RETURNING old.{key} AS id, old.lead_id
            """,
            session.workspace_id,
            list(merged_ids),
            survivor_id,
        )
        for row in sorted(rows, key=lambda row: row["id"]):
            moved[row["lead_id"]].setdefault(table, []).append(str(row["id"]))
    await _move_requests(session, merged_ids, survivor_id)
    return moved


async def _move_requests(
    session: WriteSession, merged_ids: Sequence[UUID], survivor_id: UUID
) -> None:
    """Requests of the release before this one name the lead they are about."""
    await session.execute(
        """
        UPDATE qualification.outbox SET subject_id = $3
        WHERE workspace_id = $1 AND subject_id = ANY($2::uuid[])
        """,
        session.workspace_id,
        list(merged_ids),
        survivor_id,
    )


async def free_names(
    session: WriteSession, ordered_ids: Sequence[UUID]
) -> dict[UUID, dict[str, dict[str, str]]]:
    """A lead has one touch, and one signal, of a name. Where two of the leads have one of the same
    name, the first lead's keeps it; by lead, which lost which."""
    freed: dict[UUID, dict[str, dict[str, str]]] = {}
    for table in _TOLD_ONCE:
        rows = await session.fetch(
            f"""
            UPDATE qualification.{table} AS t SET external_id = NULL
            FROM (
                SELECT id, lead_id, external_id, row_number() OVER (
                    PARTITION BY external_id ORDER BY array_position($2::uuid[], lead_id)
                ) AS place
                FROM qualification.{table}
                WHERE workspace_id = $1 AND lead_id = ANY($2::uuid[]) AND external_id IS NOT NULL
            ) AS twin
            WHERE t.workspace_id = $1 AND t.id = twin.id AND twin.place > 1
            RETURNING twin.id, twin.lead_id, twin.external_id
            """,
            session.workspace_id,
            list(ordered_ids),
        )
        for row in rows:
            names = freed.setdefault(row["lead_id"], {}).setdefault(table, {})
            names[str(row["id"])] = row["external_id"]
    return freed


async def flatten(
    session: WriteSession, merged_ids: Sequence[UUID], survivor_id: UUID, at: datetime
) -> None:
    """What was merged into the merged ones before is the survivor's too."""
    await session.execute(
        """
        UPDATE qualification.leads
        SET merged_into_id = $3, version = version + 1, updated_at = $4
        WHERE workspace_id = $1 AND id IN (
            SELECT id FROM qualification.leads
            WHERE workspace_id = $1 AND merged_into_id = ANY($2::uuid[])
            ORDER BY id FOR NO KEY UPDATE
        )
        """,
        session.workspace_id,
        list(merged_ids),
        survivor_id,
        at,
    )


async def disarm_all(session: WriteSession, lead_ids: Sequence[UUID]) -> None:
    """Nothing is due for these leads any more; a timer that the worker has claimed finds that out
    by itself."""
    await session.execute(
        """
        DELETE FROM qualification.timers WHERE workspace_id = $1 AND id IN (
            SELECT id FROM qualification.timers
            WHERE workspace_id = $1 AND subject_id = ANY($2::uuid[])
            ORDER BY id FOR UPDATE SKIP LOCKED
        )
        """,
        session.workspace_id,
        list(lead_ids),
    )


async def list_merges(session: Session, lead_id: UUID, page: PageRequest) -> list[asyncpg.Record]:
    """What became part of the lead, over any number of steps, and the lead's own end; in the order
    it was done, one more than the page holds."""
    return await session.fetch(
        """
        SELECT m.id, m.survivor_id, m.merged_id, merged.external_id AS merged_external_id,
               m.rule, m.snapshot, m.moved, m.actor, m.merged_at
        FROM qualification.lead_merges AS m
        JOIN qualification.leads AS merged
          ON merged.workspace_id = $1 AND merged.id = m.merged_id
        WHERE m.workspace_id = $1 AND (m.merged_id = $2 OR merged.merged_into_id = $2)
          AND ($3::uuid IS NULL OR m.id > $3)
        ORDER BY m.id LIMIT $4
        """,
        session.workspace_id,
        lead_id,
        after_id(page),
        page.limit + 1,
    )


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found among so many leads in the order of their mailboxes: those of more than one
    lead, how many leads were looked at, and the last two mailboxes. Of the last there may be more."""

    shared: dict[str, int]
    lead_count: int
    last: str | None
    before_last: str | None


async def look_for_shared(
    session: Session, *, after: str | None, holder_id: UUID | None, limit: int
) -> Looked:
    """Bounded: where hardly any mailbox is shared, the next ones are another request's."""
    where = Filters("l.workspace_id = {}", session.workspace_id)
    where.where(f"{_ADDRESS} > {{}}", after)
    where.where(SEEN, holder_id)
    # A person's leads are few: found first, by who holds them, and then put in order.
    materialized = "NOT" if holder_id is None else ""
    rows = await session.fetch(
        f"""
        WITH seen AS {materialized} MATERIALIZED (
            SELECT {_ADDRESS} AS address FROM qualification.leads AS l
            WHERE {where} AND l.email IS NOT NULL AND l.merged_into_id IS NULL
        ), looked_at AS MATERIALIZED (
            SELECT address FROM seen ORDER BY address LIMIT {int(limit)}
        ), counted AS MATERIALIZED (
            SELECT address, count(*) AS lead_count FROM looked_at GROUP BY address
        )
        (SELECT address, lead_count, true AS is_shared FROM counted WHERE lead_count > 1)
        UNION ALL
        (SELECT address, (SELECT count(*) FROM looked_at), false FROM counted
         ORDER BY address DESC LIMIT 2)
        ORDER BY is_shared, address
        """,
        *where.values,
    )
    ends = [row["address"] for row in rows if not row["is_shared"]]
    return Looked(
        {row["address"]: row["lead_count"] for row in rows if row["is_shared"]},
        rows[0]["lead_count"] if rows else 0,
        ends[-1] if ends else None,
        ends[0] if len(ends) > 1 else None,
    )


async def leads_at(
    session: Session, addresses: Sequence[str], holder_id: UUID | None
) -> dict[str, list[Lead]]:
    """The leads of each mailbox, oldest first, up to a hundred of one."""
    where = Filters("l.workspace_id = {}", session.workspace_id)
    where.require(f"{_ADDRESS} = ANY({{}}::text[])", list(addresses))
    where.where(SEEN, holder_id)
    rows = await session.fetch(
        f"""
        SELECT placed.address, placed.id FROM (
            SELECT l.id, {_ADDRESS} AS address,
                   row_number() OVER (PARTITION BY {_ADDRESS} ORDER BY l.created_at, l.id) AS place
            FROM qualification.leads AS l
            WHERE {where} AND l.email IS NOT NULL AND l.merged_into_id IS NULL
        ) AS placed
        WHERE placed.place <= {LEADS_PER_GROUP_MAX}
        """,
        *where.values,
    )
    found: dict[str, list[UUID]] = {address: [] for address in addresses}
    for row in rows:
        found[row["address"]].append(row["id"])
    leads = await whole(session, [row["id"] for row in rows])
    return {
        address: sorted((leads[i] for i in ids), key=lambda lead: (lead.created_at, lead.id))
        for address, ids in found.items()
    }


async def whole(session: Session, ids: Iterable[UUID]) -> Mapping[UUID, Lead]:
    rows = await session.fetch(
        f"{SELECT} WHERE l.workspace_id = $1 AND l.id = ANY($2::uuid[])",
        session.workspace_id,
        list(ids),
    )
    return {row["id"]: Lead(**dict(row)) for row in rows}


async def shared_domains(
    session: Session, *, since: str | None, is_after: bool, generic: Sequence[str], limit: int
) -> dict[str, int]:
    """Companies with more than one lead, in their order from `since` on (`is_after`: without it),
    and how many each has."""
    where = Filters("l.workspace_id = {}", session.workspace_id)
    where.where("l.email_domain > {}" if is_after else "l.email_domain >= {}", since)
    where.require("l.email_domain <> ALL({}::text[])", list(generic))
    rows = await session.fetch(
        f"""
        SELECT l.email_domain, count(*) AS lead_count FROM qualification.leads AS l
        WHERE {where} AND l.email_domain IS NOT NULL
        GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT {int(limit)}
        """,
        *where.values,
    )
    return {row["email_domain"]: row["lead_count"] for row in rows}


async def names_in(
    session: Session, companies: Sequence[str], *, holder_id: UUID | None, limit: int
) -> dict[str, dict[UUID, str]]:
    """The leads of each company by id, with their names."""
    where = Filters("l.workspace_id = {}", session.workspace_id)
    where.require("l.email_domain = ANY({}::text[])", list(companies))
    where.where(SEEN, holder_id)
    rows = await session.fetch(
        f"""
        SELECT l.email_domain, l.id, l.name FROM qualification.leads AS l
        WHERE {where} AND l.merged_into_id IS NULL
        ORDER BY l.email_domain, l.id LIMIT {int(limit)}
        """,
        *where.values,
    )
    found: dict[str, dict[UUID, str]] = {company: {} for company in companies}
    for row in rows:
        found[row["email_domain"]][row["id"]] = row["name"]
    return found
