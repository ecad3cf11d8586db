"""Money: decimal amounts of at most two places, stored as NUMERIC(18,2).

A client may write twelve digits before the point and a computed amount may have thirteen, so that
the sum of a thousand of the largest still fits its column.

Owns reading, rounding and writing them. A float never gets in: it has already lost the cents.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

CENT: Final = Decimal("0.01")
ZERO: Final = Decimal("0.00")
LARGEST: Final = Decimal("999999999999.99")
LARGEST_COMPUTED: Final = Decimal("9999999999999.99")

_WRITTEN = re.compile(r"-?0*[0-9]{1,12}(\.[0-9]{1,2})?")


class MoneyError(ValueError):
    """What was given is not an amount. `sentence` says why, in words for whoever sent it.

    A ValueError so that a pydantic validator turns it into a field error by itself.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def parse(value: object) -> Decimal:
    """The amount a client wrote as a string or an integer, always with two places."""
    if isinstance(value, Decimal):
        return _checked(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _checked(Decimal(value))
    if isinstance(value, str):
        if _WRITTEN.fullmatch(value) is None:
            raise MoneyError(
                f"{value[:40]!r} is not an amount: write digits with at most two decimal places"
                " and twelve before them, like 125000.00."
            )
        return _checked(Decimal(value))
    raise MoneyError("An amount is a string like '125000.00' or an integer, never a float.")


def _checked(value: Decimal) -> Decimal:
    if not value.is_finite() or abs(value) > LARGEST:
        raise MoneyError("An amount has at most twelve digits before the decimal point.")
    rounded = value.quantize(CENT, ROUND_HALF_UP)
    if rounded != value:
        raise MoneyError("An amount has at most two decimal places.")
    # Adding zero turns -0.00 into 0.00; nobody owes a negative nothing.
    return rounded + ZERO


def cents(value: Decimal) -> Decimal:
    """Rounded to the cent, half away from zero."""
    # ROUND_HALF_UP of decimal rounds the magnitude, which is half away from zero.
    return value.quantize(CENT, ROUND_HALF_UP) + ZERO


def is_in_range(value: Decimal) -> bool:
    """Whether a computed amount is one that sums may be made of."""
    return abs(value) <= LARGEST_COMPUTED


def text(value: Decimal) -> str:
    """As JSON and CSV carry it: two places, no exponent, no separators."""
    return f"{value:.2f}"
