"""Creating and merging: ids, external ids, batches, what a field refers to, tags of versions."""

from __future__ import annotations

import asyncio

import pytest

from services.kit.ids import new_id
from tests.client import Api
from tests.pipeline.deals import (
    OPPORTUNITIES,
    PLAIN,
    account,
    batch,
    company,
    deal,
    get,
    history,
    patch,
    put,
    rows_of,
    try_patch,
)


@pytest.fixture(autouse=True)
async def _company(api: Api) -> None:
    await company(api)


class TestCreate:
    async def test_needs_a_name_and_an_owner(self, api: Api) -> None:
        answer = await api.request("POST", OPPORTUNITIES, json={"amount": "5"})
        assert answer.status_code == 422
        pointers = [error["pointer"] for error in answer.json()["errors"]]
        assert pointers == ["/name"]
        answer = await api.request("POST", OPPORTUNITIES, json={"name": "x"})
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/owner_external_id"]

    async def test_fills_in_what_is_usual(self, api: Api) -> None:
        answer = await api.request(
            "POST", OPPORTUNITIES, json={"name": "Small", "owner_external_id": "ana"}
        )
        assert answer.status_code == 201
        assert answer.headers["ETag"] == '"1"'
        stored = answer.json()
        assert (stored["type"], stored["stage"]) == ("new_business", "pending_acceptance")
        assert (stored["currency"], stored["amount"]) == ("USD", None)
        assert (stored["close_date"], stored["close_fiscal_quarter"]) == (None, None)
        assert stored["external_id"] is None

    async def test_a_reps_own_user_is_the_owner(self, api: Api) -> None:
        rep = await api.client_for("rep", "ben")
        assert (await rep.call("POST", OPPORTUNITIES, json={"name": "Mine"}))[
            "owner_external_id"
        ] == "ben"

    async def test_by_the_clients_id_happens_once(self, api: Api) -> None:
        body = {**PLAIN, "id": str(new_id())}
        first = await api.request("POST", OPPORTUNITIES, json=body)
        second = await api.request("POST", OPPORTUNITIES, json=body)
        assert (first.status_code, second.status_code) == (201, 200)
        assert first.json() == second.json()
        assert first.json()["id"] == body["id"]
        other = await api.request("POST", OPPORTUNITIES, json={**body, "amount": "1000"})
        assert (other.status_code, other.json()["code"]) == (409, "id_taken")
        assert (await rows_of(api, body["id"]))["opportunity_events"] == 1

    async def test_an_external_id_is_taken_once(self, api: Api) -> None:
        body = {**PLAIN, "external_id": "X"}
        await api.call("POST", OPPORTUNITIES, json=body)
        answer = await api.request("POST", OPPORTUNITIES, json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "external_id_taken")

    async def test_the_same_key_replays_the_answer(self, api: Api) -> None:
        headers = {"Idempotency-Key": "k1"}
        first = await api.request("POST", OPPORTUNITIES, json=PLAIN, headers=headers)
        second = await api.request("POST", OPPORTUNITIES, json=PLAIN, headers=headers)
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.content == second.content
        assert second.headers["Idempotent-Replayed"] == "true"
        other = await api.request(
            "POST", OPPORTUNITIES, json={**PLAIN, "amount": "7"}, headers=headers
        )
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


class TestMerge:
    async def test_put_creates_then_merges(self, api: Api) -> None:
        path = f"{OPPORTUNITIES}/by-external-id/deals/2026/1"
        first = await api.request("PUT", path, json=PLAIN)
        assert (first.status_code, first.json()["external_id"]) == (201, "deals/2026/1")
        second = await api.request("PUT", path, json={"next_step": "Call"})
        assert second.status_code == 200
        assert second.json()["amount"] == "120000.00"
        assert second.headers["ETag"] == '"2"'

    async def test_null_clears_or_returns_to_the_default(self, api: Api) -> None:
        stored = await deal(
            api, arr_basis="5", next_step="Call", splits=[_split("ana", 60), _split("ben", 40)]
        )
        assert stored["splits"][0] == {"owner_external_id": "ana", "percent": "60.00"}
        stored = await patch(
            api, stored, arr_basis=None, next_step=None, amount=None, splits=None, currency=None
        )
        assert (stored["arr_basis"], stored["next_step"]) == ("0.00", None)
        assert (stored["amount"], stored["splits"], stored["currency"]) == (None, [], "USD")

    @pytest.mark.parametrize("field", ["name", "type", "stage", "owner_external_id"])
    async def test_some_fields_cannot_be_cleared(self, api: Api, field: str) -> None:
        answer = await try_patch(api, await deal(api), **{field: None})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == f"/{field}"

    async def test_refers_by_external_ids(self, api: Api) -> None:
        await api.call(
            "PUT",
            "/pipeline/v1/contacts/by-external-id/c1",
            json={"name": "Cho", "account_external_id": "acme"},
        )
        await api.call(
            "PUT",
            "/pipeline/v1/subscriptions/by-external-id/s1",
            json={
                "account_external_id": "acme",
                "start_date": "2026-01-01",
                "end_date": "2026-12-31",
                "arr": "100",
                "currency": "USD",
            },
        )
        stored = await deal(
            api,
            contact_external_ids=["c1"],
            subscription_external_id="s1",
            sdr_external_id="ben",
        )
        assert stored["contact_external_ids"] == ["c1"]
        assert stored["subscription_external_id"] == "s1"
        assert stored["sdr_external_id"] == "ben"
        assert await get(api, stored) == stored
        changes = (await history(api, stored))[0]["changes"]
        assert changes["subscription_external_id"]["to"] == "s1"
        assert changes["sdr_external_id"]["to"] == "ben"

    async def test_an_external_id_may_move_to_a_free_name(self, api: Api) -> None:
        stored = await deal(api, "old")
        await deal(api, "taken")
        assert (await patch(api, stored, external_id="new"))["external_id"] == "new"
        answer = await try_patch(api, stored, external_id="taken")
        assert (answer.status_code, answer.json()["code"]) == (409, "external_id_taken")

    async def test_one_of_two_gets_a_free_name(self, api: Api) -> None:
        first, second = await deal(api, "a"), await deal(api, "b")
        answers = await asyncio.gather(
            try_patch(api, first, external_id="free"), try_patch(api, second, external_id="free")
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]

    async def test_the_path_and_the_body_name_one_record(self, api: Api) -> None:
        answer = await api.request(
            "PUT", f"{OPPORTUNITIES}/by-external-id/A", json={**PLAIN, "external_id": "B"}
        )
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/external_id"
        stored = await deal(api, "A")
        answer = await api.request(
            "PUT", f"{OPPORTUNITIES}/by-external-id/A", json={"id": str(new_id())}
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "id_mismatch")
        assert (await put(api, "A", id=stored["id"]))["version"] == 1


class TestTags:
    async def test_a_known_version_is_not_sent_again(self, api: Api) -> None:
        stored = await deal(api)
        path = f"{OPPORTUNITIES}/{stored['id']}"
        answer = await api.request("GET", path, headers={"If-None-Match": '"1"'})
        assert (answer.status_code, answer.content) == (304, b"")
        await patch(api, stored, amount="77")
        answer = await api.request("GET", path, headers={"If-None-Match": '"1"'})
        assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')

    async def test_put_asks_for_the_version_it_saw(self, api: Api) -> None:
        await deal(api)
        path = f"{OPPORTUNITIES}/by-external-id/O1"
        answer = await api.request("PUT", path, json={"amount": 5}, headers={"If-Match": '"9"'})
        assert (answer.status_code, answer.json()["code"]) == (412, "stale_version")
        answer = await api.request("PUT", path, json={"amount": 5}, headers={"If-Match": '"1"'})
        assert answer.status_code == 200
        path = f"{OPPORTUNITIES}/by-external-id/O2"
        answer = await api.request("PUT", path, json=PLAIN, headers={"If-Match": '"1"'})
        assert (answer.status_code, answer.headers.get("ETag")) == (412, None)
        assert "there is no such record" in answer.json()["detail"]


class TestBatch:
    async def test_each_item_stands_for_itself(self, api: Api) -> None:
        await deal(api, "there")
        results = await batch(
            api,
            {**PLAIN, "external_id": "new"},
            {"external_id": "there", "amount": "5000"},
            {"external_id": "there", "amount": "6000"},
            {**PLAIN, "external_id": "same", "owner_external_id": "nobody"},
            {**PLAIN, "external_id": "typo", "amout": "1"},
            {**PLAIN, "external_id": "worse", "expected_renewed_arr": "5"},
            "nonsense",
            {**PLAIN, "id": str(new_id())},
        )
        assert [result["status"] for result in results] == [201, 200, 409, 422, 422, 422, 422, 201]
        assert [result["index"] for result in results] == list(range(8))
        assert results[1]["version"] == 2
        assert results[2]["error"]["code"] == "duplicate_in_batch"
        pointers = [result["error"]["errors"][0]["pointer"] for result in results[3:6]]
        assert pointers == [
            "/items/3/owner_external_id",
            "/items/4/amout",
            "/items/5/expected_renewed_arr",
        ]
        listed = await api.call("GET", OPPORTUNITIES)
        assert len(listed["items"]) == 3

    async def test_again_changes_nothing(self, api: Api) -> None:
        items = [{**PLAIN, "external_id": f"B{number}"} for number in range(30)]
        first = await batch(api, *items)
        second = await batch(api, *items)
        assert {result["status"] for result in first} == {201}
        assert {(result["status"], result["version"]) for result in second} == {(200, 1)}
        assert [each["id"] for each in first] == [each["id"] for each in second]

    async def test_two_names_of_one_record_are_a_duplicate(self, api: Api) -> None:
        stored = await deal(api)
        results = await batch(
            api, {"external_id": "O1", "amount": "77"}, {"id": stored["id"], "amount": "88"}
        )
        assert [result["status"] for result in results] == [200, 409]
        assert (await get(api, stored))["amount"] == "77.00"

    async def test_an_id_belongs_to_its_external_id(self, api: Api) -> None:
        stored = await deal(api)
        results = await batch(
            api,
            {**PLAIN, "external_id": "other", "id": stored["id"]},
            {"external_id": "O1", "id": str(new_id())},
        )
        assert [result["error"]["code"] for result in results] == ["id_taken", "id_mismatch"]

    async def test_takes_a_thousand_and_no_more(self, api: Api) -> None:
        items = [{**PLAIN, "external_id": f"B{number}"} for number in range(1001)]
        answer = await api.request("POST", f"{OPPORTUNITIES}/batch", json={"items": items})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/items")
        assert {each["status"] for each in await batch(api, *items[:1000])} == {201}


class TestList:
    async def test_filters_add_up(self, api: Api) -> None:
        await account(api, "big", name="Big", employees=9000, region="AMER")
        await deal(api, "a", stage="proposal", close_date="2026-07-15")
        await deal(api, "b", owner_external_id="ben", account_external_id="big")
        await deal(api, "c", type="renewal", stage="closed_won", close_date="2026-08-01")
        for query, expected in {
            "owner_external_id=ana": ["a", "c"],
            "owner_external_id=nobody": [],
            "account_external_id=big": ["b"],
            "stage=proposal": ["a"],
            "stage=proposal&stage=7 - Closed Won": ["a", "c"],
            "forecast_category=closed": ["c"],
            "type=renewal": ["c"],
            "fiscal_quarter=FY27-Q2": ["a"],
            "close_date_from=2026-07-16&close_date_to=2026-08-01": ["c"],
            "external_id=b": ["b"],
            "segment=large": ["b"],
            "region=EMEA": ["a", "c"],
            "open=true": ["a", "b"],
            "open=false": ["c"],
            "open=true&owner_external_id=ana": ["a"],
            "updated_since=2001-01-01T00:00:00Z": ["a", "b", "c"],
            "updated_since=2040-01-01T00:00:00Z": [],
        }.items():
            page = await api.call("GET", f"{OPPORTUNITIES}?{query}")
            assert [item["external_id"] for item in page["items"]] == expected, query

    async def test_pages_see_every_record_once(self, api: Api) -> None:
        await batch(api, *[{**PLAIN, "external_id": f"B{number}"} for number in range(7)])
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await api.call("GET", f"{OPPORTUNITIES}?limit=3{cursor}")
            seen += [item["external_id"] for item in page["items"]]
            cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
        assert sorted(seen) == [f"B{number}" for number in range(7)]

    async def test_comes_as_csv(self, api: Api) -> None:
        stored = await deal(api, name="=cmd()")
        answer = await api.request("GET", OPPORTUNITIES, headers={"Accept": "text/csv"})
        header, line = answer.text.splitlines()
        assert header.split(",")[:3] == ["id", "external_id", "version"]
        assert line.startswith(f"{stored['id']},O1,1,'=cmd()")
        assert "120000.00" in line

    @pytest.mark.parametrize(
        ("query", "pointer"),
        [
            ("owner=ana", "query/owner"),
            ("stage=won+it", "query/stage/0"),
            ("fiscal_quarter=2026-Q1", "query/fiscal_quarter"),
            ("limit=201", "query/limit"),
            ("cursor=abc", "query/cursor"),
            ("close_date_from=soon", "query/close_date_from"),
        ],
    )
    async def test_refuses_what_it_does_not_know(self, api: Api, query: str, pointer: str) -> None:
        answer = await api.request("GET", f"{OPPORTUNITIES}?{query}")
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == pointer


def _split(owner: str, percent: int) -> dict[str, object]:
    return {"owner_external_id": owner, "percent": percent}
