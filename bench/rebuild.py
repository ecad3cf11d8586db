"""Rebuilding the figures of a large workspace, against one aggregate over the same rows.

`python -m bench.rebuild WORKSPACE_ID` is one rebuild in a process of its own, as an operator's
command does it; it prints its seconds and its own peak of resident memory.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import time
from statistics import median
from uuid import UUID

import asyncpg
import orjson

from bench.results import Result, measured
from bench.run import Run, wait
from bench.servers import ROOT
from services.cli.administration import administration
from services.forecast.rebuild import rebuild

_SUM = """
    SELECT {0}, sum(net_arr) AS net_arr, count(*) AS opportunities
    FROM pipeline.opportunities WHERE workspace_id = $1 GROUP BY {0}
"""
_BY_CELL = _SUM.format(
    "close_fiscal_quarter, owner_id, segment, region, type, order_type, vertical, forecast_category"
)
"""What a rebuild brings about, as far as one statement can say it: Net ARR by cell and category."""
_BY_OWNER = _SUM.format("close_fiscal_quarter, owner_id, forecast_category")


def rebuild_figures(run: Run) -> list[Result]:
    """Each rebuild in turn with the aggregate, which is the faster of two."""
    workspace_id = run.big("large")
    url = run.database_url("large")
    ours: list[float] = []
    floor: list[float] = []
    coarse: list[float] = []
    peaks: list[float] = []
    wait(_aggregate(url, workspace_id, _BY_CELL))
    for _ in range(run.sizes.rebuilds):
        floor.append(wait(_aggregate(url, workspace_id, _BY_CELL)))
        coarse.append(wait(_aggregate(url, workspace_id, _BY_OWNER)))
        seconds, peak = _rebuild(url, workspace_id)
        ours.append(seconds)
        peaks.append(peak)
    name = f"rebuild of {run.sizes.large:,} opportunities"
    ratios = [each / bare for each, bare in zip(ours, floor, strict=True)]
    detail = f"{median(ours):.1f} s against {1000 * median(floor):.0f} ms"
    return [
        measured(name, "time / SUM ... GROUP BY", ratios, "x", at_most=40, detail=detail),
        measured(
            name, "time / SUM by quarter, owner and category alone",
            [each / bare for each, bare in zip(ours, coarse, strict=True)], "x",
            detail=f"{1000 * median(coarse):.0f} ms; no dimensions, so not the figures",
        ),
        measured(name, "peak resident memory", peaks, "MiB", at_most=512),
    ]  # fmt: skip


async def _aggregate(url: str, workspace_id: UUID, statement: str) -> float:
    connection = await asyncpg.connect(url)
    try:
        took = []
        for _ in range(2):
            started = time.perf_counter()
            await connection.fetch(statement, workspace_id)
            took.append(time.perf_counter() - started)
        return min(took)
    finally:
        await connection.close()


def _rebuild(url: str, workspace_id: UUID) -> tuple[float, float]:
    answer = subprocess.run(
        [sys.executable, "-m", "bench.rebuild", str(workspace_id)],
        env={**os.environ, "LEADLINE_DATABASE_URL": url},
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if answer.returncode != 0:
        raise RuntimeError(f"the rebuild failed:\n{answer.stderr.decode()[-4000:]}")
    told = orjson.loads(answer.stdout.splitlines()[-1])
    return told["seconds"], told["peak_mib"]


async def _timed(workspace_id: UUID) -> float:
    async with administration() as database:
        started = time.perf_counter()
        await rebuild(database, workspace_id)
        return time.perf_counter() - started


def main() -> None:
    seconds = asyncio.run(_timed(UUID(sys.argv[1])))
    # Linux counts it in KiB.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(orjson.dumps({"seconds": seconds, "peak_mib": peak}).decode())


if __name__ == "__main__":
    main()
