"""Users and reporting lines through HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.kit import clock
from services.workspace.users.repository import subtree
from tests.client import Api

USERS = "/pipeline/v1/users"


async def put(api: Api, external_id: str, /, **fields: Any) -> Any:
    return await api.call("PUT", f"{USERS}/by-external-id/{external_id}", json=fields)


async def batch(api: Api, *items: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await api.request("POST", f"{USERS}/batch", json={"items": list(items)})
    assert answer.status_code == 207, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


async def outbox(api: Api) -> list[Any]:
    async with api.database().read(api.workspace_id) as session:
        return await session.fetch(
            "SELECT subject_id, event_id, due_at, recorded_at FROM pipeline.outbox"
            " WHERE workspace_id = $1 AND kind = 'reporting_line' ORDER BY id",
            api.workspace_id,
        )


class TestPut:
    async def test_creates_with_defaults_then_merges(self, api: Api) -> None:
        created = await api.request(
            "PUT", f"{USERS}/by-external-id/ana", json={"name": "Ana", "segment": "large"}
        )
        assert created.status_code == 201
        assert created.headers["etag"] == '"1"'
        body = created.json()
        assert (body["role"], body["plan_type"], body["active"]) == ("rep", "net", True)

        merged = await api.request(
            "PUT", f"{USERS}/by-external-id/ana", json={"segment": None, "active": False}
        )
        assert merged.status_code == 200
        body = merged.json()
        assert (body["name"], body["segment"], body["active"]) == ("Ana", None, False)
        assert body["version"] == 2

    async def test_no_change_makes_no_version(self, api: Api) -> None:
        await put(api, "bob", name="Bob")
        first = await put(api, "ana", name="Ana", manager_external_id="bob")
        again = await put(api, "ana", name="Ana", manager_external_id="bob")
        assert again == first
        assert len(await outbox(api)) == 1

    async def test_null_returns_a_field_to_its_default(self, api: Api) -> None:
        await put(api, "ana", name="Ana", role="manager", plan_type="gross")
        body = await put(api, "ana", role=None, plan_type=None)
        assert (body["role"], body["plan_type"]) == ("rep", "net")

    async def test_external_id_may_hold_slashes_and_letters_of_any_script(self, api: Api) -> None:
        body = await put(api, "eu/ana %C3%A9", name="Ana")
        assert body["external_id"] == "eu/ana é"

    async def test_stale_if_match_is_refused(self, api: Api) -> None:
        path = f"{USERS}/by-external-id/ana"
        first = await api.request("PUT", path, json={"name": "A"}, headers={"If-Match": '"1"'})
        assert first.status_code == 412
        await put(api, "ana", name="Ana")
        kept = await api.request("PUT", path, json={"name": "B"}, headers={"If-Match": '"1"'})
        assert kept.status_code == 200
        stale = await api.request("PUT", path, json={"name": "C"}, headers={"If-Match": '"1"'})
        assert stale.status_code == 412
        assert stale.json()["code"] == "stale_version"
        assert stale.headers["etag"] == '"2"'

    @pytest.mark.parametrize("role", ["manager", "rep", "sdr", "analyst"])
    async def test_only_those_who_run_the_workspace_write(self, api: Api, role: str) -> None:
        async with await api.client_for(role) as client:
            answer = await client.request("PUT", f"{USERS}/by-external-id/x", json={"name": "X"})
            assert answer.status_code == 403
            assert "sales_ops" in answer.json()["detail"]
            assert (await client.request("GET", USERS)).status_code == 200

    @pytest.mark.parametrize(
        ("fields", "pointer", "code"),
        [
            ({}, "/name", "missing"),
            ({"name": None}, "/name", "missing"),
            ({"name": "  "}, "/name", "blank_text"),
            ({"name": "A" * 256}, "/name", "text_too_long"),
            ({"name": "A\tB"}, "/name", "invalid_text"),
            ({"name": 7}, "/name", "invalid_text"),
            ({"name": "A", "email": "nobody"}, "/email", "invalid_email"),
            ({"name": "A", "role": "boss"}, "/role", "literal_error"),
            ({"name": "A", "plan_type": "both"}, "/plan_type", "literal_error"),
            ({"name": "A", "timezone": "Mars/Base"}, "/timezone", "invalid_timezone"),
            ({"name": "A", "active": "yes"}, "/active", "bool_type"),
            ({"name": "A", "managr_external_id": "b"}, "/managr_external_id", "extra_forbidden"),
            (
                {"name": "A", "manager_external_id": "?"},
                "/manager_external_id",
                "unknown_reference",
            ),
            ({"name": "A", "effective_from": "2026-01-01"}, "/effective_from", "invalid_instant"),
            (
                {"name": "A", "effective_from": "2026-01-01T00:00:00Z"},
                "/effective_from",
                "manager_missing",
            ),
            ({"name": "A", "external_id": "other"}, "/external_id", "different_external_id"),
        ],
    )
    async def test_names_the_field(
        self, api: Api, fields: dict[str, Any], pointer: str, code: str
    ) -> None:
        answer = await api.request("PUT", f"{USERS}/by-external-id/ana", json=fields)
        assert answer.status_code == 422, answer.text
        (problem,) = answer.json()["errors"]
        assert (problem["pointer"], problem["code"]) == (pointer, code)
        assert len(problem["message"]) > 10


class TestBatch:
    async def test_manager_may_come_later(self, api: Api) -> None:
        results = await batch(
            api,
            {"external_id": "ana", "name": "Ana", "manager_external_id": "bob"},
            {"external_id": "bob", "name": "Bob", "role": "manager"},
        )
        assert [result["status"] for result in results] == [201, 201]
        users = (await api.call("GET", USERS))["items"]
        assert {user["external_id"]: user["manager_external_id"] for user in users} == {
            "ana": "bob",
            "bob": None,
        }

    async def test_one_bad_item_takes_only_those_with_it_that_rely_on_it(self, api: Api) -> None:
        results = await batch(
            api,
            {"external_id": "ana", "name": "Ana", "manager_external_id": "bob"},
            {"external_id": "bob", "manager_external_id": "eve"},
            {"external_id": "eve", "name": "Eve"},
            {"external_id": "eve", "name": "Eva"},
            "nonsense",
        )
        assert [result["status"] for result in results] == [422, 422, 201, 409, 422]
        assert [result["index"] for result in results] == [0, 1, 2, 3, 4]
        assert results[0]["error"]["errors"][0]["pointer"] == "/items/0/manager_external_id"
        assert results[1]["error"]["errors"][0]["pointer"] == "/items/1/name"
        assert results[3]["error"]["code"] == "duplicate_in_batch"
        assert (await put(api, "eve"))["name"] == "Eve"

    async def test_two_may_change_places(self, api: Api) -> None:
        await batch(
            api,
            {"external_id": "top", "name": "T"},
            {"external_id": "a", "name": "A", "manager_external_id": "top"},
            {"external_id": "b", "name": "B", "manager_external_id": "a"},
        )
        results = await batch(
            api,
            {"external_id": "a", "manager_external_id": "b"},
            {"external_id": "b", "manager_external_id": "top"},
        )
        assert [result["status"] for result in results] == [200, 200]

    async def test_of_a_circle_the_last_item_is_refused(self, api: Api) -> None:
        results = await batch(
            api,
            {"external_id": "a", "name": "A", "manager_external_id": "b"},
            {"external_id": "b", "name": "B", "manager_external_id": "c"},
            {"external_id": "c", "name": "C"},
            {"external_id": "d", "name": "D", "manager_external_id": "d"},
        )
        assert [result["status"] for result in results] == [201, 201, 201, 409]
        results = await batch(
            api,
            {"external_id": "b", "manager_external_id": "a"},
            {"external_id": "c", "manager_external_id": "b"},
        )
        # b under a closes a circle; without it b stays under c, and then c under b closes one.
        assert {result["status"] for result in results} == {409}

    async def test_five_hundred_users_at_once(self, api: Api) -> None:
        items = [
            {
                "external_id": f"u{number}",
                "name": f"User {number}",
                "manager_external_id": f"u{(number - 1) // 5}" if number else None,
            }
            for number in range(500)
        ]
        started = time.perf_counter()
        results = await batch(api, *items)
        elapsed = time.perf_counter() - started
        assert {result["status"] for result in results} == {201}
        assert len(await outbox(api)) == 499
        # Set-based: far below a statement an item, with room for a busy machine.
        assert elapsed < 2.0, f"{elapsed:.2f} s"
        again = await batch(api, *items)
        assert {result["version"] for result in again} == {1}

    async def test_more_than_a_thousand_are_refused(self, api: Api) -> None:
        items = [{"external_id": f"u{number}", "name": "U"} for number in range(1001)]
        answer = await api.request("POST", f"{USERS}/batch", json={"items": items})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/items"


class TestReportingLines:
    async def test_first_line_is_since_ever_and_later_ones_from_now(self, api: Api) -> None:
        for name in ("ana", "bob", "eve"):
            await put(api, name, name=name)
        await put(api, "ana", manager_external_id="bob")
        before = clock.now()
        user = await put(api, "ana", manager_external_id="eve")
        assert user["version"] == 3
        detail = await api.call("GET", f"{USERS}/{user['id']}")
        first, second = detail["reporting_lines"]
        assert (first["manager_external_id"], first["effective_from"]) == ("bob", None)
        assert second["manager_external_id"] == "eve"
        assert datetime.fromisoformat(second["effective_from"]) >= before

    async def test_future_line_waits(
        self, api: Api, clock_at: Callable[[datetime], AbstractContextManager[None]]
    ) -> None:
        await put(api, "bob", name="Bob")
        await put(api, "eve", name="Eve")
        await put(api, "ana", name="Ana", manager_external_id="bob")
        begin = clock.now() + timedelta(days=30)
        user = await put(api, "ana", manager_external_id="eve", effective_from=begin.isoformat())
        assert user["manager_external_id"] == "bob"
        rows = await outbox(api)
        assert [row["due_at"] == begin for row in rows] == [False, False, True]
        assert rows[1]["event_id"] == rows[2]["event_id"]
        with clock_at(begin):
            later = await api.call("GET", f"{USERS}/{user['id']}")
        assert later["manager_external_id"] == "eve"

    async def test_past_line_records_a_reorganisation_afterwards(self, api: Api) -> None:
        await put(api, "bob", name="Bob")
        await put(api, "eve", name="Eve")
        await put(api, "ana", name="Ana", manager_external_id="bob")
        user = await put(
            api, "ana", manager_external_id="eve", effective_from="2026-01-15T00:00:00Z"
        )
        assert user["manager_external_id"] == "eve"
        lines = (await api.call("GET", f"{USERS}/{user['id']}"))["reporting_lines"]
        assert lines[1]["effective_from"] == "2026-01-15T00:00:00.000000Z"

    async def test_circle_in_the_future_is_refused(self, api: Api) -> None:
        await put(api, "ana", name="Ana")
        await put(api, "bob", name="Bob")
        await put(api, "bob", manager_external_id="ana", effective_from="2040-01-01T00:00:00Z")
        answer = await api.request(
            "PUT", f"{USERS}/by-external-id/ana", json={"manager_external_id": "bob"}
        )
        assert answer.status_code == 409
        problem = answer.json()
        assert problem["code"] == "reporting_line_cycle"
        assert problem["chain"] == ["ana", "bob", "ana"]
        assert "2040-01-01" in problem["detail"]

    async def test_nothing_counts_before_it_is_posted(self, api: Api) -> None:
        ana = await put(api, "ana", name="Ana")
        bob = await put(api, "bob", name="Bob", manager_external_id="ana")
        now = clock.now()
        async with api.database().read(api.workspace_id) as session:
            below = await subtree(session, UUID(ana["id"]), at=now, sequence=None)
        assert [str(user_id) for user_id in below] == [ana["id"]]
        assert bob["manager_external_id"] == "ana"


class TestList:
    async def test_pages_through_everybody(self, api: Api) -> None:
        await batch(api, *({"external_id": f"u{n}", "name": f"U{n}"} for n in range(7)))
        seen: list[str] = []
        cursor = None
        while True:
            query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
            page = await api.call("GET", USERS, params=query)
            seen += [user["external_id"] for user in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == [f"u{n}" for n in range(7)]

    async def test_filters(self, api: Api) -> None:
        await batch(
            api,
            {"external_id": "bob", "name": "B", "role": "manager"},
            {"external_id": "ana", "name": "A", "manager_external_id": "bob"},
            {"external_id": "old", "name": "O", "manager_external_id": "bob", "active": False},
        )

        async def names(**query: Any) -> list[str]:
            page = await api.call("GET", USERS, params=query)
            return [user["external_id"] for user in page["items"]]

        assert await names(role="manager") == ["bob"]
        assert await names(active="false") == ["old"]
        assert await names(manager_external_id="bob", active="true") == ["ana"]
        assert await names(external_id="ana") == ["ana"]

    async def test_as_csv(self, api: Api) -> None:
        await put(api, "ana", name="=cmd()")
        for options in ({"params": {"format": "csv"}}, {"headers": {"Accept": "text/csv"}}):
            answer = await api.request("GET", USERS, **options)
            assert answer.headers["content-type"].startswith("text/csv")
            header, row = answer.text.splitlines()
            assert header.startswith("id,external_id,version,name")
            assert ",ana,1,'=cmd()," in row

    @pytest.mark.parametrize(
        ("query", "pointer"),
        [
            ({"limit": 201}, "query/limit"),
            ({"cursor": "zzz"}, "query/cursor"),
            ({"cursor": "WzFd"}, "query/cursor"),
            ({"role": "boss"}, "query/role"),
            ({"sort": "name"}, "query/sort"),
        ],
    )
    async def test_refuses_what_it_does_not_know(
        self, api: Api, query: dict[str, Any], pointer: str
    ) -> None:
        answer = await api.request("GET", USERS, params=query)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer


class TestTenancy:
    async def test_another_workspace_sees_nothing(self, api: Api, other_api: Api) -> None:
        user = await put(api, "ana", name="Ana")
        assert (await other_api.call("GET", USERS))["items"] == []
        answer = await other_api.request("GET", f"{USERS}/{user['id']}")
        assert answer.status_code == 404
        assert answer.json()["code"] == "user_not_found"
        refused = await other_api.request(
            "PUT",
            f"{USERS}/by-external-id/bob",
            json={"name": "B", "manager_external_id": "ana"},
        )
        assert refused.status_code == 422
        assert (await put(other_api, "ana", name="Another"))["id"] != user["id"]


async def test_workspace_says_what_decides(api: Api) -> None:
    workspace = await api.call("GET", "/pipeline/v1/workspace")
    assert workspace["fiscal_year_start_month"] == 2
    assert workspace["currency"] == "USD"
    assert workspace["policy"] == {"name": "sop-2022", "version": 1, "effective_from": None}
    assert datetime.fromisoformat(workspace["created_at"]).tzinfo == UTC


async def test_two_lines_at_the_same_time_never_make_a_circle(api: Api) -> None:
    await batch(api, {"external_id": "a", "name": "A"}, {"external_id": "b", "name": "B"})
    answers = await asyncio.gather(
        *(
            api.request(
                "PUT",
                f"{USERS}/by-external-id/{name}",
                json={"manager_external_id": manager},
            )
            for name, manager in (("a", "b"), ("b", "a"))
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
