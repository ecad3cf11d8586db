"""The statement that finds account families: up to each root, down to every member, and what the
members bought. A circle of parents ends the walk instead of the server."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from services.kit.db import Session
from services.pipeline.opportunities.families import Families, Family
from services.pipeline.opportunities.stages import OPEN_STAGES

_DEPTH_MAX = 32

_MEMBERS = f"""
    WITH RECURSIVE up AS (
        SELECT a.id AS account_id, a.id, a.parent_id, 0 AS depth
        FROM pipeline.accounts AS a
        WHERE a.workspace_id = $1 AND a.id = ANY($2::uuid[])
        UNION ALL
        SELECT up.account_id, parent.id, parent.parent_id, up.depth + 1
        FROM up JOIN pipeline.accounts AS parent
          ON parent.workspace_id = $1 AND parent.id = up.parent_id
        WHERE up.depth < {_DEPTH_MAX}
    ), root AS (
        SELECT DISTINCT ON (account_id) account_id, id AS root_id
        FROM up ORDER BY account_id, depth DESC
    ), member AS (
        SELECT DISTINCT root_id, root_id AS id FROM root
        UNION
        SELECT member.root_id, child.id
        FROM member JOIN pipeline.accounts AS child
          ON child.workspace_id = $1 AND child.parent_id = member.id
    )
"""
_FAMILIES = f"""
    {_MEMBERS}, bought AS (
        SELECT member.root_id, member.id AS member_id,
            (SELECT coalesce(sum(CASE o.category WHEN 'credit' THEN 0 WHEN 'decommission' THEN -1
                                 ELSE 1 END), 0)
             FROM pipeline.opportunities AS o
             WHERE o.workspace_id = $1 AND o.account_id = member.id AND o.stage = 'closed_won'
            ) AS won,
            (SELECT max(o.close_date) FROM pipeline.opportunities AS o
             WHERE o.workspace_id = $1 AND o.account_id = member.id AND o.stage = 'closed_won'
            ) AS won_on,
            (SELECT max(o.renewal_date) FROM pipeline.opportunities AS o
             WHERE o.workspace_id = $1 AND o.account_id = member.id AND o.stage = 'closed_lost'
               AND o.type = 'renewal' AND o.category = 'standard'
            ) AS lost_on,
            (SELECT max(s.end_date) FROM pipeline.subscriptions AS s
             WHERE s.workspace_id = $1 AND s.account_id = member.id) AS subscribed_until
        FROM member
    )
    SELECT root_id, account_id, NULL::uuid AS member_id, NULL::bigint AS won,
        NULL::date AS subscribed_until, NULL::date AS won_on, NULL::date AS lost_on
    FROM root
    UNION ALL
    SELECT root_id, NULL, member_id, won, subscribed_until, won_on, lost_on FROM bought
    WHERE won > 0 OR subscribed_until IS NOT NULL OR lost_on IS NOT NULL
"""
"""First who belongs to which root, then what each member bought: beside each other, not multiplied,
since a family may have as many accounts asked about as it has members."""
_OPEN_IN_FAMILIES = f"""
    {_MEMBERS}
    SELECT o.id FROM member JOIN pipeline.opportunities AS o
      ON o.workspace_id = $1 AND o.account_id = member.id AND o.stage = ANY($3::text[])
"""


async def open_in_families(session: Session, account_ids: Iterable[UUID]) -> list[UUID]:
    """Every open opportunity in the families of these accounts."""
    wanted = list(set(account_ids))
    if not wanted:
        return []
    rows = await session.fetch(_OPEN_IN_FAMILIES, session.workspace_id, wanted, list(OPEN_STAGES))
    return list({row["id"] for row in rows})


async def find_families(session: Session, account_ids: Iterable[UUID]) -> Families:
    """The families these accounts belong to; accounts of one family share its object."""
    wanted = list(set(account_ids))
    if not wanted:
        return Families({})
    by_root: dict[UUID, Family] = {}
    by_account: dict[UUID, Family] = {}
    rows = await session.fetch(_FAMILIES, session.workspace_id, wanted)
    for root_id, account_id, member_id, won, subscribed_until, won_on, lost_on in rows:
        family = by_root.setdefault(root_id, Family())
        if member_id is None:
            by_account[account_id] = family
            continue
        if won > 0 or subscribed_until is not None:
            family.won[member_id] = int(won)
        if subscribed_until is not None:
            family.subscribed_until[member_id] = subscribed_until
        if won_on is not None:
            family.won_on[member_id] = won_on
        if lost_on is not None:
            family.lost_on[member_id] = lost_on
    return Families(by_account)
