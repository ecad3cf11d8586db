"""What the rules look at, read for many opportunities at once: one statement a kind of fact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg

from services.kit.db import Session
from services.pipeline.hygiene.domain import Cycle, Facts, Moment, Plan
from services.pipeline.opportunities.stages import OPEN_STAGES, STAGE
from services.pipeline.summary.cycles import CycleTimes
from services.qualification.views import Evidence, evidence_of

_ROWS: Final = """
    SELECT o.id, o.owner_id, o.account_id, o.type, o.order_type, o.category, o.stage, o.segment,
           o.forecast_category, o.renewal_loss_category, o.amount,
           o.stated_net_arr IS NOT NULL AS is_net_arr_stated, o.net_arr, o.arr_basis,
           o.expected_renewed_arr, o.close_date, o.close_fiscal_quarter AS close_quarter,
           o.next_step, o.next_step_date, o.push_count, o.stage_entered_at, o.created_at,
           o.subscription_id, o.renewal_date, o.quote_start_date, o.lost_reason,
           cardinality(o.contact_external_ids) AS contacts,
           owner.active AS is_owner_active,
           subscription.start_date AS subscription_start,
           o.opened_on,
           CASE WHEN o.type = 'add_on' AND o.account_id IS NOT NULL THEN
               EXISTS (SELECT FROM pipeline.subscriptions AS s
                       WHERE s.workspace_id = $1 AND s.account_id = o.account_id)
               OR EXISTS (SELECT FROM pipeline.opportunities AS won
                          WHERE won.workspace_id = $1 AND won.account_id = o.account_id
                            AND won.stage = 'closed_won')
           ELSE false END AS is_customer,
           CASE WHEN o.next_step IS NOT NULL OR o.next_step_date IS NOT NULL THEN (
               SELECT e.occurred_at FROM pipeline.opportunity_events AS e
               WHERE e.workspace_id = $1 AND e.opportunity_id = o.id
                 AND (e.changes ? 'next_step' OR e.changes ? 'next_step_date')
               ORDER BY e.version DESC LIMIT 1)
           END AS next_step_at,
           state.opportunity_id IS NOT NULL AS has_state, state.owner_id AS state_owner_id,
           state.opened_on AS state_opened_on, state.is_open AS state_is_open, state.reviewed_at
    FROM pipeline.opportunities AS o
    JOIN workspace.users AS owner ON owner.workspace_id = $1 AND owner.id = o.owner_id
    LEFT JOIN pipeline.subscriptions AS subscription
      ON subscription.workspace_id = $1 AND subscription.id = o.subscription_id
    LEFT JOIN pipeline.hygiene_states AS state
      ON state.workspace_id = $1 AND state.opportunity_id = o.id
    WHERE o.workspace_id = $1 AND o.id = ANY($2::uuid[])
"""
_OF_FACTS: Final = tuple(
    name
    for name in Facts.__dataclass_fields__
    if name
    not in {
        "champions", "champions_left", "last_activity_at", "break_up_mail_at", "gate_codes",
        "gate_at", "plan", "cycle", "opened_on",
    }
)  # fmt: skip


async def read_rows(session: Session, ids: Sequence[UUID]) -> list[asyncpg.Record]:
    return await session.fetch(_ROWS, session.workspace_id, list(ids))


async def read_facts(
    session: Session, rows: Sequence[asyncpg.Record], at: Moment, cycles: CycleTimes
) -> list[Facts]:
    """In the order of the rows."""
    ids = [row["id"] for row in rows]
    accounts = {row["account_id"] for row in rows if row["account_id"] is not None}
    activities = await _activities(session, ids, at.now)
    champions = await _champions(session, accounts)
    gates = await _gates(session, ids)
    # The stages that are closed have no plan any more.
    open_ids = [row["id"] for row in rows if row["stage"] in OPEN_STAGES]
    evidence = await evidence_of(session, open_ids, at.policy)
    return [
        _facts(
            row,
            at,
            cycles,
            activities.get(row["id"]),
            champions.get(row["account_id"]),
            gates.get(row["id"]),
            evidence.get(row["id"]),
        )
        for row in rows
    ]


def _facts(
    row: Mapping[str, Any],
    at: Moment,
    cycles: CycleTimes,
    activity: Mapping[str, Any] | None,
    champions: Mapping[str, Any] | None,
    gate: Mapping[str, Any] | None,
    evidence: Evidence | None,
) -> Facts:
    cycle = cycles.of(row["segment"], row["order_type"])
    return Facts(
        **{name: row[name] for name in _OF_FACTS},
        opened_on=opened_on(row, at),
        last_activity_at=None if activity is None else activity["last_at"],
        break_up_mail_at=None if activity is None else activity["break_up_mail_at"],
        champions=tuple(champions["there"]) if champions else (),
        champions_left=tuple(champions["gone"]) if champions else (),
        gate_codes=tuple(gate["codes"]) if gate else (),
        gate_at=None if gate is None else gate["found_at"],
        plan=Plan() if evidence is None else _plan(evidence, row, at),
        cycle=Cycle(days=cycle.days, basis=cycle.basis, deals=cycle.deals),
    )


def opened_on(row: Mapping[str, Any], at: Moment) -> Any:
    return row["opened_on"] or at.day(row["created_at"])


def _plan(evidence: Evidence, row: Mapping[str, Any], at: Moment) -> Plan:
    unmet = [each for each in evidence.requirements if not each.is_met]
    stale = evidence.staleness
    is_late = STAGE[row["stage"]].rank >= at.number("plan.late_from_stage")
    days = at.number("plan.stale_days_late" if is_late else "plan.stale_days")
    begun_at = evidence.last_touched_at or row["created_at"]
    return Plan(
        missing=evidence.missing,
        required_by=tuple(sorted({rule.code for each in unmet for rule in each.rules})),
        stale_since=stale.since,
        stale_codes=tuple(reason.code for reason in stale.reasons),
        stale_at=begun_at + timedelta(days=days),
    )


async def _activities(
    session: Session, ids: Sequence[UUID], now: datetime
) -> dict[UUID, asyncpg.Record]:
    """A note is no activity of the customer's."""
    rows = await session.fetch(
        """
        SELECT opportunity_id, max(occurred_at) FILTER (WHERE kind <> 'note') AS last_at,
               max(occurred_at) FILTER (WHERE kind = 'breakup_email') AS break_up_mail_at
        FROM pipeline.activities
        WHERE workspace_id = $1 AND opportunity_id = ANY($2::uuid[]) AND state = 'done'
          AND occurred_at <= $3
        GROUP BY opportunity_id
        """,
        session.workspace_id,
        list(ids),
        now,
    )
    return {row["opportunity_id"]: row for row in rows}


async def _champions(session: Session, accounts: set[UUID]) -> dict[UUID, asyncpg.Record]:
    if not accounts:
        return {}
    rows = await session.fetch(
        """
        SELECT account_id,
               coalesce(array_agg(name ORDER BY name, id) FILTER (WHERE left_at IS NULL), '{}')
                   AS there,
               coalesce(array_agg(name ORDER BY name, id) FILTER (WHERE left_at IS NOT NULL), '{}')
                   AS gone
        FROM pipeline.contacts
        WHERE workspace_id = $1 AND account_id = ANY($2::uuid[]) AND champion
        GROUP BY account_id
        """,
        session.workspace_id,
        list(accounts),
    )
    return {row["account_id"]: row for row in rows}


async def _gates(session: Session, ids: Sequence[UUID]) -> dict[UUID, asyncpg.Record]:
    """What was unmet when the opportunity came to the stage it is in."""
    rows = await session.fetch(
        """
        SELECT f.opportunity_id, max(f.found_at) AS found_at,
               array_agg(DISTINCT code.code ORDER BY code.code) AS codes
        FROM pipeline.findings AS f
        JOIN pipeline.stage_visits AS v
          ON v.workspace_id = $1 AND v.opportunity_id = f.opportunity_id AND v.left_at IS NULL
         AND f.version >= v.version
        CROSS JOIN LATERAL unnest(f.codes) AS code (code)
        WHERE f.workspace_id = $1 AND f.opportunity_id = ANY($2::uuid[])
        GROUP BY f.opportunity_id
        """,
        session.workspace_id,
        list(ids),
    )
    return {row["opportunity_id"]: row for row in rows}
