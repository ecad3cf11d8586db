"""Known issues through HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.client import Api
from tests.pipeline.customers.harness import PIPELINE, account, customer

ISSUES = f"{PIPELINE}/known-issues"


async def put(api: Api, external_id: str, **fields: Any) -> Any:
    body = {"title": external_id, "problem": "It stops.", **fields}
    return await api.call("PUT", f"{ISSUES}/by-external-id/{external_id}", json=body)


async def occur(api: Api, external_id: str, at: str = "acme", **fields: Any) -> Any:
    path = f"{ISSUES}/by-external-id/{external_id}/occurrences"
    return await api.call("POST", path, json={"account": at, **fields})


async def listed(api: Api, query: str = "") -> list[str]:
    items: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        page = await api.call("GET", f"{ISSUES}?limit=2{query}{more}")
        items += page["items"]
        cursor = page["next_cursor"]
    return [each["external_id"] for each in items]


async def test_merges_under_a_version(api: Api) -> None:
    await customer(api)
    created = await put(api, "login/sso")
    assert (created["version"], created["answer"], created["occurrences"]) == (1, None, 0)
    merged = await put(api, "login/sso", answer="Renew the certificate.")
    assert merged["version"] == 2
    assert await put(api, "login/sso", answer="Renew the certificate.") == merged
    path = f"{ISSUES}/by-external-id/login/sso"
    stale = await api.request("PUT", path, json={"answer": None}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    # Counting is no version: who read version 2 may still write.
    await occur(api, "login/sso")
    assert (await api.call("GET", path))["occurrences"] == 1
    fresh = await api.request("PUT", path, json={"answer": None}, headers={"If-Match": '"2"'})
    assert (fresh.status_code, fresh.json()["version"]) == (200, 3)
    missing = await api.request("PUT", f"{ISSUES}/by-external-id/new", json={"title": "New"})
    assert missing.status_code == 422


async def test_the_most_frequent_first_and_by_words(api: Api) -> None:
    await customer(api)
    for name in ("slow", "login", "lost_100%", "never"):
        await put(api, name, answer=f"How to cure {name}")
    for name, count in (("slow", 3), ("login", 1), ("lost_100%", 1)):
        for _ in range(count):
            await occur(api, name)
    assert await listed(api) == ["slow", "lost_100%", "login", "never"]
    assert await listed(api, "&q=CURE login") == ["login"]
    assert await listed(api, "&q=100%25") == ["lost_100%"]
    assert await listed(api, "&q=t_10") == ["lost_100%"]
    assert await listed(api, "&q=w_n") == []
    assert (await api.request("GET", f"{ISSUES}?cursor=WyJ4Il0")).status_code == 422


async def test_each_occurrence_counts_once(api: Api) -> None:
    await customer(api)
    await put(api, "slow")
    told = await asyncio.gather(*(occur(api, "slow") for _ in range(8)))
    assert sorted(each["occurrences"] for each in told) == list(range(1, 9))


async def test_what_came_up_at_an_account(api: Api, other_api: Api) -> None:
    await customer(api)
    await account(api, "else", name="Else")
    for name in ("slow", "login", "odd"):
        await put(api, name)
    await occur(api, "login", note="First.", occurred_at="2026-01-05T09:00:00Z")
    await occur(api, "slow", note="Before.", occurred_at="2026-01-02T09:00:00Z")
    await occur(api, "slow", note="Last.", occurred_at="2026-01-03T09:00:00Z")
    await occur(api, "slow", note="Early.", occurred_at="2026-01-01T09:00:00Z")
    await occur(api, "odd", at="else")
    path = f"{PIPELINE}/accounts/{(await account(api, 'acme'))['id']}/issues"
    page = await api.call("GET", f"{path}?limit=1")
    (first,) = page["items"]
    assert (first["issue_external_id"], first["occurrences"], first["last_note"]) == (
        "slow", 3, "Last.",
    )  # fmt: skip
    page = await api.call("GET", f"{path}?limit=1&cursor={page['next_cursor']}")
    assert [each["issue_external_id"] for each in page["items"]] == ["login"]
    assert page["next_cursor"] is None
    text = (await api.request("GET", f"{path}?format=csv")).text
    assert text.splitlines()[0].startswith("issue_id,issue_external_id,title")
    assert (await other_api.request("GET", path)).status_code == 404


async def test_who_may(api: Api, other_api: Api) -> None:
    await customer(api)
    await put(api, "slow")
    path = f"{ISSUES}/by-external-id/slow"
    body = {"account_external_id": "acme"}
    rep = await api.client_for("rep", "zoe")
    assert (await rep.request("POST", f"{path}/occurrences", json=body)).status_code == 201
    analyst = await api.client_for("analyst")
    assert (await analyst.request("GET", path)).status_code == 200
    assert (await analyst.request("PUT", path, json={"title": "x"})).status_code == 403
    assert (await analyst.request("POST", f"{path}/occurrences", json=body)).status_code == 403
    assert (await other_api.request("GET", path)).status_code == 404
    unknown = await api.request("POST", f"{path}/occurrences", json={"account": "nobody"})
    assert unknown.json()["errors"][0]["code"] == "unknown_reference"
