"""Findings as they are listed, summed up and reviewed, and by whom."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.client import Api
from tests.pipeline.deals import OPPORTUNITIES, company, deal, put
from tests.pipeline.hygiene.world import HYGIENE, rest, standing

At = Callable[[datetime], AbstractContextManager[None]]
NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)


async def book(api: Api) -> tuple[Any, Any]:
    """One deal of Ana's, one of Ben's."""
    await company(api)
    ana = await deal(api, "A1", amount=None, close_date="2026-07-15")
    ben = await deal(api, "B1", owner_external_id="ben", close_date="2026-06-10")
    await rest(api)
    return ana, ben


async def named(api: Api, query: str = "") -> set[tuple[str, str]]:
    """Every page of a list."""
    found, cursor = set(), ""
    while True:
        page = await api.call("GET", f"{HYGIENE}?limit=3{query}{cursor}")
        found |= {(item["opportunity"]["external_id"], item["rule"]) for item in page["items"]}
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


class TestList:
    async def test_each_finding_says_why_since_when_and_what_to_do(
        self, api: Api, clock_at: At
    ) -> None:
        with clock_at(NOW):
            _, ben = await book(api)
            page = await api.call("GET", f"{HYGIENE}?rule=close_date_past")
            (item,) = page["items"]
            assert item["severity"] == "error"
            assert item["evidence"] == {"close_date": "2026-06-10"}
            assert item["message"] == "The close date 2026-06-10 has passed and it is still open."
            assert (item["since"], item["days"]) == ("2026-06-11T07:00:00.000000Z", 6)
            assert item["fiscal_quarter"] == "FY27-Q2"
            assert item["opportunity"]["owner_external_id"] == "ben"
            assert item["fix"]["path"] == f"/v1/opportunities/{ben['id']}"
            assert item["fix"]["fields"] == ["close_date"]
            assert (page["pending"], page["is_complete"]) == (0, True)
            assert page["fresh_at"] == "2026-06-17T17:00:00.000000Z"

    async def test_what_waits_is_told(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await book(api)
            await put(api, "A1", amount="5.00")
            await api.settle()
            page = await api.call("GET", f"{HYGIENE}?rule=amount_missing_or_zero")
            assert (page["pending"], len(page["items"])) == (1, 1)
            await rest(api)
            page = await api.call("GET", f"{HYGIENE}?rule=amount_missing_or_zero")
            assert (page["pending"], len(page["items"])) == (0, 0)

    async def test_pages_and_filters(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            ana, _ = await book(api)
            everything = set(await standing(api))
            assert await named(api) == everything
            of_ana = {key for key in everything if key[0] == "A1"}
            assert await named(api, "&user_id=ana") == of_ana
            assert await named(api, "&user_id=mia") == everything
            assert await named(api, f"&opportunity_id={ana['id']}") == of_ana
            assert await named(api, "&account=acme") == everything
            assert await named(api, "&fiscal_quarter=FY27-Q2") == everything
            assert await named(api, "&fiscal_quarter=FY28-Q1") == set()
            errors = {("A1", "amount_missing_or_zero"), ("B1", "close_date_past")}
            assert await named(api, "&severity=error") == errors

    async def test_what_there_is_none_of(self, api: Api) -> None:
        for query in ("user_id=nobody", "account=nowhere", "rule=none", "fiscal_quarter=soon"):
            assert (await api.request("GET", f"{HYGIENE}?{query}")).status_code == 422, query

    async def test_as_a_table(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await book(api)
            answer = await api.request("GET", f"{HYGIENE}?rule=close_date_past&format=csv")
            (line,) = csv.DictReader(io.StringIO(answer.text))
            assert line["opportunity.external_id"] == "B1"
            assert line["evidence"] == "close_date: 2026-06-10"
            assert line["fix.method"] == "PATCH"
            for path in ("summary", "rules", "reviews", "required-7"):
                answer = await api.request("GET", f"{HYGIENE}/{path}?format=csv")
                assert answer.headers["content-type"].startswith("text/csv"), path


class TestAccess:
    async def test_each_sees_what_is_theirs(self, api: Api, other_api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            ana, ben = await book(api)
            everything = set(await standing(api))
            for role, user, owners in (
                ("rep", "ana", {"A1"}),
                ("manager", "mia", {"A1", "B1"}),
                ("rep", "zoe", set()),
                ("sdr", "ana", {"A1"}),
                ("analyst", None, {"A1", "B1"}),
            ):
                async with await api.client_for(role, user) as client:
                    assert await named(client) == {key for key in everything if key[0] in owners}
                    for path in ("summary", "reviews", "required-7", "rules"):
                        assert (await client.request("GET", f"{HYGIENE}/{path}")).is_success
            async with await api.client_for("rep", "ana") as client:
                # Ben is not below Ana.
                assert await named(client, "&user_id=ben") == set()
                for opportunity, status in ((ana, 200), (ben, 404)):
                    path = f"{OPPORTUNITIES}/{opportunity['id']}/hygiene"
                    assert (await client.request("GET", path)).status_code == status
            assert await named(other_api) == set()
            path = f"{OPPORTUNITIES}/{ana['id']}"
            assert (await other_api.request("GET", f"{path}/hygiene")).status_code == 404

    async def test_who_may_write(self, api: Api, other_api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            ana, _ = await book(api)
            body = {
                "rule": "contact_missing",
                "until": (NOW + timedelta(days=2)).isoformat(),
                "reason": "Later",
            }
            path = f"{OPPORTUNITIES}/{ana['id']}"
            for role, user, status in (
                ("rep", "ben", 404),
                ("analyst", None, 403),
                ("rep", "ana", 201),
                ("manager", "mia", 201),
            ):
                async with await api.client_for(role, user) as client:
                    answer = await client.request("POST", f"{path}/snoozes", json=body)
                    assert answer.status_code == status, (role, answer.text)
                    answer = await client.request("POST", f"{path}/reviews", json={})
                    assert answer.status_code == status, (role, answer.text)
            answer = await other_api.request("POST", f"{path}/snoozes", json=body)
            assert answer.status_code == 404


class TestSummary:
    async def test_by_rule_user_and_severity(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await book(api)
            rows = await standing(api)
            told = await api.call("GET", f"{HYGIENE}/summary")
            assert told["findings"] == len(rows) == sum(i["findings"] for i in told["items"])
            # A1 is of unknown size, B1 of 120,000; each is counted once.
            assert (told["opportunities"], told["net_arr"]) == (2, "120000.00")
            (past,) = [each for each in told["items"] if each["key"] == "close_date_past"]
            assert (past["opportunities"], past["net_arr"]) == (1, "120000.00")
            people = await api.call("GET", f"{HYGIENE}/summary?group_by=user")
            assert {item["name"] for item in people["items"]} == {"Ana", "Ben"}
            by = await api.call("GET", f"{HYGIENE}/summary?group_by=severity&user_id=ana")
            assert sum(item["findings"] for item in by["items"]) == len(
                [key for key in rows if key[0] == "A1"]
            )

    async def test_by_week(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await book(api)
            begun = len(await standing(api))
        with clock_at(NOW + timedelta(days=7)):
            await put(api, "A1", amount="5.00")
            await rest(api)
            told = await api.call("GET", f"{HYGIENE}/summary?group_by=week&weeks=2")
            first, second = told["items"]
            assert (first["key"], first["opened"], first["closed"]) == ("2026-06-15", begun, 0)
            assert (second["key"], second["closed"] >= 1) == ("2026-06-22", True)
            assert begun + second["opened"] - second["closed"] == told["findings"]


class TestReviews:
    async def test_due_oldest_first_until_somebody_looks(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await company(api)
            await deal(api, "A1")
            await rest(api)
        with clock_at(NOW + timedelta(days=2)):
            await deal(api, "A2")
            await deal(api, "A3", owner_external_id="ben")
            await rest(api)
            assert (await api.call("GET", f"{HYGIENE}/reviews"))["items"] == []
        with clock_at(NOW + timedelta(days=20)):
            await rest(api)
            due = (await api.call("GET", f"{HYGIENE}/reviews?limit=2"))["items"]
            assert [item["opportunity_external_id"] for item in due] == ["A1", "A2"]
            assert due[0]["due_on"] == "2026-06-25"
            assert ("A1", "not_reviewed") in await standing(api)
            ids = [item["opportunity_id"] for item in due]
            answer = await api.call(
                "POST", "/pipeline/v1/reviews", json={"opportunity_ids": ids, "note": "Fine"}
            )
            assert [item["opportunity_id"] for item in answer["items"]] == ids
            left = (await api.call("GET", f"{HYGIENE}/reviews"))["items"]
            assert [item["opportunity_external_id"] for item in left] == ["A3"]
            await rest(api)
            assert ("A1", "not_reviewed") not in await standing(api)
            told = await api.call("GET", f"{OPPORTUNITIES}/{ids[0]}/hygiene")
            assert told["review_due_on"] == "2026-07-15"
            assert [each["rule"] for each in told["ended"]] == ["not_reviewed"]

    async def test_a_page_after_another(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await company(api)
            for number in range(5):
                await deal(api, f"O{number}")
            await rest(api)
            seen, cursor = [], ""
            while cursor is not None:
                query = f"?due=false&limit=2{f'&cursor={cursor}' if cursor else ''}"
                page = await api.call("GET", f"{HYGIENE}/reviews{query}")
                seen += [item["opportunity_external_id"] for item in page["items"]]
                cursor = page["next_cursor"]
            assert sorted(seen) == [f"O{number}" for number in range(5)]

    async def test_all_or_none(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            ana, ben = await book(api)
            async with await api.client_for("rep", "ana") as client:
                answer = await client.request(
                    "POST",
                    "/pipeline/v1/reviews",
                    json={"opportunity_ids": [ana["id"], ben["id"]]},
                )
                assert answer.status_code == 404
            told = await api.call("GET", f"{OPPORTUNITIES}/{ana['id']}/hygiene")
            assert told["reviewed_at"] is None
