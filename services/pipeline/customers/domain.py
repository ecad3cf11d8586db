"""What decides about customers: phases of use, what the last purchase was, bands of use, reviews,
champions.

Pure. A term is from its first to its last day. "So many months left" means that the day after the
last one, so many months earlier, has not passed: borders are days, and belong to the earlier phase.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from typing import Any, Final, NamedTuple

from services.pipeline.opportunities.domain import months_after
from services.workspace.policy import Policy

IMPLEMENTATION: Final = "implementation"
ADOPTION: Final = "adoption"
EXPANSION: Final = "expansion"
RENEWAL: Final = "renewal"
PHASES: Final = (IMPLEMENTATION, ADOPTION, EXPANSION, RENEWAL)

FLAT: Final = "flat"
EXPANDED: Final = "expanded"
UPTIER: Final = "uptier"
DOWNTIER: Final = "downtier"
CATEGORIES: Final = (FLAT, EXPANDED, UPTIER, DOWNTIER)

RED: Final = "red"
YELLOW: Final = "yellow"
GREEN: Final = "green"

REVIEW: Final = "renewal_review"
ACTION: Final = "csm_action"

_DAY: Final = timedelta(days=1)
_TENTH: Final = Decimal("0.1")


class Term(NamedTuple):
    """The first and the last day a subscription runs."""

    start: date
    end: date

    def holds(self, day: date) -> bool:
        return self.start <= day <= self.end

    def left(self, months: int) -> date:
        """The last day on which so many months are left."""
        return months_after(self.end + _DAY, -months)

    def months_left(self, today: date) -> int:
        """Whole months."""
        months = max((self.end.year - today.year) * 12 + self.end.month - today.month + 2, 0)
        while months > 0 and today > self.left(months):
            months -= 1
        return months


def phase_ends(term: Term, policy: Policy) -> dict[str, date]:
    """The last day of each phase; a phase that ends before the term starts never is.

    Implementation lasts while at least nine months are left, and never longer than the first three
    months: of twelve months both are the same day, and a longer term does not come back to it.
    """
    renewal, expansion, adoption = policy.settings["customers.phase_months"]
    young = months_after(term.start, policy.number("customers.implementation_months"))
    return {
        IMPLEMENTATION: min(term.left(adoption), young),
        ADOPTION: term.left(expansion),
        EXPANSION: term.left(renewal),
        RENEWAL: term.end,
    }


def phase_of(term: Term, today: date, policy: Policy) -> tuple[str, date] | None:
    """The phase and its first day; None before the term and after it."""
    if not term.holds(today):
        return None
    since = term.start
    for phase, last in phase_ends(term, policy).items():
        if today <= last:
            return phase, since
        since = max(since, last + _DAY)
    raise AssertionError("the last phase ends with the term")


class Bought(NamedTuple):
    """What a subscription holds, or held."""

    tier: str | None
    seats: int | None
    arr: Decimal


def category_of(before: Bought | None, now: Bought, tiers: Sequence[str]) -> str | None:
    """What the last renewal or purchase made of it; None where there was nothing before. Tiers the
    policy does not order are taken for equal. A lower tier is never an expansion."""
    if before is None:
        return None
    step = _tier_step(before, now, tiers)
    if step:
        return UPTIER if step > 0 else DOWNTIER
    if before.seats is not None and now.seats is not None and now.seats > before.seats:
        return EXPANDED
    return FLAT


def _tier_step(before: Bought, now: Bought, tiers: Sequence[str]) -> int:
    if (before.arr > 0) != (now.arr > 0):
        return 1 if now.arr > 0 else -1
    old, new = rank_of(before.tier, tiers), rank_of(now.tier, tiers)
    return 0 if old is None or new is None else new - old


def rank_of(tier: str | None, tiers: Sequence[str]) -> int | None:
    """Its place among the policy's tiers, the lowest first."""
    if tier is None:
        return None
    wanted = tier.casefold()
    return next((place for place, each in enumerate(tiers) if each.casefold() == wanted), None)


def users_of(usage: Mapping[str, Any] | None) -> int | None:
    """How many use it by what the product reports: active users, else seats in use."""
    for name in ("active_users", "seats_used"):
        count = (usage or {}).get(name)
        if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
            return count
    return None


def use_of(users: int | None, seats: int | None) -> Fraction | None:
    """The percentage of seats that is used, exactly; None where it cannot be told."""
    if users is None or not seats:
        return None
    return Fraction(users * 100, seats)


def shown(use: Fraction | None) -> str | None:
    """To a tenth of a percent, rounded down so that no border seems reached that is not."""
    if use is None:
        return None
    percent = Decimal(use.numerator) / Decimal(use.denominator)
    return str(percent.quantize(_TENTH, rounding=ROUND_FLOOR))


def use_band(use: Fraction | None, term: Term, today: date, policy: Policy) -> str | None:
    """How healthy it is that so much is used at this age."""
    if use is None:
        return None
    if use < policy.number("customers.first_value_percent"):
        return RED
    if use > policy.number("customers.use_green_percent"):
        return GREEN
    if use <= policy.number("customers.use_yellow_percent"):
        first, last = policy.settings["customers.low_use_months"]
        is_due = months_after(term.start, first) <= today <= months_after(term.start, last)
        return YELLOW if is_due else RED
    green, yellow = policy.settings["customers.middle_use_months"]
    if today < months_after(term.start, green):
        return GREEN
    return YELLOW if today < months_after(term.start, yellow) else RED


class Held(NamedTuple):
    """A review that was held; `subscription_id` None means all of the account's."""

    kind: str
    held_on: date
    subscription_id: Any = None


@dataclass(frozen=True, slots=True)
class Milestone:
    """A review, or the action between two, that a term's end asks for. `state`: upcoming, due,
    overdue or done."""

    kind: str
    months: int
    due_on: date
    state: str
    held_on: date | None


def milestones(
    term: Term, today: date, held: Iterable[Held], policy: Policy
) -> tuple[Milestone, ...]:
    """In the order they are due. A review settles every one that is open when it is held; what was
    due before the term began is not asked for."""
    opens = timedelta(days=policy.number("customers.review_opens_days"))
    wanted = [(months, REVIEW) for months in policy.settings["customers.review_months"]]
    wanted.append((policy.number("customers.action_months"), ACTION))
    held = sorted(held, key=lambda each: each.held_on)
    found = []
    for months, kind in sorted(wanted, reverse=True):
        due_on = term.left(months)
        if due_on < term.start:
            continue
        done = next(
            (each.held_on for each in held if each.kind == kind and each.held_on >= due_on - opens),
            None,
        )
        if done is not None:
            state = "done"
        elif today < due_on - opens:
            state = "upcoming"
        else:
            state = "due" if today <= due_on else "overdue"
        found.append(Milestone(kind, months, due_on, state, done))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Champions:
    """How many stand by the product, and what is wrong with that."""

    active: int
    left: int
    goal: int

    @property
    def flags(self) -> list[str]:
        found = []
        if self.active == 0:
            found.append("no_champion")
        if self.active == 1:
            found.append("single_champion")
        if self.left:
            found.append("champion_left")
        if self.active < self.goal:
            found.append("champions_below_goal")
        return found


def count_champions(left_on: Iterable[date | None], today: date, goal: int) -> Champions:
    """Of each champion, the day the person left the account or will."""
    days = list(left_on)
    left = sum(day is not None and day <= today for day in days)
    return Champions(len(days) - left, left, goal)
