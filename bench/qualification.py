"""Reading leads, boards and the funnel in a company with 100,000 leads, and what one signal costs
there against a company with 1,000.

What is timed is statements: how long the database lets a use case of the product wait, with the
product's role and row-level security, on one connection. Building answers is left out. Beside it
stands the processor time of the server process, which depends less on what else the machine does.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

from bench.qualification_seed import Book, read_book
from bench.results import Result, measured, percentile
from bench.run import Run, wait
from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import Database, Session
from services.kit.pagination import PageRequest
from services.qualification.boards import service as boards
from services.qualification.boards import team
from services.qualification.boards.funnel import service as funnel
from services.qualification.leads.draft import Signal
from services.qualification.leads.listing import list_leads
from services.qualification.leads.service import make_query
from services.qualification.signals.use_cases import hear_one

BAR_MS = 60
PAGE = 200
_ROLE = "leadline_qualification"
_GROUPS = (None, "source", "source_kind", "region", "segment", "sdr", "campaign", "engagement",
           "month")  # fmt: skip
_PERIODS = {"a quarter": 92, "a year": 365, "everything": 1000}

Read = Callable[["Timed"], Awaitable[Any]]


class Timed(Session):
    """A session that adds up how long its statements take."""

    __slots__ = ("spent",)

    def __init__(self, session: Session) -> None:
        super().__init__(session.driver, session.workspace_id)
        self.spent = 0.0

    async def _timed(self, work: Awaitable[Any]) -> Any:
        started = time.perf_counter()
        try:
            return await work
        finally:
            self.spent += 1000 * (time.perf_counter() - started)

    async def fetch(self, statement: Any, *args: Any) -> Any:
        return await self._timed(super().fetch(statement, *args))

    async def fetchrow(self, statement: Any, *args: Any) -> Any:
        return await self._timed(super().fetchrow(statement, *args))

    async def fetchval(self, statement: Any, *args: Any) -> Any:
        return await self._timed(super().fetchval(statement, *args))


class Side:
    """One filled database and who asks there."""

    def __init__(self, database: Database, book: Book, backend: int, seed: int) -> None:
        self.database = database
        self.book = book
        self.backend = backend
        self.chance = random.Random(seed)
        self.admin = Principal(book.workspace_id, UUID(int=1), None, "bench", frozenset({"admin"}))

    @classmethod
    @asynccontextmanager
    async def opened(cls, run: Run, which: str) -> Any:
        url = run.database_url(f"{which}_leads")
        database = await Database.connect(
            url, role=_ROLE, application_name="bench", pool_max=1, statement_timeout_ms=120_000
        )
        try:
            async with database.pool.acquire() as connection:
                backend = connection.get_server_pid()
            yield cls(database, await read_book(url, 4 * run.sizes.events), backend, seed=7)
        finally:
            await database.close()

    async def spent(self, read: Read) -> tuple[float, float]:
        """Milliseconds of statements, by the clock and of the server's processor."""
        used = self.processor_ms()
        async with self.database.read(self.book.workspace_id) as session:
            timed = Timed(session)
            await read(timed)
        return timed.spent, self.processor_ms() - used

    def processor_ms(self) -> float:
        """Of the one server process behind the connection, so far; nanoseconds, where Linux says."""
        try:
            nanoseconds = Path(f"/proc/{self.backend}/schedstat").read_text().split()[0]
        except (OSError, IndexError):
            return 0.0
        return int(nanoseconds) / 1e6


def qualification(run: Run) -> list[Result]:
    """Lists, boards and the funnel against a bar in milliseconds; the signal as a ratio."""
    return wait(_qualification(run))


async def _qualification(run: Run) -> list[Result]:
    async with Side.opened(run, "large") as large, Side.opened(run, "small") as small:
        results = await _reads(run, large, "lists of leads", dict(_lists(large)))
        results += await _reads(run, large, "boards", dict(_boards(large)))
        for axis in ("cohort", "event"):
            kinds = {
                f"{axis}, {label}": [_funnel(large, axis, days, group) for group in _GROUPS]
                for label, days in _PERIODS.items()
            }
            results += await _reads(run, large, "funnel by each group", kinds)
        behind = {step: [_behind(large, step)] for step in ("leads", "sql", "won")}
        results += await _reads(run, large, "leads behind the funnel", behind)
        return [*results, await _signals(run, large, small)]


async def _reads(run: Run, side: Side, name: str, kinds: dict[str, list[Read]]) -> list[Result]:
    """The 99th percentile of each kind, after one round that warms caches; kinds in turn."""
    name = f"{name}, {run.sizes.leads:,} leads"
    spent: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    for round_ in range(run.sizes.rounds * 4 + 1):
        for kind, reads in kinds.items():
            for read in reads:
                took = await side.spent(read)
                if round_:
                    spent[kind].append(took)
    results = []
    for kind, found in spent.items():
        walls, processor = zip(*found, strict=True)
        detail = f"median {median(walls):.1f} ms, CPU {median(processor):.1f} ms"
        results.append(
            Result(
                name, f"{kind}: p99 of {len(found)}", percentile(walls, 99), min(walls),
                max(walls), "ms", at_most=BAR_MS, detail=detail,
            )
        )  # fmt: skip
    return results


def _lists(side: Side) -> Iterator[tuple[str, list[Read]]]:
    """A page of each filter of GET /v1/leads: the first one and one from the middle."""
    filters: list[dict[str, Any]] = [
        {}, {"status": "mql"}, {"status": "recycle"}, {"source_kind": "inbound"},
        {"source": "source 7"}, {"region": "EMEA"}, {"industry": "Technology"},
        {"campaign": "campaign 7"}, {"engagement_external_id": "event 7"},
        {"email_domain": "company7.example"}, {"email": "lead77@company77.example"},
        {"external_id": "L77"}, {"sdr_external_id": "u20"}, {"owner_external_id": "u60"},
        {"woken": True}, {"min_score": 120}, {"status": "qualifying", "region": "APAC"},
        {"sdr_external_id": "u20", "status": "accepted"},
    ]  # fmt: skip

    def page(asked: dict[str, Any], *, from_middle: bool) -> Read:
        async def read(session: Timed) -> None:
            query = await make_query(session, side.admin, asked)  # type: ignore[arg-type]
            assert query is not None
            after: list[Any] | None = None
            if from_middle:
                lead_id = str(side.chance.choice(side.book.leads))
                after = [40, lead_id] if query.by_score else [lead_id]
            await list_leads(session, PageRequest(PAGE, after), query)

        return read

    both = (False, True)
    yield "oldest first", [page(one, from_middle=middle) for one in filters for middle in both]
    by_score = [{**one, "order": "score"} for one in filters]
    yield "best score first", [page(one, from_middle=middle) for one in by_score for middle in both]


def _boards(side: Side) -> Iterator[tuple[str, list[Read]]]:
    """Day lists of random people, and the board of a team and of everybody."""
    people = {
        "an SDR's day": (boards.sdr_board, side.book.sdrs),
        "a salesperson's day": (boards.ae_board, side.book.reps),
        "an SDR's day, of a team": (boards.sdr_board, side.book.managers[1:]),
        "a salesperson's day, of a team": (boards.ae_board, side.book.managers[1:]),
    }

    def day(build: Any, ids: list[UUID]) -> Read:
        async def read(session: Timed) -> None:
            person = str(side.chance.choice(ids))
            await build(session, side.admin, boards.Asked(person, None, 20))

        return read

    def load(ids: list[UUID]) -> Read:
        async def read(session: Timed) -> None:
            person = str(side.chance.choice(ids))
            await team.team_board(session, side.admin, person, None)  # type: ignore[arg-type]

        return read

    for kind, (build, ids) in people.items():
        yield kind, [day(build, ids)] * 5
    yield "board of a team", [load(side.book.managers[1:])] * 3
    yield "board of everybody", [load(side.book.managers[:1])] * 2


def _asked(side: Side, axis: str, days: int, group: str | None) -> funnel.Asked:
    today = clock.now().date()
    first = today - timedelta(days=days)
    return funnel.Asked(
        first_day=first, last_day=today, fiscal_quarter=None, group_by=group, axis=axis, as_of=None
    )


def _funnel(side: Side, axis: str, days: int, group: str | None) -> Read:
    async def read(session: Timed) -> None:
        asked = _asked(side, axis, days, group)
        await funnel.read_funnel(session, side.admin, asked)  # type: ignore[arg-type]

    return read


def _behind(side: Side, step: str) -> Read:
    async def read(session: Timed) -> None:
        await funnel.list_leads(
            session,  # type: ignore[arg-type]
            side.admin,
            _asked(side, "cohort", 365, "source"),
            PageRequest(PAGE, [str(side.chance.choice(side.book.leads))]),
            step=step,
            group=None,
            skipped=None,
        )

    return read


async def _signals(run: Run, large: Side, small: Side) -> Result:
    """One signal's whole transaction, the two sides in turn, so that both meet the same machine."""
    sizes = run.sizes
    ratios: list[float] = []
    spent: dict[Side, list[float]] = {large: [], small: []}
    used = {side: side.processor_ms() for side in spent}
    for round_ in range(sizes.rounds + 1):
        walls: dict[Side, list[float]] = {large: [], small: []}
        for number in range(sizes.events):
            order = (large, small) if number % 2 else (small, large)
            for side in order:
                walls[side].append(await _hear(side))
        if round_:
            # Of medians: a checkpoint or another process is no cost of a signal.
            ratios.append(median(walls[large]) / median(walls[small]))
            for side, found in walls.items():
                spent[side] += found
    count = sizes.events * (sizes.rounds + 1)
    detail = " | ".join(
        f"{leads:,}: {median(spent[side]):.2f} ms,"
        f" CPU {(side.processor_ms() - used[side]) / count:.2f} ms"
        for leads, side in ((sizes.leads, large), (sizes.few_leads, small))
    )
    return measured(
        f"cost of one signal, {sizes.leads:,} / {sizes.few_leads:,} leads", "heard one at a time",
        ratios, "x", at_most=1.2, detail=detail,
    )  # fmt: skip


async def _hear(side: Side) -> float:
    lead_id = side.chance.choice(side.book.leads)
    signal = Signal(name="key_page", occurred_at=clock.now())
    started = time.perf_counter()
    async with side.database.write(side.book.workspace_id) as session:
        await hear_one(session, side.admin, lead_id, signal)
    return 1000 * (time.perf_counter() - started)
