"""Ids that clients choose, the same for every kind of record that is merged by external id."""

from __future__ import annotations

from typing import Any

import pytest

from services.kit.ids import new_id
from tests.client import Api

KINDS: list[tuple[str, dict[str, Any]]] = [
    ("users", {"name": "N"}),
    ("accounts", {"name": "N"}),
    ("contacts", {"name": "N"}),
    (
        "subscriptions",
        {
            "account_external_id": "acme",
            "start_date": "2026-01-01",
            "end_date": "2026-12-31",
            "arr": "1",
        },
    ),
]


@pytest.fixture(autouse=True)
async def _acme(api: Api) -> None:
    await api.call("PUT", "/pipeline/v1/accounts/by-external-id/acme", json={"name": "Acme"})


@pytest.mark.parametrize(("kind", "fields"), KINDS)
async def test_a_client_may_choose_the_id(api: Api, kind: str, fields: dict[str, Any]) -> None:
    chosen = str(new_id())
    path = f"/pipeline/v1/{kind}/by-external-id"
    created = await api.call("PUT", f"{path}/a", json={**fields, "id": chosen})
    assert created["id"] == chosen
    assert await api.call("PUT", f"{path}/a", json={"id": chosen}) == created
    other = await api.request("PUT", f"{path}/a", json={"id": str(new_id())})
    assert (other.status_code, other.json()["code"]) == (409, "id_mismatch")


@pytest.mark.parametrize(("kind", "fields"), KINDS)
async def test_an_id_is_taken_once(api: Api, kind: str, fields: dict[str, Any]) -> None:
    chosen, taken = str(new_id()), str(new_id())
    path = f"/pipeline/v1/{kind}"
    await api.call("PUT", f"{path}/by-external-id/a", json={**fields, "id": taken})
    items = [
        {**fields, "external_id": name, "id": id_}
        for name, id_ in (("b", taken), ("c", chosen), ("d", chosen), ("e", None))
    ]
    answer = await api.call("POST", f"{path}/batch", json={"items": items})
    results = answer["results"]
    assert [result["status"] for result in results] == [409, 201, 409, 201]
    assert {result["error"]["code"] for result in results if "error" in result} == {"id_taken"}
