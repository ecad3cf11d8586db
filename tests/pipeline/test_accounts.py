"""Accounts through HTTP: merging, families, segments, and who may see and write them."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.client import Api

ACCOUNTS = "/pipeline/v1/accounts"


async def put(api: Api, external_id: str, /, **fields: Any) -> Any:
    return await api.call("PUT", f"{ACCOUNTS}/by-external-id/{external_id}", json=fields)


async def batch(api: Api, *items: Any) -> list[dict[str, Any]]:
    answer = await api.request("POST", f"{ACCOUNTS}/batch", json={"items": list(items)})
    assert answer.status_code == 207, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


class TestPut:
    @pytest.mark.parametrize(
        ("employees", "segment"),
        [
            (None, "unknown"),
            (0, "unknown"),
            (99, "smb"),
            (100, "mid_market"),
            (1999, "mid_market"),
            (2000, "large"),
        ],
    )
    async def test_segment_follows_from_the_head_count(
        self, api: Api, employees: int | None, segment: str
    ) -> None:
        account = await put(api, "acme", name="Acme", employees=employees)
        assert account["segment"] == segment

    async def test_merges(self, api: Api) -> None:
        await api.call("PUT", "/pipeline/v1/users/by-external-id/ana", json={"name": "Ana"})
        await put(api, "group", name="Group")
        created = await put(
            api,
            "acme",
            name="Acme",
            region="EMEA",
            parent_external_id="group",
            owner_external_id="ana",
            route_to_market="channel",
        )
        merged = await put(api, "acme", region=None, vertical="finance")
        assert merged["version"] == 2
        assert merged == created | {
            "region": None,
            "vertical": "finance",
            "version": 2,
            "updated_at": merged["updated_at"],
        }
        assert await put(api, "acme", vertical="finance") == merged
        cleared = await put(api, "acme", parent_external_id=None, owner_external_id=None)
        assert (cleared["parent_external_id"], cleared["owner_external_id"]) == (None, None)

    async def test_answers_304_for_a_version_that_is_known(self, api: Api) -> None:
        account = await put(api, "acme", name="Acme")
        path = f"{ACCOUNTS}/{account['id']}"
        first = await api.request("GET", path)
        assert first.json() == account
        known = await api.request("GET", path, headers={"If-None-Match": first.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")
        await put(api, "acme", name="Acme Ltd")
        moved = await api.request("GET", path, headers={"If-None-Match": first.headers["etag"]})
        assert moved.json()["name"] == "Acme Ltd"

    async def test_stale_if_match_is_refused(self, api: Api) -> None:
        await put(api, "acme", name="Acme")
        path = f"{ACCOUNTS}/by-external-id/acme"
        for tag, status in (('"2"', 412), ('"1"', 200), ("*", 200), ("seven", 422)):
            answer = await api.request("PUT", path, json={}, headers={"If-Match": tag})
            assert answer.status_code == status, tag

    @pytest.mark.parametrize(
        ("fields", "pointer", "code"),
        [
            ({}, "/name", "missing"),
            ({"name": "A", "employees": -1}, "/employees", "greater_than_equal"),
            ({"name": "A", "employees": 1.5}, "/employees", "int_type"),
            ({"name": "A", "employees": True}, "/employees", "int_type"),
            ({"name": "A", "employees": "12"}, "/employees", "int_type"),
            ({"name": "A", "employees": 10**16}, "/employees", "less_than_equal"),
            ({"name": "A", "route_to_market": "moon"}, "/route_to_market", "literal_error"),
            ({"name": "A", "segment": "smb"}, "/segment", "extra_forbidden"),
            ({"name": "A", "owner_external_id": "x"}, "/owner_external_id", "unknown_reference"),
            ({"name": "A", "parent_external_id": "x"}, "/parent_external_id", "unknown_reference"),
            ({"name": "A", "parent_external_id": " x"}, "/parent_external_id", "invalid_text"),
            ({"name": "A", "region": "x" * 256}, "/region", "text_too_long"),
        ],
    )
    async def test_names_the_field(
        self, api: Api, fields: dict[str, Any], pointer: str, code: str
    ) -> None:
        answer = await api.request("PUT", f"{ACCOUNTS}/by-external-id/acme", json=fields)
        assert answer.status_code == 422, answer.text
        (problem,) = answer.json()["errors"]
        assert (problem["pointer"], problem["code"]) == (pointer, code)


class TestFamilies:
    async def test_no_account_belongs_to_itself(self, api: Api) -> None:
        await batch(
            api,
            {"external_id": "a", "name": "A", "parent_external_id": "b"},
            {"external_id": "b", "name": "B", "parent_external_id": "c"},
            {"external_id": "c", "name": "C"},
        )
        for external_id, parent, chain in (
            ("c", "a", ["c", "a", "b", "c"]),
            ("a", "a", ["a", "a"]),
        ):
            answer = await api.request(
                "PUT",
                f"{ACCOUNTS}/by-external-id/{external_id}",
                json={"parent_external_id": parent},
            )
            assert answer.status_code == 409
            assert answer.json()["code"] == "account_family_cycle"
            assert answer.json()["chain"] == chain

    async def test_a_batch_may_turn_a_family_round(self, api: Api) -> None:
        await batch(
            api,
            {"external_id": "a", "name": "A", "parent_external_id": "b"},
            {"external_id": "b", "name": "B"},
        )
        results = await batch(
            api,
            {"external_id": "b", "parent_external_id": "a"},
            {"external_id": "a", "parent_external_id": None},
        )
        assert [result["status"] for result in results] == [200, 200]

    async def test_a_refused_parent_takes_its_children_with_it(self, api: Api) -> None:
        results = await batch(
            api,
            {"external_id": "a", "name": "A", "parent_external_id": "b"},
            {"external_id": "b", "name": "B", "parent_external_id": "c"},
            {"external_id": "c", "name": "C", "owner_external_id": "nobody"},
            {"external_id": "d", "name": "D"},
        )
        assert [result["status"] for result in results] == [422, 422, 422, 201]
        assert results[2]["error"]["errors"][0]["pointer"] == "/items/2/owner_external_id"


class TestBatch:
    async def test_each_item_stands_for_itself(self, api: Api) -> None:
        results = await batch(
            api,
            {"external_id": "a", "name": "A"},
            {"name": "nameless"},
            {"external_id": "a", "name": "again"},
            {"external_id": "b", "name": "B", "employes": 3},
            None,
        )
        assert [result["status"] for result in results] == [201, 422, 409, 422, 422]
        pointers = [
            result["error"]["errors"][0]["pointer"] for result in results if result["status"] == 422
        ]
        assert pointers == ["/items/1/external_id", "/items/3/employes", "/items/4"]

    async def test_a_thousand_accounts_at_once(self, api: Api) -> None:
        items = [
            {
                "external_id": f"a{number}",
                "name": f"Account {number}",
                "employees": number,
                "parent_external_id": f"a{number + 1}" if number % 10 < 9 else None,
            }
            for number in range(1000)
        ]
        started = time.perf_counter()
        results = await batch(api, *items)
        elapsed = time.perf_counter() - started
        assert {result["status"] for result in results} == {201}
        # Set-based: a tenth of this on an idle machine.
        assert elapsed < 2.0, f"{elapsed:.2f} s"

    async def test_an_empty_batch_is_nothing(self, api: Api) -> None:
        assert await batch(api) == []


class TestList:
    async def test_filters_and_pages(self, api: Api) -> None:
        await api.call("PUT", "/pipeline/v1/users/by-external-id/ana", json={"name": "Ana"})
        await batch(
            api,
            {"external_id": "group", "name": "G", "employees": 5000},
            {
                "external_id": "acme",
                "name": "A",
                "region": "EMEA",
                "parent_external_id": "group",
                "owner_external_id": "ana",
                "vertical": "retail",
            },
            {"external_id": "base", "name": "B", "region": "EMEA"},
        )

        async def names(**query: Any) -> list[str]:
            page = await api.call("GET", ACCOUNTS, params=query)
            return [account["external_id"] for account in page["items"]]

        assert await names(segment="large") == ["group"]
        assert await names(region="EMEA") == ["acme", "base"]
        assert await names(parent_external_id="group", vertical="retail") == ["acme"]
        assert await names(owner_external_id="ana") == ["acme"]
        assert await names(external_id="base") == ["base"]
        page = await api.call("GET", ACCOUNTS, params={"region": "EMEA", "limit": 1})
        assert await names(region="EMEA", limit=1, cursor=page["next_cursor"]) == ["base"]

    async def test_csv_has_a_header_even_without_rows(self, api: Api) -> None:
        answer = await api.request("GET", ACCOUNTS, params={"format": "csv"})
        assert answer.text.startswith("id,external_id,version,name,employees,segment")
        refused = await api.request("GET", ACCOUNTS, params={"format": "xml"})
        assert refused.json()["errors"][0]["pointer"] == "query/format"


class TestAccess:
    @pytest.mark.parametrize("role", ["manager", "rep", "sdr", "analyst"])
    async def test_sellers_read(self, api: Api, role: str) -> None:
        account = await put(api, "acme", name="Acme")
        async with await api.client_for(role) as client:
            assert (await client.request("GET", f"{ACCOUNTS}/{account['id']}")).status_code == 200
            refused = await client.request(
                "PUT", f"{ACCOUNTS}/by-external-id/acme", json={"name": "X"}
            )
            assert refused.status_code == 403
            batched = await client.request("POST", f"{ACCOUNTS}/batch", json={"items": []})
            assert batched.status_code == 403

    async def test_another_workspace_sees_nothing(self, api: Api, other_api: Api) -> None:
        account = await put(api, "acme", name="Acme")
        answer = await other_api.request("GET", f"{ACCOUNTS}/{account['id']}")
        assert (answer.status_code, answer.json()["code"]) == (404, "account_not_found")
        assert (await other_api.call("GET", ACCOUNTS))["items"] == []
        refused = await other_api.request(
            "PUT",
            f"{ACCOUNTS}/by-external-id/base",
            json={"name": "B", "parent_external_id": "acme"},
        )
        assert refused.status_code == 422
        assert (await put(other_api, "acme", name="Other"))["id"] != account["id"]


async def test_open_opportunities_follow_their_account(api: Api) -> None:
    await api.call("PUT", "/pipeline/v1/users/by-external-id/ana", json={"name": "Ana"})
    await put(api, "acme", name="Acme", employees=50, region="EMEA")
    path = "/pipeline/v1/opportunities/by-external-id/"
    common = {
        "name": "Acme",
        "account_external_id": "acme",
        "owner_external_id": "ana",
        "type": "new_business",
        "stage": "scoping",
        "amount": "100.00",
        "currency": "USD",
        "close_date": "2026-12-31",
    }
    follows = await api.call("PUT", f"{path}o1", json=common)
    states = await api.call("PUT", f"{path}o2", json={**common, "segment": "smb"})
    assert (follows["segment"], states["segment"]) == ("smb", "smb")
    await put(api, "acme", employees=5000)
    again = await api.call("GET", f"/pipeline/v1/opportunities/{follows['id']}")
    assert (again["segment"], again["version"]) == ("large", 2)
    still = await api.call("GET", f"/pipeline/v1/opportunities/{states['id']}")
    assert (still["segment"], still["version"]) == ("smb", 1)


class TestAtTheSameTime:
    async def test_many_create_one_account(self, api: Api) -> None:
        answers = await asyncio.gather(
            *(
                api.request(
                    "PUT", f"{ACCOUNTS}/by-external-id/acme", json={"name": f"Acme {number}"}
                )
                for number in range(8)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
        assert sorted(answer.json()["version"] for answer in answers) == list(range(1, 9))

    async def test_two_parents_never_make_a_circle(self, api: Api) -> None:
        await batch(api, {"external_id": "a", "name": "A"}, {"external_id": "b", "name": "B"})
        answers = await asyncio.gather(
            *(
                api.request(
                    "PUT",
                    f"{ACCOUNTS}/by-external-id/{name}",
                    json={"parent_external_id": parent},
                )
                for name, parent in (("a", "b"), ("b", "a"))
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]
