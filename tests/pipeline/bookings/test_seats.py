"""Seats above the licence: the published example, and the add-on a reconciled quarter is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pipeline.bookings.domain import Seats, reconcile
from tests.client import Api
from tests.pipeline.bookings.harness import audit, closed, subscription
from tests.pipeline.deals import OPPORTUNITIES, company, deal, get

Clock = Callable[[datetime], AbstractContextManager[None]]
SUBSCRIPTIONS = "/pipeline/v1/subscriptions"
NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
async def _company(api: Api) -> None:
    await company(api)


class TestComparison:
    async def test_of_the_published_example(self, api: Api) -> None:
        stored = await subscription(api)
        for name in ("s-1", stored["id"]):
            told = await api.call(
                "GET", f"{SUBSCRIPTIONS}/{name}/reconciliation?peaks=110,110,120,120"
            )
            assert (told["true_up"], told["reconciled"]) == ("2000.00", "1000.00")
            assert told["net_arr"] == "2000.00"
            assert [each["charged"] for each in told["quarters"]] == [
                "750.00", "0.00", "250.00", "0.00",
            ]  # fmt: skip
        first = told["quarters"][0]
        assert (first["reconciles_on"], first["notice_on"], first["invoice_on"]) == (
            "2026-05-01", "2026-05-01", "2026-05-08",
        )  # fmt: skip
        own = await api.call(
            "GET", f"{SUBSCRIPTIONS}/s-1/reconciliation?peaks=110&platform=self_managed"
        )
        first = own["quarters"][0]
        assert (first["notice_on"], first["invoice_on"]) == ("2026-05-07", "2026-05-14")

    async def test_charges_nothing_in_the_last_quarter(self, api: Api) -> None:
        await subscription(api)
        told = await api.call("GET", f"{SUBSCRIPTIONS}/s-1/reconciliation?peaks=1,1,1,130")
        assert (told["true_up"], told["reconciled"]) == ("3000.00", "0.00")

    @pytest.mark.parametrize("peaks", ["", "1,2,3,4,5", "x", "-1", "1,"])
    async def test_needs_one_to_four_peaks(self, api: Api, peaks: str) -> None:
        await subscription(api)
        answer = await api.request("GET", f"{SUBSCRIPTIONS}/s-1/reconciliation?peaks={peaks}")
        assert answer.status_code == 422

    async def test_needs_a_subscription_with_seats(self, api: Api, other_api: Api) -> None:
        await subscription(api, seats=None)
        path = f"{SUBSCRIPTIONS}/s-1/reconciliation?peaks=1"
        assert (await api.request("GET", path)).json()["code"] == "seats_unknown"
        assert (await other_api.request("GET", path)).status_code == 404

    @given(
        peaks=st.lists(st.integers(0, 10**5), min_size=1, max_size=4),
        seats=st.integers(1, 10**5),
        price=st.integers(0, 10**4),
    )
    def test_never_costs_more_than_the_true_up(
        self, peaks: list[int], seats: int, price: int
    ) -> None:
        charges, true_up = reconcile(Seats(date(2026, 2, 1), seats, Decimal(price)), peaks, "saas")
        assert sum(charge.charged for charge in charges) <= true_up
        assert all(charge.charged == 0 for charge in charges if charge.quarter == 4)


class TestRecording:
    async def test_wins_an_add_on_and_raises_the_licence(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            await subscription(api)
            await deal(
                api, "NB", stage="closed_won", amount="10000.00", close_date="2026-02-01",
                subscription_external_id="s-1",
            )  # fmt: skip
            path = f"{SUBSCRIPTIONS}/s-1/reconciliations"
            body = {"quarter": 1, "peak_seats": 110}
            dry = await api.call("POST", f"{path}?dry_run=true", json=body)
            assert dry["opportunity"]["net_arr"] == "1000.00"
            assert len((await api.call("GET", OPPORTUNITIES))["items"]) == 1
            made = await api.call("POST", path, json=body)
            add_on = made["opportunity"]
            assert (add_on["type"], add_on["stage"], add_on["net_arr"], add_on["amount"]) == (
                "add_on", "closed_won", "1000.00", "750.00",
            )  # fmt: skip
            assert "QSR" in add_on["name"]
            assert (add_on["owner_external_id"], add_on["parent_external_id"]) == ("ana", "NB")
            assert (add_on["order_type"], add_on["close_date"]) == ("growth", "2026-06-17")
            assert await api.call("POST", path, json=body) == made
            raised = await api.call("GET", f"{SUBSCRIPTIONS}?external_id=s-1")
            assert (raised["items"][0]["seats"], raised["items"][0]["arr"]) == (110, "11000.00")
            other = await api.request("POST", path, json={**body, "peak_seats": 111})
            assert (other.status_code, other.json()["code"]) == (409, "quarter_reconciled")
            third = await api.call("POST", path, json={"quarter": 3, "peak_seats": 120})
            assert (third["quarter"]["charged"], third["quarter"]["net_arr"]) == (
                "250.00", "1000.00",
            )  # fmt: skip
            last = await api.call("POST", path, json={"quarter": 4, "peak_seats": 150})
            assert (last["opportunity"], last["quarter"]["new_seats"]) == (None, 0)
            assert await closed(api, "FY27-Q2") == 2000
            told = await api.call("GET", f"{SUBSCRIPTIONS}/s-1/reconciliation?peaks=120")
            assert told["recorded_quarters"] == [1, 3, 4]
        await audit(api)

    async def test_raises_the_basis_of_the_open_renewal(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            await subscription(api)
            fields = {
                "stage": "proposal", "type": "renewal", "amount": "10000.00",
                "subscription_external_id": "s-1",
            }  # fmt: skip
            followed = await deal(api, "R1", **fields, arr_basis="10000.00")
            stated = await deal(api, "R2", **fields, arr_basis="9000.00")
            body = {"quarter": 1, "peak_seats": 110, "owner_external_id": "ana"}
            await api.call("POST", f"{SUBSCRIPTIONS}/s-1/reconciliations", json=body)
            after = await get(api, followed)
            assert (after["arr_basis"], after["net_arr"]) == ("11000.00", "-1000.00")
            assert (await get(api, stated))["arr_basis"] == "9000.00"
        await audit(api)

    async def test_is_for_who_may_write_the_owners_deals(self, api: Api) -> None:
        await subscription(api)
        path = f"{SUBSCRIPTIONS}/s-1/reconciliations"
        body = {"quarter": 1, "peak_seats": 110, "owner_external_id": "ana"}
        codes = {}
        for role, user in (("rep", "ben"), ("analyst", None), ("rep", "ana")):
            client = await api.client_for(role, user)
            codes[user or role] = (await client.request("POST", path, json=body)).status_code
        assert codes == {"ben": 403, "analyst": 403, "ana": 200}

    async def test_needs_an_owner(self, api: Api) -> None:
        await subscription(api)
        answer = await api.request(
            "POST", f"{SUBSCRIPTIONS}/s-1/reconciliations", json={"quarter": 1, "peak_seats": 110}
        )
        assert answer.json()["errors"][0]["pointer"] == "/owner_external_id"
