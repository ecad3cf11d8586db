"""Amounts: what is read, what is refused, how they round and how they are written."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit import money

amounts = st.decimals(-money.LARGEST, money.LARGEST, places=2)


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("125000.00", "125000.00"),
        ("125000", "125000.00"),
        ("0.5", "0.50"),
        ("007.10", "7.10"),
        ("-50000", "-50000.00"),
        ("-0", "0.00"),
        ("-0.00", "0.00"),
        (60000, "60000.00"),
        (-1, "-1.00"),
        ("999999999999.99", "999999999999.99"),
        (Decimal("1.5"), "1.50"),
        (Decimal("1E+3"), "1000.00"),
    ],
)
def test_reads_what_clients_write(written: object, amount: str) -> None:
    assert str(money.parse(written)) == amount


@pytest.mark.parametrize(
    "written",
    [
        1.5,
        True,
        None,
        [],
        "",
        " 1",
        "+1",
        "1.",
        ".5",
        "1.005",
        "1,000.00",
        "1e3",
        "NaN",
        "Infinity",
        "\u0661",
        "10000000000000000",
        10**16,
        10**4000,
        Decimal("1.005"),
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal(10000000000000000),
    ],
)
def test_refuses_anything_else_with_a_sentence(written: object) -> None:
    with pytest.raises(money.MoneyError) as refused:
        money.parse(written)
    assert refused.value.sentence.endswith(".")


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [
        ("0.005", "0.01"),
        ("-0.005", "-0.01"),
        ("0.0049", "0.00"),
        ("-0.0049", "0.00"),
        ("2.675", "2.68"),
        ("-2.675", "-2.68"),
    ],
)
def test_rounds_half_away_from_zero(exact: str, rounded: str) -> None:
    assert str(money.cents(Decimal(exact))) == rounded


@given(amounts)
def test_what_is_written_reads_back(amount: Decimal) -> None:
    assert money.parse(money.text(money.parse(amount))) == amount


def test_knows_what_fits_the_column() -> None:
    assert money.is_in_range(-money.LARGEST_COMPUTED)
    assert not money.is_in_range(money.LARGEST_COMPUTED + money.CENT)
