"""Opportunities through HTTP, with true defaults, for the tests of pipeline."""

from __future__ import annotations

from typing import Any

import httpx

from tests.client import Api

OPPORTUNITIES = "/pipeline/v1/opportunities"
SOME_ID = "01970000-0000-7000-8000-000000000001"

PLAIN: dict[str, Any] = {
    "name": "Acme - Ultimate",
    "owner_external_id": "ana",
    "account_external_id": "acme",
    "type": "new_business",
    "stage": "discovery",
    "amount": "120000.00",
    "term_months": 12,
    "close_date": "2027-01-15",
}


async def company(api: Api) -> None:
    """Ana and Ben report to Mia; Acme has 500 employees."""
    people = [
        {"external_id": "mia", "name": "Mia", "role": "manager"},
        {"external_id": "ana", "name": "Ana", "role": "rep", "manager_external_id": "mia"},
        {"external_id": "ben", "name": "Ben", "role": "rep", "manager_external_id": "mia"},
        {"external_id": "zoe", "name": "Zoe", "role": "rep", "segment": "smb", "region": "APAC"},
    ]
    answer = await api.call("POST", "/pipeline/v1/users/batch", json={"items": people})
    assert {result["status"] for result in answer["results"]} == {201}, answer
    await account(api, "acme", name="Acme", employees=500, region="EMEA", vertical="finance")


async def account(api: Api, external_id: str, /, **fields: Any) -> Any:
    return await api.call("PUT", f"/pipeline/v1/accounts/by-external-id/{external_id}", json=fields)


async def put(api: Api, external_id: str, /, **fields: Any) -> Any:
    """Merges exactly these fields."""
    return await api.call("PUT", f"{OPPORTUNITIES}/by-external-id/{external_id}", json=fields)


async def deal(api: Api, external_id: str = "O1", /, **fields: Any) -> Any:
    """PLAIN with these fields instead."""
    return await put(api, external_id, **{**PLAIN, **fields})


async def get(api: Api, opportunity: Any) -> Any:
    return await api.call("GET", f"{OPPORTUNITIES}/{opportunity['id']}")


async def patch(api: Api, opportunity: Any, **fields: Any) -> Any:
    return await api.call("PATCH", f"{OPPORTUNITIES}/{opportunity['id']}", json=fields)


async def try_patch(api: Api, opportunity: Any, **fields: Any) -> httpx.Response:
    return await api.request("PATCH", f"{OPPORTUNITIES}/{opportunity['id']}", json=fields)


async def move(api: Api, opportunity: Any, to_stage: str, **fields: Any) -> httpx.Response:
    return await api.request(
        "POST",
        f"{OPPORTUNITIES}/{opportunity['id']}/transitions",
        json={"to_stage": to_stage, **fields},
    )


async def batch(api: Api, *items: Any) -> list[dict[str, Any]]:
    answer = await api.request("POST", f"{OPPORTUNITIES}/batch", json={"items": list(items)})
    assert answer.status_code == 207, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


async def history(api: Api, opportunity: Any) -> list[dict[str, Any]]:
    answer = await api.call("GET", f"{OPPORTUNITIES}/{opportunity['id']}/history?limit=200")
    items: list[dict[str, Any]] = answer["items"]
    return items


async def findings(api: Api, opportunity: Any) -> list[tuple[int, str]]:
    """Version and rule of every finding, from the table, since no path lists them yet."""
    async with api.database().read(api.workspace_id) as session:
        rows = await session.fetch(
            "SELECT version, rule FROM pipeline.findings"
            " WHERE workspace_id = $1 AND opportunity_id = $2::text::uuid ORDER BY version, rule",
            api.workspace_id,
            opportunity["id"],
        )
    return [(row["version"], row["rule"]) for row in rows]


async def rows_of(api: Api, opportunity_id: str) -> dict[str, int]:
    """How many rows each table has for an opportunity: what a refusal must leave at zero."""
    async with api.database().read(api.workspace_id) as session:
        return {
            table: await session.fetchval(
                f"SELECT count(*) FROM pipeline.{table}"
                f" WHERE workspace_id = $1 AND {column} = $2::text::uuid",
                api.workspace_id,
                opportunity_id,
            )
            for table, column in (
                ("opportunities", "id"),
                ("opportunity_events", "opportunity_id"),
                ("outbox", "subject_id"),
                ("findings", "opportunity_id"),
            )
        }
