"""Figure inputs with true defaults, for tests that need no database."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.pipeline.views import FigureInputs

ANA = UUID("01970000-0000-7000-8000-00000000000a")
BEN = UUID("01970000-0000-7000-8000-00000000000b")

MONEY_FIELDS = (
    "amount",
    "true_up_amount",
    "services_amount",
    "other_non_recurring_amount",
    "arr_basis",
    "expected_renewed_arr",
    "stated_net_arr",
)

_PLAIN = FigureInputs(
    policy_version=1,
    type="new_business",
    order_type="new_first_order",
    stage="scoping",
    stated_forecast_category=None,
    renewal_loss_category="none",
    amount=None,
    currency="USD",
    term_months=12,
    true_up_amount=Decimal("0.00"),
    services_amount=Decimal("0.00"),
    other_non_recurring_amount=Decimal("0.00"),
    arr_basis=Decimal("0.00"),
    expected_renewed_arr=None,
    stated_net_arr=None,
    close_date=date(2026, 7, 15),
    owner_id=ANA,
    category="standard",
    segment="mid_market",
    region="EMEA",
    vertical="",
)


def make_inputs(**fields: Any) -> FigureInputs:
    """Amounts may be given as integers or strings."""
    amounts = {
        name: Decimal(str(value)).quantize(Decimal("0.01"))
        for name, value in fields.items()
        if name in MONEY_FIELDS and value is not None
    }
    return _PLAIN._replace(**(fields | amounts))
