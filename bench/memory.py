"""Resident memory of each process of the product, idle after a few requests."""

from __future__ import annotations

import time
from pathlib import Path

from bench.client import Connection
from bench.results import Result, measured
from bench.run import Run, wait
from bench.servers import Process

SERVICES = ("qualification", "pipeline", "forecast", "gateway")
SAMPLES = 5


def memory(run: Run) -> list[Result]:
    """RSS counts shared pages in every process that maps them; PSS divides them, USS leaves them
    out. The bar is held by RSS, the largest of them."""
    product = run.product("small")
    results = []
    for service in SERVICES:
        with product.serving(service) as process:
            for path in ("/openapi.json", "/metrics", "/readyz"):
                wait(_ask(process, path))
            results.append(_sampled(service, process))
    with product.working() as process:
        results.append(_sampled("worker", process))
    return results


async def _ask(process: Process, path: str) -> None:
    async with Connection(process.address) as connection:
        for _ in range(5):
            await connection.send("GET", path)


def _sampled(name: str, process: Process) -> Result:
    samples = []
    time.sleep(1.0)
    for _ in range(SAMPLES):
        samples.append(mapped(process.pid))
        time.sleep(0.1)
    last = samples[-1]
    return measured(
        "memory of an idle process", name, [sample["Rss"] for sample in samples], "MiB",
        at_most=150, detail=f"PSS {last['Pss']:.0f}, USS {last['Uss']:.0f}",
    )  # fmt: skip


def mapped(pid: int) -> dict[str, float]:
    """MiB by kind, as the kernel adds them up."""
    found: dict[str, float] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value, *_ = line.split()
        found[name.rstrip(":")] = int(value) / 1024
    found["Uss"] = found["Private_Clean"] + found["Private_Dirty"]
    return found
