"""Contacts through HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.kit import clock
from tests.client import Api

CONTACTS = "/pipeline/v1/contacts"


async def put(api: Api, external_id: str, /, **fields: Any) -> Any:
    return await api.call("PUT", f"{CONTACTS}/by-external-id/{external_id}", json=fields)


async def acme(api: Api) -> None:
    await api.call("PUT", "/pipeline/v1/accounts/by-external-id/acme", json={"name": "Acme"})


async def test_merges(api: Api) -> None:
    await acme(api)
    created = await put(
        api,
        "kim",
        name="Kim",
        account_external_id="acme",
        email="kim@acme.example",
        persona="technology",
        champion=True,
    )
    assert (created["champion"], created["left_at"], created["version"]) == (True, None, 1)
    merged = await put(api, "kim", champion=None, left_at="2026-03-31", buying_role="coach")
    assert (merged["champion"], merged["left_at"], merged["version"]) == (False, "2026-03-31", 2)
    assert merged["email"] == "kim@acme.example"
    assert await put(api, "kim", left_at="2026-03-31") == merged
    assert (await put(api, "kim", account_external_id=None))["account_external_id"] is None


async def test_is_called_by_its_external_id_until_it_has_a_name(api: Api) -> None:
    await acme(api)
    created = await put(api, "kim", account="acme", persona="technology")
    assert (created["name"], created["account_external_id"]) == ("kim", "acme")
    assert (await put(api, "kim", name="Kim"))["name"] == "Kim"
    assert (await put(api, "kim", persona=None))["name"] == "Kim"
    assert (await put(api, "kim", name=None))["name"] == "kim"


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"name": "K", "account_external_id": "x"}, "/account_external_id", "unknown_reference"),
        ({"name": "K", "email": "k@"}, "/email", "invalid_email"),
        ({"name": "K", "champion": 1}, "/champion", "bool_type"),
        ({"name": "K", "left_at": "31.03.2026"}, "/left_at", "invalid_date"),
        ({"name": "K", "left_at": "2026-02-30"}, "/left_at", "invalid_date"),
        ({"name": "K", "left_at": 1775000000}, "/left_at", "invalid_date"),
        ({"name": "K", "left_at": "1899-01-01"}, "/left_at", "date_out_of_range"),
        ({"name": "K", "champoin": True}, "/champoin", "extra_forbidden"),
    ],
)
async def test_names_the_field(api: Api, fields: dict[str, Any], pointer: str, code: str) -> None:
    answer = await api.request("PUT", f"{CONTACTS}/by-external-id/kim", json=fields)
    assert answer.status_code == 422, answer.text
    (problem,) = answer.json()["errors"]
    assert (problem["pointer"], problem["code"]) == (pointer, code)


async def test_nobody_leaves_in_the_future(api: Api) -> None:
    day = clock.now().date() + timedelta(days=2)
    answer = await api.request(
        "PUT", f"{CONTACTS}/by-external-id/kim", json={"name": "K", "left_at": str(day)}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "date_in_the_future"


async def test_batch_and_list(api: Api) -> None:
    await acme(api)
    answer = await api.request(
        "POST",
        f"{CONTACTS}/batch",
        json={
            "items": [
                {"external_id": "kim", "name": "Kim", "account_external_id": "acme"},
                {"external_id": "lee", "name": "Lee", "champion": True, "persona": "security"},
                {"external_id": "max", "name": "Max", "account_external_id": "none"},
                {"external_id": "kim", "name": "Kimberly"},
            ]
        },
    )
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [201, 201, 422, 409]
    assert results[2]["error"]["errors"][0]["pointer"] == "/items/2/account_external_id"

    async def names(**query: Any) -> list[str]:
        page = await api.call("GET", CONTACTS, params=query)
        return [contact["external_id"] for contact in page["items"]]

    assert await names() == ["kim", "lee"]
    assert await names(account_external_id="acme") == ["kim"]
    assert await names(champion="true", persona="security") == ["lee"]


async def test_another_workspace_sees_nothing(api: Api, other_api: Api) -> None:
    contact = await put(api, "kim", name="Kim")
    answer = await other_api.request("GET", f"{CONTACTS}/{contact['id']}")
    assert (answer.status_code, answer.json()["code"]) == (404, "contact_not_found")
    assert (await other_api.call("GET", CONTACTS))["items"] == []


async def test_stale_if_match_is_refused(api: Api) -> None:
    await put(api, "kim", name="Kim")
    answer = await api.request(
        "PUT", f"{CONTACTS}/by-external-id/kim", json={"name": "K"}, headers={"If-Match": '"9"'}
    )
    assert (answer.status_code, answer.json()["code"]) == (412, "stale_version")
