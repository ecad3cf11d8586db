"""Activities through HTTP, for their tests."""

from __future__ import annotations

from typing import Any

import httpx

from tests.client import Api
from tests.pipeline.deals import OPPORTUNITIES

ACTIVITIES = "/pipeline/v1/activities"
ACCOUNTS = "/pipeline/v1/accounts"


async def log(api: Api, opportunity: Any, kind: str = "call", /, **fields: Any) -> Any:
    """On an opportunity."""
    path = f"{OPPORTUNITIES}/{opportunity['id']}/activities"
    return await api.call("POST", path, json={"kind": kind, **fields})


async def try_log(
    api: Api, opportunity: Any, kind: str = "call", /, **fields: Any
) -> httpx.Response:
    path = f"{OPPORTUNITIES}/{opportunity['id']}/activities"
    return await api.request("POST", path, json={"kind": kind, **fields})


async def put(api: Api, external_id: str, /, **fields: Any) -> Any:
    return await api.call("PUT", f"{ACTIVITIES}/by-external-id/{external_id}", json=fields)


async def try_put(api: Api, external_id: str, /, **fields: Any) -> httpx.Response:
    return await api.request("PUT", f"{ACTIVITIES}/by-external-id/{external_id}", json=fields)


async def patch(api: Api, activity: Any, **fields: Any) -> Any:
    return await api.call("PATCH", f"{ACTIVITIES}/{activity['id']}", json=fields)


async def try_patch(api: Api, activity: Any, **fields: Any) -> httpx.Response:
    return await api.request("PATCH", f"{ACTIVITIES}/{activity['id']}", json=fields)


async def batch(api: Api, *items: Any) -> list[dict[str, Any]]:
    answer = await api.request("POST", f"{ACTIVITIES}/batch", json={"items": list(items)})
    assert answer.status_code == 207, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


async def listed(api: Api, path: str = ACTIVITIES, **query: Any) -> list[dict[str, Any]]:
    """Every page of a list."""
    found: list[dict[str, Any]] = []
    while True:
        page = await api.call("GET", path, params=query)
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


def problem(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, pointer and code of the one field that is wrong."""
    (found,) = answer.json()["errors"]
    return answer.status_code, found["pointer"], found["code"]
