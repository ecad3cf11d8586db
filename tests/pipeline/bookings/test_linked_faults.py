"""What belongs together changes together, also when two ask at once or something breaks half-way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.pipeline.opportunities import linked
from tests.client import Api
from tests.pipeline.bookings.harness import audit, renewal, try_ask
from tests.pipeline.deals import OPPORTUNITIES, batch, company, deal, get, put

YEARS = [
    {"amount": "100.00", "start_date": "2026-08-01"},
    {"amount": "200.00", "start_date": "2027-08-01"},
]


@pytest.fixture(autouse=True)
async def _company(api: Api) -> None:
    await company(api)


class TestAtOnce:
    async def test_two_returns_are_one(self, api: Api) -> None:
        lost = await renewal(
            api, "R1", stage="closed_lost", renewal_date="2026-02-01", close_date="2026-02-01"
        )
        answers = await asyncio.gather(
            *(try_ask(api, lost, "return", on="2026-05-01") for _ in range(4))
        )
        assert {answer.status_code for answer in answers} <= {200, 201}
        made = {answer.json()["opportunities"][0]["id"] for answer in answers}
        assert len(made) == 1
        name = answers[0].json()["opportunities"][0]["external_id"]
        await asyncio.gather(*(put(api, name, stage="closed_won") for _ in range(4)))
        listed = await api.call("GET", f"{OPPORTUNITIES}?limit=200")
        assert sum(each["category"] == "debook" for each in listed["items"]) == 1
        await audit(api)

    async def test_two_decommissions_are_one(self, api: Api) -> None:
        won = await deal(api, stage="closed_won")
        answers = await asyncio.gather(
            *(try_ask(api, won, "decommission", reason="Refund") for _ in range(4))
        )
        assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
        listed = await api.call("GET", f"{OPPORTUNITIES}?limit=200")
        assert len(listed["items"]) == 2


class TestFaults:
    async def test_a_debook_that_fails_leaves_the_return_open(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lost = await renewal(
            api, "R1", stage="closed_lost", renewal_date="2026-02-01", close_date="2026-02-01"
        )
        made = (await try_ask(api, lost, "return", on="2026-05-01")).json()["opportunities"][0]

        async def fail(*_: Any) -> None:
            raise RuntimeError("half-way")

        with monkeypatch.context() as patched:
            patched.setattr(linked, "keep_debooks", fail)
            path = f"{OPPORTUNITIES}/by-external-id/R1/comeback"
            answer = await api.request("PUT", path, json={"stage": "closed_won"})
            assert answer.status_code == 500
        assert (await get(api, made))["stage"] == "discovery"
        listed = await api.call("GET", f"{OPPORTUNITIES}?limit=200")
        assert len(listed["items"]) == 2
        await put(api, "R1/comeback", stage="closed_won")
        listed = await api.call("GET", f"{OPPORTUNITIES}?limit=200")
        assert len(listed["items"]) == 3
        await audit(api)


class TestBatches:
    async def test_who_tells_all_years_is_taken_at_the_word(self, api: Api) -> None:
        first = await deal(api)
        made = (await try_ask(api, first, "ramp", years=YEARS)).json()["opportunities"]
        results = await batch(
            api,
            {"external_id": "O1", "stage": "closed_won", "close_date": "2026-06-17"},
            {"external_id": "O1/ramp-2", "stage": "closed_lost"},
        )
        assert {result["status"] for result in results} == {200}
        assert [(await get(api, each))["stage"] for each in made] == ["closed_won", "closed_lost"]

    async def test_with_a_key_it_is_answered_again(self, api: Api) -> None:
        first = await deal(api)
        path = f"{OPPORTUNITIES}/{first['id']}/ramp"
        headers = {"Idempotency-Key": "ramp-1"}
        answers = [
            await api.request("POST", path, json={"years": YEARS}, headers=headers)
            for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].content == answers[1].content
        assert answers[1].headers["Idempotent-Replayed"] == "true"
