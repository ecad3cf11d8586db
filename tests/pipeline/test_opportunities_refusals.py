"""What is refused, with where and how to cure it, and that nothing of it is stored."""

from __future__ import annotations

from typing import Any

import pytest

from services.kit.ids import new_id
from tests.client import Api
from tests.pipeline.deals import OPPORTUNITIES, PLAIN, company, deal, get, rows_of

JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
async def _company(api: Api) -> None:
    await company(api)


@pytest.mark.parametrize(
    ("fields", "pointer", "code", "cure"),
    [
        ({"amout": "1"}, "/amout", "extra_forbidden", "check the spelling"),
        ({"amount": 1.5}, "/amount", "invalid_money", "string like '125000.00'"),
        ({"amount": "1.005"}, "/amount", "invalid_money", "two decimal places"),
        ({"amount": "1234567890123"}, "/amount", "invalid_money", "twelve"),
        ({"amount": "1e9"}, "/amount", "invalid_money", "like 125000.00"),
        ({"amount": "-1"}, "/amount", "amount_not_allowed", "credit"),
        ({"services_amount": -5}, "/services_amount", "amount_not_allowed", "credit"),
        ({"amount": "999999999999.99", "term_months": 1}, "/amount",
         "amount_out_of_range", "13 digits"),
        ({"close_date": "1995-05-01"}, "/close_date", "date_out_of_range", "FY00"),
        ({"stage": "won it"}, "/stage", "unknown_stage", "technical_evaluation"),
        ({"forecast_category": "upside"}, "/forecast_category", "literal_error", "'best_case'"),
        ({"type": "expansion"}, "/type", "literal_error", "'add_on'"),
        ({"currency": "EURO"}, "/currency", "invalid_currency", "USD"),
        ({"owner_external_id": "nobody"}, "/owner_external_id", "unknown_user", "create it first"),
        ({"sdr_external_id": "nobody"}, "/sdr_external_id", "unknown_user", "create it first"),
        ({"account_external_id": "none"}, "/account_external_id", "unknown_account",
         "create it first"),
        ({"subscription_external_id": "s9"}, "/subscription_external_id",
         "unknown_subscription", "create it first"),
        ({"contact_external_ids": ["c9"]}, "/contact_external_ids/0", "unknown_contact",
         "create it first"),
        ({"splits": [{"owner_external_id": "nobody", "percent": 100}]},
         "/splits/0/owner_external_id", "unknown_user", "create it first"),
        ({"splits": [{"owner_external_id": "ana", "percent": 90}]}, "/splits",
         "splits_not_100", "add up to 100"),
        ({"term_months": -12}, "/term_months", "greater_than_equal", "1"),
        ({"term_months": 0}, "/term_months", "greater_than_equal", "1"),
        ({"term_months": 12.0}, "/term_months", "int_type", "integer"),
        ({"term_months": 121}, "/term_months", "less_than_equal", "120"),
        ({"close_date": "2126-07-31"}, "/close_date", "date_out_of_range", "must be from"),
        ({"close_date": "31.07.2026"}, "/close_date", "invalid_date", "YYYY-MM-DD"),
        ({"close_date": "2026-02-30"}, "/close_date", "invalid_date", "2026-02-30"),
        ({"occurred_at": "2099-01-01T00:00:00Z"}, "/occurred_at", "instant_out_of_range",
         "must be from"),
        ({"expected_renewed_arr": "5"}, "/expected_renewed_arr", "amount_not_allowed",
         "between 0 and the ARR basis, 0.00"),
        ({"type": "renewal", "arr_basis": "10", "expected_renewed_arr": "10.01"},
         "/expected_renewed_arr", "amount_not_allowed", "10.00"),
        ({"arr_basis": "10", "expected_renewed_arr": "-0.01"}, "/expected_renewed_arr",
         "amount_not_allowed", "between 0"),
        ({"name": "a\x00b"}, "/name", "invalid_text", "NUL"),
        ({"name": " "}, "/name", "blank_text", "not be blank"),
        ({"external_id": ""}, "/external_id", "blank_text", "not be blank"),
        ({"seats": -1}, "/seats", "greater_than_equal", "0"),
    ],
)  # fmt: skip
async def test_bad_fields(
    api: Api, fields: dict[str, Any], pointer: str, code: str, cure: str
) -> None:
    opportunity_id = str(new_id())
    body = {**PLAIN, **fields, "id": opportunity_id}
    answer = await api.request("POST", OPPORTUNITIES, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)
    assert cure in error["message"]
    assert set((await rows_of(api, opportunity_id)).values()) == {0}

    stored = await deal(api)
    answer = await api.request("PATCH", f"{OPPORTUNITIES}/{stored['id']}", json=fields)
    assert answer.status_code == 422, answer.text
    assert await get(api, stored) == stored


async def test_everything_wrong_is_said_at_once(api: Api) -> None:
    body = {**PLAIN, "owner_external_id": "x", "account_external_id": "y", "sdr_external_id": "z"}
    answer = await api.request("POST", OPPORTUNITIES, json=body)
    assert {error["pointer"] for error in answer.json()["errors"]} == {
        "/owner_external_id",
        "/account_external_id",
        "/sdr_external_id",
    }


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"x" * 10_000_000, JSON, 413, "body_too_large"),
        (b'{"name": "\xff\xfe"}', JSON, 422, "invalid_payload"),
        (b'{"name": ', JSON, 422, "invalid_payload"),
        (b"", JSON, 422, "invalid_payload"),
        (b"[]", JSON, 422, "invalid_payload"),
        (b'{"name": "x"}', {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (b"name=x", {"Content-Type": "application/x-www-form-urlencoded"}, 415,
         "unsupported_media_type"),
    ],
)  # fmt: skip
async def test_bad_bodies(
    api: Api, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    for path in (OPPORTUNITIES, f"{OPPORTUNITIES}/batch"):
        answer = await api.request("POST", path, content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json()["detail"]
    assert (await api.call("GET", OPPORTUNITIES))["items"] == []


async def test_a_nul_is_found_however_deep(api: Api) -> None:
    body = '{"name": ' + "[" * 900 + '"\\u0000"' + "]" * 900 + "}"
    answer = await api.request("POST", OPPORTUNITIES, content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_payload")
    assert answer.json()["errors"][0]["pointer"] == "/name" + "/0" * 900


async def test_a_stale_tag(api: Api) -> None:
    stored = await deal(api)
    path = f"{OPPORTUNITIES}/{stored['id']}"
    answer = await api.request("PATCH", path, json={"amount": 5}, headers={"If-Match": '"0"'})
    assert (answer.status_code, answer.json()["code"]) == (412, "stale_version")
    assert "Read it again" in answer.json()["detail"]
    answer = await api.request("PATCH", path, json={"amount": 5}, headers={"If-Match": "1"})
    assert answer.status_code == 422
    assert await get(api, stored) == stored


@pytest.mark.parametrize("opportunity_id", ["01a20214-18f0-77e9-8e47-73c09f8428f3", "not-a-uuid"])
async def test_a_record_that_is_not_there(api: Api, opportunity_id: str) -> None:
    expected = 404 if "-a-" not in opportunity_id else 422
    for method, suffix, body in (
        ("GET", "", None),
        ("PATCH", "", {"amount": 1}),
        ("POST", "/transitions", {"to_stage": "scoping"}),
        ("GET", "/history", None),
        ("GET", "/stage-gate", None),
    ):
        answer = await api.request(method, f"{OPPORTUNITIES}/{opportunity_id}{suffix}", json=body)
        assert answer.status_code == expected, (method, suffix)


async def test_another_workspaces_record_is_not_there(api: Api, other_api: Api) -> None:
    stored = await deal(api)
    for method, suffix, body in (
        ("GET", "", None),
        ("PATCH", "", {"amount": 1}),
        ("POST", "/transitions", {"to_stage": "scoping"}),
        ("GET", "/history", None),
        ("GET", "/stage-gate", None),
    ):
        answer = await other_api.request(
            method, f"{OPPORTUNITIES}/{stored['id']}{suffix}", json=body
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "opportunity_not_found")
    results = await other_api.call(
        "POST",
        f"{OPPORTUNITIES}/batch",
        json={"items": [{**PLAIN, "external_id": "O1"}]},
    )
    assert results["results"][0]["error"]["errors"][0]["pointer"] == "/items/0/owner_external_id"
    assert (await other_api.call("GET", OPPORTUNITIES))["items"] == []
    assert await get(api, stored) == stored
