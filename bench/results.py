"""What a benchmark found, beside its bar, as a table or as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table. `value` is a median unless `what` says otherwise; `bar` None is a
    figure that is only told."""

    benchmark: str
    what: str
    value: float
    low: float
    high: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None
    detail: str = ""

    @property
    def bar(self) -> str:
        if self.at_most is not None:
            return f"<= {self.at_most:g}"
        return "" if self.at_least is None else f">= {self.at_least:g}"

    @property
    def passed(self) -> bool | None:
        if self.at_most is not None:
            return self.value <= self.at_most
        return None if self.at_least is None else self.value >= self.at_least

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"bar": self.bar, "passed": self.passed}


def measured(
    benchmark: str, what: str, values: Sequence[float], unit: str = "", **bar: Any
) -> Result:
    """Median and range of the rounds of one run."""
    return Result(benchmark, what, median(values), min(values), max(values), unit, **bar)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of the values do not exceed."""
    ordered = sorted(values)
    place = max(0, -(-len(ordered) * percent // 100) - 1)
    return ordered[int(place)]


def _number(value: float) -> str:
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def line(result: Result) -> str:
    verdict = {True: "PASS", False: "MISS", None: ""}[result.passed]
    spread = f"[{_number(result.low)}..{_number(result.high)}]"
    return (
        f"{result.what:52} {_number(result.value):>9} {result.unit:3} {spread:>22}"
        f"  {result.bar:9} {verdict:4}  {result.detail}"
    ).rstrip()


def table(results: Iterable[Result]) -> str:
    """Grouped by benchmark."""
    lines: list[str] = []
    name = None
    for result in results:
        if result.benchmark != name:
            name = result.benchmark
            lines.append(f"\n{name}")
        lines.append("  " + line(result))
    return "\n".join(lines)
