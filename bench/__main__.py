"""`python -m bench [NAME...] [--quick] [--json] [--home DIR]`: runs benchmarks and prints what each
found beside the bar it is held to. Figures are told, never asserted: the exit code is 0 whatever
they are, and 1 only where a benchmark could not be run.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.events import event_cost
from bench.feed import feed
from bench.gates import gates
from bench.hygiene import hygiene
from bench.latency import event_to_figure, event_to_figure_loaded
from bench.memory import memory
from bench.qualification import qualification
from bench.reading import as_of, forecast
from bench.rebuild import rebuild_figures
from bench.results import Result, table
from bench.run import BOOK, DEALS, FULL, LEADS, QUICK, Run
from bench.servers import Servers
from bench.summary import summary
from bench.webhooks import webhooks
from bench.writing import batch_upsert, patch

Benchmark = Callable[[Run], list[Result]]

BENCHMARKS: Final[dict[str, Benchmark]] = {
    "memory": memory,
    "event_to_figure": event_to_figure,
    "patch": patch,
    "gates": gates,
    "batch_upsert": batch_upsert,
    "event_cost": event_cost,
    "forecast": forecast,
    "as_of": as_of,
    "feed": feed,
    "webhooks": webhooks,
    "rebuild": rebuild_figures,
    "event_to_figure_loaded": event_to_figure_loaded,
    "qualification": qualification,
    "hygiene": hygiene,
    "summary": summary,
}
OF_LEADS: Final = {"qualification"}
OF_DEALS: Final = {"summary"}
"""Those that need leads, or deals that met stages; the others need opportunities and their
ledger."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="Small and short, to try it out.")
    parser.add_argument("--size", type=int, help="Opportunities of the large workspace.")
    parser.add_argument("--json", action="store_true", help="One JSON object instead of a table.")
    parser.add_argument(
        "--home", type=Path, help="Directory of the servers, kept: what is filled is used again."
    )
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name!r}; there are: {', '.join(BENCHMARKS)}")
    return arguments


def _note(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _run_all(run: Run, names: list[str]) -> tuple[list[Result], list[str]]:
    results: list[Result] = []
    broken: list[str] = []
    started = time.perf_counter()
    told = [run.told(which) for which in run.needed]
    rows = sum(sum(each["rows"].values()) for each in told)
    _note(f"databases ready after {time.perf_counter() - started:.0f} s, {rows:,} rows")
    for name in names:
        started = time.perf_counter()
        try:
            found = BENCHMARKS[name](run)
        except Exception:  # noqa: BLE001  (one that cannot be run must not hide what others found)
            traceback.print_exc()
            broken.append(name)
            continue
        results += found
        _note(f"{table(found)}\n  ({name}: {time.perf_counter() - started:.0f} s)")
    return results, broken


def main() -> int:
    arguments = _arguments()
    sizes = QUICK if arguments.quick else FULL
    if arguments.size:
        sizes = replace(sizes, large=arguments.size)
    servers = Servers(arguments.home)
    started = time.perf_counter()
    try:
        names = arguments.names or list(BENCHMARKS)
        needed = [
            *(BOOK if set(names) - OF_LEADS - OF_DEALS else ()),
            *(LEADS if OF_LEADS & set(names) else ()),
            *(DEALS if OF_DEALS & set(names) else ()),
        ]
        results, broken = _run_all(Run(servers, sizes, needed), names)
    finally:
        servers.close()
    took = time.perf_counter() - started
    if arguments.json:
        told = {"seconds": took, "broken": broken, "results": [each.to_json() for each in results]}
        print(json.dumps(told, indent=1))
    else:
        missed = sum(each.passed is False for each in results)
        held = sum(each.passed is True for each in results)
        print(f"{table(results)}\n\n{held} bars held, {missed} missed, in {took:.0f} s")
        if broken:
            print(f"could not be run: {', '.join(broken)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
