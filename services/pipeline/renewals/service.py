"""The renewals view: reads what comes up, judges each, adds up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from services.kit.auth import Principal
from services.kit.db import Session
from services.kit.errors import InvalidPayloadError
from services.pipeline.renewals import repository
from services.pipeline.renewals.domain import RISKS, Renewal, Totals, Verdict, add_up, judge
from services.workspace.fiscal import FiscalCalendarError, FiscalQuarter
from services.workspace.users.reach import find_subtree, sight
from services.workspace.workspaces.repository import get_workspace


@dataclass(frozen=True, slots=True)
class Up:
    """One thing that comes up, as stored and as judged."""

    row: Mapping[str, Any]
    verdict: Verdict

    @property
    def available(self) -> Decimal:
        available: Decimal = self.row["available"]
        return available


async def read_renewals(
    session: Session,
    principal: Principal,
    fiscal_quarter: str,
    user: str | None,
    filters: Mapping[str, str | None],
) -> tuple[FiscalQuarter, str, list[Up]]:
    """The quarter, the currency and everything that comes up in it, within what the caller sees."""
    workspace = await get_workspace(session)
    try:
        quarter = workspace.calendar.parse(fiscal_quarter)
    except FiscalCalendarError as error:
        raise InvalidPayloadError.one(
            "query/fiscal_quarter", "invalid_fiscal_quarter", str(error)
        ) from error
    owners = (await sight(session, principal)).owners
    if user is not None:
        named = await find_subtree(session, user)
        owners = named if owners is None else owners & named
    rows = await repository.read_up(session, quarter.first_day, quarter.last_day, owners)
    found = [Up(row, judge(_renewal(row), workspace.calendar)) for row in rows]
    return quarter, workspace.currency, [up for up in found if _fits(up, filters)]


def _renewal(row: Mapping[str, Any]) -> Renewal:
    if row["stage"] is None:
        return Renewal(stage=None, available=row["available"])
    is_sized = row["amount"] is not None or row["stated_net_arr"] is not None
    return Renewal(
        stage=row["stage"],
        available=row["available"],
        arr_basis=row["arr_basis"],
        net_arr=row["net_arr"] if is_sized else None,
        loss_category=row["renewal_loss_category"],
        expected_renewed_arr=row["expected_renewed_arr"],
        close_date=row["close_date"],
        term_starts=row["quote_start_date"] or row["ends_on"] + timedelta(days=1),
    )


def _fits(up: Up, filters: Mapping[str, str | None]) -> bool:
    told = item_of(up)
    return all(value is None or told[name] == value for name, value in filters.items())


def item_of(up: Up) -> dict[str, Any]:
    """One thing that comes up, as it is told."""
    row, verdict = up.row, up.verdict
    return {
        "id": row["id"],
        "opportunity_id": row["opportunity_id"],
        "opportunity_external_id": row["opportunity_external_id"],
        "subscription_external_id": row["subscription_external_id"],
        "subscriptions": row["subscriptions"],
        "name": row["name"],
        "account_external_id": row["account_external_id"],
        "owner_external_id": row["owner_external_id"],
        "segment": row["deal_segment"] or row["account_segment"] or "unknown",
        "region": row["deal_region"] or row["account_region"],
        "stage": row["stage"],
        "ends_on": row["ends_on"],
        "close_date": row["close_date"],
        "available_to_renew": up.available,
        "won": verdict.won,
        "swing": verdict.swing,
        "risk": verdict.risk,
        "is_red": verdict.is_red,
        "timeliness": verdict.timeliness,
    }


def report_of(
    quarter: FiscalQuarter, currency: str, user: str | None, found: Sequence[Up]
) -> dict[str, Any]:
    """The sums, by risk too. What is realised is what closed; the rest is expected."""
    closed = [up for up in found if up.row["stage"] in ("closed_won", "closed_lost")]
    timely = [up.verdict.timeliness for up in found if up.verdict.timeliness is not None]
    on_time = timely.count("on_time")
    return {
        "fiscal_quarter": quarter.label,
        "user_id": user,
        "currency": currency,
        **_told(_total(found)),
        "closed": _told(_total(closed)),
        "by_risk": [
            {"risk": risk, **_told(_total([up for up in found if up.verdict.risk == risk]))}
            for risk in RISKS
        ],
        "on_time": on_time,
        "late": len(timely) - on_time,
        "on_time_rate": None if not timely else f"{Decimal(on_time) / len(timely):.4f}",
    }


def _total(found: Sequence[Up]) -> Totals:
    return add_up((up.available, up.verdict) for up in found)


def _told(totals: Totals) -> dict[str, Any]:
    rates = {"worst_rate": totals.worst_rate, "best_rate": totals.best_rate}
    return {
        "count": totals.count,
        "available_to_renew": totals.available,
        "won": totals.won,
        "swing": totals.swing,
        **{name: None if rate is None else f"{rate:.4f}" for name, rate in rates.items()},
    }
