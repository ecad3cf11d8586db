"""The answer to a question about figures, as a JSON-able dict in the shape of the contract.

Pure: everything read from the database is given. Money is text with two places, ratios with four.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from services.forecast.domain import Measures
from services.forecast.figures import (
    Figures,
    FigureWarning,
    Levels,
    attainment,
    coverage,
    figures,
    gap,
    ratio,
)
from services.forecast.question import Axis, Moment, Person, Standing
from services.kit import clock, money


@dataclass(frozen=True, slots=True)
class AnnualPlan:
    """The year's quota, and what stands against it: booked gross ARR and open pipeline of the four
    quarters together."""

    period: str
    quota: Decimal
    pipeline_built: Decimal


@dataclass(frozen=True, slots=True)
class Group:
    """One value of what the figures are grouped by."""

    key: str
    label: str
    external_id: str | None
    measures: Measures


@dataclass(frozen=True, slots=True)
class Basis:
    """What an answer says that follows from the ledger's state alone, whenever it is asked."""

    measures: Measures
    undated_count: int
    quota: Decimal | None
    is_gross_plan: bool
    band: tuple[Decimal, Decimal]
    annual: AnnualPlan | None
    figures: Figures = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "figures", figures(self.measures))


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything one answer says."""

    quarter_label: str
    currency: str
    axis: Axis
    moment: Moment
    standing: Standing
    person: Person | None
    basis: Basis
    warnings: Sequence[FigureWarning] = ()
    groups: Sequence[Group] | None = None
    group_by: str | None = None


def render(reading: Reading) -> dict[str, Any]:
    """The fields of the contract, in its order."""
    basis = reading.basis
    summed, quota = basis.figures, basis.quota
    # Only a person's own gap follows a gross plan: calls and roll-ups are net.
    closed = summed.gross_arr.closed if basis.is_gross_plan else summed.net_arr.closed
    midpoint = summed.fifty_fifty_suggested
    answer: dict[str, Any] = {
        "fiscal_quarter": reading.quarter_label,
        "user_id": str(reading.person.id) if reading.person else None,
        "currency": reading.currency,
        "as_of": clock.isoformat(reading.moment.as_of),
        "axis": reading.axis.value,
        **_amounts(summed),
        "quota": _text(quota),
        "gap": {
            "closed": _text(gap(quota, closed)),
            "commit": _text(gap(quota, summed.net_arr.commit)),
            "fifty_fifty": _text(gap(quota, midpoint)),
            "best_case": _text(gap(quota, summed.net_arr.best_case)),
        },
        "attainment": attainment(closed, quota),
        "coverage": _coverage(basis, closed),
        "opportunity_count": summed.opportunity_count,
        "warnings": [_warning(warning) for warning in reading.warnings],
        "freshness": {
            "sequence": reading.moment.batch.sequence,
            "computed_at": clock.isoformat(reading.moment.batch.posted_at),
            "pending_events": reading.standing.pending_events,
            "last_event_at": _instant(reading.moment.batch.last_event_at),
        },
    }
    if basis.annual is not None:
        answer["annual"] = _annual(basis.annual, basis.band)
    if reading.groups is not None:
        answer["group_by"] = reading.group_by
        answer["groups"] = [_group(group) for group in reading.groups]
    return answer


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else money.text(amount)


def _instant(instant: Any) -> str | None:
    return None if instant is None else clock.isoformat(instant)


def levels_text(levels: Levels) -> dict[str, str]:
    return {
        "closed": money.text(levels.closed),
        "commit": money.text(levels.commit),
        "best_case": money.text(levels.best_case),
    }


def _amounts(summed: Figures) -> dict[str, Any]:
    midpoint = money.text(summed.fifty_fifty_suggested)
    return {
        "gross_arr": levels_text(summed.gross_arr),
        "renewal_loss": levels_text(summed.renewal_loss),
        "net_arr": {
            **levels_text(summed.net_arr),
            "fifty_fifty": midpoint,
            "fifty_fifty_source": "midpoint",
            "fifty_fifty_suggested": midpoint,
            "fifty_fifty_called": None,
            "called_at": None,
            "system_change_since_call": None,
        },
    }


def pipeline_text(summed: Figures) -> dict[str, str]:
    return {
        "open_pipeline": money.text(summed.open_pipeline),
        "open_stage_3_plus": money.text(summed.open_stage_3_plus),
        "open_signed": money.text(summed.open_signed),
    }


def _coverage(basis: Basis, closed: Decimal) -> dict[str, Any]:
    summed = basis.figures
    against = coverage(summed.open_pipeline, basis.quota, closed, basis.band)
    return {
        **pipeline_text(summed),
        "to_target": against.to_target,
        "to_remainder": against.to_remainder,
        "band": _band(basis.band),
        "state": against.state,
    }


def _band(band: tuple[Decimal, Decimal]) -> list[str]:
    return [f"{edge:.2f}" for edge in band]


def _warning(warning: FigureWarning) -> dict[str, Any]:
    said: dict[str, Any] = {"code": warning.code, "message": warning.message}
    return said if warning.counted is None else said | {"count": warning.counted}


def _annual(plan: AnnualPlan, band: tuple[Decimal, Decimal]) -> dict[str, Any]:
    against = coverage(plan.pipeline_built, plan.quota, Decimal(0), band)
    low, high = band
    return {
        "fiscal_year": plan.period,
        "quota": money.text(plan.quota),
        "pipeline_built": money.text(plan.pipeline_built),
        "goal": [money.text(plan.quota * low), money.text(plan.quota * high)],
        "coverage": ratio(plan.pipeline_built, plan.quota) if plan.quota > 0 else None,
        "band": _band(band),
        "state": against.state,
    }


def _group(group: Group) -> dict[str, Any]:
    summed = figures(group.measures)
    answer: dict[str, Any] = {"key": group.key, "label": group.label}
    if group.external_id is not None:
        answer["external_id"] = group.external_id
    return answer | {
        **_amounts(summed),
        "coverage": pipeline_text(summed),
        "opportunity_count": summed.opportunity_count,
    }
