"""What one opportunity adds: every row of the one-side table, and a second reading of it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.forecast.domain import (
    MEASURES,
    NOTHING,
    Dimensions,
    dimensions_id,
    is_nothing,
    minus,
    negated,
    plus,
    total,
)
from services.pipeline.opportunities.net_arr import REVERSING_CATEGORIES
from services.pipeline.views import FigureInputs
from services.workspace.fiscal import UNDATED
from tests.forecast.worked_example import Q2, contribute
from tests.pipeline.builders import ANA, make_inputs


def added(**fields: Any) -> dict[str, Decimal | int]:
    """The measures that are not zero."""
    measures = contribute(make_inputs(**fields)).measures
    return {name: value for name, value in zip(MEASURES, measures, strict=True) if value}


OPEN = {"open_count": 1, "opportunity_count": 1}


class TestNotARenewal:
    def test_counts_at_its_forecast_category(self) -> None:
        early = OPEN | {"open_pipeline": 70, "open_signed": 70}
        late = early | {"open_stage_3_plus": 70}
        assert added(stage="discovery", amount=70) == early
        assert added(stage="technical_evaluation", amount=70) == late
        assert added(stage="proposal", amount=70) == late | {"gross_best_case": 70}
        assert added(stage="negotiating", amount=70) == late | {"gross_commit": 70}
        assert added(stage="closing", amount=70) == late | {"gross_commit": 70}

    def test_counts_where_its_owner_puts_it(self) -> None:
        commit = added(stage="discovery", amount=70, stated_forecast_category="commit")
        assert commit == OPEN | {"gross_commit": 70, "open_pipeline": 70, "open_signed": 70}
        assert added(stage="proposal", amount=70, stated_forecast_category="omitted") == OPEN

    def test_stage_0_is_omitted(self) -> None:
        assert added(stage="pending_acceptance", amount=70) == {"open_count": 1}
        stated = added(stage="pending_acceptance", amount=70, stated_forecast_category="commit")
        assert stated == {"open_count": 1}

    def test_negative_net_counts_nothing_on_gross(self) -> None:
        negative = added(stage="negotiating", amount=70, services_amount=90)
        assert negative == OPEN | {"open_signed": -20}

    def test_a_loss_category_is_a_renewals_only(self) -> None:
        fields = {"amount": 70, "stage": "negotiating"}
        assert added(**fields, renewal_loss_category="commit") == added(**fields)

    def test_professional_services_are_zero(self) -> None:
        assert added(type="professional_services", stage="negotiating", amount=70) == OPEN


class TestRenewalExpectedLost:
    @pytest.mark.parametrize("category", ["commit", "best_case"])
    def test_counts_its_loss_at_the_loss_category(self, category: str) -> None:
        fields = {"type": "renewal", "arr_basis": 90, "renewal_loss_category": category}
        stage = "negotiating"
        assert added(**fields, stage=stage) == OPEN | {
            f"loss_{category}": 90,
            "open_signed": -90,
        }
        partly = added(**fields, stage=stage, amount=200, expected_renewed_arr=65)
        assert partly == OPEN | {f"loss_{category}": 25, "open_signed": -25}

    def test_stage_0_is_included(self) -> None:
        lost = added(
            type="renewal",
            stage="pending_acceptance",
            arr_basis=90,
            renewal_loss_category="commit",
        )
        assert lost == {"open_count": 1, "loss_commit": 90}


class TestRenewalNotExpectedLost:
    def test_grows_on_the_gross_side(self) -> None:
        grown = added(type="renewal", stage="negotiating", amount=150, arr_basis=100)
        assert grown == OPEN | {
            "gross_commit": 50,
            "open_pipeline": 50,
            "open_stage_3_plus": 50,
            "open_signed": 50,
        }

    @pytest.mark.parametrize("category", ["commit", "best_case"])
    def test_shrinks_at_its_forecast_category(self, category: str) -> None:
        shrunk = added(
            type="renewal",
            amount=70,
            arr_basis=100,
            stated_forecast_category=category,
        )
        assert shrunk == OPEN | {
            f"loss_{category}": 30,
            "open_signed": -30,
            "contraction_uncategorised_count": 1,
        }

    def test_shrinking_in_pipeline_is_a_warning_alone(self) -> None:
        shrunk = added(type="renewal", amount=70, arr_basis=100)
        assert shrunk == OPEN | {"open_signed": -30, "contraction_uncategorised_count": 1}

    @pytest.mark.parametrize("amount", [None, 0])
    def test_without_an_amount_is_unsized(self, amount: int | None) -> None:
        unsized = added(type="renewal", stage="negotiating", amount=amount, arr_basis=100)
        assert unsized == OPEN | {"renewal_unsized_count": 1}

    def test_stated_net_is_a_size(self) -> None:
        stated = added(type="renewal", stage="negotiating", stated_net_arr=20, arr_basis=100)
        assert stated["gross_commit"] == 20


class TestUnsized:
    def test_without_an_amount(self) -> None:
        assert added(stage="negotiating") == OPEN | {"unsized_count": 1}
        assert added(stage="negotiating", stated_net_arr=5)["gross_commit"] == 5

    @pytest.mark.parametrize("type_", ["new_business", "renewal"])
    def test_without_a_close_date(self, type_: str) -> None:
        fields = {
            "type": type_,
            "amount": 70,
            "arr_basis": 5,
            "close_date": None,
            "renewal_loss_category": "commit",
        }
        assert added(**fields) == OPEN | {"unsized_count": 1}
        assert contribute(make_inputs(**fields)).fiscal_quarter == UNDATED

    def test_won_without_amount_or_date(self) -> None:
        unsized = {"opportunity_count": 1, "unsized_count": 1}
        assert added(stage="closed_won") == unsized
        assert added(stage="closed_won", amount=70, close_date=None) == unsized


class TestClosed:
    def test_won_books_by_its_sign(self) -> None:
        assert added(stage="closed_won", amount=60) == {"gross_closed": 60, "opportunity_count": 1}
        shrunk = added(stage="closed_won", type="renewal", amount=80, arr_basis=100)
        assert shrunk == {"loss_closed": 20, "opportunity_count": 1}
        flat = added(stage="closed_won", type="renewal", amount=100, arr_basis=100)
        assert flat == {"opportunity_count": 1}

    def test_lost_renewal_books_its_basis(self) -> None:
        lost = added(
            stage="closed_lost", type="renewal", arr_basis=30, renewal_loss_category="commit"
        )
        assert lost == {"loss_closed": 30, "opportunity_count": 1}

    @pytest.mark.parametrize("stage", ["closed_lost", "unqualified", "duplicate"])
    def test_other_lost_rows_count_nowhere(self, stage: str) -> None:
        assert added(stage=stage, amount=60, stated_net_arr=60) == {}

    @pytest.mark.parametrize("stage", ["unqualified", "duplicate"])
    def test_unqualified_and_duplicate_renewals_count_nowhere(self, stage: str) -> None:
        assert added(stage=stage, type="renewal", arr_basis=60) == {}


class TestReversing:
    def test_credit_lowers_gross(self) -> None:
        credit = added(stage="closed_won", category="credit", amount=-50)
        assert credit == {"gross_closed": -50, "opportunity_count": 1}

    def test_decommission_lowers_gross(self) -> None:
        refund = added(stage="closed_won", category="decommission", amount=-50)
        assert refund == {"gross_closed": -50, "opportunity_count": 1}

    def test_debook_lowers_the_realised_loss(self) -> None:
        debook = added(stage="closed_lost", category="debook", type="renewal", arr_basis=-100)
        assert debook == {"loss_closed": -100, "opportunity_count": 1}

    def test_open_credit_lowers_gross_at_its_category_and_no_pipeline(self) -> None:
        credit = added(stage="negotiating", category="credit", amount=-50)
        assert credit == OPEN | {"gross_commit": -50, "open_signed": -50}
        assert added(stage="scoping", category="credit", amount=-50) == OPEN | {"open_signed": -50}

    def test_open_debook_lowers_the_loss_at_its_category(self) -> None:
        debook = added(
            stage="proposal", category="debook", type="renewal", amount=0, arr_basis=-100,
            stated_net_arr=100,
        )  # fmt: skip
        assert debook == OPEN | {"loss_best_case": -100, "open_signed": 100}

    def test_correction_books_by_its_sign_like_any_row(self) -> None:
        correction = added(stage="closed_won", category="internal_correction", amount=-50)
        assert correction == {"loss_closed": 50, "opportunity_count": 1}


class TestCurrencyAndTerm:
    @pytest.mark.parametrize("stage", ["negotiating", "closed_won", "pending_acceptance"])
    def test_another_currency_is_only_counted(self, stage: str) -> None:
        assert added(stage=stage, amount=70, currency="EUR") == {"foreign_currency_count": 1}

    def test_an_assumed_term_is_counted_where_it_matters(self) -> None:
        assert added(stage="negotiating", amount=70, term_months=None)["term_assumed_count"] == 1
        assert added(stage="closed_won", amount=70, term_months=None)["term_assumed_count"] == 1

    @pytest.mark.parametrize(
        "fields",
        [
            {"amount": 70, "stage": "pending_acceptance"},
            {"amount": 70, "stated_net_arr": 60},
            {"amount": 0},
            {"amount": 70, "type": "professional_services"},
            {"type": "renewal", "arr_basis": 70, "renewal_loss_category": "commit"},
            {"type": "renewal", "arr_basis": 70, "stage": "closed_lost", "amount": 70},
        ],
    )
    def test_and_not_where_it_does_not(self, fields: dict[str, Any]) -> None:
        assert "term_assumed_count" not in added(**fields, term_months=None)


class TestPlace:
    def test_is_quarter_owner_and_dimensions(self) -> None:
        item = contribute(make_inputs(amount=70, vertical="Finance"))
        dimensions = Dimensions("mid_market", "EMEA", "new_business", "new_first_order", "Finance")
        assert item.cell == (Q2, ANA, dimensions)

    def test_dimensions_have_a_lasting_id(self) -> None:
        one = Dimensions("smb", "", "renewal", "growth", "")
        assert dimensions_id(one) == dimensions_id(Dimensions(*one))
        assert str(dimensions_id(one)) == "487a1309-a2d1-5bc1-9bd3-59e518a2822a"
        assert dimensions_id(one) != dimensions_id(one._replace(segment="", region="smb"))


def test_vectors_add_up() -> None:
    one = contribute(make_inputs(amount=70)).measures
    two = contribute(make_inputs(stage="closed_won", amount=5)).measures
    assert total([one, two]) == plus(one, two)
    assert minus(plus(one, two), two) == one
    assert plus(one, negated(one)) == NOTHING
    assert is_nothing(NOTHING)
    assert not is_nothing(one)
    assert total([]) == NOTHING


def mini_oracle(inputs: FigureInputs) -> dict[str, Decimal]:
    """The figures of one row of the plain kind, written again from the definitions alone."""
    f = dict.fromkeys(
        ("gross_closed", "gross_commit", "gross_best_case", "loss_closed", "loss_commit",
         "loss_best_case", "open_pipeline", "open_stage_3_plus"), Decimal(0)
    )  # fmt: skip
    renewal = inputs.type == "renewal"
    recurring = (inputs.amount or 0) - inputs.true_up_amount - inputs.services_amount
    net = Decimal(recurring) * 12 / (inputs.term_months or 12)
    net = round(net - (inputs.arr_basis if renewal else 0), 10).quantize(
        Decimal("0.01"), "ROUND_HALF_UP"
    )
    if inputs.stage == "closed_lost":
        net = -inputs.arr_basis if renewal else Decimal(0)
    if inputs.stage in ("closed_won", "closed_lost"):
        f["gross_closed"], f["loss_closed"] = max(net, Decimal(0)), max(-net, Decimal(0))
        return f
    if inputs.stage in ("unqualified", "duplicate"):
        return f
    order = ("pending_acceptance", "discovery", "scoping", "technical_evaluation", "proposal",
             "negotiating", "awaiting_signature")  # fmt: skip
    number = order.index(inputs.stage)
    implied = ("omitted", "pipeline", "pipeline", "pipeline", "best_case", "commit", "commit")
    category = inputs.stated_forecast_category or implied[number]
    if number == 0:
        category = "omitted"
    if renewal and inputs.renewal_loss_category != "none":
        loss = inputs.arr_basis - (inputs.expected_renewed_arr or 0)
        f[f"loss_{inputs.renewal_loss_category}"] = loss
    elif net < 0:
        if renewal and inputs.amount and category in ("commit", "best_case"):
            f[f"loss_{category}"] = -net
    else:
        if category in ("commit", "best_case"):
            f[f"gross_{category}"] = net
        if number >= 1 and category != "omitted":
            f["open_pipeline"] = net
            f["open_stage_3_plus"] = net if number >= 3 else Decimal(0)
    return f


money = st.decimals(0, 9_000_000, places=2)
stages = st.sampled_from(
    ["pending_acceptance", "discovery", "scoping", "technical_evaluation", "proposal",
     "negotiating", "awaiting_signature", "closed_won", "closed_lost", "unqualified", "duplicate"]
)  # fmt: skip


@st.composite
def plain_inputs(draw: st.DrawFn) -> FigureInputs:
    basis = draw(money)
    return make_inputs(
        type=draw(st.sampled_from(["new_business", "add_on", "renewal"])),
        stage=draw(stages),
        amount=draw(money),
        term_months=draw(st.sampled_from([None, 1, 6, 12, 18, 24, 36])),
        services_amount=draw(money),
        arr_basis=basis,
        renewal_loss_category=draw(st.sampled_from(["none", "best_case", "commit"])),
        expected_renewed_arr=draw(st.none() | st.decimals(0, basis, places=2)),
        stated_forecast_category=draw(
            st.sampled_from([None, "omitted", "pipeline", "best_case", "commit"])
        ),
        close_date=draw(st.dates(date(2026, 1, 1), date(2027, 12, 31))),
    )


@given(plain_inputs())
def test_agrees_with_the_definitions_read_again(inputs: FigureInputs) -> None:
    measures = dict(zip(MEASURES, contribute(inputs).measures, strict=True))
    expected = mini_oracle(inputs)
    assert {name: measures[name] for name in expected} == expected


@given(plain_inputs())
def test_counts_on_one_side_only_and_never_below_zero(inputs: FigureInputs) -> None:
    assert inputs.category not in REVERSING_CATEGORIES
    measures = dict(zip(MEASURES, contribute(inputs).measures, strict=True))
    gross = [measures[f"gross_{level}"] for level in ("closed", "commit", "best_case")]
    loss = [measures[f"loss_{level}"] for level in ("closed", "commit", "best_case")]
    assert sum(map(bool, gross + loss)) <= 1
    assert min(gross + loss) >= 0
    assert measures["open_stage_3_plus"] <= measures["open_pipeline"]
    assert measures["open_signed"] <= measures["open_pipeline"]
