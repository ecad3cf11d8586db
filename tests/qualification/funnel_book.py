"""Leads and their deals as rows, put in by SQL, and the funnel worked out from them a second time.

The reference is deliberately naive and apart from the product's code: it looks at one lead after
another, and a test that compares the two can fail.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from math import ceil
from statistics import median
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from services.kit.ids import new_id
from tests.client import Api

ZONE = ZoneInfo("America/Los_Angeles")
STEPS = ("leads", "mql", "pql", "qualified", "sql", "sales_accepted", "won")
BEFORE = {
    "mql": "leads",
    "pql": "leads",
    "qualified": "leads",
    "sql": "qualified",
    "sales_accepted": "sql",
    "won": "sales_accepted",
}
SEGMENTS = [(2000, "large"), (100, "mid_market"), (1, "smb")]


@dataclass(frozen=True, kw_only=True)
class Deal:
    """The opportunity a lead became."""

    stage: str = "pending_acceptance"
    stage_entered_at: datetime
    sales_accepted_date: date | None = None
    owner_id: UUID | None = None
    type: str = "new_business"
    next_step_date: date | None = None
    id: UUID = field(default_factory=new_id)


@dataclass(frozen=True, kw_only=True)
class LeadRow:
    """What the funnel and the boards look at of a lead."""

    created_at: datetime
    status: str = "raw"
    first_mql_at: datetime | None = None
    first_pql_at: datetime | None = None
    sql_at: datetime | None = None
    source: str | None = None
    source_kind: str | None = None
    region: str | None = None
    employees: int | None = None
    campaign: str | None = None
    engagement_external_id: str | None = None
    sdr_id: UUID | None = None
    owner_id: UUID | None = None
    score: int = 0
    next_touch_on: date | None = None
    woken_at: datetime | None = None
    merged_into_id: UUID | None = None
    deal: Deal | None = None
    id: UUID = field(default_factory=new_id)


_LEAD = (
    "id", "status", "score", "first_mql_at", "first_pql_at", "sql_at", "source", "source_kind",
    "region", "employees", "campaign", "engagement_external_id", "sdr_id", "owner_id",
    "next_touch_on", "woken_at", "merged_into_id", "created_at",
)  # fmt: skip


async def insert(api: Api, leads: Iterable[LeadRow]) -> list[LeadRow]:
    """Straight into the tables: histories that no caller could tell in a short time."""
    rows = list(leads)
    connection = await asyncpg.connect(
        api.stack.database_url, server_settings={"session_replication_role": "replica"}
    )
    try:
        columns = ("workspace_id", "version", "name", "status_since", "updated_at", *_LEAD)
        await connection.copy_records_to_table(
            "leads",
            schema_name="qualification",
            columns=columns,
            records=[
                [api.workspace_id, 1, f"Lead {place}", row.created_at, row.created_at]
                + [getattr(row, name) for name in _LEAD]
                for place, row in enumerate(rows)
            ],
        )
        for row in rows:
            if row.deal is not None:
                await _insert_deal(connection, api.workspace_id, row, row.deal)
    finally:
        await connection.close()
    return rows


async def _insert_deal(
    connection: asyncpg.Connection, workspace_id: UUID, lead: LeadRow, deal: Deal
) -> None:
    at = lead.sql_at or lead.created_at
    await connection.execute(
        """
        INSERT INTO qualification.conversions (workspace_id, lead_id, opportunity_id,
            assessment_id, request, state, requested_at, requested_by, settled_at)
        VALUES ($1, $2, $3, $4, '{}', 'opened', $5, 'test', $5)
        """,
        workspace_id, lead.id, deal.id, new_id(), at,
    )  # fmt: skip
    await insert_opportunity(connection, workspace_id, deal, sdr_id=lead.sdr_id, at=at)


async def insert_opportunity(
    connection: asyncpg.Connection,
    workspace_id: UUID,
    deal: Deal,
    *,
    at: datetime,
    sdr_id: UUID | None = None,
) -> None:
    await connection.execute(
        """
        INSERT INTO pipeline.opportunities (workspace_id, id, version, name, owner_id, sdr_id, type,
            order_type, stage, forecast_category, renewal_loss_category, currency, true_up_amount,
            services_amount, other_non_recurring_amount, arr_basis, net_arr, close_fiscal_quarter,
            segment, region, vertical, category, contact_external_ids, splits, push_count,
            stage_entered_at, sales_accepted_date, next_step_date, policy_version, stated_fields,
            occurred_at, created_at, updated_at)
        VALUES ($1, $2, 1, 'Deal', $3, $4, $5, 'new_first_order', $6, 'omitted', 'none', 'USD', 0,
            0, 0, 0, 0, 0, 'unknown', 'unknown', 'unknown', 'standard', '{}', '[]', 0, $7, $8, $9,
            1, '{}', $10, $10, $10)
        """,
        workspace_id, deal.id, deal.owner_id or new_id(), sdr_id, deal.type, deal.stage,
        deal.stage_entered_at, deal.sales_accepted_date, deal.next_step_date, at,
    )  # fmt: skip


def local_day(instant: datetime) -> date:
    return instant.astimezone(ZONE).date()


@dataclass
class Reference:
    """The funnel of some days, lead by lead."""

    first: date
    last: date
    axis: str
    as_of: datetime
    group_by: str | None = None
    users: dict[UUID, str] = field(default_factory=dict)

    def steps_of(self, lead: LeadRow) -> dict[str, Any]:
        """When each step was taken, as far as it was by the moment asked about."""
        told = [at for at in (lead.first_mql_at, lead.first_pql_at) if at is not None]
        deal = lead.deal
        if deal is not None and deal.stage == "duplicate":
            deal = None
        taken: dict[str, Any] = {
            "leads": lead.created_at,
            "mql": lead.first_mql_at,
            "pql": lead.first_pql_at,
            "qualified": min(told) if told else None,
            "sql": lead.sql_at,
            "sales_accepted": deal.sales_accepted_date if deal and lead.sql_at else None,
            "won": deal.stage_entered_at
            if deal and lead.sql_at and deal.stage == "closed_won"
            else None,
        }
        known = {}
        end = self.as_of
        if self.axis == "event":
            end = min(end, datetime.combine(self.last, datetime.max.time(), ZONE).astimezone(UTC))
        for step, at in taken.items():
            is_known = at is not None and (
                at <= min(local_day(end), self.last if self.axis == "event" else date.max)
                if step == "sales_accepted"
                else at <= end
            )
            known[step] = at if is_known else None
        if known["sql"] is None:
            known["sales_accepted"] = known["won"] = None
        return known

    def counted(self, lead: LeadRow) -> dict[str, Any]:
        """The steps that count, with their moments."""
        if lead.merged_into_id is not None:
            return {}
        steps = self.steps_of(lead)
        if self.axis == "event":
            return {step: at for step, at in steps.items() if at and self._is_in(at)}
        entered = [at for at in (lead.first_mql_at, lead.first_pql_at, lead.sql_at) if at]
        if not entered or min(entered) > self.as_of or not self._is_in(min(entered)):
            return {}
        steps["leads"] = min(entered)
        return {step: at for step, at in steps.items() if at}

    def _is_in(self, at: Any) -> bool:
        day = local_day(at) if isinstance(at, datetime) else at
        return self.first <= day <= self.last

    def group_of(self, lead: LeadRow, step: str, at: Any) -> str | None:
        name = self.group_by
        if name == "segment":
            if not lead.employees:
                return "unknown"
            return next(label for floor, label in SEGMENTS if lead.employees >= floor)
        if name == "sdr":
            return self.users[lead.sdr_id] if lead.sdr_id else None
        if name == "engagement":
            return lead.engagement_external_id
        if name == "month":
            if self.axis == "cohort":
                at = self.counted(lead)["leads"]
            return f"{local_day(at) if isinstance(at, datetime) else at:%Y-%m}"
        return None if name is None else getattr(lead, name)

    def figures(self, leads: Iterable[LeadRow], group: Any = ...) -> dict[str, Any]:
        """As the answer has them, of one group or (`...`) of all."""
        counts = dict.fromkeys(STEPS, 0)
        skipped = dict.fromkeys(("sql", "sales_accepted", "won"), 0)
        times: dict[str, list[float]] = {
            step: [] for step in ("qualified", "sql", "sales_accepted", "won")
        }
        for lead in leads:
            known = self.steps_of(lead)
            for step, at in self.counted(lead).items():
                if group is not ... and self.group_of(lead, step, at) != group:
                    continue
                counts[step] += 1
                if step in skipped and known[BEFORE[step]] is None:
                    skipped[step] += 1
                elif step in times:
                    times[step] += _seconds(lead, known, step)
        rates = {}
        for step, before in BEFORE.items():
            passed = counts[step] - skipped.get(step, 0)
            rates[step] = _rounded(passed, counts[before], "0.0001") if counts[before] else None
        return {
            **counts,
            "skipped": skipped,
            "rates": rates,
            "hours": {step: _hours(found) for step, found in times.items()},
        }

    def groups(self, leads: list[LeadRow]) -> dict[str | None, dict[str, Any]]:
        names = {
            self.group_of(lead, step, at)
            for lead in leads
            for step, at in self.counted(lead).items()
        }
        return {name: self.figures(leads, name) for name in names}


def _seconds(lead: LeadRow, known: dict[str, Any], step: str) -> list[float]:
    if step == "qualified":
        before, after = lead.created_at, known["qualified"]
    elif step == "sql":
        before, after = known["qualified"], known["sql"]
    elif step == "sales_accepted":
        before, after = local_day(known["sql"]), known["sales_accepted"]
    else:
        before, after = known["sales_accepted"], local_day(known["won"])
    return [(after - before) // timedelta(seconds=1)] if after >= before else []


def _hours(seconds: list[float]) -> dict[str, Any]:
    if not seconds:
        return {"count": 0, "mean": None, "median": None, "p90": None}
    ordered = sorted(seconds)
    return {
        "count": len(ordered),
        "mean": _rounded(sum(ordered), len(ordered) * 3600, "0.01"),
        "median": _rounded(Decimal(str(median(ordered))), 3600, "0.01"),
        "p90": _rounded(ordered[ceil(Decimal("0.9") * len(ordered)) - 1], 3600, "0.01"),
    }


def _rounded(top: Any, bottom: int, places: str) -> str:
    return str((Decimal(top) / bottom).quantize(Decimal(places), ROUND_HALF_UP))


def without(lead: LeadRow, **changes: Any) -> LeadRow:
    """The same lead with something else."""
    return replace(lead, **changes)
