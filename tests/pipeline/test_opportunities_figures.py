"""Net ARR, categories, order type and what an opportunity takes over, through HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client import Api
from tests.pipeline.deals import (
    PLAIN,
    account,
    batch,
    company,
    deal,
    findings,
    get,
    history,
    patch,
    put,
    try_patch,
)
from tests.pipeline.gates.gated import NO_GATES, set_policy, supply


@pytest.fixture(autouse=True)
async def _company(api: Api) -> None:
    await company(api)


class TestNetArr:
    @pytest.mark.parametrize(
        ("fields", "net_arr"),
        [
            ({"amount": "120000", "term_months": 12}, "120000.00"),
            ({"amount": "240000", "term_months": 24}, "120000.00"),
            ({"amount": "360000", "term_months": 36}, "120000.00"),
            ({"type": "add_on", "amount": "60000", "term_months": 6}, "120000.00"),
            ({"type": "add_on", "amount": "60000", "term_months": 12}, "60000.00"),
            ({"type": "add_on", "amount": "60000", "term_months": 18}, "40000.00"),
            ({"type": "renewal", "amount": "120000", "arr_basis": "120000"}, "0.00"),
            (
                {"type": "renewal", "amount": "140000", "true_up_amount": "20000",
                 "arr_basis": "120000"},
                "0.00",
            ),
            ({"type": "renewal", "amount": "120000", "arr_basis": "100000"}, "20000.00"),
            (
                {"type": "renewal", "amount": "240000", "term_months": 24, "arr_basis": "120000"},
                "0.00",
            ),
            (
                {"type": "renewal", "amount": "260000", "true_up_amount": "20000",
                 "term_months": 24, "arr_basis": "120000"},
                "0.00",
            ),
            (
                {"type": "renewal", "amount": "240000", "term_months": 24, "arr_basis": "100000"},
                "20000.00",
            ),
            ({"type": "renewal", "stage": "closed_lost", "arr_basis": "77"}, "-77.00"),
            ({"stage": "closed_lost"}, "0.00"),
            ({"stage": "duplicate"}, "0.00"),
            ({"type": "professional_services", "net_arr": "5000"}, "0.00"),
            ({"amount": "100", "term_months": 7}, "171.43"),
            ({"amount": "88000", "services_amount": "8000"}, "80000.00"),
            ({"amount": None}, "0.00"),
            ({"term_months": None}, "120000.00"),
            ({"category": "credit", "amount": "-50000"}, "-50000.00"),
        ],
    )  # fmt: skip
    async def test_is_computed(self, api: Api, fields: dict[str, Any], net_arr: str) -> None:
        stored = await deal(api, **fields)
        assert stored["net_arr"] == net_arr
        assert stored["net_arr_source"] == "computed"
        assert await get(api, stored) == stored

    async def test_may_be_stated_and_taken_back(self, api: Api) -> None:
        stated = await deal(api, net_arr="1234.50")
        assert (stated["net_arr"], stated["net_arr_source"]) == ("1234.50", "stated")
        assert (await patch(api, stated, amount="1"))["net_arr"] == "1234.50"
        computed = await patch(api, stated, net_arr=None)
        assert (computed["net_arr"], computed["net_arr_source"]) == ("1.00", "computed")

    async def test_a_record_read_and_sent_back_changes_nothing(self, api: Api) -> None:
        stored = await deal(api, stage="proposal")
        again = await put(api, "O1", **stored)
        assert again["version"] == 1
        assert again["net_arr_source"] == "computed"
        assert again["forecast_category_source"] == "stage"


class TestForecastCategory:
    async def test_follows_the_stage(self, api: Api) -> None:
        stored = await deal(api, stage="4 - Proposal")
        assert (stored["stage"], stored["stage_number"]) == ("proposal", 4)
        assert stored["forecast_category"] == "best_case"
        assert stored["forecast_category_source"] == "stage"

    async def test_the_owners_choice_stays_over_stages(self, api: Api) -> None:
        stored = await deal(api, forecast_category="commit")
        await supply(api, stored)
        assert stored["forecast_category_source"] == "owner"
        moved = await patch(api, stored, stage="scoping")
        assert (moved["forecast_category"], moved["forecast_category_source"]) == (
            "commit",
            "owner",
        )
        won = await put(api, "O1", stage="closed_won")
        assert (won["forecast_category"], won["forecast_category_source"]) == ("closed", "stage")

    async def test_saying_what_the_stage_implies_is_the_stages(self, api: Api) -> None:
        stored = await deal(api, forecast_category="pipeline")
        assert stored["forecast_category_source"] == "stage"
        await set_policy(api, gates=NO_GATES)
        assert (await patch(api, stored, stage="proposal"))["forecast_category"] == "best_case"

    async def test_null_returns_to_the_stage(self, api: Api) -> None:
        stored = await deal(api, forecast_category="commit")
        stored = await patch(api, stored, forecast_category=None)
        assert (stored["forecast_category"], stored["forecast_category_source"]) == (
            "pipeline",
            "stage",
        )

    async def test_may_be_omitted_in_any_open_stage(self, api: Api) -> None:
        stored = await deal(api, forecast_category="omitted")
        assert (stored["forecast_category"], stored["forecast_category_source"]) == (
            "omitted",
            "owner",
        )

    @pytest.mark.parametrize("stage", ["pending_acceptance", "closed_won", "closed_lost"])
    async def test_stages_that_fix_it_record_the_attempt(self, api: Api, stage: str) -> None:
        stored = await deal(api, stage=stage, forecast_category="commit")
        assert stored["forecast_category_source"] == "stage"
        assert await findings(api, stored) == [(1, "category_fixed_by_stage")]

    async def test_patch_is_refused_where_the_stage_fixes_it(self, api: Api) -> None:
        stored = await deal(api, stage="pending_acceptance")
        answer = await try_patch(api, stored, forecast_category="commit")
        assert (answer.status_code, answer.json()["code"]) == (409, "forecast_category_fixed")
        assert answer.json()["unmet"][0]["code"] == "category_fixed_by_stage"
        assert "null" in answer.json()["detail"]
        assert (await get(api, stored))["version"] == 1


class TestSurroundings:
    async def test_are_the_accounts(self, api: Api) -> None:
        stored = await deal(api)
        assert (stored["segment"], stored["region"]) == ("mid_market", "EMEA")

    async def test_are_the_owners_where_there_is_no_account(self, api: Api) -> None:
        stored = await deal(api, owner_external_id="zoe", account_external_id=None)
        assert (stored["segment"], stored["region"]) == ("smb", "APAC")

    async def test_are_unknown_where_nobody_says(self, api: Api) -> None:
        stored = await deal(api, account_external_id=None)
        assert (stored["segment"], stored["region"]) == ("unknown", None)

    async def test_follow_another_account_until_stated(self, api: Api) -> None:
        await account(api, "big", name="Big", employees=9000, region="AMER")
        stored = await deal(api)
        stored = await patch(api, stored, account_external_id="big")
        assert (stored["segment"], stored["region"]) == ("large", "AMER")
        stored = await patch(api, stored, segment="smb")
        stored = await patch(api, stored, account_external_id="acme")
        assert (stored["segment"], stored["region"]) == ("smb", "EMEA")
        stored = await patch(api, stored, segment=None)
        assert stored["segment"] == "mid_market"

    async def test_open_opportunities_follow_a_change_of_the_account(self, api: Api) -> None:
        open_one = await deal(api, "open")
        stated = await deal(api, "stated", segment="large")
        won = await deal(api, "won", stage="closed_won")
        await account(api, "acme", employees=50, region="LATAM")
        after = await get(api, open_one)
        assert (after["segment"], after["region"], after["version"]) == ("smb", "LATAM", 2)
        last = (await history(api, open_one))[-1]
        assert last["kind"] == "account_followed"
        assert last["changes"] == {
            "segment": {"from": "mid_market", "to": "smb"},
            "region": {"from": "EMEA", "to": "LATAM"},
        }
        assert (await get(api, stated))["segment"] == "large"
        assert (await get(api, won))["version"] == 1


class TestOrderType:
    async def test_first_order_then_growth(self, api: Api) -> None:
        assert (await deal(api, "first"))["order_type"] == "new_first_order"
        await put(api, "first", stage="closed_won")
        assert (await deal(api, "second"))["order_type"] == "growth"

    async def test_counts_the_family_but_not_itself(self, api: Api) -> None:
        await account(api, "parent", name="Parent")
        await account(api, "child", name="Child", parent_external_id="parent")
        await deal(api, "p", account_external_id="parent", stage="closed_won")
        connected = await deal(api, "c", account_external_id="child", stage="closed_won")
        assert connected["order_type"] == "new_connected"
        again = await put(api, "p", amount="130000")
        assert again["order_type"] == "new_first_order"

    async def test_a_batch_sees_its_own_wins(self, api: Api) -> None:
        items = [
            {**PLAIN, "external_id": "b1", "stage": "closed_won"},
            {**PLAIN, "external_id": "b2", "stage": "closed_won"},
        ]
        types = [(await get(api, result))["order_type"] for result in await batch(api, *items)]
        assert types == ["new_first_order", "growth"]

    @pytest.mark.parametrize(
        ("fields", "order_type"),
        [
            ({"type": "renewal", "amount": "50000", "arr_basis": "60000"}, "contraction"),
            ({"type": "renewal", "amount": "60000", "arr_basis": "60000"}, "growth"),
            (
                {"type": "renewal", "arr_basis": "60000", "renewal_loss_category": "commit"},
                "churn_final",
            ),
            ({"type": "renewal", "arr_basis": "6", "stage": "closed_lost"}, "churn_final"),
            ({"type": "professional_services"}, "ps_other"),
            ({"amount": "47.99"}, "ps_other"),
            ({"amount": "48"}, "new_first_order"),
        ],
    )
    async def test_by_what_it_is(self, api: Api, fields: dict[str, Any], order_type: str) -> None:
        assert (await deal(api, **fields))["order_type"] == order_type

    async def test_small_deals_that_grow_are_looked_at_again(self, api: Api) -> None:
        await deal(api, "won", stage="closed_won")
        small = await deal(api, "small", amount="10")
        assert small["order_type"] == "ps_other"
        assert (await patch(api, small, amount="1000"))["order_type"] == "growth"

    async def test_stated_it_stays_until_taken_back(self, api: Api) -> None:
        stored = await deal(api, order_type="new_connected")
        stored = await patch(api, stored, amount="10")
        assert stored["order_type"] == "new_connected"
        stored = await patch(api, stored, order_type=None)
        assert stored["order_type"] == "ps_other"
