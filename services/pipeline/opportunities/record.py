"""An opportunity in memory: one flat row of columns, and how it is told to clients.

The row also carries the external ids of what it refers to (`REFERENCE_NAMES`), so that an answer
needs no second look. Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias

from services.kit.columns import column_names
from services.kit.money import ZERO
from services.pipeline.models import Opportunity
from services.pipeline.opportunities.booked import booking_of, held_until
from services.pipeline.opportunities.domain import days_in_stage
from services.pipeline.views import FIGURE_FIELDS, FigureInputs, FigureState, derive
from services.workspace.fiscal import UNDATED, FiscalCalendar, FiscalQuarter
from services.workspace.policy import Policy

Row: TypeAlias = dict[str, Any]

COLUMNS: Final = tuple(name for name in column_names(Opportunity) if name != "workspace_id")

REFERENCE_NAMES: Final = {
    "account_id": "account_external_id",
    "owner_id": "owner_external_id",
    "sdr_id": "sdr_external_id",
    "subscription_id": "subscription_external_id",
}
"""Columns that hold another record's id, and the name under which clients know it."""

_NOT_STATED: Final = frozenset(
    {
        "id", "version", "forecast_category", "net_arr", "close_fiscal_quarter",
        "push_count", "stage_entered_at", "entered_later_at", "opened_on", "sales_accepted_date",
        "occurred_at", "created_at", "updated_at",
    }
)  # fmt: skip
INPUT_FIELDS: Final = tuple(name for name in COLUMNS if name not in _NOT_STATED)
"""The stored facts, which versions record; everything else follows from them."""

BLANK: Final[Mapping[str, Any]] = {
    **dict.fromkeys(INPUT_FIELDS),
    **dict.fromkeys(REFERENCE_NAMES.values()),
    "type": "new_business",
    "order_type": "",
    "stage": "pending_acceptance",
    "renewal_loss_category": "none",
    "true_up_amount": ZERO,
    "services_amount": ZERO,
    "other_non_recurring_amount": ZERO,
    "arr_basis": ZERO,
    "category": "standard",
    "segment": "",
    "region": "",
    "vertical": "",
    "contact_external_ids": [],
    "splits": [],
    "stated_fields": [],
}
"""What a new record holds where nothing is stated. Copy before writing to it."""


def figure_state(row: Mapping[str, Any], policy: Policy) -> FigureState:
    """What follows from the row's facts; `policy` is the version the row names."""
    return derive(FigureInputs(*[row[name] for name in FIGURE_FIELDS]), policy)


@lru_cache(maxsize=4096)
def _quarter_label(key: int) -> str | None:
    if key == UNDATED:
        return None
    return FiscalQuarter(key, date.min, date.min).label


def told(
    row: Row, state: FigureState, policy: Policy, calendar: FiscalCalendar, now: datetime
) -> dict[str, Any]:
    """The opportunity as the API shows it, values not yet in their JSON form; `policy` is the
    version the row names."""
    entered_on = calendar.local_date(row["stage_entered_at"])
    submitted_at = row["submitted_at"]
    submitted_on = None if submitted_at is None else calendar.local_date(submitted_at)
    return {
        "id": row["id"],
        "external_id": row["external_id"],
        "version": row["version"],
        "name": row["name"],
        "account_external_id": row["account_external_id"],
        "owner_external_id": row["owner_external_id"],
        "type": row["type"],
        "order_type": row["order_type"],
        "stage": row["stage"],
        "stage_number": state.stage_number,
        "forecast_category": state.forecast_category,
        "forecast_category_source": state.forecast_category_source,
        "renewal_loss_category": row["renewal_loss_category"],
        "amount": row["amount"],
        "currency": row["currency"],
        "term_months": row["term_months"],
        "true_up_amount": row["true_up_amount"],
        "services_amount": row["services_amount"],
        "other_non_recurring_amount": row["other_non_recurring_amount"],
        "arr_basis": row["arr_basis"],
        "expected_renewed_arr": row["expected_renewed_arr"],
        "net_arr": state.net_arr,
        "net_arr_source": state.net_arr_source,
        **booking_of(row, state.net_arr, policy),
        "close_date": row["close_date"],
        "close_fiscal_quarter": _quarter_label(row["close_fiscal_quarter"]),
        "next_step": row["next_step"],
        "next_step_date": row["next_step_date"],
        "source_kind": row["source_kind"],
        "segment": row["segment"] or "unknown",
        "region": row["region"] or None,
        "category": row["category"],
        "parent_external_id": row["parent_external_id"],
        "subscription_external_id": row["subscription_external_id"],
        "renewal_date": row["renewal_date"],
        "quote_start_date": row["quote_start_date"],
        "submitted_at": submitted_at,
        "held_until": held_until(row, submitted_on, policy),
        "duplicate_of": row["duplicate_of"],
        "contact_external_ids": row["contact_external_ids"],
        "sdr_external_id": row["sdr_external_id"],
        "seats": row["seats"],
        "use_case": row["use_case"],
        "route_to_market": row["route_to_market"],
        "buyer_stage": row["buyer_stage"],
        "splits": row["splits"],
        "lost_reason": row["lost_reason"],
        "lost_details": row["lost_details"],
        "push_count": row["push_count"],
        "stage_entered_at": row["stage_entered_at"],
        "days_in_stage": days_in_stage(entered_on, calendar.local_date(now)),
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }
