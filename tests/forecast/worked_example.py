"""The book of the worked example: one rep, one quarter, fourteen opportunities."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

from services.forecast.domain import Contribution, Measures, contribution, total
from services.pipeline.views import FigureInputs, derive
from services.workspace.fiscal import calendar_for
from services.workspace.policy import SOP_2022
from tests.pipeline.builders import make_inputs

CALENDAR: Final = calendar_for(2, "America/Los_Angeles")
Q2: Final = CALENDAR.parse("FY27-Q2").key
QUOTA: Final = Decimal("400000.00")

_WON, _LOST = "closed_won", "closed_lost"

BOOK: Final = {
    "O1": make_inputs(stage=_WON, amount=60_000),
    "O2": make_inputs(stage=_WON, type="add_on", amount=20_000, term_months=6),
    "O3": make_inputs(
        stage=_WON, type="renewal", amount=140_000, true_up_amount=20_000, arr_basis=120_000
    ),
    "O4": make_inputs(stage=_LOST, type="renewal", arr_basis=30_000, term_months=None),
    "O5": make_inputs(
        stage=_WON, type="renewal", amount=160_000, term_months=24, arr_basis=100_000
    ),
    "O6": make_inputs(stage="awaiting_signature", amount=360_000, term_months=36),
    "O7": make_inputs(stage="negotiating", type="add_on", amount=90_000, term_months=18),
    "O8": make_inputs(stage="proposal", amount=88_000, services_amount=8_000),
    "O9": make_inputs(stage="proposal", type="renewal", amount=150_000, arr_basis=100_000),
    "O10": make_inputs(stage="scoping", amount=70_000, close_date=date(2026, 7, 31)),
    "O11": make_inputs(stage="pending_acceptance", amount=45_000),
    "O12": make_inputs(stage="discovery", amount=90_000, close_date=date(2026, 9, 30)),
    "O13": make_inputs(
        stage="scoping",
        type="renewal",
        arr_basis=40_000,
        renewal_loss_category="commit",
        term_months=None,
    ),
    "O14": make_inputs(
        stage="technical_evaluation",
        type="renewal",
        amount=65_000,
        arr_basis=90_000,
        expected_renewed_arr=65_000,
        renewal_loss_category="best_case",
    ),
}


def contribute(inputs: FigureInputs) -> Contribution:
    return contribution(derive(inputs, SOP_2022), CALENDAR, "USD")


def measures_of(book: dict[str, FigureInputs], quarter: int = Q2) -> Measures:
    contributions = (contribute(inputs) for inputs in book.values())
    return total(item.measures for item in contributions if item.fiscal_quarter == quarter)
