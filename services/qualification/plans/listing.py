"""Plans of open opportunities, found by how they stand. What counts as stale or incomplete is
decided in `domain`; the statement says the same of what is stored, so that a page is one query."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import ReadSession
from services.kit.pagination import PageRequest
from services.kit.rows import Filters, after_id
from services.qualification.evidence.service import policy_now
from services.qualification.opportunities.repository import fetch_with
from services.qualification.plans.answer import standing_json
from services.qualification.plans.domain import EXEMPT_NAME
from services.qualification.plans.repository import Plan, blank
from services.qualification.plans.scope import seen_of, within
from services.qualification.plans.sections import OVERVIEW_FIELDS
from services.workspace.policy import Policy
from services.workspace.policy_qualification import ELEMENTS
from services.workspace.policy_settings import OPEN_STAGES

_COLUMNS = """
    p.version AS plan_version, p.sections, p.elements, p.elements_version, p.elements_at,
    p.touched_at, p.touched_by, p.met_at
"""
_JOINED = """
    LEFT JOIN qualification.command_plans AS p
      ON p.workspace_id = $1 AND p.opportunity_id = o.id
    CROSS JOIN LATERAL (
        SELECT array_position({stages}::text[], o.stage) - 1 AS stage_number,
               position({exempt}::text IN lower(o.name)) > 0 AS is_exempt,
               coalesce(o.net_arr >= ({full}::jsonb ->> o.segment)::numeric, false) AS is_full,
               coalesce(o.amount >= ({commercial}::jsonb ->> o.segment)::numeric, false)
                   AS is_commercial
    ) AS r
    CROSS JOIN LATERAL (
        SELECT NOT r.is_exempt
                   AND (r.stage_number >= {from_stage}::integer OR r.is_full OR r.is_commercial)
                   AS needs_overview,
               coalesce(p.touched_at, o.created_at) + make_interval(days => CASE
                   WHEN r.stage_number >= {late_stage}::integer THEN {late_days}::integer
                   ELSE {days}::integer END) AS due_at
    ) AS n
    CROSS JOIN LATERAL (
        SELECT (n.needs_overview AND coalesce(p.overview_filled, 0) < {overview}::integer)
               OR (NOT r.is_exempt AND r.is_full
                   AND coalesce(p.elements_filled, 0) < {elements}::integer)
               OR (NOT r.is_exempt AND (r.is_full OR r.is_commercial)
                   AND coalesce(p.step_count, 0) = 0) AS is_incomplete,
               NOT r.is_exempt AND (p.touched_at IS NOT NULL OR n.needs_overview)
               AND (n.due_at <= {now}::timestamptz
                    OR coalesce(p.met_at <= {now}::timestamptz
                                AND (p.touched_at IS NULL OR p.met_at > p.touched_at), false))
               AS is_stale
    ) AS s
"""


async def list_plans(
    session: ReadSession,
    principal: Principal,
    page: PageRequest,
    *,
    user_id: str | None,
    is_stale: bool | None,
    is_incomplete: bool | None,
    net_arr_min: Decimal | None,
) -> list[dict[str, Any]]:
    """One more than the page holds, in the order of the opportunities' ids."""
    seen = await seen_of(session, principal, user_id)
    policy, now = await policy_now(session), clock.now()
    where = Filters("o.workspace_id = {}", session.workspace_id)
    where.require("o.stage = ANY({}::text[])", list(OPEN_STAGES))
    where.where("o.id > {}", after_id(page))
    where.where("o.net_arr >= {}", net_arr_min)
    where.where("s.is_stale = {}", is_stale)
    where.where("s.is_incomplete = {}", is_incomplete)
    within(where, seen)
    judged = joined(where, policy, now)
    rows = await fetch_with(
        session, where, joined=judged, columns=_COLUMNS, order_by="o.id", limit=page.limit + 1
    )
    return [standing_json(deal, _plan(deal.id, row), policy, now) for deal, row in rows]


def joined(where: Filters, policy: Policy, now: datetime) -> str:
    """What opportunities (`o`) are joined with to be judged as `s.is_stale` and `s.is_incomplete`,
    at `r.stage_number`; the policy's thresholds become further parameters of the statement."""
    settings: dict[str, Any] = {
        "stages": list(OPEN_STAGES),
        "exempt": EXEMPT_NAME,
        "full": policy.settings["plan.full"],
        "commercial": policy.settings["commercial.overview_amount"],
        "from_stage": policy.number("plan.overview_from_stage"),
        "late_stage": policy.number("plan.late_from_stage"),
        "late_days": policy.number("plan.stale_days_late"),
        "days": policy.number("plan.stale_days"),
        "overview": len(OVERVIEW_FIELDS),
        "elements": len(ELEMENTS),
        "now": now,
    }
    names = {}
    for name, value in settings.items():
        where.values.append(value)
        names[name] = f"${len(where.values)}"
    return _JOINED.format(**names)


def _plan(opportunity_id: Any, row: dict[str, Any]) -> Plan:
    version = row.pop("plan_version")
    if version is None:
        return blank(opportunity_id)
    return Plan(opportunity_id=opportunity_id, version=version, **row)
