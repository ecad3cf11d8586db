"""Versions: one for each real change, gapless, immutable, readable at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from services.kit import clock
from tests.client import Api
from tests.pipeline.deals import (
    OPPORTUNITIES,
    PLAIN,
    company,
    deal,
    get,
    history,
    patch,
    put,
    rows_of,
    try_patch,
)

Frozen = Callable[[datetime], AbstractContextManager[None]]


@pytest.fixture(autouse=True)
async def _company(api: Api) -> None:
    await company(api)


class TestVersions:
    async def test_the_first_names_every_stated_fact(self, api: Api) -> None:
        (opened,) = await history(api, await deal(api, contact_external_ids=None))
        assert (opened["version"], opened["kind"]) == (1, "opened")
        changes = {name: change["to"] for name, change in opened["changes"].items()}
        assert changes["owner_external_id"] == "ana"
        assert changes["account_external_id"] == "acme"
        assert changes["amount"] == "120000.00"
        assert changes["close_date"] == "2027-01-15"
        assert changes["policy_version"] == 1
        assert opened["actor_name"] == "test"
        derived = {"net_arr", "forecast_category", "push_count", "stage_number"}
        assert derived.isdisjoint(changes)

    async def test_say_from_and_to(self, api: Api) -> None:
        stored = await deal(api)
        await patch(
            api,
            stored,
            amount="1100",
            owner_external_id="ben",
            close_date=None,
            submitted_at="2026-06-17T19:00:00+02:00",
        )
        second = (await history(api, stored))[1]
        assert second["changes"] == {
            "amount": {"from": "120000.00", "to": "1100.00"},
            "owner_external_id": {"from": "ana", "to": "ben"},
            "close_date": {"from": "2027-01-15", "to": None},
            "submitted_at": {"from": None, "to": "2026-06-17T17:00:00.000000Z"},
        }

    async def test_nothing_new_makes_none(self, api: Api) -> None:
        stored = await deal(api, forecast_category="commit", segment="smb")
        assert (await deal(api, forecast_category="commit", segment="smb"))["version"] == 1
        assert (await patch(api, stored, amount="120000.00", next_step=None))["version"] == 1
        assert (await patch(api, stored))["version"] == 1
        rows = await rows_of(api, stored["id"])
        assert (rows["opportunity_events"], rows["outbox"]) == (1, 1)

    async def test_one_event_and_one_due_work_each(self, api: Api) -> None:
        stored = await deal(api)
        for amount in ("1", "2", "3"):
            await patch(api, stored, amount=amount)
        rows = await rows_of(api, stored["id"])
        assert (rows["opportunity_events"], rows["outbox"]) == (4, 4)
        assert [each["version"] for each in await history(api, stored)] == [1, 2, 3, 4]

    async def test_pages(self, api: Api) -> None:
        stored = await deal(api)
        for amount in range(1, 6):
            await patch(api, stored, amount=amount)
        seen: list[int] = []
        cursor = ""
        while True:
            page = await api.call("GET", f"{OPPORTUNITIES}/{stored['id']}/history?limit=2{cursor}")
            seen += [each["version"] for each in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert seen == [1, 2, 3, 4, 5, 6]

    async def test_carry_when_it_happened_and_when_it_was_told(
        self, api: Api, clock_at: Frozen
    ) -> None:
        told = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)
        with clock_at(told):
            stored = await deal(api, occurred_at="2026-01-05T09:00:00+01:00")
            await patch(api, stored, amount="5", occurred_at="2026-02-01T00:00:00Z")
            assert (await get(api, stored))["stage_entered_at"] == "2026-01-05T08:00:00.000000Z"
        first, second = await history(api, stored)
        assert first["occurred_at"] == "2026-01-05T08:00:00.000000Z"
        assert second["occurred_at"] == "2026-02-01T00:00:00.000000Z"
        assert {first["recorded_at"], second["recorded_at"]} == {"2026-06-17T17:00:00.000000Z"}

    async def test_the_future_has_not_happened(self, api: Api) -> None:
        stored = await deal(api)
        later = clock.isoformat(clock.now() + timedelta(minutes=1))
        answer = await try_patch(api, stored, amount="5", occurred_at=later)
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert (error["pointer"], error["code"]) == ("/occurred_at", "instant_in_the_future")


class TestConcurrency:
    async def test_one_of_two_with_the_same_tag_is_stale(self, api: Api) -> None:
        stored = await deal(api)

        async def change(amount: str) -> int:
            answer = await api.request(
                "PATCH",
                f"{OPPORTUNITIES}/{stored['id']}",
                json={"amount": amount},
                headers={"If-Match": '"1"'},
            )
            if answer.status_code == 412:
                assert answer.json()["code"] == "stale_version"
                assert answer.headers["ETag"] == '"2"'
            return answer.status_code

        assert sorted(await asyncio.gather(change("1"), change("2"))) == [200, 412]
        assert (await get(api, stored))["version"] == 2

    async def test_parallel_changes_leave_no_gap(self, api: Api) -> None:
        stored = await deal(api)

        async def change(number: int) -> int:
            answer = await try_patch(api, stored, next_step=f"Step {number}")
            assert answer.status_code == 200, answer.text
            version: int = answer.json()["version"]
            return version

        versions = await asyncio.gather(*[change(number) for number in range(20)])
        assert sorted(versions) == list(range(2, 22))
        told = await history(api, stored)
        assert [each["version"] for each in told] == list(range(1, 22))
        steps = [each["changes"]["next_step"] for each in told[1:]]
        assert all(a["to"] == b["from"] for a, b in pairwise(steps))

    async def test_a_change_sees_the_owner_another_one_gave_it(self, api: Api) -> None:
        stored = await deal(api)
        for _ in range(5):
            answers = await asyncio.gather(
                try_patch(api, stored, owner_external_id="ben"),
                try_patch(api, stored, next_step=f"Call {_}"),
                try_patch(api, stored, owner_external_id="ana"),
            )
            assert {answer.status_code for answer in answers} == {200}
            assert {answer.json()["owner_external_id"] for answer in answers} <= {"ana", "ben"}

    async def test_two_puts_of_a_new_record_make_one(self, api: Api) -> None:
        answers = await asyncio.gather(
            *[put(api, "twin", name="Twin", owner_external_id="ana", amount=n) for n in range(4)]
        )
        assert len({answer["id"] for answer in answers}) == 1
        versions = [each["version"] for each in await history(api, answers[0])]
        assert versions == list(range(1, len(versions) + 1))

    async def test_batches_that_share_new_records_all_get_in(self, api: Api) -> None:
        # Every pair of batches shares records of its own, so that each round only one can win.
        def shared(mine: int) -> list[dict[str, Any]]:
            pairs = [
                f"{min(mine, other)}-{max(mine, other)}" for other in range(7) if other != mine
            ]
            return [{**PLAIN, "external_id": name, "amount": mine} for name in pairs[::-1]]

        answers = await asyncio.gather(
            *[
                api.request("POST", f"{OPPORTUNITIES}/batch", json={"items": shared(mine)})
                for mine in range(7)
            ]
        )
        assert {answer.status_code for answer in answers} == {207}
        results = [result for answer in answers for result in answer.json()["results"]]
        assert sorted(result["status"] for result in results) == [200] * 21 + [201] * 21


class TestImmutability:
    async def test_no_path_changes_a_version(self, api: Api) -> None:
        stored = await deal(api)
        before = await history(api, stored)
        await patch(api, stored, amount="9")
        for method in ("PUT", "PATCH", "POST", "DELETE"):
            answer = await api.request(method, f"{OPPORTUNITIES}/{stored['id']}/history", json={})
            assert answer.status_code == 405
        assert (await history(api, stored))[:1] == before
