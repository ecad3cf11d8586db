"""What decides about the sales operation: what a component still lacks, when a review comes round,
how far apart its raters are, and what differs between two snapshots.

Pure. What is checked of each component is data, so that completeness can always say what to do.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

COMPONENTS: Final = (
    "business_models",
    "sales_channels",
    "customer_segmentation",
    "sales_process",
    "demand_generation",
    "compensation",
)
FACTORS: Final = (
    "strategy",
    "customer",
    "process",
    "people",
    "technology",
    "data",
    "incentives",
)
"""Factors of revenue that functions are asked about where a company names no others."""

_PLACES: Final = Decimal("0.01")


class Check(NamedTuple):
    """One thing a component needs: what is missing without it, and how to supply it."""

    code: str
    missing: str
    how: str


_PUT: Final = "PUT /v1/operation/components/{component}"
STATED: Final = (
    Check("summary", "It is not described.", f"{_PUT} with `summary`."),
    Check("document", "No document is named.", f"{_PUT} with `document_url`."),
    Check("owner", "Nobody answers for it.", f"{_PUT} with `owner_external_id`."),
    Check(
        "reviewed", "It was not looked at within the time the policy gives.",
        f"{_PUT} with `reviewed_on`.",
    ),
)  # fmt: skip
ITEMS: Final[Mapping[str, Mapping[str, str]]] = {
    "business_models": {
        "structure": "how the business is organised to sell",
        "pricing": "how prices are made",
        "discounting": "who may give which discount",
    },
    "sales_channels": {
        "channel": "the ways to market",
        "contracting": "how contracts are made in each",
        "enablement": "how partners are found, taught and kept",
    },
    "customer_segmentation": {
        "segment": "whom each segment holds and why",
    },
    "sales_process": {
        "engage": "how need is awakened",
        "transact": "how customers evaluate and buy",
        "fulfill": "how what was sold is delivered",
        "support": "how customers are made successful",
        "renew": "how they are kept and grown",
    },
    "demand_generation": {
        "programme": "what draws customers to a purchase",
    },
    "compensation": {
        "plan": "what each role is paid for",
        "quota": "how quotas are set",
    },
}
"""Kinds of item of which a component needs one at least, and what it tells."""

DERIVED: Final[Mapping[str, tuple[Check, ...]]] = {
    "business_models": (),
    "sales_channels": (
        Check(
            "routes_in_use", "No account or opportunity names its route to market.",
            "State `route_to_market` on accounts.",
        ),
    ),
    "customer_segmentation": (
        Check("geography", "No account has a region.", "State `region` on accounts."),
        Check("industry", "No account has a vertical.", "State `vertical` on accounts."),
        Check("account_size", "No account has a head count.", "State `employees` on accounts."),
        Check("buying_role", "No contact has a buying role.", "State `buying_role` on contacts."),
        Check("use_case", "No opportunity has a use case.", "State `use_case` on opportunities."),
    ),
    "sales_process": (
        Check("own_policy", "The policy is the one a company begins with.", "POST /v1/policies."),
        Check("sellers", "Nobody sells.", "PUT /v1/users/by-external-id/{x} with role `rep`."),
        Check(
            "reporting_lines", "Nobody reports to anybody.",
            "State `manager_external_id` on users.",
        ),
    ),
    "demand_generation": (
        Check("territories", "There is no territory.", "PUT /v1/territories/by-external-id/{x}."),
        Check(
            "engagement", "No engagement activity is planned or recorded.",
            "PUT /v1/engagement-activities/by-external-id/{x}.",
        ),
    ),
    "compensation": (
        Check("sellers", "Nobody has a plan.", "State `plan_type` on users who sell."),
    ),
}  # fmt: skip
"""What the product sees for itself, by code."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What a company says of a component."""

    summary: str | None = None
    document_url: str | None = None
    owner_id: Any = None
    reviewed_on: date | None = None
    kinds: frozenset[str] = frozenset()

    @property
    def is_blank(self) -> bool:
        return not (self.summary or self.document_url or self.owner_id or self.kinds)


def checks_of(component: str) -> list[Check]:
    """Everything a component needs."""
    items = [
        Check(f"item:{kind}", f"Nothing tells {what}.", f"{_PUT} with an item of kind `{kind}`.")
        for kind, what in ITEMS[component].items()
    ]
    return [
        Check(check.code, check.missing, check.how.replace("{component}", component))
        for check in (*STATED, *items, *DERIVED[component])
    ]


def completeness(
    component: str, stated: Stated, seen: frozenset[str], today: date, review_days: int
) -> dict[str, Any]:
    """State, share of what is there, and every missing thing with its cure."""
    held = {f"item:{kind}" for kind in stated.kinds} | seen
    reviewed = stated.reviewed_on
    held |= {
        code
        for code, is_there in (
            ("summary", stated.summary),
            ("document", stated.document_url),
            ("owner", stated.owner_id),
            ("reviewed", reviewed is not None and (today - reviewed).days <= review_days),
        )
        if is_there
    }
    checks = checks_of(component)
    missing = [check for check in checks if check.code not in held]
    state = "partial"
    if not missing:
        state = "complete"
    elif stated.is_blank:
        state = "missing"
    return {
        "component": component,
        "state": state,
        "score": _percent(len(checks) - len(missing), len(checks)),
        "checks": len(checks),
        "missing": [
            {"code": check.code, "message": check.missing, "how": check.how} for check in missing
        ],
    }


def overall(parts: Sequence[Mapping[str, Any]]) -> str:
    """The score of all components, each check counting alike."""
    checks = sum(part["checks"] for part in parts)
    return _percent(checks - sum(len(part["missing"]) for part in parts), checks)


def _percent(part: int, whole: int) -> str:
    return str((Decimal(100 * part) / whole).quantize(_PLACES, ROUND_HALF_UP))


_MONTHS: Final = {"monthly": 1, "quarterly": 3, "annual": 12}


def next_round(anchor: date, cadence: str, after: date) -> date:
    """The first day of the rhythm that is later than `after`."""
    if cadence == "weekly":
        weeks = max((after - anchor).days // 7 + 1, 0)
        return anchor + timedelta(days=7 * weeks)
    step = _MONTHS[cadence]
    count = 0
    while (day := _months_after(anchor, count * step)) <= after:
        count += 1
    return day


def last_round(anchor: date, cadence: str, first: date, until: date) -> date:
    """The last day of the rhythm up to `until`; `first` is one of them, and not after it."""
    day = first
    while (following := next_round(anchor, cadence, day)) <= until:
        day = following
    return day


def _months_after(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def waiting_since(due_since: date | None, due_on: date | None, held_on: date | None) -> date | None:
    """The day it came round first without having been held since; None: it was held."""
    if due_on is None or (held_on is not None and held_on >= due_on):
        return None
    return (
        due_on if due_since is None or (held_on is not None and held_on >= due_since) else due_since
    )


def review_state(since: date | None, today: date, overdue_days: int) -> str:
    """`due` from the day it came round until it is held, `overdue` when that takes too long."""
    if since is None:
        return "scheduled"
    return "overdue" if (today - since).days > overdue_days else "due"


@dataclass(slots=True)
class _Factor:
    by_function: dict[str, list[int]] = field(default_factory=dict)
    comments: list[dict[str, Any]] = field(default_factory=list)


def alignment(scores: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """By factor the average of each function, and how far apart they are: the widest gap first."""
    factors: dict[str, _Factor] = {}
    raters: set[str] = set()
    for score in scores:
        raters.add(score["actor"])
        factor = factors.setdefault(score["factor"], _Factor())
        factor.by_function.setdefault(score["function"], []).append(score["score"])
        if score["comment"]:
            factor.comments.append(
                {name: score[name] for name in ("function", "actor", "score", "comment")}
            )
    lines = [_factor_line(name, factor) for name, factor in factors.items()]
    lines.sort(key=lambda line: (-Decimal(line["gap"]), Decimal(line["average"]), line["factor"]))
    return {"raters": len(raters), "factors": lines}


def _factor_line(name: str, factor: _Factor) -> dict[str, Any]:
    averages = {function: _average(given) for function, given in sorted(factor.by_function.items())}
    every = [score for given in factor.by_function.values() for score in given]
    return {
        "factor": name,
        "average": str(_average(every)),
        "lowest": min(every),
        "highest": max(every),
        "gap": str(max(averages.values()) - min(averages.values())),
        "functions": [
            {"function": function, "average": str(average),
             "scores": len(factor.by_function[function])}
            for function, average in averages.items()
        ],
        "comments": factor.comments,
    }  # fmt: skip


def _average(values: Sequence[int]) -> Decimal:
    return (Decimal(sum(values)) / len(values)).quantize(_PLACES, ROUND_HALF_UP)


_MOMENTS: Final = frozenset({"as_of", "since"})
"""When figures were worked out, which differs without anything having changed."""

_NAMES: Final = (
    "group", "stage", "reason", "component", "rule", "factor", "name", "code", "function",
)  # fmt: skip


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Figures that are not the same in both, by their place; `change` where both are numbers."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    lines = []
    for place in sorted(old.keys() | new.keys()):
        was, now = old.get(place), new.get(place)
        if was == now:
            continue
        first, last = _number(was), _number(now)
        change = None if first is None or last is None else str(last - first)
        lines.append({"figure": place, "before": was, "after": now, "change": change})
    return lines


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every single value with the names that lead to it; a line of a list by what it is of."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            if name in _MOMENTS:
                continue
            yield from _leaves(part, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _leaves(part, f"{place}[{_name_of(part, number)}]")
    else:
        yield place, value


def _name_of(part: Any, number: int) -> str:
    if isinstance(part, Mapping):
        if "actor" in part:
            # Several people may speak for one function.
            return f"{part['function']}, {part['actor']}"
        for name in _NAMES:
            if name in part:
                return str(part[name])
    return str(number)


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def attainment(target: Decimal | None, actual: Decimal | None) -> str | None:
    """Actual ÷ target."""
    if target is None or actual is None or not target:
        return None
    return str((actual / target).quantize(Decimal("0.0001"), ROUND_HALF_UP))
