"""Ramps and contract resets: the golden numbers, through HTTP and in the figures."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.money import ZERO
from services.pipeline.bookings.domain import RampYear, Reset, contract_reset, ramp
from services.pipeline.opportunities.net_arr import net_arr
from services.pipeline.opportunities.record import BLANK
from services.workspace.policy import SOP_2022
from tests.client import Api
from tests.pipeline.bookings.harness import ask, audit, closed, renewal, try_ask
from tests.pipeline.deals import OPPORTUNITIES, company, deal, get, put

Clock = Callable[[datetime], AbstractContextManager[None]]
NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)
AMOUNTS = st.decimals(min_value=0, max_value=10**8, places=2)
QUARTERS = ("FY27-Q1", "FY27-Q2", "FY27-Q3", "FY28-Q2", "FY29-Q2")


def years(*amounts: str, first: int = 2026) -> list[dict[str, str]]:
    return [
        {"amount": amount, "start_date": f"{first + place}-08-01"}
        for place, amount in enumerate(amounts)
    ]


@pytest.fixture(autouse=True)
async def _company(api: Api, clock_at: Clock) -> Any:
    with clock_at(NOW):
        await company(api)
        yield


def _net(statement: dict[str, Any]) -> Decimal:
    """As the record it makes would have it."""
    fields = {**BLANK, "stated_net_arr": None, **statement}
    return net_arr(SimpleNamespace(**fields))[0]


class TestRamp:
    async def test_of_new_business_books_each_step(self, api: Api) -> None:
        first = await deal(api, amount=None, close_date=None)
        made = await ask(api, first, "ramp", years=years("100.00", "200.00", "300.00"))
        deals = made["opportunities"]
        assert [each["net_arr"] for each in deals] == ["100.00", "100.00", "100.00"]
        assert [each["arr_basis"] for each in deals] == ["0.00", "100.00", "200.00"]
        assert [each["category"] for each in deals] == ["ramp"] * 3
        assert [each["parent_external_id"] for each in deals] == [None, "O1", "O1"]
        # Fifteen days before each own year.
        assert [each["close_date"] for each in deals] == ["2026-07-17", "2027-07-17", "2028-07-17"]
        assert made["net_arr"] == "300.00"

    async def test_of_a_renewal_starts_from_its_basis(self, api: Api) -> None:
        first = await renewal(api, "R1", stage="proposal")
        made = await ask(api, first, "ramp", years=years("100.00", "200.00", "300.00"))
        deals = made["opportunities"]
        assert [each["net_arr"] for each in deals] == ["0.00", "100.00", "100.00"]
        assert [each["arr_basis"] for each in deals] == ["100.00", "100.00", "200.00"]
        assert [each["close_date"] for each in deals[1:]] == ["2027-08-01", "2028-08-01"]

    async def test_is_won_as_one_and_counts_in_each_own_quarter(self, api: Api) -> None:
        first = await deal(api, amount=None, close_date=None)
        made = await ask(api, first, "ramp", years=years("100.00", "200.00", "300.00"))
        assert await closed(api, *QUARTERS) == 0
        won = await put(api, "O1", stage="closed_won")
        assert won["stage"] == "closed_won"
        later = [await get(api, each) for each in made["opportunities"][1:]]
        assert [each["stage"] for each in later] == ["closed_won", "closed_won"]
        assert [each["close_date"] for each in later] == ["2027-07-17", "2028-07-17"]
        assert [await closed(api, quarter) for quarter in ("FY28-Q2", "FY29-Q2")] == [100, 100]
        assert await closed(api, *QUARTERS) == 300
        await audit(api)

    async def test_of_a_renewal_books_later_years_on_their_start(self, api: Api) -> None:
        first = await renewal(api, "R1", stage="proposal")
        made = await ask(api, first, "ramp", years=years("100.00", "200.00", "300.00"))
        await put(api, "R1", stage="closed_won")
        later = [await get(api, each) for each in made["opportunities"][1:]]
        assert [each["close_date"] for each in later] == ["2027-08-01", "2028-08-01"]

    async def test_lost_books_nothing_but_the_basis_of_a_renewal(self, api: Api) -> None:
        first = await renewal(api, "R1", stage="proposal")
        made = await ask(api, first, "ramp", years=years("100.00", "200.00", "300.00"))
        await put(api, "R1", stage="closed_lost")
        deals = [await get(api, each) for each in made["opportunities"]]
        assert [each["stage"] for each in deals] == ["closed_lost"] * 3
        assert [each["net_arr"] for each in deals] == ["-100.00", "0.00", "0.00"]
        assert await closed(api, *QUARTERS) == -100
        await audit(api)

    async def test_later_years_go_along_with_the_first(self, api: Api) -> None:
        first = await deal(api)
        made = await ask(api, first, "ramp", years=years("100.00", "200.00"))
        await put(api, "O1", stage="proposal")
        second = await get(api, made["opportunities"][1])
        assert (second["stage"], second["forecast_category"]) == ("proposal", "best_case")

    async def test_said_twice_makes_one(self, api: Api) -> None:
        first = await deal(api)
        made = await ask(api, first, "ramp", years=years("100.00", "200.00"))
        again = await ask(api, first, "ramp", years=years("100.00", "200.00"))
        assert again == made
        longer = await ask(api, first, "ramp", years=years("100.00", "250.00", "300.00"))
        assert [each["net_arr"] for each in longer["opportunities"]] == [
            "100.00",
            "150.00",
            "50.00",
        ]
        shorter = await ask(api, first, "ramp", years=years("100.00", "250.00"))
        assert [each["stage"] for each in shorter["opportunities"]][2] == "duplicate"
        assert shorter["net_arr"] == "250.00"

    async def test_a_dry_run_stores_nothing(self, api: Api) -> None:
        first = await deal(api)
        told = await ask(api, first, "ramp", "?dry_run=true", years=years("100.00", "200.00"))
        assert (told["dry_run"], told["net_arr"]) == (True, "200.00")
        assert (await get(api, first))["version"] == 1
        listed = await api.call("GET", OPPORTUNITIES)
        assert len(listed["items"]) == 1

    @pytest.mark.parametrize(
        ("fields", "start"),
        [({}, "2027-07-31"), ({"stage": "closed_won"}, "2027-08-01")],
    )
    async def test_is_refused(self, api: Api, fields: dict[str, Any], start: str) -> None:
        first = await deal(api, **fields)
        wrong = [*years("100.00"), {"amount": "200.00", "start_date": start}]
        answer = await try_ask(api, first, "ramp", years=wrong)
        assert answer.status_code == (409 if fields else 422), answer.text

    async def test_costs_in_its_first_year_what_is_paid_once(self, api: Api) -> None:
        first = await deal(api, services_amount="150.00")
        answer = await try_ask(api, first, "ramp", years=years("100.00", "200.00"))
        (problem,) = answer.json()["errors"]
        assert (problem["pointer"], problem["code"]) == ("/years/0/amount", "amount_too_small")

    async def test_leaves_a_record_of_the_same_name_alone(self, api: Api) -> None:
        first = await deal(api)
        other = await deal(api, "O1/ramp-2")
        answer = await try_ask(api, first, "ramp", years=years("100.00", "200.00"))
        assert (answer.status_code, answer.json()["code"]) == (409, "external_id_taken")
        assert await get(api, other) == other

    async def test_belongs_to_who_owns_the_deal(self, api: Api, other_api: Api) -> None:
        first = await deal(api)
        body = {"years": years("100.00", "200.00")}
        path = f"{OPPORTUNITIES}/{first['id']}/ramp"
        codes = {}
        for role, user in (
            ("rep", "ana"), ("rep", "ben"), ("manager", "mia"), ("analyst", None), ("sdr", "zoe")
        ):  # fmt: skip
            client = await api.client_for(role, user)
            codes[user or role] = (await client.request("POST", path, json=body)).status_code
        assert codes == {"ana": 201, "ben": 404, "mia": 200, "analyst": 403, "zoe": 404}
        assert (await other_api.request("POST", path, json=body)).status_code == 404

    @given(basis=AMOUNTS, amounts=st.lists(AMOUNTS, min_size=2, max_size=10))
    def test_adds_up_to_the_last_year_less_the_basis(
        self, basis: Decimal, amounts: list[Decimal]
    ) -> None:
        row: Any = {
            **BLANK, "id": uuid4(), "name": "R", "type": "renewal", "arr_basis": basis,
            "stage": "proposal", "close_date": None, "stated_forecast_category": None,
        }  # fmt: skip
        plan = [RampYear(amount, date(2026 + place, 8, 1)) for place, amount in enumerate(amounts)]
        made = ramp(row, plan, date(2026, 6, 17), SOP_2022)
        nets = [_net({**row, **made[0]}), *(_net(each) for each in made[1:])]
        assert sum(nets, ZERO) == amounts[-1] - basis


class TestContractReset:
    async def test_books_what_the_same_add_on_would(self, api: Api) -> None:
        won = await deal(api, stage="closed_won", amount="50000.00", close_date="2026-02-10")
        before = await closed(api, *QUARTERS)
        made = await ask(
            api, won, "contract-reset", amount="100000.00", close_date="2026-07-15",
            credit_amount="25000.00", credit_term_months=6,
        )  # fmt: skip
        reset, credit = made["opportunities"]
        assert (reset["net_arr"], reset["category"], reset["type"]) == (
            "100000.00", "contract_reset", "renewal",
        )  # fmt: skip
        assert (credit["net_arr"], credit["category"], credit["deal_count"]) == (
            "-50000.00", "credit", 0,
        )  # fmt: skip
        assert reset["close_date"] == credit["close_date"] == "2026-07-15"
        assert made["net_arr"] == "50000.00"
        await put(api, "O1/reset", stage="proposal")
        assert (await get(api, credit))["stage"] == "proposal"
        won_reset = await put(api, "O1/reset", stage="closed_won", close_date="2026-06-17")
        paid_back = await get(api, credit)
        assert (paid_back["stage"], paid_back["close_date"]) == ("closed_won", "2026-06-17")
        assert await closed(api, *QUARTERS) - before == 50000
        assert won_reset["order_type"] == credit["order_type"] == "growth"
        await audit(api)

    async def test_lost_leaves_everything_as_it_was(self, api: Api) -> None:
        won = await deal(api, stage="closed_won", amount="50000.00")
        made = await ask(
            api, won, "contract-reset", amount="100000.00", close_date="2026-07-15",
            credit_amount="50000.00",
        )  # fmt: skip
        before = await closed(api, *QUARTERS)
        await put(api, "O1/reset", stage="closed_lost")
        assert (await get(api, made["opportunities"][1]))["net_arr"] == "0.00"
        assert await closed(api, *QUARTERS) == before
        await audit(api)

    async def test_said_twice_makes_one_and_keeps_its_stage(self, api: Api) -> None:
        won = await deal(api, stage="closed_won")
        body = {"amount": "9.00", "close_date": "2026-07-15", "credit_amount": "5.00"}
        made = await ask(api, won, "contract-reset", **body)
        await put(api, "O1/reset", stage="proposal")
        again = await ask(api, won, "contract-reset", **body)
        assert [each["stage"] for each in again["opportunities"]] == ["proposal", "proposal"]
        assert [each["id"] for each in again["opportunities"]] == [
            each["id"] for each in made["opportunities"]
        ]

    async def test_needs_a_contract_that_is_won(self, api: Api) -> None:
        body = {"amount": "9.00", "close_date": "2026-07-15", "credit_amount": "5.00"}
        answer = await try_ask(api, await deal(api), "contract-reset", **body)
        assert (answer.status_code, answer.json()["code"]) == (409, "special_case")

    @given(
        old=st.integers(0, 10**6), new=st.integers(0, 10**6), months=st.integers(1, 12),
    )  # fmt: skip
    def test_is_worth_the_add_on_of_the_months_left(self, old: int, new: int, months: int) -> None:
        """Yearly prices in dozens, so that a month's share is a whole number of cents."""
        row: Any = {**BLANK, "id": uuid4(), "name": "W", "stage": "closed_won"}
        reset = Reset(Decimal(new * 12), 12, Decimal(old * months), months, date(2026, 7, 15))
        made = contract_reset(row, reset, "discovery")
        add_on = {
            "type": "add_on", "stage": "discovery", "amount": Decimal((new - old) * months),
            "term_months": months,
        }  # fmt: skip
        assert sum((_net(each) for each in made), ZERO) == _net(add_on)
