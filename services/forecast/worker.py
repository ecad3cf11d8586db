"""The worker process: figures, hand-overs, policy changes, imports, audits and timers, webhooks
and followers of the feed, until it is stopped.

Two things start work, and either is enough: the bell (arq on Redis, a few milliseconds after a
commit) and the sweep (every second, from Postgres alone). Nothing is kept in this process that a
SIGKILL could lose. It composes what the services publish and decides nothing itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, cast
from uuid import UUID

from arq.worker import Worker, func
from redis.exceptions import RedisError

from services import handover, lead_import
from services.forecast import heartbeats
from services.forecast.audits.tasks import run_due as run_due_audits
from services.forecast.contained import Contained
from services.forecast.drainer import Drainer
from services.forecast.figure_changes import figures_since
from services.forecast.tasks import WorkspaceWork
from services.forecast.telemetry import JOB_FAILURES
from services.kit import clock, tasks
from services.kit.collector import calm_collector
from services.kit.db import TRANSIENT, Database
from services.kit.ids import NIL, new_id
from services.kit.logging import get_logger
from services.kit.outgoing import Outgoing
from services.kit.settings import Settings, get_settings
from services.pipeline import events as pipeline
from services.pipeline import tasks as pipeline_tasks
from services.pipeline.followers.runner import Runner
from services.pipeline.imports.tasks import run_due as run_due_imports
from services.pipeline.webhooks.delivery import Delivery
from services.pipeline.webhooks.tasks import Sender
from services.qualification.tasks import run_due as run_due_timers

log = get_logger(__name__)

# Imports are run here, also those of records that are not pipeline's own.
lead_import.register()

_FOUND_MAX: Final = 50
_STOP_PATIENCE_S: Final = 1.2
_BELL_PAUSE_MAX_S: Final = 5.0


class BellListener(Worker):
    """arq's worker, woken by a publish instead of only by its poll."""

    async def main(self) -> None:
        woken = asyncio.Event()
        async with self.pool.pubsub() as channel:
            await channel.subscribe(tasks.WAKE_CHANNEL)
            listening = asyncio.ensure_future(_listen(channel, woken))
            try:
                while True:
                    woken.clear()
                    await self._poll_iteration()
                    if listening.done():
                        await listening
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(woken.wait(), self.poll_delay_s)
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)


async def _listen(channel: Any, woken: asyncio.Event) -> None:
    async for _ in channel.listen():
        woken.set()


class WorkerProcess:
    """Everything one process runs; `run` ends when it is cancelled."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._id = new_id()
        self._outgoing = Outgoing(
            allowed=settings.webhook_networks, timeout_s=settings.webhook_timeout_s
        )
        delivery = Delivery(
            database,
            self._outgoing,
            partial(figures_since, database),
            concurrency=settings.webhook_concurrency,
        )
        self._sender = Sender(database, delivery)
        turn = asyncio.Lock()
        self._followers = [
            Runner(database, name, follow, turn)
            for name, follow in pipeline_tasks.FOLLOWERS.items()
        ]
        self._work = WorkspaceWork(database, self._posted)
        self._drainer = Drainer(self._work, concurrency=settings.worker_concurrency)
        self._swept: dict[str, UUID] = {"outbox": NIL, "requests": NIL}

    async def run(self) -> None:
        every = self._settings.sweep_interval_s
        async with asyncio.TaskGroup() as group:
            group.create_task(self._drainer.run())
            group.create_task(_repeat("beat", self._beat, heartbeats.INTERVAL_S))
            group.create_task(_repeat("sweep", self._sweep, every))
            group.create_task(_repeat("imports", self._imports, every))
            group.create_task(_repeat("audits", self._audits, every))
            group.create_task(_repeat("timers", self._timers, every))
            group.create_task(_repeat("webhooks", self._sender.run, every))
            group.create_task(_repeat("pipeline_timers", self._pipeline_timers, every))
            for follower in self._followers:
                group.create_task(_repeat("follower", follower.run, every))
            if self._settings.redis_url is not None:
                group.create_task(self._listen_to_bell(self._settings.redis_dsn()))

    def _posted(self, workspace_id: UUID) -> None:
        """The feed of a workspace is longer: who reads it is told."""
        self._sender.ring(workspace_id)
        for follower in self._followers:
            follower.ring(workspace_id)

    async def close(self) -> None:
        """Best effort: a worker that only falls silent is noticed a little later."""
        with Contained():
            async with self._database.write(None) as session:
                await heartbeats.say_goodbye(session, self._id)
        await self._outgoing.close()
        await self._database.close()

    async def _beat(self) -> None:
        async with self._database.write(None) as session:
            await heartbeats.beat(session, self._id)

    async def _sweep(self) -> None:
        """Finds what nobody rang for: lost bells, timed rows, failed events, halted policies."""
        async with self._database.read(None) as session:
            due = await pipeline.find_due_workspaces(
                session, after=self._swept["outbox"], at=clock.now(), limit=_FOUND_MAX
            )
            changing = await pipeline_tasks.find_policy_changes(session, _FOUND_MAX)
        requested = await handover.due_workspaces(
            self._database, after=self._swept["requests"], limit=_FOUND_MAX
        )
        self._swept["outbox"] = due[-1] if due else NIL
        # A page that is not full was the last one; the next sweep begins again.
        self._swept["requests"] = requested[-1] if len(requested) == _FOUND_MAX else NIL
        for workspace_id in changing:
            self._work.policy_is_due(workspace_id)
        for workspace_id in (*due, *changing, *requested):
            self._drainer.ring(workspace_id, retry_failed=True)

    async def _imports(self) -> None:
        await run_due_imports(self._database)

    async def _audits(self) -> None:
        await run_due_audits(self._database)

    async def _timers(self) -> None:
        await run_due_timers(self._database)

    async def _pipeline_timers(self) -> None:
        await pipeline_tasks.run_due(self._database)

    async def _listen_to_bell(self, redis_url: str) -> None:
        """arq ends when Redis goes away; it is started again until Redis is back."""
        pause = 0.1
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await self._listen_once(redis_url)
            except (RedisError, OSError) as error:
                log.warning("bell_lost", error=repr(error), retry_in_s=pause)
            steady = asyncio.get_running_loop().time() - started > _BELL_PAUSE_MAX_S
            pause = 0.1 if steady else min(pause * 2, _BELL_PAUSE_MAX_S)
            await asyncio.sleep(pause)

    async def _listen_once(self, redis_url: str) -> None:
        pool = await tasks.connect(redis_url)
        bell = BellListener(
            functions=[func(cast(Any, self._on_ring), name=tasks.POST_EVENTS)],
            queue_name=tasks.QUEUE,
            redis_pool=pool,
            handle_signals=False,
            keep_result=0,
            max_tries=3,
            job_timeout=5,
            poll_delay=0.5,
            job_serializer=tasks.serialize,
            job_deserializer=tasks.deserialize,
            log_results=False,
        )
        try:
            await bell.main()
        finally:
            for job in bell.tasks.values():
                job.cancel()
            await asyncio.gather(*bell.tasks.values(), return_exceptions=True)
            with contextlib.suppress(RedisError, OSError):
                await pool.aclose(close_connection_pool=True)

    async def _on_ring(self, _: dict[str, Any], workspace_ids: list[str]) -> None:
        for workspace_id in workspace_ids:
            self._drainer.ring(UUID(workspace_id))


async def _repeat(name: str, action: Callable[[], Awaitable[None]], every_s: float) -> None:
    """For ever; a failure is logged and the next turn tries again."""
    while True:
        with Contained() as attempt:
            await action()
        if attempt.error is not None:
            JOB_FAILURES.labels(name).inc()
            log.error("job_failed", job=name, exc_info=attempt.error)
        await asyncio.sleep(every_s)


async def _connect(settings: Settings) -> Database:
    """Waits for Postgres as long as it takes: the worker may be started first."""
    while True:
        try:
            return await Database.connect(
                settings.database_dsn("worker"),
                role="leadline_worker",
                application_name="leadline-worker",
                pool_min=1,
                # Drains, one import, one audit, two timers, the sweep, the beat, three followers and
                # a few webhooks.
                pool_max=settings.worker_concurrency + 13,
                statement_timeout_ms=settings.worker_statement_timeout_ms,
                lock_timeout_ms=settings.lock_timeout_ms,
                idle_in_transaction_timeout_ms=settings.idle_in_transaction_timeout_ms,
            )
        except (*TRANSIENT, OSError) as error:
            log.warning("database_unreachable", error=repr(error))
            await asyncio.sleep(0.5)


async def _main() -> None:
    settings = get_settings()
    if settings.worker_metrics_port is not None:
        from prometheus_client import start_http_server

        start_http_server(settings.worker_metrics_port, addr=settings.http_host)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    running = asyncio.ensure_future(_run(settings))
    stopped = asyncio.ensure_future(stopping.wait())
    await asyncio.wait((running, stopped), return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        log.info("worker_stopping")
        running.cancel()
        # Whatever does not end in time is ended with the process, as a kill would.
        await asyncio.wait((running,), timeout=_STOP_PATIENCE_S)
    stopped.cancel()
    if running.done() and not running.cancelled():
        running.result()


async def _run(settings: Settings) -> None:
    database = await _connect(settings)
    process = WorkerProcess(database, settings)
    calm_collector()
    log.info("worker_started")
    try:
        await process.run()
    finally:
        await process.close()


def run() -> None:
    """The process; returns after SIGTERM or SIGINT."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_main())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it exists: a batch is a dozen round trips, each of them cheaper with it."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return None
    return new_event_loop
