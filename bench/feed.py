"""How fast a consumer that begins at nothing reads the change feed over HTTP."""

from __future__ import annotations

import time

from bench.client import Connection
from bench.results import Result, measured
from bench.run import Run, wait
from bench.servers import Process

PAGE = 1000
RATE_MIN = 20_000
_NEXT = b'"next_after":'
_ITEM = b'"sequence":'


def feed(run: Run) -> list[Result]:
    """Full pages, one after the other, by one reader that looks at nothing but where to go on."""
    product = run.product("large")
    token = wait(product.make_key(run.big("large")))
    rates: list[float] = []
    costs: list[float] = []
    with product.serving("pipeline") as pipeline:
        for round_ in range(run.sizes.rounds + 1):
            used = pipeline.cpu_seconds()
            rate, events = wait(_read(run, pipeline, token))
            if round_:
                rates.append(rate)
                costs.append(1e6 * (pipeline.cpu_seconds() - used) / events)
    name = f"change feed, {run.sizes.large:,} opportunities"
    return [
        measured(name, f"events a second, pages of {PAGE:,}", rates, at_least=RATE_MIN),
        measured(name, "processor time of the server an event", costs, "us"),
    ]


async def _read(run: Run, pipeline: Process, token: str) -> tuple[float, int]:
    """Events a second from the beginning of the feed on, and how many that were."""
    after, events = 0, 0
    started = time.perf_counter()
    ends = started + run.sizes.side_s
    async with Connection(pipeline.address, token) as connection:
        while time.perf_counter() < ends:
            status, answer = await connection.send("GET", f"/v1/changes?after={after}&limit={PAGE}")
            assert status == 200, answer[:500]
            events += answer.count(_ITEM)
            following = _next_after(answer)
            after = 0 if following == after else following
    return events / (time.perf_counter() - started), events


def _next_after(answer: bytes) -> int:
    """Without parsing a page: a slow reader would hide the server behind itself."""
    at = answer.rindex(_NEXT) + len(_NEXT)
    digits = answer[at : at + 20].split(b",")[0].split(b"}")[0]
    return int(digits)
