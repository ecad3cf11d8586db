"""Decisions about an opportunity: category, booking date, order type, pushes, age, amounts."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from services.pipeline.opportunities.domain import (
    FamilyFacts,
    OrderTypeInputs,
    booking_close_date,
    check_amounts,
    check_forecast_category,
    days_in_stage,
    forecast_category,
    is_push,
    order_type,
    push_count,
)
from services.workspace.fiscal import calendar_for
from services.workspace.policy import SOP_2022, Policy

HOLD_30 = Policy.build("hb-2026", 2, {"booking.hold_before_start_days": 30})
BLOCKED = Policy.build("commercial", 2, {"category.override_blocked_segments": ["smb"]})


class TestForecastCategory:
    @pytest.mark.parametrize(
        ("stage", "category"),
        [
            ("pending_acceptance", "omitted"),
            ("discovery", "pipeline"),
            ("scoping", "pipeline"),
            ("technical_evaluation", "pipeline"),
            ("proposal", "best_case"),
            ("negotiating", "commit"),
            ("awaiting_signature", "commit"),
            ("closing", "commit"),
            ("closed_won", "closed"),
            ("closed_lost", "omitted"),
            ("unqualified", "omitted"),
            ("duplicate", "omitted"),
        ],
    )
    def test_follows_the_stage(self, stage: str, category: str) -> None:
        assert forecast_category(stage, None, "smb", SOP_2022) == (category, "stage")

    def test_an_owner_may_say_otherwise(self) -> None:
        assert forecast_category("scoping", "commit", "smb", SOP_2022) == ("commit", "owner")
        assert check_forecast_category("scoping", "commit", "smb", SOP_2022) is None

    def test_the_implied_value_is_the_stages(self) -> None:
        assert forecast_category("proposal", "best_case", "", SOP_2022) == ("best_case", "stage")
        assert check_forecast_category("proposal", "best_case", "", SOP_2022) is None
        assert check_forecast_category("closed_won", None, "", SOP_2022) is None

    @pytest.mark.parametrize(
        ("stage", "stated", "policy", "code"),
        [
            ("pending_acceptance", "commit", SOP_2022, "category_fixed_by_stage"),
            ("closed_won", "commit", SOP_2022, "category_fixed_by_stage"),
            ("closed_lost", "closed", SOP_2022, "category_fixed_by_stage"),
            ("scoping", "closed", SOP_2022, "category_needs_closed_won"),
            ("scoping", "commit", BLOCKED, "category_driven_by_stage"),
        ],
    )
    def test_is_fixed_in_places(self, stage: str, stated: str, policy: Policy, code: str) -> None:
        implied = policy.stage_category(stage)
        assert forecast_category(stage, stated, "smb", policy) == (implied, "stage")
        refusal = check_forecast_category(stage, stated, "smb", policy)
        assert refusal is not None
        assert refusal.code == code

    def test_a_blocked_segment_does_not_block_another(self) -> None:
        assert forecast_category("scoping", "commit", "large", BLOCKED) == ("commit", "owner")


class TestBookingCloseDate:
    calendar = calendar_for(2, "America/Los_Angeles")

    @pytest.mark.parametrize(
        ("submitted", "start", "policy", "booked", "quarter"),
        [
            (date(2026, 3, 2), date(2026, 5, 1), SOP_2022, date(2026, 4, 16), "FY27-Q1"),
            (date(2026, 3, 2), date(2026, 5, 1), HOLD_30, date(2026, 4, 1), "FY27-Q1"),
            (date(2026, 4, 20), date(2026, 6, 20), SOP_2022, date(2026, 6, 5), "FY27-Q2"),
            (date(2026, 4, 20), date(2026, 4, 25), SOP_2022, date(2026, 4, 20), "FY27-Q1"),
            (date(2026, 6, 1), date(2026, 5, 1), SOP_2022, date(2026, 6, 1), "FY27-Q2"),
            (date(2026, 6, 1), None, SOP_2022, date(2026, 6, 1), "FY27-Q2"),
        ],
    )
    def test_holds_an_early_deal(
        self, submitted: date, start: date | None, policy: Policy, booked: date, quarter: str
    ) -> None:
        assert booking_close_date(submitted, start, policy) == booked
        assert self.calendar.quarter_of(booked).label == quarter


def opportunity(**fields: Any) -> OrderTypeInputs:
    plain = OrderTypeInputs("new_business", "scoping", Decimal(1000), Decimal(1000))
    return plain._replace(**fields)


def family(**facts: Any) -> FamilyFacts:
    return FamilyFacts(**({"has_won_account": True, "has_won_family": True} | facts))


class TestOrderType:
    @pytest.mark.parametrize(
        ("fields", "facts", "expected"),
        [
            ({}, {"has_won_account": False, "has_won_family": False}, "new_first_order"),
            ({}, {"has_won_account": False}, "new_connected"),
            ({}, {}, "growth"),
            ({"type": "add_on"}, {}, "growth"),
            ({}, {"inactive_days": 180}, "growth"),
            ({}, {"inactive_days": 181}, "new_first_order"),
            ({"type": "renewal"}, {"inactive_days": 180}, "growth"),
            ({"type": "renewal", "net_arr": Decimal(0)}, {}, "growth"),
            ({"type": "renewal", "net_arr": None, "amount": None}, {}, "growth"),
            ({"type": "renewal", "net_arr": Decimal(-1)}, {}, "contraction"),
            ({"type": "renewal", "stage": "closed_lost"}, {}, "churn_final"),
            (
                {"type": "renewal", "stage": "closed_lost"},
                {"is_family_active_elsewhere": True},
                "churn_partial",
            ),
            ({"type": "renewal", "renewal_loss_category": "commit"}, {}, "churn_final"),
            (
                {
                    "type": "renewal",
                    "renewal_loss_category": "commit",
                    "expected_renewed_arr": Decimal(65),
                },
                {},
                "contraction",
            ),
            ({"type": "professional_services"}, {}, "ps_other"),
            ({"amount": Decimal("47.99")}, {}, "ps_other"),
            ({"amount": Decimal("48.00")}, {}, "growth"),
            ({"amount": None}, {}, "growth"),
        ],
    )
    def test_by_the_account_family(
        self, fields: dict[str, Any], facts: dict[str, Any], expected: str
    ) -> None:
        assert order_type(opportunity(**fields), family(**facts), SOP_2022) == expected


def test_only_later_dates_are_pushes() -> None:
    may, june = date(2026, 5, 1), date(2026, 6, 1)
    assert is_push(may, june)
    assert not is_push(june, may)
    assert not is_push(may, may)
    assert not is_push(None, may)
    assert not is_push(may, None)
    assert push_count([None, may, june, may, june, None]) == 2
    assert push_count([]) == 0


def test_the_day_of_entry_counts() -> None:
    assert days_in_stage(date(2026, 6, 17), date(2026, 6, 17)) == 1
    assert days_in_stage(date(2026, 6, 6), date(2026, 6, 17)) == 12


class TestAmounts:
    def check(
        self, category: str, amount: str, basis: str, expected: str | None = None
    ) -> list[str]:
        wrong = check_amounts(
            category,
            [("amount", Decimal(amount)), ("services_amount", None)],
            arr_basis=Decimal(basis),
            expected_renewed_arr=None if expected is None else Decimal(expected),
        )
        return [field for field, _ in wrong]

    @pytest.mark.parametrize("category", ["standard", "ramp", "contract_reset"])
    def test_are_not_negative(self, category: str) -> None:
        assert self.check(category, "-1", "-2") == ["amount", "arr_basis"]
        assert self.check(category, "0", "0") == []

    @pytest.mark.parametrize(
        "category", ["credit", "decommission", "debook", "internal_correction"]
    )
    def test_may_be_negative_where_they_take_back(self, category: str) -> None:
        assert self.check(category, "-1", "-2") == []

    def test_what_is_expected_lies_within_the_basis(self) -> None:
        assert self.check("standard", "0", "100", "100") == []
        assert self.check("standard", "0", "100", "0") == []
        assert self.check("standard", "0", "100", "100.01") == ["expected_renewed_arr"]
        assert self.check("standard", "0", "100", "-0.01") == ["expected_renewed_arr"]
