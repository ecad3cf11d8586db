"""Net ARR of one opportunity: the yearly recurring change it brings.

    recurring  = amount - true-up - services - other non-recurring
    annualised = recurring x 12 / term in months (none means 12)
    net ARR    = annualised - ARR basis, rounded to the cent, half away from zero

Pure. The basis is subtracted on a renewal, and on a ramp of any type, whose later years book only
the step from the year before. Rounding happens here, once, after the basis and before any sum.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Protocol

from services.kit.money import CENT, ZERO

COMPUTED: Final = "computed"
STATED: Final = "stated"

REVERSING_CATEGORIES: Final = frozenset({"credit", "decommission", "debook"})
"""They take back a row booked earlier, so they carry its values with the sign turned."""

NEGATIVE_CATEGORIES: Final = REVERSING_CATEGORIES | {"internal_correction"}
"""The only categories of opportunity whose amounts may be negative."""


def uses_basis(type_: str, category: str) -> bool:
    """Whether the ARR basis is part of the deal: on a renewal, on a ramp of any type, and on a row
    that takes back a lost renewal."""
    return type_ == "renewal" or category in ("ramp", "debook")


class NetArrInputs(Protocol):
    """What Net ARR is made of; pipeline's FigureInputs has all of it."""

    @property
    def type(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def stage(self) -> str: ...
    @property
    def amount(self) -> Decimal | None: ...
    @property
    def term_months(self) -> int | None: ...
    @property
    def true_up_amount(self) -> Decimal: ...
    @property
    def services_amount(self) -> Decimal: ...
    @property
    def other_non_recurring_amount(self) -> Decimal: ...
    @property
    def arr_basis(self) -> Decimal: ...
    @property
    def stated_net_arr(self) -> Decimal | None: ...


def net_arr(inputs: NetArrInputs) -> tuple[Decimal, str]:
    """Net ARR and its source. Without an amount it is 0, and figures say they leave it out."""
    stage = inputs.stage
    if inputs.type == "professional_services" or stage == "unqualified" or stage == "duplicate":
        return ZERO, COMPUTED
    if stage == "closed_lost":
        return lost_net_arr(inputs), COMPUTED
    stated = inputs.stated_net_arr
    if stated is not None:
        return stated, STATED
    amount = inputs.amount
    if amount is None:
        return ZERO, COMPUTED
    recurring = (
        amount - inputs.true_up_amount - inputs.services_amount - inputs.other_non_recurring_amount
    )
    term = inputs.term_months
    if term is not None and term != 12:
        # 28 digits of quotient leave a tie exact and anything else on its side of it.
        recurring = recurring * 12 / term
    if inputs.type == "renewal" or inputs.category == "ramp":
        recurring -= inputs.arr_basis
    # kit.money.cents, written out: this line runs for every opportunity of a rebuild.
    return recurring.quantize(CENT, ROUND_HALF_UP) + ZERO, COMPUTED


def lost_net_arr(inputs: NetArrInputs) -> Decimal:
    """A lost renewal loses its basis; a debook gives back the loss it reverses (basis -100: +100).

    Anything else that is lost was never there: 0.
    """
    if inputs.type == "renewal" or inputs.category == "debook":
        return ZERO - inputs.arr_basis
    return ZERO
