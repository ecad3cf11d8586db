"""Customers who return, renewals that merge, deals given back: the ledger through the door."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.money import ZERO
from services.pipeline.bookings.domain import merge, return_kind
from services.pipeline.opportunities.record import BLANK
from services.workspace.policy import SOP_2022
from tests.client import Api
from tests.forecast.books import forecast
from tests.pipeline.bookings.harness import ask, audit, closed, renewal, subscription, try_ask
from tests.pipeline.deals import OPPORTUNITIES, company, deal, findings, get, move, put

Clock = Callable[[datetime], AbstractContextManager[None]]
ENDED = date(2026, 1, 31)
QUARTERS = ("FY26-Q4", "FY27-Q1", "FY27-Q2", "FY27-Q3")


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 20, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
async def _company(api: Api) -> None:
    await company(api)


async def lost_customer(api: Api, clock_at: Clock) -> Any:
    """New business of 100 a year ago, and its renewal lost when the term ended."""
    with clock_at(at(date(2025, 2, 1))):
        await subscription(api, start_date="2025-02-01", end_date=str(ENDED), arr="100.00", seats=1)
        await deal(
            api, "NB", stage="closed_won", amount="100.00", close_date="2026-01-20",
            subscription_external_id="s-1",
        )  # fmt: skip
    with clock_at(at(ENDED)):
        return await renewal(
            api, "R1", stage="closed_lost", amount=None, close_date=str(ENDED),
            renewal_date=str(ENDED), subscription_external_id="s-1",
        )  # fmt: skip


async def win(api: Api, opportunity: Any) -> Any:
    return await put(api, opportunity["external_id"], stage="closed_won")


class TestReturns:
    @pytest.mark.parametrize("days", [31, 180])
    async def test_in_time_give_back_what_was_lost(
        self, api: Api, clock_at: Clock, days: int
    ) -> None:
        lost = await lost_customer(api, clock_at)
        assert lost["order_type"] == "churn_final"
        assert await closed(api, *QUARTERS) == 0
        with clock_at(at(ENDED + timedelta(days=days))):
            made = await ask(api, lost, "return", amount="100.00")
            (comeback,) = made["opportunities"]
            assert made["kind"] == "comeback"
            assert (comeback["type"], comeback["net_arr"], comeback["arr_basis"]) == (
                "renewal", "0.00", "100.00",
            )  # fmt: skip
            assert await closed(api, *QUARTERS) == 0
            won = await win(api, comeback)
            assert (won["order_type"], won["net_arr"]) == ("growth", "0.00")
            debook = await _named(api, "R1/comeback/debook")
            assert (debook["category"], debook["stage"]) == ("debook", "closed_lost")
            assert (debook["net_arr"], debook["arr_basis"]) == ("100.00", "-100.00")
            assert debook["close_date"] == won["close_date"]
            assert await closed(api, *QUARTERS) == 100
            assert (await ask(api, lost, "return"))["opportunities"] == [won]
            assert await closed(api, *QUARTERS) == 100
        await audit(api)

    async def test_too_late_are_new_business(self, api: Api, clock_at: Clock) -> None:
        lost = await lost_customer(api, clock_at)
        with clock_at(at(ENDED + timedelta(days=181))):
            made = await ask(api, lost, "return", amount="100.00")
            (new,) = made["opportunities"]
            assert (made["kind"], new["type"], new["stage"]) == (
                "new_business", "new_business", "pending_acceptance",
            )  # fmt: skip
            await put(api, new["external_id"], stage="discovery")
            won = await win(api, new)
            assert (won["order_type"], won["net_arr"]) == ("new_first_order", "100.00")
            # The loss stands, and the total is what it is one day earlier.
            assert (await get(api, lost))["net_arr"] == "-100.00"
            assert await closed(api, *QUARTERS) == 100
        await audit(api)

    async def test_within_the_window_are_late_renewals(self, api: Api, clock_at: Clock) -> None:
        with clock_at(at(ENDED)):
            open_ = await renewal(
                api, "R1", stage="proposal", close_date=str(ENDED), renewal_date=str(ENDED)
            )
            lost = await put(api, "R1", stage="closed_lost", lost_reason="budget")
        assert await closed(api, *QUARTERS) == -100
        with clock_at(at(ENDED + timedelta(days=5))):
            made = await ask(api, lost, "return")
            (again,) = made["opportunities"]
            assert (made["kind"], again["stage"], again["id"]) == (
                "late_renewal", "proposal", open_["id"],
            )  # fmt: skip
            await win(api, again)
            assert await closed(api, *QUARTERS) == 0
        await audit(api)

    async def test_leave_a_locked_month_as_it_is(self, api: Api, clock_at: Clock) -> None:
        lost = await lost_customer(api, clock_at)
        with clock_at(at(date(2026, 2, 10))):
            assert (await ask(api, lost, "return", "?dry_run=true"))["kind"] == "late_renewal"
        # Within the window for late renewals, but January is locked since 11 February.
        with clock_at(at(date(2026, 2, 11))):
            manager = await api.client_for("manager", "mia")
            made = await ask(manager, lost, "return", amount="100.00")
            assert made["kind"] == "comeback"
            await win(api, made["opportunities"][0])
            assert await closed(api, "FY26-Q4") == 0
            assert await closed(api, "FY27-Q1") == 100
        await audit(api)

    async def test_reopened_take_the_debook_back(self, api: Api, clock_at: Clock) -> None:
        lost = await lost_customer(api, clock_at)
        with clock_at(at(ENDED + timedelta(days=90))):
            (comeback,) = (await ask(api, lost, "return", amount="100.00"))["opportunities"]
            await win(api, comeback)
            await put(api, comeback["external_id"], stage="proposal")
            assert (await _named(api, "R1/comeback/debook"))["stage"] == "duplicate"
            assert await closed(api, *QUARTERS) == 0
            await win(api, comeback)
            assert await closed(api, *QUARTERS) == 100
        await audit(api)

    async def test_lost_again_lose_nothing_twice(self, api: Api, clock_at: Clock) -> None:
        lost = await lost_customer(api, clock_at)
        with clock_at(at(ENDED + timedelta(days=90))):
            (comeback,) = (await ask(api, lost, "return", amount="100.00"))["opportunities"]
            again = await put(api, comeback["external_id"], stage="closed_lost")
            assert await closed(api, *QUARTERS) == 0
        with clock_at(at(ENDED + timedelta(days=100))):
            (second,) = (await ask(api, again, "return", amount="130.00"))["opportunities"]
            assert (await win(api, second))["net_arr"] == "30.00"
            assert await closed(api, *QUARTERS) == 130
        await audit(api)

    @pytest.mark.parametrize(
        ("ended", "kind"), [("2026-04-30", "comeback"), ("2025-04-30", "new_business")]
    )
    async def test_keep_the_loss_closed(
        self, api: Api, clock_at: Clock, ended: str, kind: str
    ) -> None:
        with clock_at(at(date(2026, 6, 17))):
            lost = await renewal(
                api, "R1", stage="closed_lost", close_date="2026-06-10", renewal_date=ended
            )
            assert (await ask(api, lost, "return", amount="100.00"))["kind"] == kind
            manager, override = await api.client_for("manager", "mia"), {"reason": "Known"}
            answer = await move(manager, lost, "proposal", override=override)
            assert (answer.status_code, answer.json()["code"]) == (409, "superseded")

    async def test_are_of_lost_renewals(self, api: Api) -> None:
        answer = await try_ask(api, await deal(api), "return")
        assert (answer.status_code, answer.json()["code"]) == (409, "special_case")

    @pytest.mark.parametrize(
        ("days", "kind"),
        [(0, "late_renewal"), (30, "late_renewal"), (31, "comeback"), (180, "comeback"),
         (181, "new_business")],
    )  # fmt: skip
    def test_are_told_apart_by_the_day(self, days: int, kind: str) -> None:
        assert return_kind(ENDED, ENDED + timedelta(days=days), SOP_2022) == kind


class TestMergers:
    async def test_move_no_figure(self, api: Api, clock_at: Clock) -> None:
        with clock_at(at(date(2026, 6, 17))):
            first = await renewal(api, "R1", stage="negotiating", amount="120.00")
            await renewal(
                api, "R2", stage="negotiating", amount="260.00", true_up_amount="20.00",
                term_months=24, arr_basis="90.00",
            )  # fmt: skip
            await renewal(api, "R3", stage="negotiating", amount="70.00", arr_basis="60.00")
            before = await _committed(api)
            made = await ask(api, first, "merged-renewals", opportunity_external_ids=["R2", "R3"])
            survivor, *others = made["opportunities"]
            assert survivor["arr_basis"] == "250.00"
            assert survivor["net_arr"] == made["net_arr"] == "60.00"
            assert [each["stage"] for each in others] == ["duplicate"] * 2
            assert [each["duplicate_of"] for each in others] == ["R1"] * 2
            assert [each["net_arr"] for each in others] == ["0.00"] * 2
            assert await _committed(api) == before == 60
            again = await ask(api, first, "merged-renewals", opportunity_external_ids=["R2", "R3"])
            assert again["opportunities"] == made["opportunities"]
            await put(api, "R1", stage="closed_lost")
            assert await closed(api, "FY27-Q2") == -250
        await audit(api)

    async def test_are_taken_back(self, api: Api, clock_at: Clock) -> None:
        with clock_at(at(date(2026, 6, 17))):
            first = await renewal(api, "R1", stage="proposal")
            second = await renewal(api, "R2", stage="scoping", amount="70.00", arr_basis="60.00")
            path = f"{OPPORTUNITIES}/{first['id']}/merged-renewals"
            await ask(api, first, "merged-renewals", opportunity_external_ids=["R2"])
            integration = await api.client_for("rep", "ana")
            answer = await move(integration, second, "scoping")
            assert (answer.status_code, answer.json()["code"]) == (409, "merged_renewal")
            await api.call("DELETE", path)
            for before in (first, second):
                after = await get(api, before)
                for name in ("stage", "amount", "arr_basis", "net_arr", "duplicate_of"):
                    assert after[name] == before[name], name
            await audit(api)

    async def test_said_again_close_what_an_integration_opened(self, api: Api) -> None:
        first = await renewal(api, "R1", stage="proposal")
        await renewal(api, "R2", stage="proposal")
        await renewal(api, "R3", stage="scoping", arr_basis="50.00", amount="60.00")
        await ask(api, first, "merged-renewals", opportunity_external_ids=["R2"])
        opened = await put(api, "R2", stage="proposal")
        assert "merged_renewal_reopened" in [rule for _, rule in await findings(api, opened)]
        names = ["R2", "R3"]
        for _ in range(2):
            made = await ask(api, first, "merged-renewals", opportunity_external_ids=names)
            assert made["opportunities"][0]["arr_basis"] == "250.00"
            stages = [(await _named(api, name))["stage"] for name in names]
            assert stages == ["duplicate", "duplicate"]
        await audit(api)

    async def test_are_of_open_renewals_that_add_up(self, api: Api) -> None:
        first = await renewal(api, "R1", stage="proposal")
        await renewal(api, "R2", stage="closed_lost")
        await renewal(api, "R3", stage="proposal", currency="EUR")
        await renewal(api, "R4", stage="proposal", renewal_loss_category="commit")
        for name in ("R2", "R3", "R4"):
            answer = await try_ask(api, first, "merged-renewals", opportunity_external_ids=[name])
            assert (answer.status_code, answer.json()["code"]) == (409, "special_case"), name
        for name in ("R1", "R9"):
            answer = await try_ask(api, first, "merged-renewals", opportunity_external_ids=[name])
            assert answer.json()["errors"][0]["code"] == "unknown_opportunity"

    @given(
        bases=st.lists(st.decimals(0, 10**8, places=2), min_size=2, max_size=8),
        sized=st.booleans(),
    )
    def test_conserve_the_sum_of_bases(self, bases: list[Decimal], sized: bool) -> None:
        rows: list[Any] = [
            {
                **BLANK, "id": uuid4(), "external_id": f"R{place}", "arr_basis": basis,
                "amount": basis + 1 if sized else None, "net_arr": Decimal(1),
            }
            for place, basis in enumerate(bases)
        ]  # fmt: skip
        survivor, *others = merge(rows[0], rows[1:], None)
        assert survivor["arr_basis"] == sum(bases, ZERO)
        assert {each["stage"] for each in others} == {"duplicate"}
        if sized:
            assert survivor["amount"] - survivor["arr_basis"] == len(bases)
        else:
            assert survivor["amount"] is None


class TestDecommission:
    @pytest.mark.parametrize(
        ("fields", "net"),
        [
            ({"amount": "100.00"}, 100),
            ({"amount": "50.00", "term_months": 6, "type": "add_on"}, 100),
            ({"type": "renewal", "amount": "80.00", "arr_basis": "100.00"}, -20),
            ({"amount": "1.00", "net_arr": "77.00"}, 77),
        ],
    )
    async def test_turns_the_deal_round(
        self, api: Api, clock_at: Clock, fields: dict[str, Any], net: int
    ) -> None:
        with clock_at(at(date(2026, 6, 17))):
            won = await deal(
                api, stage="closed_won", close_date="2026-05-20", lost_reason="seats", **fields
            )
            assert await closed(api, *QUARTERS) == net
            made = await ask(api, won, "decommission", reason="Refunded in full")
            (back,) = made["opportunities"]
            assert (back["category"], back["deal_count"]) == ("decommission", -1)
            assert (back["order_type"], back["close_date"]) == (won["order_type"], "2026-06-17")
            assert Decimal(back["net_arr"]) == -net
            assert await closed(api, *QUARTERS) == 0
            again = await ask(api, won, "decommission", reason="Said twice")
            assert again["opportunities"] == made["opportunities"]
            assert await findings(api, back) == []
        await audit(api)

    async def test_needs_a_deal_that_is_won(self, api: Api) -> None:
        answer = await try_ask(api, await deal(api), "decommission", reason="No")
        assert (answer.status_code, answer.json()["code"]) == (409, "special_case")

    async def test_gives_back_nothing_that_gives_back(self, api: Api) -> None:
        won = await deal(api, stage="closed_won")
        body = {"amount": "200", "close_date": "2026-12-17", "credit_amount": "50"}
        reset, credit = (await ask(api, won, "contract-reset", **body))["opportunities"]
        await put(api, reset["external_id"], stage="closed_won")
        (back,) = (await ask(api, won, "decommission", reason="Refunded"))["opportunities"]
        for row in (credit, back):
            for what, fields in (("decommission", {"reason": "No"}), ("contract-reset", body)):
                answer = await try_ask(api, row, what, **fields)
                assert (answer.status_code, answer.json()["code"]) == (409, "special_case")

    async def test_keeps_the_deal_closed(self, api: Api, clock_at: Clock) -> None:
        with clock_at(at(date(2026, 6, 17))):
            won = await deal(api, stage="closed_won", amount="100.00", close_date="2026-06-10")
            (back,) = (await ask(api, won, "decommission", reason="Refunded"))["opportunities"]
            manager = await api.client_for("manager", "mia")
            answer = await move(manager, won, "proposal")
            assert (answer.status_code, answer.json()["code"]) == (409, "superseded")
            assert await closed(api, *QUARTERS) == 0
            # Not refunded after all: both are taken out, then the deal is open again.
            assert (await move(manager, back, "proposal")).status_code == 200
            await put(api, back["external_id"], stage="closed_lost")
            assert (await move(manager, won, "proposal")).status_code == 200
            assert await closed(api, *QUARTERS) == 0
            await put(api, "O1", stage="closed_won")
            assert await closed(api, *QUARTERS) == 100
        await audit(api)

    async def test_books_into_no_year_nobody_can_mean(self, api: Api, clock_at: Clock) -> None:
        with clock_at(at(date(2026, 6, 17))):
            won = await deal(api, stage="closed_won", close_date="2026-06-10")
            lost = await renewal(api, "R1", stage="closed_lost", renewal_date="2026-02-01")
            far = "2037-01-01"
            for row, what, pointer, fields in (
                (won, "decommission", "/on", {"reason": "Refunded", "on": far}),
                (won, "contract-reset", "/close_date",
                 {"amount": "1", "credit_amount": "1", "close_date": far}),
                (lost, "return", "/close_date", {"close_date": far}),
            ):  # fmt: skip
                (problem,) = (await try_ask(api, row, what, **fields)).json()["errors"]
                assert (problem["pointer"], problem["code"]) == (pointer, "closes_far_away")

    async def test_books_into_no_locked_month(self, api: Api, clock_at: Clock) -> None:
        with clock_at(at(date(2026, 6, 17))):
            won = await deal(api, stage="closed_won", close_date="2026-05-20")
            answer = await try_ask(api, won, "decommission", reason="Old", on="2026-05-31")
            assert (answer.status_code, answer.json()["code"]) == (409, "month_locked")


async def _named(api: Api, external_id: str) -> Any:
    found = await api.call("GET", f"{OPPORTUNITIES}?external_id={external_id}")
    return found["items"][0]


async def _committed(api: Api) -> Decimal:
    await api.settle()
    told = await forecast(api, "FY27-Q2")
    return Decimal(told["net_arr"]["commit"])
