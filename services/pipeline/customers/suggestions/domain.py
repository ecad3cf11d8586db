"""What use says about a renewal and about growth, and what becomes of a suggestion. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Final, NamedTuple

from services.pipeline.customers.domain import Term, rank_of, shown, use_of
from services.workspace.policy import Policy

LOSS: Final = "loss_category"
GROWTH: Final = "expansion"
KINDS: Final = (LOSS, GROWTH)

OPEN: Final = "open"
ACCEPTED: Final = "accepted"
DISMISSED: Final = "dismissed"
WITHDRAWN: Final = "withdrawn"
STATES: Final = (OPEN, ACCEPTED, DISMISSED, WITHDRAWN)

LOSS_RANK: Final = {"none": 0, "best_case": 1, "commit": 2}
SEATS: Final = "seats"
UPTIER: Final = "uptier"
CROSS_SELL: Final = "cross_sell"


class Counted(NamedTuple):
    """How many used it on a day."""

    day: date
    users: int


class Signal(NamedTuple):
    """What ought to be done, and the reasons with their numbers."""

    value: str
    evidence: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A subscription and what was measured of it: `counted` within the days of a drop, the newest
    first; `peak` what a suggestion that stands fell from; `others` features used of the account's
    other subscriptions."""

    term: Term
    seats: int | None
    tier: str | None
    counted: Sequence[Counted]
    features: Mapping[str, int]
    others: frozenset[str] = frozenset()
    peak: Counted | None = None

    @property
    def percent(self) -> Fraction | None:
        return use_of(self.counted[0].users, self.seats) if self.counted else None


def drop_of(counted: Sequence[Counted], peak: Counted | None, percent: int) -> Counted | None:
    """The most there was, where the last count is lower by so many percent. What it fell from is
    remembered (`peak`) as long as it has not come back, however long that takes."""
    if not counted:
        return None
    last = counted[0]
    most = max([*counted, *([] if peak is None else [peak])], key=lambda each: each.users)
    has_dropped = most.users > 0 and (most.users - last.users) * 100 >= most.users * percent
    return most if has_dropped else None


def loss_signal(use: Use, today: date, policy: Policy) -> Signal | None:
    """Best case: a loss may be coming. Commit: hardly anything is used, and the end is near."""
    if not use.counted:
        return None
    last, reasons = use.counted[0], []
    most = drop_of(use.counted, use.peak, policy.number("customers.usage_drop_percent"))
    if most is not None:
        reasons.append(
            {
                "code": "usage_drop",
                "from_users": most.users,
                "from_day": most.day.isoformat(),
                "to_users": last.users,
                "percent": (most.users - last.users) * 100 // most.users,
            }
        )
    percent, low = use.percent, policy.number("customers.first_value_percent")
    is_low = percent is not None and percent < low
    if is_low:
        reasons.append(
            {
                "code": "below_first_value",
                "users": last.users,
                "seats": use.seats,
                "use_percent": shown(percent),
                "less_than_percent": low,
            }
        )
    if not reasons:
        return None
    is_near = today >= use.term.left(policy.number("customers.commit_within_months"))
    value = "commit" if is_low and is_near else "best_case"
    return Signal(value, {"measured_on": last.day.isoformat(), "reasons": reasons})


def next_look(term: Term, today: date, policy: Policy) -> date | None:
    """The next day that makes another signal of the same readings: the term begins, its end comes
    near, it is over. None after that."""
    days = (
        term.start,
        term.left(policy.number("customers.commit_within_months")),
        term.end + timedelta(days=1),
    )
    return min((day for day in days if day > today), default=None)


def growth_signal(use: Use, today: date, policy: Policy) -> Signal | None:
    """A chance to sell more: a higher tier before seats, seats before another product. None while
    the customer may be lost, and outside the term."""
    if not use.term.holds(today) or loss_signal(use, today, policy) is not None:
        return None
    reasons = [
        *_tier_reason(use, policy),
        *_seat_reason(use, policy),
        *_product_reason(use, policy),
    ]
    if not reasons:
        return None
    evidence: dict[str, Any] = {"reasons": reasons}
    if use.counted:
        evidence["measured_on"] = use.counted[0].day.isoformat()
    return Signal(reasons[0]["code"], evidence)


def _used(features: Mapping[str, int]) -> dict[str, str]:
    """Names of features in use, by how they are compared."""
    return {name.casefold(): name for name, count in features.items() if count > 0}


def _tier_reason(use: Use, policy: Policy) -> list[dict[str, Any]]:
    tiers = policy.settings["customers.tiers"]
    own = rank_of(use.tier, tiers)
    if own is None:
        return []
    used, held = _used(use.features), set()
    higher: dict[str, tuple[int, str]] = {}
    for tier, features in policy.settings["customers.tier_features"].items():
        rank = rank_of(tier, tiers)
        names = {each.casefold() for each in features}
        if rank is not None and rank <= own:
            held |= names
        elif rank is not None:
            for name in names & used.keys():
                higher[name] = min(higher.get(name, (rank, tier)), (rank, tier))
    found = {used[name]: tier for name, (_, tier) in higher.items() if name not in held}
    if not found:
        return []
    return [{"code": UPTIER, "tier": use.tier, "features": dict(sorted(found.items()))}]


def _seat_reason(use: Use, policy: Policy) -> list[dict[str, Any]]:
    percent = use.percent
    if percent is None or percent < policy.number("customers.adoption_done_percent"):
        return []
    users = use.counted[0].users
    return [
        {
            "code": SEATS,
            "users": users,
            "seats": use.seats,
            "use_percent": shown(percent),
            "is_over_seats": users > (use.seats or 0),
        }
    ]


def _product_reason(use: Use, policy: Policy) -> list[dict[str, Any]]:
    """Only where features are measured at all: what nobody measures is not unused."""
    if not use.features:
        return []
    used = _used(use.features).keys() | {name.casefold() for name in use.others}
    unused = [name for name in policy.settings["customers.products"] if name.casefold() not in used]
    return [{"code": CROSS_SELL, "products": unused}] if unused else []


class Last(NamedTuple):
    """The last suggestion about a subject, of one kind."""

    state: str
    value: str
    is_cleared: bool


RAISE: Final = "raise"
REVISE: Final = "revise"
WITHDRAW: Final = "withdraw"
CLEAR: Final = "clear"
KEEP: Final = "keep"


def next_step(last: Last | None, signal: Signal | None, *, is_wanted: bool, kind: str) -> str:
    """What becomes of a suggestion. `is_wanted`: there is something to apply it to, which does not
    say so already. What was decided is not asked again until the signal has been away, or says
    something else, of a loss something worse."""
    is_open = last is not None and last.state == OPEN
    if signal is None or not is_wanted:
        if is_open:
            return WITHDRAW
        return CLEAR if signal is None and last is not None and not last.is_cleared else KEEP
    if is_open:
        return REVISE
    if last is None or last.is_cleared:
        return RAISE
    if kind == LOSS:
        return RAISE if LOSS_RANK[signal.value] > LOSS_RANK[last.value] else KEEP
    return RAISE if signal.value != last.value else KEEP
