"""Gathers what criteria are decided by, qualification's part with it: one statement, whatever the
number of opportunities, and none where nothing of it is asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from services.kit.db import Session
from services.pipeline.gates.facts import (
    ACTIVITIES,
    BREAKUP,
    CHECKLIST,
    OWNER,
    Facts,
    Seen,
)
from services.qualification.views import NOTHING, gate_evidence_from, gate_evidence_sql
from services.workspace.policy import Policy

_PARTS: Final = {
    CHECKLIST: (
        ", list.items",
        """
        LEFT JOIN pipeline.checklists AS list
          ON list.workspace_id = $1 AND list.opportunity_id = wanted.id
        """,
    ),
    OWNER: (
        ", owner.role AS owner_role",
        """
        LEFT JOIN workspace.users AS owner
          ON owner.workspace_id = $1 AND owner.id = wanted.owner_id
        """,
    ),
    ACTIVITIES: (
        """, acted_first.subject AS aq_subject, acted_first.state AS aq_state, acted_first.occurred_at AS
        aq_at, acted.subject AS am_subject, acted.state AS am_state, acted.occurred_at AS am_at""",
        """
        LEFT JOIN LATERAL (
            SELECT subject, state, occurred_at FROM pipeline.activities
            WHERE workspace_id = $1 AND opportunity_id = wanted.id
                AND is_qualification AND state = 'done'
                AND kind IN ('call', 'meeting', 'calendar', 'demo')
            ORDER BY occurred_at DESC LIMIT 1
        ) AS acted_first ON true
        LEFT JOIN LATERAL (
            SELECT subject, state, occurred_at FROM pipeline.activities
            WHERE workspace_id = $1 AND opportunity_id = wanted.id
                AND NOT is_qualification AND state IN ('planned', 'done')
                AND kind IN ('meeting', 'calendar', 'demo') AND occurred_at >= wanted.since
            ORDER BY occurred_at DESC LIMIT 1
        ) AS acted ON true
        """,
    ),
    BREAKUP: (
        ", breakup.subject AS ab_subject, breakup.state AS ab_state, breakup.occurred_at AS ab_at",
        """
        LEFT JOIN LATERAL (
            SELECT subject, state, occurred_at FROM pipeline.activities
            WHERE workspace_id = $1 AND opportunity_id = wanted.id
                AND kind = 'breakup_email' AND state = 'done'
            ORDER BY occurred_at DESC LIMIT 1
        ) AS breakup ON true
        """,
    ),
}
# One is asked for by itself, since its plan then fits any other one and is made once; with arrays the
# planner, which cannot know that they hold one, makes a plan at every move.
_ONE: Final = "(SELECT $2::uuid AS id, $3::uuid AS owner_id, $4::timestamptz AS since)"
_MANY: Final = "unnest($2::uuid[], $3::uuid[], $4::timestamptz[])"
_PREFIXES: Final = {"qualified_by": "aq", "meets_by": "am", "breakup": "ab"}


async def facts_of(
    session: Session,
    rows: Sequence[Mapping[str, Any]],
    needs: Collection[str],
    policy: Policy,
    today: date,
) -> dict[UUID, Facts]:
    """By opportunity; meetings count from `stage_entered_at`, or from `gate_since` where the row
    has that: a row that moves has entered the next stage already."""
    since = {row["id"]: row.get("gate_since") or row["stage_entered_at"] for row in rows}
    known = await _known(session, rows, since, needs)
    nothing: dict[str, Any] = {"evidence": NOTHING}
    return {
        row["id"]: Facts(row=row, today=today, policy=policy, **known.get(row["id"], nothing))
        for row in rows
    }


async def _known(
    session: Session,
    rows: Sequence[Mapping[str, Any]],
    since: Mapping[UUID, Any],
    needs: Collection[str],
) -> dict[UUID, dict[str, Any]]:
    parts = [part for part in _PARTS if part in needs]
    columns, joins = gate_evidence_sql(needs)
    if not rows or not (parts or columns):
        return {}
    values: list[Any] = [
        [row["id"] for row in rows],
        [row["owner_id"] for row in rows],
        list(since.values()),
    ]
    is_one = len(rows) == 1
    found = await session.fetch(
        f"SELECT wanted.id{''.join(_PARTS[part][0] for part in parts)}{columns}"
        f" FROM {_ONE if is_one else _MANY} AS wanted (id, owner_id, since)"
        f" {''.join(_PARTS[part][1] for part in parts)}{joins} WHERE $1::uuid IS NOT NULL",
        session.workspace_id,
        *((column[0] for column in values) if is_one else values),
    )
    return {
        row["id"]: {**_facts(dict(row)), "evidence": gate_evidence_from(row, needs)}
        for row in found
    }


def _facts(row: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if row.get("items") is not None:
        told["checklist"] = row["items"]
    if "owner_role" in row:
        told["owner_role"] = row["owner_role"]
    for name, prefix in _PREFIXES.items():
        if row.get(f"{prefix}_at") is not None:
            told[name] = Seen(row[f"{prefix}_subject"], row[f"{prefix}_state"], row[f"{prefix}_at"])
    return told
