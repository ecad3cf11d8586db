"""What a rule of hygiene is: the facts it looks at, what it answers, and when that can change.

Pure: no database, no clock. A rule answers with the values that decide, never with a count of days,
which would be another answer every morning; and with the instant at which it could answer otherwise
though nobody touches anything, so that a day that passes is no reason to look at everything.
"""

from __future__ import annotations

import calendar as months
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from services.kit import money
from services.workspace.fiscal import FiscalCalendar, FiscalQuarter
from services.workspace.policy import Policy

ERROR: Final = "error"
WARNING: Final = "warning"
INFO: Final = "info"
SEVERITIES: Final = (ERROR, WARNING, INFO)

_RANKS: Final = (
    "pending_acceptance",
    "discovery",
    "scoping",
    "technical_evaluation",
    "proposal",
    "negotiating",
    "awaiting_signature",
    "closing",
)
ACCEPTANCE: Final = _RANKS[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What qualification says of the command plan; `stale_since` None where it is not behind."""

    missing: tuple[str, ...] = ()
    required_by: tuple[str, ...] = ()
    stale_since: datetime | None = None
    stale_codes: tuple[str, ...] = ()
    stale_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """How long such deals take to be won, and what that rests on."""

    days: Decimal
    basis: str
    deals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything the rules ask about one opportunity."""

    id: UUID
    owner_id: UUID
    account_id: UUID | None = None
    type: str
    order_type: str = "new_first_order"
    category: str = "standard"
    stage: str
    segment: str = ""
    forecast_category: str = "pipeline"
    renewal_loss_category: str = "none"
    amount: Decimal | None = None
    is_net_arr_stated: bool = False
    net_arr: Decimal = Decimal(0)
    arr_basis: Decimal = Decimal(0)
    expected_renewed_arr: Decimal | None = None
    close_date: date | None = None
    close_quarter: int = 0
    next_step: str | None = None
    next_step_date: date | None = None
    next_step_at: datetime | None = None
    push_count: int = 0
    stage_entered_at: datetime
    opened_on: date
    created_at: datetime
    subscription_id: UUID | None = None
    subscription_start: date | None = None
    renewal_date: date | None = None
    quote_start_date: date | None = None
    lost_reason: str | None = None
    contacts: int = 0
    champions: tuple[str, ...] = ()
    champions_left: tuple[str, ...] = ()
    is_customer: bool = False
    is_owner_active: bool = True
    last_activity_at: datetime | None = None
    break_up_mail_at: datetime | None = None
    reviewed_at: datetime | None = None
    gate_codes: tuple[str, ...] = ()
    gate_at: datetime | None = None
    plan: Plan = Plan()
    cycle: Cycle

    @property
    def rank(self) -> int | None:
        """The place among open stages; None once closed."""
        return _RANKS.index(self.stage) if self.stage in _RANKS else None

    @property
    def is_open(self) -> bool:
        return self.stage in _RANKS


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, by the company's calendar, under the policy in force."""

    now: datetime
    calendar: FiscalCalendar
    policy: Policy
    today: date = field(init=False)
    quarter: FiscalQuarter = field(init=False)
    _starts: dict[date, datetime] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "today", self.calendar.local_date(self.now))
        put(self, "quarter", self.calendar.quarter_of(self.today))
        put(self, "_starts", {})

    def start_of(self, day: date) -> datetime:
        """When a day of the company begins. Where the clock is put forward over midnight, that is
        the first instant that has the date."""
        found = self._starts.get(day)
        if found is None:
            zone = ZoneInfo(self.calendar.timezone)
            found = datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
            self._starts[day] = found
        return found

    def day(self, instant: datetime) -> date:
        return self.calendar.local_date(instant)

    def number(self, setting: str) -> int:
        return self.policy.number(setting)


class Answer(NamedTuple):
    """`evidence` None is: all is well. `since` is when it began to be so where the values tell;
    `changes_at` the next instant at which another answer is possible by itself."""

    evidence: dict[str, Any] | None = None
    since: datetime | None = None
    changes_at: datetime | None = None


FINE: Final = Answer()
Check: TypeAlias = Callable[[Facts, Moment], Answer]


def found(since: datetime | None = None, until: datetime | None = None, **evidence: Any) -> Answer:
    return Answer({name: _plain(value) for name, value in evidence.items()}, since, until)


def fine_until(instant: datetime | None) -> Answer:
    return FINE if instant is None else Answer(None, None, instant)


def from_day(day: date, at: Moment, *, until: datetime | None = None, **evidence: Any) -> Answer:
    """Found from the beginning of a day on."""
    starts = at.start_of(day)
    return found(starts, until, **evidence) if at.now >= starts else fine_until(starts)


def _plain(value: Any) -> Any:
    """As JSON gives it back, so that what is stored and what is found anew compare."""
    if isinstance(value, Decimal):
        return money.text(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A named check. `message` is filled in from the evidence; `path` names where the cure is sent,
    with `{id}` for the opportunity."""

    name: str
    severity: str
    what: str
    message: str
    cure: str
    check: Check
    source: str
    fields: tuple[str, ...] = ()
    method: str = "PATCH"
    path: str = "/v1/opportunities/{id}"
    settings: tuple[str, ...] = ()

    def told(self, evidence: Mapping[str, Any]) -> str:
        shown = {
            name: ", ".join(map(str, value)) if isinstance(value, list) else value
            for name, value in evidence.items()
        }
        return self.message.format(**shown)

    def fix(self, opportunity_id: UUID) -> dict[str, Any]:
        return {
            "message": self.cure,
            "method": self.method,
            "path": self.path.replace("{id}", str(opportunity_id)),
            "fields": list(self.fields),
        }


class Found(NamedTuple):
    """One rule that is broken."""

    severity: str
    evidence: dict[str, Any]
    since: datetime | None


def judge(
    facts: Facts, at: Moment, rules: Iterable[Rule]
) -> tuple[dict[str, Found], datetime | None]:
    """What is wrong with one opportunity by these rules, and when to look again."""
    wrong: dict[str, Found] = {}
    again: datetime | None = None
    overrides: Mapping[str, str] = at.policy.settings["hygiene.severity"]
    for rule in rules:
        answer = rule.check(facts, at)
        if answer.evidence is not None:
            severity = overrides.get(rule.name, rule.severity)
            wrong[rule.name] = Found(severity, answer.evidence, answer.since)
        changes_at = answer.changes_at
        if changes_at is not None and changes_at > at.now and (again is None or changes_at < again):
            again = changes_at
    return wrong, again


def add_months(day: date, count: int) -> date:
    """The same day so many months on, or the last of a shorter month."""
    ordinal = day.year * 12 + day.month - 1 + count
    year, month = divmod(ordinal, 12)
    return date(year, month + 1, min(day.day, months.monthrange(year, month + 1)[1]))


def last_of_month(day: date) -> date:
    return date(day.year, day.month, months.monthrange(day.year, day.month)[1])


def days_after(day: date, count: int) -> date:
    return day + timedelta(days=count)


def latest(*instants: datetime | None) -> datetime | None:
    return max((each for each in instants if each is not None), default=None)
