"""Statements behind lists: opportunities by filter, and the history of one. Read only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from services.kit.db import Session
from services.kit.errors import InvalidPayloadError
from services.kit.pagination import PageRequest
from services.kit.rows import Filters, after_id
from services.pipeline.opportunities.access import Sight
from services.pipeline.opportunities.record import Row
from services.pipeline.opportunities.repository import SELECT_ROWS
from services.pipeline.opportunities.stages import CLOSED_STAGES, OPEN_STAGES

_ACTOR: Final = re.compile(r"(user|key):[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CLAUSES: Final[Mapping[str, str]] = {
    "external_id": "o.external_id = {}",
    "owner_external_id": (
        "o.owner_id = (SELECT u.id FROM workspace.users AS u"
        " WHERE u.workspace_id = $1 AND u.external_id = {})"
    ),
    "account_external_id": (
        "o.account_id = (SELECT a.id FROM pipeline.accounts AS a"
        " WHERE a.workspace_id = $1 AND a.external_id = {})"
    ),
    "stage": "o.stage = ANY({}::text[])",
    "forecast_category": "o.forecast_category = {}",
    "type": "o.type = {}",
    "fiscal_quarter": "o.close_fiscal_quarter = {}",
    "close_date_from": "o.close_date >= {}",
    "close_date_to": "o.close_date <= {}",
    "segment": "o.segment = {}",
    "region": "o.region = {}",
    "updated_since": "o.updated_at >= {}",
    "owners": "o.owner_id = ANY({}::uuid[])",
}


async def list_rows(
    session: Session, page: PageRequest, sight: Sight, filters: Mapping[str, Any]
) -> list[Row]:
    """In id order, one more than the page holds."""
    # SELECT_ROWS has used $1, the workspace, which the filters repeat.
    where = Filters("o.workspace_id = {}", session.workspace_id)
    where.where("o.id > {}", after_id(page))
    for name, clause in _CLAUSES.items():
        where.where(clause, filters.get(name))
    is_open = filters.get("open")
    if is_open is not None:
        where.require("o.stage = ANY({}::text[])", OPEN_STAGES if is_open else CLOSED_STAGES)
    within(where, sight)
    rows = await session.fetch(
        f"{SELECT_ROWS} AND {where} ORDER BY o.id LIMIT {page.limit + 1}", *where.values
    )
    return [dict(row) for row in rows]


def within(where: Filters, sight: Sight, form: str = "{}") -> None:
    """Only opportunities (`o`) the caller may see; `form` is what the clause stands in."""
    if sight.owners is None:
        return
    if sight.sdr_id is None:
        where.require(form.format("o.owner_id = ANY({}::uuid[])"), sorted(sight.owners))
    else:
        # One parameter carries both: the SDR first, then the owners.
        clause = "(o.sdr_id = ({0}::uuid[])[1] OR o.owner_id = ANY(({0}::uuid[])[2:]))"
        where.require(form.format(clause), [sight.sdr_id, *sorted(sight.owners)])


async def list_events(
    session: Session, opportunity_id: UUID, page: PageRequest
) -> list[dict[str, Any]]:
    """Versions in order, one more than the page holds."""
    after = page.after[0] if page.after is not None else 0
    if not isinstance(after, int) or isinstance(after, bool) or not 0 <= after < 2**31:
        raise InvalidPayloadError.one(
            "query/cursor", "invalid_cursor", "is the cursor of another list"
        )
    rows = await session.fetch(
        """
        SELECT version, kind, changes, previous, actor, reason, occurred_at, recorded_at
        FROM pipeline.opportunity_events
        WHERE workspace_id = $1 AND opportunity_id = $2 AND version > $3
        ORDER BY version LIMIT $4
        """,
        session.workspace_id,
        opportunity_id,
        after,
        page.limit + 1,
    )
    return [dict(row) for row in rows]


async def names_of(session: Session, table: str, ids: Iterable[str]) -> dict[str, str | None]:
    """The external ids of records of one of our tables, by id as text."""
    wanted = [UUID(each) for each in ids]
    if not wanted:
        return {}
    rows = await session.fetch(
        f"SELECT id, external_id FROM {table} WHERE workspace_id = $1 AND id = ANY($2::uuid[])",
        session.workspace_id,
        wanted,
    )
    return {str(row["id"]): row["external_id"] for row in rows}


async def actor_names(session: Session, actors: Sequence[str]) -> dict[str, str]:
    """What users and keys among the actors are called; `user:<id>` and `key:<id>` name one."""
    found: dict[str, str] = {}
    for kind, table in (("user", "workspace.users"), ("key", "workspace.api_keys")):
        wanted = {each for each in actors if _ACTOR.fullmatch(each) and each.startswith(kind)}
        if not wanted:
            continue
        rows = await session.fetch(
            f"SELECT id, name FROM {table} WHERE workspace_id = $1 AND id = ANY($2::uuid[])",
            session.workspace_id,
            [UUID(each.partition(":")[2]) for each in wanted],
        )
        found |= {f"{kind}:{row['id']}": row["name"] for row in rows}
    return found
