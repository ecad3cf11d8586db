"""Subscriptions through HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.client import Api

SUBSCRIPTIONS = "/pipeline/v1/subscriptions"
WHOLE: dict[str, Any] = {
    "account_external_id": "acme",
    "start_date": "2026-02-01",
    "end_date": "2027-01-31",
    "arr": "120000.50",
}


@pytest.fixture(autouse=True)
async def acme(api: Api) -> None:
    await api.call("PUT", "/pipeline/v1/accounts/by-external-id/acme", json={"name": "Acme"})


async def put(api: Api, external_id: str, /, **fields: Any) -> Any:
    return await api.call("PUT", f"{SUBSCRIPTIONS}/by-external-id/{external_id}", json=fields)


async def test_merges(api: Api) -> None:
    created = await put(api, "s1", **WHOLE, usage={"seats_used": 40}, seats=50)
    assert (created["arr"], created["currency"], created["version"]) == ("120000.50", "USD", 1)
    assert created["usage"] == {"seats_used": 40}
    merged = await put(api, "s1", arr=130000, usage=None)
    assert (merged["arr"], merged["usage"], merged["version"]) == ("130000.00", None, 2)
    assert merged["end_date"] == "2027-01-31"
    assert await put(api, "s1", arr="130000.00") == merged


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"arr": None}, "/arr", "missing"),
        ({"account_external_id": "nobody"}, "/account_external_id", "unknown_reference"),
        ({"arr": 1.5}, "/arr", "invalid_money"),
        ({"arr": "1.505"}, "/arr", "invalid_money"),
        ({"arr": "1e5"}, "/arr", "invalid_money"),
        ({"arr": "NaN"}, "/arr", "invalid_money"),
        ({"arr": "-1.00"}, "/arr", "negative_money"),
        ({"arr": "9" * 17}, "/arr", "invalid_money"),
        ({"currency": "usd"}, "/currency", "invalid_currency"),
        ({"currency": "XXX"}, "/currency", "invalid_currency"),
        ({"end_date": "2026-02-01"}, "/end_date", "dates_out_of_order"),
        ({"end_date": "2126-02-01"}, "/end_date", "date_out_of_range"),
        ({"seats": -1}, "/seats", "greater_than_equal"),
        ({"usage": "much"}, "/usage", "dict_type"),
        ({"usage": {"text": "x" * 17000}}, "/usage", "usage_too_large"),
        ({"usage": json.loads('{"a":' * 21 + "1" + "}" * 21)}, "/usage", "usage_too_deep"),
        ({"usage": json.loads('{"a":' * 400 + "1" + "}" * 400)}, "/usage", "usage_too_deep"),
    ],
)
async def test_names_the_field(api: Api, fields: dict[str, Any], pointer: str, code: str) -> None:
    answer = await api.request(
        "PUT", f"{SUBSCRIPTIONS}/by-external-id/s1", json={**WHOLE, **fields}
    )
    assert answer.status_code == 422, answer.text
    (problem,) = answer.json()["errors"]
    assert (problem["pointer"], problem["code"]) == (pointer, code)


async def test_a_new_one_needs_everything_at_once(api: Api) -> None:
    answer = await api.request("PUT", f"{SUBSCRIPTIONS}/by-external-id/s1", json={})
    pointers = [problem["pointer"] for problem in answer.json()["errors"]]
    assert pointers == ["/account_external_id", "/start_date", "/end_date", "/arr"]


async def test_what_is_required_cannot_be_cleared(api: Api) -> None:
    await put(api, "s1", **WHOLE)
    answer = await api.request(
        "PUT", f"{SUBSCRIPTIONS}/by-external-id/s1", json={"start_date": None}
    )
    (problem,) = answer.json()["errors"]
    assert (problem["pointer"], problem["code"]) == ("/start_date", "required_field")


async def test_a_start_after_the_stored_end_is_refused(api: Api) -> None:
    await put(api, "s1", **WHOLE)
    path = f"{SUBSCRIPTIONS}/by-external-id/s1"
    answer = await api.request("PUT", path, json={"start_date": "2027-02-01"})
    assert answer.json()["errors"][0]["pointer"] == "/start_date"
    moved = await api.request(
        "PUT", path, json={"start_date": "2027-02-01", "end_date": "2028-01-31"}
    )
    assert moved.status_code == 200


async def test_batch_and_list(api: Api) -> None:
    answer = await api.request(
        "POST",
        f"{SUBSCRIPTIONS}/batch",
        json={
            "items": [
                {"external_id": "s1", **WHOLE},
                {"external_id": "s2", **WHOLE, "end_date": "2026-12-31", "tier": "ultimate"},
                {"external_id": "s3", **WHOLE, "end_date": "2020-12-31"},
            ]
        },
    )
    assert [result["status"] for result in answer.json()["results"]] == [201, 201, 422]

    async def names(**query: Any) -> list[str]:
        page = await api.call("GET", SUBSCRIPTIONS, params=query)
        return [subscription["external_id"] for subscription in page["items"]]

    assert await names(account_external_id="acme") == ["s1", "s2"]
    assert await names(tier="ultimate") == ["s2"]
    assert await names(end_date_from="2027-01-01") == ["s1"]
    assert await names(end_date_to="2026-12-31") == ["s2"]
    answer = await api.request("GET", SUBSCRIPTIONS, params={"end_date_to": "soon"})
    assert answer.json()["errors"][0]["pointer"] == "query/end_date_to"


async def test_another_workspace_sees_nothing(api: Api, other_api: Api) -> None:
    subscription = await put(api, "s1", **WHOLE)
    answer = await other_api.request("GET", f"{SUBSCRIPTIONS}/{subscription['id']}")
    assert (answer.status_code, answer.json()["code"]) == (404, "subscription_not_found")
    refused = await other_api.request("PUT", f"{SUBSCRIPTIONS}/by-external-id/s1", json=WHOLE)
    assert refused.status_code == 422
