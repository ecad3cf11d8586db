"""Reading figures over HTTP: the past against now, and now against a bare endpoint."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from urllib.parse import quote

from bench import load
from bench.client import Connection
from bench.results import Result, measured
from bench.run import Run, forecast_path, this_quarter, wait
from bench.servers import Process
from services.kit import clock

CONNECTIONS = 8
_BARS = {"recorded": (2, 15), "occurred": (4, 30)}
"""At most so many times the current read, or so many milliseconds, whichever is more."""


def as_of(run: Run) -> list[Result]:
    """The current quarter at random instants of the last three months, on both axes, for the whole
    company and for a manager's subtree; one request at a time, the kinds in turn."""
    product = run.product("large")
    workspace_id = run.big("large")
    manager, below = run.filled("large")["big"].managers[0]
    token = wait(product.make_key(workspace_id))
    results = []
    with product.serving() as gateway:
        for who, query in (("company", ""), (f"subtree of {below + 1}", f"user_id={manager}")):
            walls = wait(_read(run, gateway.address, token, query))
            now = median(walls["now"])
            name = f"as of, {run.sizes.large:,} opportunities, {_entries(run):,} entries"
            results.append(measured(name, f"{who}: now", walls["now"], "ms"))
            for axis, (times, milliseconds) in _BARS.items():
                results.append(
                    measured(
                        name, f"{who}: {axis} axis", walls[axis], "ms",
                        at_most=round(max(times * now, milliseconds), 1),
                        detail=f"{median(walls[axis]) / now:.2f} x the current read",
                    )
                )  # fmt: skip
    return results


def _entries(run: Run) -> int:
    rows: int = run.told("large")["rows"]["forecast.entries"]
    return round(rows, -5) if rows > 10**6 else rows


async def _read(run: Run, address: str, token: str, query: str) -> dict[str, list[float]]:
    """Milliseconds by kind of read: the median of each round."""
    chance = random.Random(7)
    quarter, now = this_quarter(), clock.now()

    def path(kind: str) -> str:
        if kind == "now":
            return forecast_path(quarter, f"?{query}")
        instant = now - timedelta(seconds=chance.uniform(3600, 90 * 86_400))
        moment = quote(clock.isoformat(instant))
        return forecast_path(quarter, f"?{query}&axis={kind}&as_of={moment}")

    rounds: dict[str, list[float]] = {"now": [], "recorded": [], "occurred": []}
    async with Connection(address, token) as connection:
        for round_ in range(run.sizes.rounds + 1):
            walls: dict[str, list[float]] = {kind: [] for kind in rounds}
            for _ in range(run.sizes.reads):
                for kind, found in walls.items():
                    wanted = path(kind)
                    started = time.perf_counter()
                    await connection.call("GET", wanted)
                    found.append(1000 * (time.perf_counter() - started))
            if round_:
                for kind, found in walls.items():
                    rounds[kind].append(median(found))
    return rounds


def forecast(run: Run) -> list[Result]:
    """The current figures of a company of five hundred, against the bare sum and the same bytes."""
    product = run.product("large")
    workspace_id = run.big("large")
    quarter = this_quarter()
    token = wait(product.make_key(workspace_id))
    floor_path = f"/sums/{workspace_id}/{quarter.key}"
    name = "GET forecast of 500 users / bare endpoint"
    with product.serving() as gateway, product.floor() as floor:
        wait(_hand_over(gateway.address, token, floor.address, floor_path, forecast_path(quarter)))
        ours = {"method": "GET", "path": forecast_path(quarter)}
        bare = {"method": "GET", "path": floor_path}
        rates = compare(
            run,
            {
                "product": (gateway, {"token": token, "requests": [ours] * CONNECTIONS}),
                "floor": (floor, {"requests": [bare] * CONNECTIONS}),
            },
        )
    return [rates.result(name, at_least=0.5)]


async def _hand_over(
    address: str, token: str, floor_address: str, floor_path: str, path: str
) -> None:
    """Gives the floor the very bytes it has to answer with."""
    async with Connection(address, token) as product, Connection(floor_address) as floor:
        status, body = await product.send("GET", path)
        assert status == 200, body
        await floor.send("PUT", floor_path.replace("/sums/", "/answers/"), body)
        _, same = await floor.send("GET", floor_path)
        assert same == body


@dataclass(slots=True)
class Rates:
    """By side: requests a second of each round, and processor time of its process a request."""

    by_round: dict[str, list[float]]
    microseconds: dict[str, float]

    def result(self, name: str, *, at_least: float) -> Result:
        """How the product's rate compares with the floor's."""
        product, floor = self.by_round["product"], self.by_round["floor"]
        ratios = [ours / bare for ours, bare in zip(product, floor, strict=True)]
        detail = (
            f"{median(product):,.0f} against {median(floor):,.0f} a second, CPU of the process "
            f"{self.microseconds['product']:.0f} against {self.microseconds['floor']:.0f} us"
        )
        return measured(
            name, f"rate, {CONNECTIONS} connections", ratios, "x", at_least=at_least, detail=detail
        )


def compare(run: Run, sides: dict[str, tuple[Process, dict]]) -> Rates:
    """Sides take turns at being first; both have the same client and connections."""
    common = {"kind": "closed", "connections": CONNECTIONS}
    for process, order in sides.values():
        load.run(common | order | {"address": process.address, "seconds": 0.5, "first_number": 100})
    rates = Rates({side: [] for side in sides}, dict.fromkeys(sides, 0.0))
    counts = dict.fromkeys(sides, 0)
    for round_ in range(run.sizes.rounds):
        for side in sorted(sides, reverse=bool(round_ % 2)):
            process, order = sides[side]
            used = process.cpu_seconds()
            told = load.run(
                common
                | order
                | {
                    "address": process.address,
                    "seconds": run.sizes.side_s,
                    "first_number": 1000 + 100_000 * round_,
                }
            )
            if told["failures"]:
                raise RuntimeError(f"{side}: {told['failures']} failures: {told['failure']}")
            rates.by_round[side].append(told["rate"])
            rates.microseconds[side] += 1e6 * (process.cpu_seconds() - used)
            counts[side] += told["count"]
    for side, count in counts.items():
        rates.microseconds[side] /= count
    return rates
