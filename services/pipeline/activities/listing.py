"""Statements behind lists of activities, newest first, within what a caller sees: an activity on an
opportunity is seen with it; one on an account by whoever owns it or one of its opportunities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from services.kit.db import Session
from services.kit.errors import InvalidPayloadError
from services.kit.pagination import PageRequest
from services.kit.rows import Filters
from services.pipeline.activities.follow_up import BIT, STEPS
from services.pipeline.activities.repository import ACTIVITIES
from services.pipeline.opportunities.access import Sight

_PLAIN: Final = ", ".join(f"a.{name}" for name in ACTIVITIES.columns)
_OUTER: Final = """
    SELECT a.*, deal.external_id AS opportunity_external_id,
           account.external_id AS account_external_id, done_by.external_id AS user_external_id,
           (SELECT r.id FROM pipeline.activities AS r
            WHERE r.workspace_id = $1 AND r.rebooks_id = a.id ORDER BY r.id LIMIT 1) AS rebooked_by
    FROM ({inner}) AS a
    LEFT JOIN pipeline.opportunities AS deal
      ON deal.workspace_id = $1 AND deal.id = a.opportunity_id
    LEFT JOIN pipeline.accounts AS account
      ON account.workspace_id = $1 AND account.id = a.account_id
    LEFT JOIN workspace.users AS done_by ON done_by.workspace_id = $1 AND done_by.id = a.user_id
    ORDER BY a.occurred_at DESC, a.id DESC LIMIT {limit}
"""
_BRANCH: Final = """
    (SELECT {columns} FROM pipeline.activities AS a {join}
     WHERE {where} ORDER BY a.occurred_at DESC, a.id DESC LIMIT {limit})
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a list is of; None is anything."""

    id: UUID | None = None
    external_id: str | None = None
    kind: str | None = None
    state: str | None = None
    begins: datetime | None = None
    ends: datetime | None = None
    is_qualification: bool | None = None
    users: Sequence[UUID] | None = None
    opportunity_id: UUID | None = None
    opportunity_external_id: str | None = None
    account_id: UUID | None = None
    account_external_id: str | None = None


_CLAUSES: Final[Mapping[str, str]] = {
    "id": "a.id = {}",
    "external_id": "a.external_id = {}",
    "kind": "a.kind = {}",
    "state": "a.state = {}",
    "begins": "a.occurred_at >= {}",
    "ends": "a.occurred_at < {}",
    "is_qualification": "a.is_qualification = {}",
    "users": "a.user_id = ANY({}::uuid[])",
    "opportunity_id": "a.opportunity_id = {}",
    "opportunity_external_id": (
        "a.opportunity_id = (SELECT o.id FROM pipeline.opportunities AS o"
        " WHERE o.workspace_id = $1 AND o.external_id = {})"
    ),
    "account_id": "a.account_id = {}",
    "account_external_id": (
        "a.account_id = (SELECT c.id FROM pipeline.accounts AS c"
        " WHERE c.workspace_id = $1 AND c.external_id = {})"
    ),
}


async def list_rows(
    session: Session, sight: Sight, wanted: Wanted, limit: int, after: tuple[datetime, UUID] | None
) -> list[Mapping[str, Any]]:
    """Newest first, at most `limit`."""
    where = Filters("a.workspace_id = {}", session.workspace_id)
    for name, clause in _CLAUSES.items():
        where.where(clause, getattr(wanted, name))
    if after is not None:
        where.values.extend(after)
        place = len(where.values)
        where.require(
            f"(a.occurred_at, a.id) < (${place - 1}::timestamptz, ${place}::uuid)"
            " AND a.workspace_id = {}",
            session.workspace_id,
        )
    inner = " UNION ALL ".join(
        _BRANCH.format(columns=_PLAIN, join=join, where=f"{where}{also}", limit=limit)
        for join, also in _branches(sight, where)
    )
    return await session.fetch(_OUTER.format(inner=inner, limit=limit), *where.values)


def _branches(sight: Sight, where: Filters) -> list[tuple[str, str]]:
    """A join and a condition for each way in which an activity is seen."""
    if sight.owners is None:
        return [("", "")]
    where.values.append(list(sight.owners))
    owned = f"{{}}.owner_id = ANY(${len(where.values)}::uuid[])"
    deals = owned.format("o")
    if sight.sdr_id is not None:
        where.values.append(sight.sdr_id)
        deals = f"({deals} OR o.sdr_id = ${len(where.values)}::uuid)"
    join = (
        "JOIN pipeline.opportunities AS o ON o.workspace_id = $1 AND o.id = a.opportunity_id"
        f" AND {deals}"
    )
    of_accounts = (
        " AND a.opportunity_id IS NULL AND a.account_id IN ("
        "SELECT c.id FROM pipeline.accounts AS c"
        f" WHERE c.workspace_id = $1 AND {owned.format('c')}"
        " UNION SELECT o.account_id FROM pipeline.opportunities AS o"
        f" WHERE o.workspace_id = $1 AND {deals})"
    )
    return [(join, ""), ("", of_accounts)]


def after_instant(page: PageRequest) -> tuple[datetime, UUID] | None:
    """The cursor of these lists; raises InvalidPayloadError on another list's."""
    if page.after is None:
        return None
    try:
        at, id_ = page.after
        return datetime.fromisoformat(at).astimezone(UTC), UUID(id_)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise InvalidPayloadError.one(
            "query/cursor", "invalid_cursor", "is the cursor of another list"
        ) from error


def told(row: Mapping[str, Any]) -> dict[str, Any]:
    """One activity as clients read it."""
    content = {name: value for name, value in row.items() if name not in ("user_id", "rebooks_id")}
    content["rebooks"] = row["rebooks_id"]
    content["steps"] = [step for step in STEPS if row["steps"] & BIT[step]]
    return content
