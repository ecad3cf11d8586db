"""The load generator, in a process of its own: `python -m bench.load` takes an order as JSON on
standard input and prints what happened as JSON. Bounded in time, connections and targets.

Orders: `closed` keeps each connection busy for so many seconds; `paced` sends writes at a rate
whatever the answers do and, beside them, times how long a write takes to show in the figures.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import orjson

from bench.client import Connection
from bench.servers import ROOT

SECONDS_MAX = 300
CONNECTIONS_MAX = 64
RATE_MAX = 2_000


def run(order: dict[str, Any]) -> dict[str, Any]:
    """Has the order done by another process and returns what it told."""
    answer = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=orjson.dumps(order), cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if answer.returncode != 0:
        raise RuntimeError(f"the load generator failed:\n{answer.stderr.decode()[-4000:]}")
    return orjson.loads(answer.stdout)


def _limits(order: dict[str, Any]) -> None:
    assert order["seconds"] <= SECONDS_MAX
    assert order["connections"] <= CONNECTIONS_MAX
    assert order.get("rate", 0) <= RATE_MAX


async def closed(order: dict[str, Any]) -> dict[str, Any]:
    """Requests `{method, path, body}` in turn, `%d` in a body being a new number each time. Each
    connection has its own share of the requests, so that no two wait for one row."""
    _limits(order)
    requests, numbers = order["requests"], itertools.count(order.get("first_number", 1000))
    count = order["connections"]
    ends = time.perf_counter() + order["seconds"]
    waits: list[float] = []
    failures: list[str] = []

    async def keep_busy(share: list[dict[str, str]]) -> None:
        async with Connection(order["address"], order.get("token", "")) as connection:
            for request in itertools.cycle(share):
                started = time.perf_counter()
                if started >= ends:
                    return
                body = request.get("body", "").replace("%d", str(next(numbers)))
                status, answer = await connection.send(
                    request["method"], request["path"], body.encode()
                )
                waits.append(time.perf_counter() - started)
                if not 200 <= status < 300:
                    failures.append(f"{status} {answer[:300]!r}")

    started = time.perf_counter()
    await asyncio.gather(*(keep_busy(requests[place::count]) for place in range(count)))
    took = time.perf_counter() - started
    return {
        "count": len(waits), "seconds": took, "rate": len(waits) / took, "waits": waits,
        "failures": len(failures), "failure": failures[:1],
    }  # fmt: skip


async def until_shown(
    connection: Connection, probe: dict[str, str], amount: int, *, pause_s: float
) -> float:
    """Seconds from the answer of a write until a read shows it."""
    await connection.call("PATCH", probe["write"], {"amount": f"{amount}.00"})
    answered = time.perf_counter()
    expected = f"{amount}.00"
    while True:
        content = await connection.call("GET", probe["read"])
        shown_at = time.perf_counter()
        if content["coverage"]["open_pipeline"] == expected:
            return shown_at - answered
        if shown_at - answered > 30:
            raise RuntimeError(f"{probe['write']} is not in the figures after 30 s")
        if pause_s:
            await asyncio.sleep(pause_s)


class Paced:
    """Writes at a steady rate round the targets, and one probe after the other beside them.

    A target is `{token, writes: [path], probe: {write, read}}`. A write that finds every connection
    busy waits, and its waiting counts.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        _limits(order)
        self._order = order
        self._targets = order["targets"]
        self._rate = order.get("rate", 0)
        self._amounts = itertools.count(order.get("first_number", 50_000))
        self._queue: asyncio.Queue[tuple[float, str, str]] = asyncio.Queue()
        self._ends = 0.0
        self.waits: list[float] = []
        self.shown: list[float] = []

    async def run(self) -> dict[str, Any]:
        started = time.perf_counter()
        self._ends = started + self._order["seconds"]
        writers = self._order["connections"] if self._rate else 0
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            connections = [
                await stack.enter_async_context(Connection(self._order["address"]))
                for _ in range(writers + 1)
            ]
            tasks = [group.create_task(self._write(each)) for each in connections[1:]]
            jobs = [group.create_task(self._probe(connections[0]))]
            if self._rate:
                jobs.append(group.create_task(self._pace(started)))
            await asyncio.wait(jobs)
            await self._queue.join()
            took = time.perf_counter() - started
            for task in tasks:
                task.cancel()
        return {
            "seconds": took, "writes": len(self.waits), "rate": len(self.waits) / took,
            "waits": self.waits, "shown": self.shown,
        }  # fmt: skip

    def _turns(self) -> Iterator[tuple[str, str]]:
        """One write of each target, then the next of each, and so on for ever."""
        rounds = list(itertools.zip_longest(*(target["writes"] for target in self._targets)))
        for round_ in itertools.cycle(rounds):
            for target, path in zip(self._targets, round_, strict=True):
                if path is not None:
                    yield target["token"], path

    async def _pace(self, started: float) -> None:
        for number, (token, path) in enumerate(self._turns()):
            due = started + number / self._rate
            if due >= self._ends:
                return
            delay = due - time.perf_counter()
            if delay > 0:
                await asyncio.sleep(delay)
            self._queue.put_nowait((due, token, path))

    async def _write(self, connection: Connection) -> None:
        while True:
            due, token, path = await self._queue.get()
            connection.use(token)
            await connection.call("PATCH", path, {"amount": f"{next(self._amounts)}.00"})
            self.waits.append(time.perf_counter() - due)
            self._queue.task_done()

    async def _probe(self, connection: Connection) -> None:
        chance = random.Random(7)
        for number, target in enumerate(itertools.cycle(self._targets)):
            if time.perf_counter() >= self._ends:
                return
            connection.use(target["token"])
            amount = 1_000_000 + self._order.get("first_number", 0) + number
            self.shown.append(
                await until_shown(
                    connection, target["probe"], amount, pause_s=self._order["poll_pause_s"]
                )
            )
            # Not in step with anything that ticks.
            await asyncio.sleep(chance.uniform(0.5, 1.5) * self._order["probe_pause_s"])


def main() -> None:
    order = orjson.loads(sys.stdin.buffer.read())
    work = closed(order) if order["kind"] == "closed" else Paced(order).run()
    sys.stdout.buffer.write(orjson.dumps(asyncio.run(work)))


if __name__ == "__main__":
    main()
