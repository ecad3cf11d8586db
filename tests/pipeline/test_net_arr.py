"""Net ARR: every row of the handbook's table, the special cases, and its algebra."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pipeline.opportunities.net_arr import lost_net_arr, net_arr
from tests.pipeline.builders import make_inputs

amounts = st.decimals(0, Decimal("99999999.99"), places=2)
terms = st.integers(1, 120)


def net(**fields: Any) -> Decimal:
    return net_arr(make_inputs(**fields))[0]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"amount": 120_000, "term_months": 12}, 120_000),
        ({"amount": 240_000, "term_months": 24}, 120_000),
        ({"amount": 360_000, "term_months": 36}, 120_000),
        ({"type": "add_on", "amount": 60_000, "term_months": 6}, 120_000),
        ({"type": "add_on", "amount": 60_000, "term_months": 12}, 60_000),
        ({"type": "add_on", "amount": 60_000, "term_months": 18}, 40_000),
        ({"type": "renewal", "amount": 120_000, "arr_basis": 120_000}, 0),
        ({"type": "renewal", "amount": 140_000, "true_up_amount": 20_000, "arr_basis": 120_000}, 0),
        ({"type": "renewal", "amount": 120_000, "arr_basis": 100_000}, 20_000),
        ({"type": "renewal", "amount": 240_000, "term_months": 24, "arr_basis": 120_000}, 0),
        (
            {
                "type": "renewal",
                "amount": 260_000,
                "term_months": 24,
                "true_up_amount": 20_000,
                "arr_basis": 120_000,
            },
            0,
        ),
        ({"type": "renewal", "amount": 240_000, "term_months": 24, "arr_basis": 100_000}, 20_000),
        ({"type": "renewal", "stage": "closed_lost", "arr_basis": 30_000}, -30_000),
        ({"amount": 88_000, "services_amount": 8_000}, 80_000),
        ({"amount": 88_000, "other_non_recurring_amount": 8_000}, 80_000),
        ({"amount": 120_000, "term_months": None}, 120_000),
        ({"amount": 120_000, "arr_basis": 50_000}, 120_000),
        ({"type": "add_on", "amount": 120_000, "arr_basis": 50_000}, 120_000),
        ({"amount": None}, 0),
    ],
)
def test_rows_of_the_table(fields: dict[str, Any], expected: int) -> None:
    assert net(**fields) == expected


class TestStated:
    def test_stands_over_the_formula(self) -> None:
        inputs = make_inputs(amount=120_000, stated_net_arr=70_000)
        assert net_arr(inputs) == (Decimal(70_000), "stated")
        assert net_arr(make_inputs(amount=120_000)) == (Decimal(120_000), "computed")

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"type": "professional_services"}, 0),
            ({"type": "professional_services", "stage": "closed_won"}, 0),
            ({"type": "professional_services", "stage": "closed_lost"}, 0),
            ({"stage": "closed_lost"}, 0),
            ({"type": "add_on", "stage": "closed_lost"}, 0),
            ({"type": "renewal", "stage": "closed_lost", "arr_basis": 10}, -10),
            ({"type": "renewal", "stage": "duplicate", "arr_basis": 10}, 0),
            ({"type": "renewal", "stage": "unqualified", "arr_basis": 10}, 0),
            ({"stage": "duplicate"}, 0),
            ({"stage": "unqualified"}, 0),
        ],
    )
    def test_is_overridden(self, fields: dict[str, Any], expected: int) -> None:
        inputs = make_inputs(**fields, amount=500, stated_net_arr=999)
        assert net_arr(inputs) == (Decimal(expected), "computed")


class TestSpecialCases:
    def test_new_ramp_books_the_step_of_each_year(self) -> None:
        years = [(100, 0), (200, 100), (300, 200)]
        steps = [net(category="ramp", amount=amount, arr_basis=basis) for amount, basis in years]
        assert steps == [100, 100, 100]

    def test_renewal_ramp_steps_from_its_basis(self) -> None:
        years = [(100, 100), (200, 100), (300, 200)]
        steps = [
            net(type="renewal", category="ramp", amount=amount, arr_basis=basis)
            for amount, basis in years
        ]
        assert steps == [0, 100, 100]

    def test_contract_reset_and_its_credit_equal_a_six_month_add_on(self) -> None:
        reset = net(type="renewal", category="contract_reset", amount=100_000)
        credit = net(category="credit", amount=-50_000)
        assert reset + credit == net(type="add_on", amount=25_000, term_months=6)

    def test_returning_customer_totals_the_same_on_either_side_of_the_window(self) -> None:
        first = net(amount=100, stage="closed_won")
        lost = net(type="renewal", stage="closed_lost", arr_basis=100)
        comeback = net(type="renewal", stage="closed_won", amount=100, arr_basis=100)
        debook = net(type="renewal", category="debook", stage="closed_lost", arr_basis=-100)
        returned_new = net(amount=100, stage="closed_won")
        assert (lost, comeback, debook) == (-100, 0, 100)
        assert first + lost + comeback + debook == first + lost + returned_new == 100

    def test_debook_of_any_type_gives_its_basis_back(self) -> None:
        assert net(category="debook", stage="closed_lost", arr_basis=-100) == 100

    def test_lost_value_is_known_before_it_is_lost(self) -> None:
        assert lost_net_arr(make_inputs(type="renewal", arr_basis=40_000)) == -40_000
        assert str(lost_net_arr(make_inputs(type="renewal"))) == "0.00"


class TestRounding:
    def test_is_half_away_from_zero_after_the_basis(self) -> None:
        # 0.01 x 12 / 24 is half a cent: minus a basis of one, the magnitude rounds up.
        assert net(amount="0.01", term_months=24) == Decimal("0.01")
        fields = {"type": "renewal", "amount": "0.01", "term_months": 24, "arr_basis": "1.00"}
        assert net(**fields) == Decimal("-1.00")

    def test_never_gives_a_negative_zero(self) -> None:
        assert str(net(category="credit", amount="-0.01", term_months=120)) == "0.00"

    @given(amounts, terms, amounts)
    def test_equals_exact_arithmetic(self, amount: Decimal, term: int, basis: Decimal) -> None:
        exact = Fraction(amount) * 12 / term - Fraction(basis)
        magnitude = int(abs(exact) * 100 + Fraction(1, 2))
        expected = Decimal(magnitude if exact >= 0 else -magnitude) / 100
        got = net(type="renewal", amount=amount, term_months=term, arr_basis=basis)
        assert got == expected

    @given(amounts, amounts, terms)
    def test_services_and_true_up_never_count(
        self, recurring: Decimal, extra: Decimal, term: int
    ) -> None:
        plain = net(amount=recurring, term_months=term)
        for field in ("true_up_amount", "services_amount", "other_non_recurring_amount"):
            assert net(amount=recurring + extra, term_months=term, **{field: extra}) == plain
