"""The figures written a second time, from the definitions, over the opportunities a client sent.

Deliberately naive and apart from the product's code: a test that compares the two can fail.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

CENT = Decimal("0.01")
STAGES = {
    "pending_acceptance": (0, "omitted"),
    "discovery": (1, "pipeline"),
    "scoping": (2, "pipeline"),
    "technical_evaluation": (3, "pipeline"),
    "proposal": (4, "best_case"),
    "negotiating": (5, "commit"),
    "awaiting_signature": (6, "commit"),
}
LEVELS = ("closed", "commit", "best_case")


def net_arr(opportunity: dict[str, Any]) -> Decimal:
    stage, kind = opportunity["stage"], opportunity["type"]
    basis = Decimal(opportunity.get("arr_basis") or 0) if kind == "renewal" else Decimal(0)
    if kind == "professional_services" or stage in ("unqualified", "duplicate"):
        return Decimal(0)
    if stage == "closed_lost":
        return -basis
    amount = Decimal(opportunity.get("amount") or 0)
    yearly = amount * 12 / (opportunity.get("term_months") or 12)
    return (yearly - basis).quantize(CENT, ROUND_HALF_UP)


def is_in_quarter(day: str, first: date, last: date) -> bool:
    return first <= date.fromisoformat(day) <= last


def figures(
    book: Iterable[dict[str, Any]], first: date, last: date, owners: set[str] | None = None
) -> dict[str, dict[str, Decimal]]:
    """Cumulative gross, loss and net of a quarter given by its days, for amounts that are known."""
    gross = dict.fromkeys(LEVELS, Decimal("0.00"))
    loss = dict.fromkeys(LEVELS, Decimal("0.00"))
    for opportunity in book:
        if not is_in_quarter(opportunity["close_date"], first, last):
            continue
        if owners is not None and opportunity["owner_external_id"] not in owners:
            continue
        _add(opportunity, gross, loss)
    for side in (gross, loss):
        side["commit"] += side["closed"]
        side["best_case"] += side["commit"]
    net = {level: gross[level] - loss[level] for level in LEVELS}
    return {"gross_arr": gross, "renewal_loss": loss, "net_arr": net}


def _add(opportunity: dict[str, Any], gross: dict[str, Decimal], loss: dict[str, Decimal]) -> None:
    stage, net = opportunity["stage"], net_arr(opportunity)
    if stage in ("closed_won", "closed_lost", "unqualified", "duplicate"):
        gross["closed"] += max(net, Decimal(0))
        loss["closed"] += max(-net, Decimal(0))
        return
    number, implied = STAGES[stage]
    category = opportunity.get("forecast_category") or implied
    if number == 0:
        category = "omitted"
    risk = opportunity.get("renewal_loss_category", "none")
    if opportunity["type"] == "renewal" and risk != "none":
        expected = Decimal(opportunity.get("expected_renewed_arr") or 0)
        loss[risk] += Decimal(opportunity["arr_basis"]) - expected
    elif category in ("commit", "best_case"):
        if net >= 0:
            gross[category] += net
        elif opportunity["type"] == "renewal" and Decimal(opportunity.get("amount") or 0) > 0:
            loss[category] += -net


def differences(answer: dict[str, Any], expected: dict[str, dict[str, Decimal]]) -> list[str]:
    """Where an answer of the forecast differs from the reference."""
    return [
        f"{side}.{level}: answered {answer[side][level]}, expected {value}"
        for side, levels in expected.items()
        for level, value in levels.items()
        if Decimal(answer[side][level]) != value
    ]
