"""Special cases as an integration sends them, as plain records: figures are those of the rows."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.client import Api
from tests.forecast.books import forecast
from tests.pipeline.bookings.harness import audit, closed
from tests.pipeline.deals import OPPORTUNITIES, batch, company

WON: dict[str, Any] = {
    "name": "Recorded", "owner_external_id": "ana", "account_external_id": "acme",
    "type": "new_business", "stage": "closed_won", "amount": "100", "term_months": 12,
    "close_date": "2026-06-01",
}  # fmt: skip
LEDGER: list[tuple[int, dict[str, Any]]] = [
    (100, {"category": "ramp"}),
    (100, {"category": "ramp", "amount": "200", "arr_basis": "100", "parent_external_id": "0"}),
    (100, {"category": "ramp", "type": "renewal", "amount": "300", "arr_basis": "200"}),
    (-50, {"category": "credit", "type": "add_on", "amount": "-25", "term_months": 6}),
    (100, {"category": "contract_reset", "type": "renewal"}),
    (-120, {"category": "decommission", "amount": "-60", "term_months": 6}),
    (20, {"category": "decommission", "type": "renewal", "amount": "-80", "arr_basis": "-100"}),
    (100, {"category": "debook", "type": "renewal", "stage": "closed_lost", "amount": None,
           "arr_basis": "-100"}),
    (-5, {"category": "internal_correction", "amount": "-5"}),
    (77, {"net_arr": "77", "order_type": "growth"}),
    (0, {"net_arr": "77", "stage": "closed_lost"}),
    (0, {"net_arr": "77", "type": "professional_services"}),
]  # fmt: skip


async def test_rows_without_requests(api: Api, clock_at: Any) -> None:
    with clock_at(datetime(2026, 6, 17, 17, 0, tzinfo=UTC)):
        await company(api)
        items = [{**WON, **row, "external_id": str(place)} for place, (_, row) in enumerate(LEDGER)]
        assert {each["status"] for each in await batch(api, *items)} == {201}
        for place, (net, _) in enumerate(LEDGER):
            found = await api.call("GET", f"{OPPORTUNITIES}?external_id={place}")
            assert Decimal(found["items"][0]["net_arr"]) == net, LEDGER[place]
        assert await closed(api, "FY27-Q2") == sum(net for net, _ in LEDGER)
        told = await forecast(api, "FY27-Q2")
        assert told["gross_arr"]["closed"] == "307.00"
        assert told["renewal_loss"]["closed"] == "-115.00"
        await audit(api)
