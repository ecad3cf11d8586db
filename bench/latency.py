"""How long it takes from the answer of a write until the figures show it, idle and under load."""

from __future__ import annotations

import asyncio
import threading
import time
from statistics import mean
from typing import Any

from bench import load
from bench.client import Connection
from bench.results import Result, percentile
from bench.run import BIG, OTHERS, Run, forecast_path, opportunity_path, this_quarter, wait

RATE = 200
CONNECTIONS = 16
GROWTH_MAX = RATE / 4
"""Rows the outbox may hold more at the end than at the beginning: a quarter second of writes."""


def event_to_figure(run: Run) -> list[Result]:
    """One write at a time on an idle system; the reads that look for it follow each other."""
    name = "event to figure, idle"
    product = run.product("small")
    with product.serving() as gateway, product.working():
        target = wait(target_in(run, "small", gateway.address, BIG, writes=0))
        order = {
            "kind": "paced", "address": gateway.address, "targets": [target], "connections": 1,
            "poll_pause_s": 0, "probe_pause_s": 0.03,
        }  # fmt: skip
        load.run(order | {"seconds": 1})
        told = load.run(order | {"seconds": run.sizes.idle_s, "first_number": 500_000})
    return _latencies(name, told["shown"], p50=30, p99=120)


def event_to_figure_loaded(run: Run) -> list[Result]:
    """The same while fifty workspaces are written to."""
    stored = sum(filled.opportunities for filled in run.filled("large").values())
    name = f"event to figure, {RATE} writes/s over {OTHERS + 1} workspaces, {stored:,} stored"
    product = run.product("large")
    slugs = [BIG, *(f"other-{number}" for number in range(OTHERS))]
    with product.serving() as gateway, product.working() as worker:
        targets = [
            wait(target_in(run, "large", gateway.address, slug, writes=20)) for slug in slugs
        ]
        order = {
            "kind": "paced", "address": gateway.address, "targets": targets, "rate": RATE,
            "connections": CONNECTIONS, "poll_pause_s": 0.02, "probe_pause_s": 0.1,
        }  # fmt: skip
        load.run(order | {"seconds": 3})
        before = {process: process.cpu_seconds() for process in (gateway, worker)}
        with _Backlog(run) as backlog:
            told = load.run(
                order | {"seconds": run.sizes.loaded_s, "first_number": 500_000}
            )  # fmt: skip
        busy = ", ".join(
            f"{process.name} {(process.cpu_seconds() - used) / told['seconds']:.0%}"
            for process, used in before.items()
        )
    waits = [1000 * seconds for seconds in told["waits"]]
    detail = f"writes answered p50 {percentile(waits, 50):.1f} p99 {percentile(waits, 99):.1f} ms"
    detail += f"; of a core: {busy}"
    return [
        *_latencies(name, told["shown"], p99=1000),
        Result(name, "writes a second reached", told["rate"], told["rate"], told["rate"],
               at_least=0.97 * RATE, detail=detail),
        backlog.result(name),
    ]  # fmt: skip


def _latencies(
    name: str, shown: list[float], *, p50: float | None = None, p99: float | None = None
) -> list[Result]:
    milliseconds = [1000 * seconds for seconds in shown]
    low, high = min(milliseconds), max(milliseconds)
    return [
        Result(name, "p50", percentile(milliseconds, 50), low, high, "ms", at_most=p50,
               detail=f"{len(milliseconds)} writes"),
        Result(name, "p99", percentile(milliseconds, 99), low, high, "ms", at_most=p99),
    ]  # fmt: skip


async def target_in(
    run: Run, which: str, address: str, slug: str, *, writes: int
) -> dict[str, Any]:
    """A workspace to write to, with a user and an opportunity whose figure nobody else moves."""
    workspace_id = await asyncio.to_thread(
        lambda: run.fetch(which, "SELECT id FROM workspace.workspaces WHERE slug = $1", slug)
    )
    identity = workspace_id[0]["id"]
    token = await run.product(which).make_key(identity)
    quarter = this_quarter()
    async with Connection(address, token) as connection:
        await connection.call(
            "PUT", "/pipeline/v1/users/by-external-id/probe", {"name": "Probe", "role": "rep"}
        )
        probe = await connection.call(
            "PUT",
            "/pipeline/v1/opportunities/by-external-id/probe",
            {
                "name": "Probe", "type": "new_business", "stage": "technical_evaluation",
                "owner_external_id": "probe", "amount": "1.00", "currency": "USD",
                "term_months": 12, "close_date": quarter.last_day.isoformat(),
            },
        )  # fmt: skip
    paths = []
    if writes:
        found = await asyncio.to_thread(lambda: run.open_opportunities(which, identity, writes + 1))
        paths = [opportunity_path(each) for each in found if str(each) != probe["id"]]
    return {
        "token": token,
        "writes": paths[:writes],
        "probe": {
            "write": opportunity_path(probe["id"]),
            "read": forecast_path(quarter, "?user_id=probe"),
        },
    }


class _Backlog:
    """Looks at the outbox once a second, from a thread."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._rows: list[int] = []

    def __enter__(self) -> _Backlog:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.5):
            rows = self._run.fetch("large", "SELECT count(*) AS due FROM pipeline.outbox")
            self._rows.append(rows[0]["due"])
            time.sleep(0.2)

    def result(self, name: str) -> Result:
        third = max(1, len(self._rows) // 3)
        growth = mean(self._rows[-third:]) - mean(self._rows[:third])
        return Result(
            name, "growth of the backlog, last third - first third", growth, min(self._rows),
            max(self._rows), at_most=GROWTH_MAX, detail="range: rows waiting",
        )  # fmt: skip
