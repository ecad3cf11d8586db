"""Customers through HTTP, for the tests of this folder."""

from __future__ import annotations

from typing import Any

from services.pipeline import tasks
from tests.client import Api
from tests.pipeline.deals import company

PIPELINE = "/pipeline/v1"
SUBSCRIPTIONS = f"{PIPELINE}/subscriptions"
SUGGESTIONS = f"{PIPELINE}/suggestions"


async def customer(api: Api) -> None:
    """Acme belongs to Ana; Ana and Ben report to Mia."""
    await company(api)
    await account(api, "acme", owner_external_id="ana")


async def account(api: Api, external_id: str, /, **fields: Any) -> Any:
    path = f"{PIPELINE}/accounts/by-external-id/{external_id}"
    return await api.call("PUT", path, json=fields)


async def subscribe(api: Api, external_id: str = "S1", /, **fields: Any) -> Any:
    """A hundred seats of the premium tier for a year, half of which is over."""
    body = {
        "account_external_id": "acme",
        "start_date": "2025-11-01",
        "end_date": "2026-10-31",
        "arr": "100000.00",
        "seats": 100,
        "tier": "premium",
        **fields,
    }
    return await change(api, external_id, **body)


async def change(api: Api, external_id: str, /, **fields: Any) -> Any:
    return await api.call("PUT", f"{SUBSCRIPTIONS}/by-external-id/{external_id}", json=fields)


async def measure(api: Api, subscription: Any, day: str, users: int | None, **more: Any) -> Any:
    body = {"measured_on": day, "active_users": users, **more}
    return await api.call("POST", f"{SUBSCRIPTIONS}/{subscription['id']}/usage", json=body)


async def suggestions(api: Api, query: str = "") -> list[Any]:
    answer = await api.call("GET", f"{SUGGESTIONS}?limit=200{query}")
    items: list[Any] = answer["items"]
    return items


async def decide(api: Api, suggestion: Any, decision: str, **more: Any) -> Any:
    path = f"{SUGGESTIONS}/{suggestion['id']}/decision"
    return await api.call("POST", path, json={"decision": decision, **more})


async def follow(api: Api) -> None:
    """Lets everything that changed be looked at."""
    await api.settle()
    await tasks.follow(api.database(), api.workspace_id)


async def policy(api: Api, **settings: Any) -> None:
    body = {"name": "ours", "settings": {f"customers.{key}": v for key, v in settings.items()}}
    answer = await api.request("POST", f"{PIPELINE}/policies", json=body)
    assert answer.status_code == 201, answer.text
