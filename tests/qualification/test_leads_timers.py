"""What the worker does about leads when time passes: silence costs points, recycled leads wake."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from services.kit import clock
from services.qualification import tasks, timers
from services.qualification.signals.service import rescore
from tests.client import Api
from tests.forecast.crashing import CrashError, crashing

V1 = "/qualification/v1"
LEADS = f"{V1}/leads"
NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)
DAY = timedelta(days=1)
Clock = Callable[[datetime], AbstractContextManager[None]]


async def make_lead(api: Api, **fields: Any) -> Any:
    return await api.call("POST", LEADS, json={"name": "Kim Larsen", **fields})


async def hear(api: Api, lead: Any, name: str, **fields: Any) -> Any:
    path = f"{LEADS}/{lead['id']}/signals"
    return await api.call("POST", path, json={"name": name, **fields})


async def read(api: Api, lead: Any) -> Any:
    return await api.call("GET", f"{LEADS}/{lead['id']}")


async def run(api: Api) -> None:
    await tasks.run_due(api.database())


async def timers_of(api: Api) -> list[dict[str, Any]]:
    async with api.database().read(api.workspace_id) as session:
        rows = await session.fetch(
            "SELECT kind, due_at, attempts, parked_at FROM qualification.timers"
            " WHERE workspace_id = $1",
            api.workspace_id,
        )
    return [dict(row) for row in rows]


async def silences(api: Api, lead: Any) -> list[tuple[str, int]]:
    path = f"{LEADS}/{lead['id']}/signals"
    page = await api.call("GET", path, params={"name": "silence"})
    return [(item["occurred_at"][:10], item["points"]) for item in page["items"]]


class TestSilence:
    async def test_costs_points_once_a_period(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            lead = await make_lead(api)
            await hear(api, lead, "content_download")
        for days, behaviour in [(29, 15), (30, 5), (30, 5), (59, 5), (60, 0), (90, 0), (500, 0)]:
            with clock_at(NOW + days * DAY):
                await run(api)
                assert (await read(api, lead))["behaviour_points"] == behaviour, days
        assert await silences(api, lead) == [("2026-07-17", -10), ("2026-08-16", -5)]
        shown = await read(api, lead)
        assert shown["last_signal_at"] == clock.isoformat(NOW)
        assert shown["status"] == "inquiry"
        assert await timers_of(api) == []
        score = await api.call("GET", f"{LEADS}/{lead['id']}/score")
        counts = {kind["name"]: kind["count"] for kind in score["behaviour"]}
        assert counts == {"content_download": 1, "silence": 2}
        async with api.database().write(api.workspace_id) as session:
            await rescore(session, [UUID(lead["id"])])
        assert await read(api, lead) == shown

    async def test_a_new_signal_begins_the_period_anew(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            lead = await make_lead(api)
            await hear(api, lead, "event_high")
        with clock_at(NOW + 29 * DAY):
            await hear(api, lead, "key_page")
        with clock_at(NOW + 58 * DAY):
            await run(api)
            assert await silences(api, lead) == []
        with clock_at(NOW + 59 * DAY):
            await run(api)
            assert await silences(api, lead) == [("2026-08-15", -10)]

    async def test_a_worker_that_was_away_makes_up_for_it(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            lead = await make_lead(api)
            await hear(api, lead, "contact_request")
        with clock_at(NOW + 95 * DAY):
            await run(api)
            await run(api)
            assert [day for day, _ in await silences(api, lead)] == [
                "2026-07-17",
                "2026-08-16",
                "2026-09-15",
            ]
            assert (await read(api, lead))["version"] == 3
            assert [timer["due_at"] for timer in await timers_of(api)] == [NOW + 120 * DAY]

    async def test_qualifying_again_is_a_sign_of_life(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            lead = await make_lead(api)
            await hear(api, lead, "contact_request")
            path = f"{LEADS}/{lead['id']}"
            body = {"status": "recycle", "status_reason": "timing"}
            await api.call("PATCH", path, json=body)
        with clock_at(NOW + 80 * DAY):
            await run(api)
            assert await silences(api, lead) == []
            again = await api.call("PATCH", path, json={"status": "mql"})
            assert again["behaviour_points"] == 20
            await run(api)
            assert await silences(api, lead) == []
        with clock_at(NOW + 110 * DAY):
            await run(api)
            assert len(await silences(api, lead)) == 1

    async def test_a_lead_that_is_handed_over_loses_nothing(
        self, api: Api, clock_at: Clock
    ) -> None:
        with clock_at(NOW):
            lead = await make_lead(api, external_id="L")
            await hear(api, lead, "event_high")
            await api.call("PUT", f"{LEADS}/by-external-id/L", json={"status": "qualified"})
        with clock_at(NOW + 31 * DAY):
            await run(api)
            assert (await read(api, lead))["behaviour_points"] == 30
        assert await timers_of(api) == []

    async def test_killed_anywhere_it_happens_exactly_once(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            lead = await make_lead(api)
            await hear(api, lead, "contact_request")
        counting = crashing(api.database())
        at = NOW + 30 * DAY
        with clock_at(at):
            await tasks.run_due(counting)
        assert len(await silences(api, lead)) == 1
        total = counting.pool.statements  # type: ignore[attr-defined]
        for period, crash_at in enumerate(range(1, total + 1), start=2):
            at = NOW + period * 30 * DAY
            for after in (False, True):
                at += timedelta(minutes=1)
                with clock_at(at):
                    if (await read(api, lead))["behaviour_points"] < 20:
                        await hear(api, lead, "contact_request", occurred_at=clock.isoformat(NOW))
                    with suppress(CrashError):
                        await tasks.run_due(crashing(api.database(), crash_at, after=after))
            with clock_at(at + timedelta(hours=1)):
                await run(api)
                assert len(await silences(api, lead)) == period, crash_at
        async with api.database().write(api.workspace_id) as session:
            before = await read(api, lead)
            await rescore(session, [UUID(lead["id"])])
        assert (await read(api, lead)) == before

    async def test_many_workers_at_once_and_signals_meanwhile(
        self, api: Api, clock_at: Clock
    ) -> None:
        with clock_at(NOW):
            made = [await make_lead(api) for _ in range(12)]
            for lead in made:
                await hear(api, lead, "event_high")
        with clock_at(NOW + 30 * DAY):
            await asyncio.gather(
                *(run(api) for _ in range(4)),
                *(hear(api, lead, "key_page") for lead in made[:6]),
            )
            await run(api)
            for place, lead in enumerate(made):
                behaviour = (await read(api, lead))["behaviour_points"]
                # Who was heard in time lost nothing; who was not lost it once.
                assert behaviour in ((35, 25) if place < 6 else (20,))
                assert len(await silences(api, lead)) == (1 if behaviour in (20, 25) else 0)
            assert len(await timers_of(api)) == len(made)


class TestWaking:
    async def put_aside(self, api: Api, until: str | None, **fields: Any) -> Any:
        lead = await make_lead(api, status="mql", **fields)
        body = {"status": "recycle", "status_reason": "timing", "recycle_until": until}
        return await api.call("PATCH", f"{LEADS}/{lead['id']}", json=body)

    async def woken(self, api: Api) -> list[str]:
        page = await api.call("GET", LEADS, params={"woken": True})
        return [lead["id"] for lead in page["items"]]

    async def test_wakes_as_its_day_begins_where_the_company_is(
        self, api: Api, clock_at: Clock
    ) -> None:
        with clock_at(NOW):
            lead = await self.put_aside(api, "2026-07-01")
            other = await self.put_aside(api, None)
        assert (lead["recycle_until"], lead["is_woken"]) == ("2026-07-01", False)
        midnight = datetime(2026, 7, 1, 7, 0, tzinfo=UTC)  # in Los Angeles
        with clock_at(midnight - timedelta(seconds=1)):
            await run(api)
            assert await self.woken(api) == []
        with clock_at(midnight):
            await run(api)
            await run(api)
            assert await self.woken(api) == [lead["id"]]
            asleep = await api.call("GET", LEADS, params={"woken": False})
            assert [found["id"] for found in asleep["items"]] == [other["id"]]
        shown = await read(api, lead)
        assert (shown["status"], shown["is_woken"], shown["status_reason"]) == (
            "recycle",
            True,
            "timing",
        )
        moves = (await api.call("GET", f"{LEADS}/{lead['id']}/moves"))["items"]
        last = moves[-1]
        assert (last["from_status"], last["to_status"], last["reason"]) == (
            "recycle",
            "recycle",
            "woken",
        )
        assert last["occurred_at"] == clock.isoformat(midnight)
        assert last["actor"] == "system:timer"
        taken = await api.call("PATCH", f"{LEADS}/{lead['id']}", json={"status": "accepted"})
        assert (taken["is_woken"], taken["recycle_until"]) == (False, None)

    async def test_another_day_moves_the_alarm(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            lead = await self.put_aside(api, "2026-07-01")
            path = f"{LEADS}/{lead['id']}"
            await api.call("PATCH", path, json={"recycle_until": "2026-08-01"})
        with clock_at(datetime(2026, 7, 2, tzinfo=UTC)):
            await run(api)
            assert await self.woken(api) == []
            await api.call("PATCH", path, json={"recycle_until": None})
        assert await timers_of(api) == []
        with clock_at(datetime(2026, 7, 2, tzinfo=UTC)):
            await api.call("PATCH", path, json={"recycle_until": "2026-07-01"})
            await run(api)
            assert await self.woken(api) == [lead["id"]]
            again = await api.call("PATCH", path, json={"recycle_until": "2026-09-01"})
            assert again["is_woken"] is False

    async def test_taken_up_or_qualified_again_it_sleeps_no_more(
        self, api: Api, clock_at: Clock
    ) -> None:
        with clock_at(NOW):
            first = await self.put_aside(api, "2026-07-01")
            second = await self.put_aside(api, "2026-07-01")
            await api.call("PATCH", f"{LEADS}/{first['id']}", json={"status": "accepted"})
            await hear(api, second, "contact_request")
        with clock_at(NOW + 30 * DAY):
            await run(api)
        for lead in (first, second):
            moves = (await api.call("GET", f"{LEADS}/{lead['id']}/moves"))["items"]
            assert "woken" not in [move["reason"] for move in moves]
            assert (await read(api, lead))["recycle_until"] is None

    async def test_the_day_is_today_or_later_and_for_recycled_leads(
        self, api: Api, clock_at: Clock
    ) -> None:
        # 23:00 of the 16th in Los Angeles.
        with clock_at(datetime(2026, 6, 17, 6, 0, tzinfo=UTC)):
            today = await self.put_aside(api, "2026-06-16")
            path = f"{LEADS}/{today['id']}"
            for body, code in [
                ({"recycle_until": "2026-06-15"}, "date_in_the_past"),
                ({"status": "accepted", "recycle_until": "2026-07-01"}, "not_recycled"),
            ]:
                refused = await api.request("PATCH", path, json=body)
                assert refused.status_code == 422
                problem = refused.json()["errors"][0]
                assert (problem["pointer"], problem["code"]) == ("/recycle_until", code)
            await run(api)
            assert await self.woken(api) == [today["id"]]


class TestFailing:
    async def test_is_put_aside_after_five_attempts_and_holds_nobody_up(
        self, api: Api, clock_at: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail(session: Any, subject_id: UUID) -> None:
            await session.execute(
                "UPDATE qualification.leads SET name = 'half' WHERE workspace_id = $1",
                session.workspace_id,
            )
            raise KeyError("broken")

        monkeypatch.setitem(tasks.HANDLERS, "broken", fail)
        with clock_at(NOW):
            lead = await make_lead(api)
            await hear(api, lead, "event_high", occurred_at=clock.isoformat(NOW - 29 * DAY))
            async with api.database().write(api.workspace_id) as session:
                await timers.arm(session, "broken", {UUID(lead["id"]): NOW})
                await timers.arm(session, "unheard_of", {UUID(lead["id"]): NOW})
        at = NOW + DAY
        for _ in range(8):
            with clock_at(at):
                await run(api)
            at += timedelta(minutes=5)
        assert len(await silences(api, lead)) == 1
        assert (await read(api, lead))["name"] == "Kim Larsen"
        left = {timer["kind"]: timer for timer in await timers_of(api)}
        for kind in ("broken", "unheard_of"):
            assert left[kind]["attempts"] == 5
            assert left[kind]["parked_at"] is not None
        with clock_at(at):
            async with api.database().write(api.workspace_id) as session:
                await timers.arm(session, "broken", {UUID(lead["id"]): at})
        left = {timer["kind"]: timer for timer in await timers_of(api)}
        assert (left["broken"]["attempts"], left["broken"]["parked_at"]) == (0, None)


async def test_a_workspace_that_cannot_be_worked_on_holds_up_no_other(
    api: Api, other_api: Api, clock_at: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock nobody gives back, say: its timers wait for the next turn."""
    with clock_at(NOW):
        leads = [(each, await make_lead(each)) for each in (api, other_api)]
        for each, lead in leads:
            await hear(each, lead, "trial")
    real = tasks.HANDLERS["lead_silence"]
    locked = min(api.workspace_id, other_api.workspace_id)

    async def handle(session: Any, subject_id: UUID) -> None:
        if session.workspace_id == locked:
            raise asyncpg.LockNotAvailableError("canceling statement due to lock timeout")
        await real(session, subject_id)

    with clock_at(NOW + 31 * DAY):
        with monkeypatch.context() as patch:
            patch.setitem(tasks.HANDLERS, "lead_silence", handle)
            await run(api)
        told = {each.workspace_id: len(await silences(each, lead)) for each, lead in leads}
        assert told == {locked: 0, max(told): 1}
        await run(api)
        assert [len(await silences(each, lead)) for each, lead in leads] == [1, 1]
