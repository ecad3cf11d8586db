"""Special cases through HTTP, and the figures they leave."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx

from services.forecast.audits.service import audit as recompute
from tests.client import Api
from tests.forecast.books import forecast
from tests.pipeline.deals import OPPORTUNITIES, deal

RENEWAL: dict[str, Any] = {
    "type": "renewal", "amount": "100.00", "arr_basis": "100.00", "close_date": "2026-06-30",
    "subscription_external_id": None, "renewal_date": "2026-06-30",
}  # fmt: skip


async def renewal(api: Api, external_id: str, /, **fields: Any) -> Any:
    return await deal(api, external_id, **{**RENEWAL, **fields})


async def ask(api: Api, opportunity: Any, what: str, query: str = "", **body: Any) -> Any:
    """The answer of a special case that must succeed."""
    return await api.call("POST", f"{OPPORTUNITIES}/{opportunity['id']}/{what}{query}", json=body)


async def try_ask(api: Api, opportunity: Any, what: str, **body: Any) -> httpx.Response:
    return await api.request("POST", f"{OPPORTUNITIES}/{opportunity['id']}/{what}", json=body)


async def closed(api: Api, *quarters: str) -> Decimal:
    """Net ARR booked in these quarters, as the forecast answers it."""
    await api.settle()
    total = Decimal(0)
    for quarter in quarters:
        told = await forecast(api, quarter)
        total += Decimal(told["net_arr"]["closed"])
    return total


async def audit(api: Api) -> None:
    """The figures are what the history says they are."""
    await api.settle()
    found = await recompute(api.database(), api.workspace_id)
    assert found.differences == []


async def subscription(api: Api, external_id: str = "s-1", /, **fields: Any) -> Any:
    body = {
        "account_external_id": "acme", "start_date": "2026-02-01", "end_date": "2027-01-31",
        "arr": "10000.00", "seats": 100, **fields,
    }  # fmt: skip
    path = f"/pipeline/v1/subscriptions/by-external-id/{external_id}"
    return await api.call("PUT", path, json=body)
