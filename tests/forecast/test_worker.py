"""The worker's parts: rings that are not lost, workspaces that do not starve, policies that are
applied to the end, and a heartbeat without Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.forecast import heartbeats
from services.forecast.audits.service import audit
from services.forecast.drainer import Drainer, Work
from services.forecast.recompute import post_batch
from services.forecast.tasks import WorkspaceWork, settle
from services.forecast.worker import WorkerProcess
from services.kit import clock
from services.kit.db import Database
from services.kit.ids import NIL, new_id
from services.kit.settings import get_settings
from services.kit.tasks import Bell
from services.pipeline import events as pipeline
from services.pipeline.tasks import find_policy_changes
from tests.client import Api, Stack
from tests.forecast.book import Book
from tests.forecast.books import opportunity, people

POLICIES = "/pipeline/v1/policies"
FORECAST = "/forecast/v1/forecasts/FY27-Q2"


@asynccontextmanager
async def running(work: Work, concurrency: int = 2) -> AsyncIterator[Drainer]:
    drainer = Drainer(work, concurrency=concurrency)
    task = asyncio.ensure_future(drainer.run())
    yield drainer
    async with asyncio.timeout(5):
        while not drainer.is_idle:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class TestDrainer:
    async def test_rings_before_the_work_are_one(self) -> None:
        seen: list[UUID] = []

        async def work(workspace_id: UUID, retry_failed: bool) -> bool:
            seen.append(workspace_id)
            return False

        workspace_id = new_id()
        async with running(work) as drainer:
            for _ in range(5):
                drainer.ring(workspace_id)
        assert seen == [workspace_id]

    async def test_a_ring_during_the_work_is_looked_at_again(self) -> None:
        calls: list[bool] = []

        async def work(workspace_id: UUID, retry_failed: bool) -> bool:
            calls.append(retry_failed)
            if len(calls) == 1:
                drainer.ring(workspace_id)
                drainer.ring(workspace_id, retry_failed=True)
            return False

        async with running(work) as drainer:
            drainer.ring(new_id())
        assert calls == [False, True]

    async def test_one_workspace_is_never_worked_on_twice_at_once(self) -> None:
        active: set[UUID] = set()

        async def work(workspace_id: UUID, retry_failed: bool) -> bool:
            assert workspace_id not in active
            active.add(workspace_id)
            await asyncio.sleep(0.001)
            active.discard(workspace_id)
            return False

        ids = [new_id() for _ in range(3)]
        async with running(work, concurrency=4) as drainer:
            for number in range(60):
                drainer.ring(ids[number % 3])
                await asyncio.sleep(0)

    async def test_a_long_backlog_holds_up_nobody(self) -> None:
        long, short = new_id(), new_id()
        order: list[UUID] = []

        async def work(workspace_id: UUID, retry_failed: bool) -> bool:
            order.append(workspace_id)
            return workspace_id == long and order.count(long) < 5

        async with running(work, concurrency=1) as drainer:
            drainer.ring(long)
            drainer.ring(short)
        assert order.index(short) == 1
        assert order.count(long) == 5

    async def test_a_failure_stops_nobody(self) -> None:
        bad, good = new_id(), new_id()
        seen: list[UUID] = []

        async def work(workspace_id: UUID, retry_failed: bool) -> bool:
            seen.append(workspace_id)
            if workspace_id == bad:
                raise KeyError(workspace_id)
            return False

        async with running(work, concurrency=1) as drainer:
            drainer.ring(bad)
            drainer.ring(good)
        assert seen == [bad, good]


class TestDiscovery:
    async def test_every_workspace_with_work_is_found_in_turn(self, stack: Stack) -> None:
        wanted = set()
        for _ in range(5):
            async with await stack.new_workspace() as api:
                book = Book(api.database(), api.workspace_id)
                await book.add_user()
                await book.open()
                wanted.add(api.workspace_id)
        found: set[UUID] = set()
        after = NIL
        async with stack.worker.read(None) as session:
            # Other tests leave work behind; two at a time, a round of all of them ends.
            due = await pipeline.find_due_workspaces(
                session, after=NIL, at=clock.now(), limit=100_000
            )
            for _ in range(len(due) // 2 + 1):
                page = await pipeline.find_due_workspaces(
                    session, after=after, at=clock.now(), limit=2
                )
                assert len(page) == len(set(page)) <= 2
                after = page[-1]
                found.update(page)
        assert found >= wanted
        for workspace_id in wanted:
            await settle(stack.worker, workspace_id)

    async def test_other_roles_discover_nothing(self, api: Api, stack: Stack) -> None:
        book = Book(api.database(), api.workspace_id)
        await book.add_user()
        await book.open()
        forecast = Database(stack.worker.pool, "leadline_forecast")
        async with forecast.read(None) as session:
            found = await pipeline.find_due_workspaces(session, after=NIL, at=clock.now(), limit=50)
        assert found == []


class TestPolicyChange:
    async def test_it_is_applied_to_the_end_and_explained(self, api: Api) -> None:
        await people(api, {"ana": None})
        for number in range(3):
            await self.put(api, opportunity(f"o{number}", "proposal", amount="100.00"))
        await api.settle()
        before = await api.call("GET", FORECAST)
        assert before["gross_arr"]["best_case"] == "300.00"
        await api.call(
            "POST", POLICIES, json={"settings": {"stage.category": {"proposal": "commit"}}}
        )
        during = await api.call("GET", FORECAST)
        assert "policy_change_in_progress" in {w["code"] for w in during["warnings"]}
        await api.settle()
        after = await api.call("GET", FORECAST)
        assert after["gross_arr"]["commit"] == "300.00"
        assert "policy_change_in_progress" not in {w["code"] for w in after["warnings"]}
        again = await api.call("GET", FORECAST, params={"as_of": before["as_of"]})
        assert again["gross_arr"] == before["gross_arr"]
        assert (await audit(api.database(), api.workspace_id)).differences == []

    async def test_a_half_applied_policy_is_found_and_finished(self, api: Api) -> None:
        await people(api, {"ana": None})
        await self.put(api, opportunity("o", "proposal", amount="100.00"))
        await api.settle()
        await api.call(
            "POST", POLICIES, json={"settings": {"stage.category": {"proposal": "commit"}}}
        )
        work = WorkspaceWork(api.database())
        # Posts the policy, then the process is gone before it is applied.
        await post_batch(api.database(), api.workspace_id)
        async with api.database().read(None) as session:
            assert api.workspace_id in await find_policy_changes(session, 1000)
        work.policy_is_due(api.workspace_id)
        while await work(api.workspace_id, True):
            pass
        assert (await api.call("GET", FORECAST))["gross_arr"]["commit"] == "100.00"
        async with api.database().read(None) as session:
            assert api.workspace_id not in await find_policy_changes(session, 1000)

    async def test_a_future_policy_fires_by_its_time(
        self, api: Api, clock_at: Callable[[datetime], AbstractContextManager[None]]
    ) -> None:
        await people(api, {"ana": None})
        await self.put(api, opportunity("o", "proposal", amount="100.00"))
        begin = clock.now() + timedelta(days=2)
        await api.call(
            "POST",
            POLICIES,
            json={
                "settings": {"stage.category": {"proposal": "commit"}},
                "effective_from": begin.isoformat(),
            },
        )
        await api.settle()
        assert (await api.call("GET", FORECAST))["gross_arr"]["commit"] == "0.00"
        with clock_at(begin + timedelta(seconds=1)):
            await api.settle()
            assert (await api.call("GET", FORECAST))["gross_arr"]["commit"] == "100.00"

    async def put(self, api: Api, payload: dict[str, Any]) -> None:
        path = f"/pipeline/v1/opportunities/by-external-id/{payload['external_id']}"
        body = {name: value for name, value in payload.items() if name != "external_id"}
        await api.call("PUT", path, json=body)


class TestReportingLines:
    async def test_a_line_gets_the_sequence_of_its_event(self, api: Api) -> None:
        await people(api, {"bob": None, "ana": "bob"})
        begin = clock.now() + timedelta(days=1)
        await api.call(
            "PUT",
            "/pipeline/v1/users/by-external-id/ana",
            json={"manager_external_id": None, "effective_from": begin.isoformat()},
        )
        await api.settle()
        sequences = await self.sequences(api)
        assert None not in sequences
        with clock.replaced(lambda: begin + timedelta(seconds=1)):
            assert await settle(api.database(), api.workspace_id) == 1
        # It begins: a batch of its own, while its sequence says since when it was known.
        assert await self.sequences(api) == sequences

    async def sequences(self, api: Api) -> list[int | None]:
        async with api.database().read(api.workspace_id) as session:
            rows = await session.fetch(
                "SELECT sequence FROM workspace.reporting_lines WHERE workspace_id = $1"
                " ORDER BY id",
                api.workspace_id,
            )
        return [row["sequence"] for row in rows]


class TestHeartbeat:
    async def test_a_worker_is_up_while_it_is_heard_of(self, stack: Stack) -> None:
        worker_id, now = new_id(), clock.now() + timedelta(days=365)
        with clock.replaced(lambda: now):
            async with stack.worker.write(None) as session:
                assert not await heartbeats.is_worker_up(session)
                await heartbeats.beat(session, worker_id)
                assert await heartbeats.is_worker_up(session)
        with clock.replaced(lambda: now + timedelta(minutes=1)):
            async with stack.worker.write(None) as session:
                assert not await heartbeats.is_worker_up(session)
                await heartbeats.beat(session, worker_id)
                await heartbeats.say_goodbye(session, worker_id)
                assert not await heartbeats.is_worker_up(session)


class TestProcess:
    async def test_a_ring_and_the_sweep_both_start_work(self, stack: Stack, api: Api) -> None:
        book = Book(api.database(), api.workspace_id)
        await book.add_user()
        settings = get_settings().model_copy(update={"sweep_interval_s": 0.2})
        process = WorkerProcess(stack.worker, settings)
        task = asyncio.ensure_future(process.run())
        bell = Bell(settings.redis_dsn())
        try:
            for is_rung in (False, True):
                await book.open()
                if is_rung:
                    bell.ring(api.workspace_id)
                await self.until_settled(book)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await bell.close()

    async def until_settled(self, book: Book) -> None:
        async with asyncio.timeout(10):
            while True:
                async with book.database.read(book.workspace_id) as session:
                    if not await pipeline.count_pending(session, clock.now()):
                        return
                await asyncio.sleep(0.01)
