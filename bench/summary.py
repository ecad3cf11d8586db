"""Summing up opportunities: the whole of a company of 100,000, and a team of ten in one of a million.

What is timed is statements, with the product's role and row-level security, on one connection, as
in `qualification`. The bar is on processor time of the server process: it is what an answer costs,
and does not depend on what else the machine does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg

from bench.qualification import Timed
from bench.results import Result, percentile
from bench.run import Run, wait
from bench.summary_seed import HUNDRED, MILLION
from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import Database
from services.kit.pagination import PageRequest
from services.pipeline.summary import flow_service, service
from services.pipeline.summary.cycles import cycle_times

COMPANY_MS = 100
TEAM_MS = 60
_GROUPS = ("stage", "user", "segment", "region", "phase", "buyer_stage")

Read = Callable[[Timed], Awaitable[Any]]


def summary(run: Run) -> list[Result]:
    """Every report of /v1/summary against a bar in milliseconds."""
    return wait(_summary(run))


async def _summary(run: Run) -> list[Result]:
    url = run.database_url("deals")
    database = await Database.connect(
        url, role="leadline_pipeline", application_name="bench", pool_max=1,
        statement_timeout_ms=120_000,
    )  # fmt: skip
    results = []
    try:
        async with database.pool.acquire() as connection:
            backend = connection.get_server_pid()
        for slug, user, bar in ((HUNDRED, None, COMPANY_MS), (MILLION, "u10", TEAM_MS)):
            workspace_id = await _workspace(url, slug)
            asked = Principal(workspace_id, UUID(int=1), None, "bench", frozenset({"admin"}))
            for name, reads in _kinds(asked, user):
                spent = []
                for round_ in range(run.sizes.rounds + 1):
                    for read in reads:
                        took = await _spent(database, workspace_id, backend, read)
                        if round_:
                            spent.append(took)
                walls, processor = zip(*spent, strict=True)
                whose = "a team" if user else "everybody"
                results.append(
                    Result(
                        f"{slug}, of {whose}", f"{name}: CPU, p99 of {len(spent)}",
                        percentile(processor, 99), min(processor), max(processor), "ms",
                        at_most=bar, detail=f"median {median(walls):.1f} ms by the clock",
                    )
                )  # fmt: skip
    finally:
        await database.close()
    return results


async def _workspace(url: str, slug: str) -> UUID:
    connection = await asyncpg.connect(url)
    try:
        found: UUID = await connection.fetchval(
            "SELECT id FROM workspace.workspaces WHERE slug = $1", slug
        )
        return found
    finally:
        await connection.close()


async def _spent(
    database: Database, workspace_id: UUID, backend: int, read: Read
) -> tuple[float, float]:
    """Milliseconds of statements, by the clock and of the server's processor."""
    used = _processor_ms(backend)
    async with database.read(workspace_id) as session:
        timed = Timed(session)
        await read(timed)
    return timed.spent, _processor_ms(backend) - used


def _processor_ms(backend: int) -> float:
    try:
        return int(Path(f"/proc/{backend}/schedstat").read_text().split()[0]) / 1e6
    except (OSError, IndexError):
        return 0.0


def _kinds(asked: Principal, user: str | None) -> Iterator[tuple[str, list[Read]]]:
    today = clock.now().date()
    whole: dict[str, Any] = {"user": user, "cuts": {}}

    def open_by(group: str, **cuts: str) -> Read:
        return lambda session: service.read_summary(
            session, asked, fiscal_quarter=None, user=user, group_by=group, cuts=cuts
        )

    def flow(report: Any, **more: Any) -> Read:
        return lambda session: report(session, asked, **whole, **more)

    year: dict[str, Any] = {
        "first_day": today - timedelta(days=365), "last_day": today, "fiscal_quarter": None,
    }  # fmt: skip
    quarter: dict[str, Any] = {
        "first_day": today - timedelta(days=92), "last_day": today, "fiscal_quarter": None,
    }  # fmt: skip
    yield "sales cycles", [lambda session: cycle_times(session, clock.now())]
    yield "summary by each group", [open_by(group) for group in _GROUPS]
    yield "summary of a segment", [open_by("stage", segment="smb")]
    yield "ageing", [flow(service.read_ageing, group_by="stage")]
    page = PageRequest(200, None)
    yield (
        "deals that are too old",
        [lambda session: service.list_older(session, asked, page, **whole, older_than=None)],
    )
    yield "conversion of a quarter", [flow(flow_service.read_conversion, stage=None, **quarter)]
    yield "conversion of a year", [flow(flow_service.read_conversion, stage="discovery", **year)]
    yield "win rate of a year", [flow(flow_service.read_win_rate, group_by="segment", **year)]
    yield (
        "pipeline created",
        [flow(flow_service.read_created, fiscal_quarter=None, group_by="stage")],
    )
    yield "capacity", [flow(flow_service.read_capacity)]
