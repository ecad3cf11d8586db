"""The catalogue of resources through HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client import Api
from tests.qualification.working import (
    BASE,
    NOW,
    ClockAt,
    make_resource,
)


@pytest.fixture(autouse=True)
def _wednesday(clock_at: ClockAt) -> Any:
    with clock_at(NOW):
        yield


class TestResources:
    async def test_merges_and_counts_only_changes(self, api: Api) -> None:
        path = f"{BASE}/resources/by-external-id/papers/1"
        first = await api.request("PUT", path, json={"use_case": "ci"})
        assert (first.status_code, first.json()["title"]) == (201, "papers/1")
        assert first.json()["active"] is True
        same = await api.request("PUT", path, json={"use_case": "ci"})
        assert (same.status_code, same.json()["version"]) == (200, 1)
        cleared = await api.call("PUT", path, json={"use_case": None, "title": "Paper"})
        assert (cleared["use_case"], cleared["title"], cleared["version"]) == (None, "Paper", 2)
        stale = await api.request("PUT", path, json={"title": "x"}, headers={"If-Match": '"1"'})
        assert stale.status_code == 412
        one = await api.request("GET", f"{BASE}/resources/{cleared['id']}")
        assert (one.json(), one.headers["ETag"]) == (cleared, '"2"')

    async def test_filters_combine(self, api: Api) -> None:
        items = [
            {"external_id": "1", "use_case": "CI", "persona": "technology_leader", "kind": "video"},
            {"external_id": "2", "use_case": "ci", "buyer_stage": "evaluate", "kind": "paper"},
            {"external_id": "3", "use_case": "scm", "active": False},
            {"external_id": "3", "use_case": "twice"},
            {"external_id": "4", "usecase": "x"},
        ]
        answer = await api.call("POST", f"{BASE}/resources/batch", json={"items": items})
        assert [result["status"] for result in answer["results"]] == [201, 201, 201, 409, 422]

        async def found(**params: Any) -> str:
            page = await api.call("GET", f"{BASE}/resources", params=params)
            return "".join(item["external_id"] for item in page["items"])

        assert await found() == "123"
        assert await found(use_case="Ci") == "12"
        assert await found(use_case="ci", kind="paper") == "2"
        assert await found(persona="technology_leader") == "1"
        assert await found(buyer_stage="evaluate") == "2"
        assert await found(active="false") == "3"
        assert await found(external_id="2") == "2"


class TestRoles:
    async def test_the_catalogue_is_read_by_all_and_written_by_few(
        self, api: Api, other_api: Api
    ) -> None:
        paper = await make_resource(api, "paper")
        path = f"{BASE}/resources"
        for role, writes in [
            ("integration", 200), ("sales_ops", 200), ("manager", 200), ("sdr", 403),
            ("rep", 403), ("analyst", 403),
        ]:  # fmt: skip
            client = await api.client_for(role)
            put = await client.request("PUT", f"{path}/by-external-id/paper", json={})
            assert put.status_code == writes, role
            batch = await client.request("POST", f"{path}/batch", json={"items": []})
            assert batch.status_code == (207 if writes == 200 else 403), role
            assert len((await client.call("GET", path))["items"]) == 1
        assert (await other_api.call("GET", path))["items"] == []
        assert (await other_api.request("GET", f"{path}/{paper['id']}")).status_code == 404
