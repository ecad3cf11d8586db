"""One run of benchmarks: its sizes, its two filled databases, and small helpers they share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeVar
from uuid import UUID

import asyncpg

from bench import qualification_seed, seed, stories, summary_seed
from bench.seed import Filled, Plan
from bench.servers import Fill, Product, Servers, database_name
from services.kit import clock
from services.pipeline.opportunities.stages import OPEN_STAGES
from services.workspace.fiscal import FiscalQuarter

BIG = "big"
OTHERS = 49
"""With the big workspace they are the fifty that are written to under load."""

_SEEDS_OF_LEADS: Final = ("qualification_seed.py",)
_SEEDS_OF_DEALS: Final = ("summary_seed.py",)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much there is and how long it is looked at."""

    large: int
    small: int
    others: int
    rounds: int
    side_s: float
    idle_s: float
    loaded_s: float
    events: int
    reads: int
    batches: int
    rebuilds: int
    leads: int
    few_leads: int


FULL = Sizes(
    large=1_000_000, small=10_000, others=500, rounds=5, side_s=3.0, idle_s=20.0, loaded_s=45.0,
    events=100, reads=20, batches=10, rebuilds=5, leads=100_000, few_leads=1_000,
)  # fmt: skip
QUICK = Sizes(
    large=20_000, small=2_000, others=50, rounds=5, side_s=0.8, idle_s=4.0, loaded_s=8.0,
    events=30, reads=5, batches=2, rebuilds=3, leads=5_000, few_leads=500,
)  # fmt: skip

BOOK: Final = ("large", "small")
LEADS: Final = ("large_leads", "small_leads")
DEALS: Final = ("deals",)
"""Databases: of opportunities with their ledger, of leads with what hangs on them, and of
opportunities with the stages they met."""


class Run:
    """What every benchmark is given. The databases that are needed are filled together, when the
    first one is asked for."""

    def __init__(self, servers: Servers, sizes: Sizes, needed: Collection[str] = BOOK) -> None:
        self.servers = servers
        self.sizes = sizes
        self.needed = needed
        self.names = {
            "large": database_name("large", sizes.large),
            "small": database_name("small", sizes.small),
            "large_leads": database_name("large_leads", sizes.leads, _SEEDS_OF_LEADS),
            "small_leads": database_name("small_leads", sizes.few_leads, _SEEDS_OF_LEADS),
            "deals": database_name("deals", sizes.large, _SEEDS_OF_DEALS),
        }

    @cached_property
    def prepared(self) -> dict[str, Any]:
        sizes = self.sizes
        large = [Plan(BIG, sizes.large, 500)]
        large += [Plan(f"other-{number}", sizes.others, 20) for number in range(OTHERS)]
        small = [Plan(BIG, sizes.small, 500)]
        fills: dict[str, Fill] = {
            "large": lambda url: seed.fill(url, large),
            "small": lambda url: seed.fill(url, small),
            "large_leads": lambda url: qualification_seed.fill(url, sizes.leads),
            "small_leads": lambda url: qualification_seed.fill(url, sizes.few_leads),
            "deals": lambda url: summary_seed.fill(url, sizes.large),
        }
        return self.servers.prepare({self.names[name]: fills[name] for name in self.needed})

    def database_url(self, which: str) -> str:
        url: str = self.prepared[self.names[which]]
        return url

    def told(self, which: str) -> dict[str, Any]:
        """What filling it told."""
        found: dict[str, Any] = self.prepared[f"{self.names[which]}/told"]
        return found

    def product(self, which: str) -> Product:
        return Product(self.servers, self.database_url(which))

    def filled(self, which: str) -> dict[str, Filled]:
        return asyncio.run(seed.filled(self.database_url(which)))

    def big(self, which: str) -> UUID:
        return self.fetch(
            which, "SELECT id FROM workspace.workspaces WHERE slug = $1", BIG
        )[0]["id"]  # fmt: skip

    def fetch(self, which: str, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """Rows for setting something up; never part of what is timed."""

        async def ask() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.database_url(which))
            try:
                return await connection.fetch(statement, *arguments)
            finally:
                await connection.close()

        return asyncio.run(ask())

    def open_opportunities(self, which: str, workspace_id: UUID, count: int) -> list[UUID]:
        """Some that may be changed, spread over the book."""
        rows = self.fetch(
            which,
            """
            SELECT id FROM pipeline.opportunities
            WHERE workspace_id = $1 AND stage = ANY($2::text[]) AND amount IS NOT NULL
            ORDER BY md5(external_id) LIMIT $3
            """,
            workspace_id,
            list(OPEN_STAGES),
            count,
        )
        return [row["id"] for row in rows]


def wait(work: Awaitable[T]) -> T:
    async def run() -> T:
        return await work

    return asyncio.run(run())


def this_quarter() -> FiscalQuarter:
    return stories.calendar().quarter_at(clock.now())


def forecast_path(quarter: FiscalQuarter, query: str = "") -> str:
    return f"/forecast/v1/forecasts/{quarter.label}{query}"


def opportunity_path(opportunity_id: UUID) -> str:
    return f"/pipeline/v1/opportunities/{opportunity_id}"
