"""What is told of a booking beside its Net ARR: booked ARR, growth type, size, count, value."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pipeline.opportunities.booked import (
    DEAL_SIZES,
    deal_size,
    is_month_locked,
    total_contract_value,
)
from services.workspace.policy import SOP_2022
from tests.client import Api
from tests.pipeline.deals import company, deal, get, put

_AMOUNTS = st.decimals(min_value=0, max_value=10**9, places=2)


class TestFields:
    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"amount": "120000"}, ("120000.00", None, "jumbo", 1, "120000.00")),
            (
                {"type": "add_on", "amount": "2000"},
                ("2000.00", "add_on_growth", "small", 1, "2000.00"),
            ),
            (
                {"type": "renewal", "amount": "130000", "arr_basis": "100000"},
                ("130000.00", "growth_on_renewal", "big", 1, "130000.00"),
            ),
            (
                {"type": "renewal", "stage": "closed_won", "amount": "80000",
                 "arr_basis": "100000", "lost_reason": "fewer seats"},
                ("80000.00", "contraction_on_renewal", "small", 1, "80000.00"),
            ),
            (
                {"type": "renewal", "stage": "closed_lost", "arr_basis": "100000"},
                ("0.00", "lost_on_renewal", "small", 1, "120000.00"),
            ),
            (
                {"category": "credit", "type": "add_on", "amount": "-50000"},
                ("-50000.00", None, "small", 0, "-50000.00"),
            ),
            ({"category": "decommission", "amount": "-7"}, ("-7.00", None, "small", -1, "-7.00")),
            (
                {"amount": "380000", "term_months": 36, "services_amount": "20000"},
                ("120000.00", None, "jumbo", 1, "380000.00"),
            ),
            ({"amount": None}, ("0.00", None, "small", 1, None)),
        ],
    )  # fmt: skip
    async def test_are_told(self, api: Api, fields: dict[str, Any], expected: Any) -> None:
        await company(api)
        stored = await deal(api, **fields)
        names = ("booked_arr", "growth_type", "deal_size", "deal_count", "tcv")
        assert tuple(stored[name] for name in names) == expected
        assert await get(api, stored) == stored

    async def test_may_be_sent_back_and_are_not_taken(self, api: Api) -> None:
        await company(api)
        stored = await deal(api)
        again = await put(api, "O1", **{**stored, "tcv": "1.00", "deal_count": 7})
        assert again == stored


class TestRules:
    @given(amount=_AMOUNTS, term=st.integers(1, 120), once=_AMOUNTS)
    def test_the_contract_is_worth_what_it_costs(
        self, amount: Decimal, term: int, once: Decimal
    ) -> None:
        row = {
            "amount": amount + once, "term_months": term, "true_up_amount": once,
            "services_amount": Decimal(0), "other_non_recurring_amount": Decimal(0),
        }  # fmt: skip
        assert total_contract_value(row) == amount + once

    @given(low=st.integers(-(10**6), 10**6), more=st.integers(0, 10**6))
    def test_more_is_never_a_smaller_deal(self, low: int, more: int) -> None:
        sizes = [deal_size(Decimal(net), SOP_2022) for net in (low, low + more)]
        assert DEAL_SIZES.index(sizes[0]) <= DEAL_SIZES.index(sizes[1])

    @pytest.mark.parametrize(
        ("net", "size"),
        [("4999.99", "small"), ("5000", "medium"), ("25000", "big"), ("100000", "jumbo")],
    )
    def test_limits_belong_to_the_larger_size(self, net: str, size: str) -> None:
        assert deal_size(Decimal(net), SOP_2022) == size

    @pytest.mark.parametrize(
        ("today", "is_locked"),
        [("2026-05-31", False), ("2026-06-10", False), ("2026-06-11", True), ("2027-01-01", True)],
    )
    def test_a_month_locks_after_the_tenth_of_the_next(self, today: str, is_locked: bool) -> None:
        found = is_month_locked(date(2026, 5, 31), date.fromisoformat(today), SOP_2022)
        assert found is is_locked
