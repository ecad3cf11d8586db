"""Which clocks run against an opportunity, what each is measured from, and when it does what.

Pure. Days are the company's: day N of a clock begins at the N-th local midnight after the day it is
measured from, so that the day of the last progress is day 0. Acceptance alone is counted in hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from services.pipeline.opportunities.stages import STAGE
from services.workspace.business_hours import Calendar, first_reached
from services.workspace.fiscal import FiscalCalendar
from services.workspace.policy import Policy

STALE: Final = "stale"
RENEWAL: Final = "renewal"
ACCEPTANCE: Final = "acceptance"
ACTION: Final = "action"
NO_SHOW: Final = "no_show"
KINDS: Final = (STALE, RENEWAL, ACCEPTANCE, ACTION, NO_SHOW)

WARN: Final = "warn"
CLOSE: Final = "close"
WOULD_CLOSE: Final = "would_close"
WILL_CHURN: Final = "will_churn"
NOTICE: Final = "notice"
MISSED: Final = "missed"
NOT_ACTED: Final = "not_acted"
REBOOK_OVER: Final = "rebook_over"

MET: Final = "met"
DECLINED: Final = "declined"

_NO_RENEWAL: Final = frozenset({"credit", "decommission", "debook"})
_ACCEPTED_RANKS: Final = range(1, STAGE["closed_won"].rank + 1)
_MINUTE: Final = timedelta(minutes=1)


class Progress(NamedTuple):
    """The last thing that moved the deal: stage, next_step, activity or command_plan."""

    at: datetime
    what: str


class Stay(NamedTuple):
    """The last stay in stage 0. `recorded_at`: when it was told; `accepted_at`: when it was told
    that it was left for a working stage."""

    entered_at: datetime
    recorded_at: datetime
    left_at: datetime | None = None
    to_stage: str | None = None
    accepted_at: datetime | None = None


class Meeting(NamedTuple):
    """A meeting of a deal at stage 0. State: planned, held or no_show."""

    at: datetime
    state: str
    is_qualification: bool


class Extension(NamedTuple):
    """Leave to renew late, until the end of a day."""

    until: date
    granted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """What the clocks of an opportunity go by."""

    stage: str
    type: str = "new_business"
    category: str = "standard"
    segment: str = ""
    region: str = ""
    created_at: datetime
    progress: Progress
    renewal_on: date | None = None
    is_expected_lost: bool = False
    extension: Extension | None = None
    stay: Stay | None = None
    meetings: tuple[Meeting, ...] = ()

    @property
    def is_open(self) -> bool:
        return STAGE[self.stage].is_open


class Step(NamedTuple):
    """Something a clock does once in a run. `key` names it there; `offset` is the day of a renewal's
    notice, counted from the renewal date."""

    name: str
    at: datetime
    key: str
    offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """`run` changes with what the clock is measured from, and then every step may be done again.
    `look_at`: nothing is due before, but the clock may be another one then."""

    kind: str
    run: str
    started_at: datetime
    since: str
    steps: tuple[Step, ...] = ()
    look_at: datetime | None = None
    paused_until: date | None = None
    deadline_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str | None = None
    minutes: int | None = None

    def left(self, done: Mapping[str, str]) -> list[Step]:
        """What is still to be done, in order."""
        return sorted((step for step in self.steps if step.key not in done), key=lambda s: s.at)


Done = Mapping[str, str]
"""Of one run: when each step was done, by its key."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is the same for all of a company's deals at one moment."""

    policy: Policy
    calendar: FiscalCalendar
    now: datetime

    def day(self, instant: datetime) -> date:
        return self.calendar.local_date(instant)

    def midnight(self, day: date) -> datetime:
        """The instant at which the company's day begins."""
        return first_reached(datetime.combine(day, time()), ZoneInfo(self.calendar.timezone))


def clocks_of(deal: Deal, rules: Rules, done: Mapping[tuple[str, str], Done]) -> list[Clock]:
    """Every clock that runs, and the acceptance that ended. `done` by kind and run."""
    found = [
        _stale(deal, rules, done),
        _renewal(deal, rules),
        _acceptance(deal, rules),
        _action(deal, rules),
        _no_show(deal, rules),
    ]
    return [clock for clock in found if clock is not None]


def why_not_stale(deal: Deal, policy: Policy) -> str | None:
    """Why no clock for want of progress runs; None where one does."""
    if not deal.is_open:
        return "closed"
    if policy.choice("autoclose.mode") == "off":
        return "off"
    if deal.type not in policy.settings["autoclose.types"]:
        return "type"
    if deal.stage not in policy.settings["autoclose.stages"]:
        return "stage"
    if policy.by_segment("autoclose", deal.segment) is None:
        return "segment"
    return None


def _days(count: int) -> timedelta:
    return timedelta(days=count)


def _stale(deal: Deal, rules: Rules, done: Mapping[tuple[str, str], Done]) -> Clock | None:
    if why_not_stale(deal, rules.policy) is not None:
        return None
    warn_days, close_days = rules.policy.by_segment("autoclose", deal.segment)
    run = deal.progress.at.isoformat()
    day = rules.day(deal.progress.at)
    warn_at = rules.midnight(day + _days(warn_days))
    warned = done.get((STALE, run), {}).get(WARN)
    # Nobody is closed on before having been told so long before, however late the telling was.
    told_at = max(warn_at, rules.now) if warned is None else datetime.fromisoformat(warned)
    grace = _days(rules.policy.number("autoclose.notice_days"))
    close_on = max(day + _days(close_days), rules.day(told_at) + grace)
    name = _closing(rules.policy.choice("autoclose.mode"))
    return Clock(
        kind=STALE,
        run=run,
        started_at=deal.progress.at,
        since=deal.progress.what,
        steps=(Step(WARN, warn_at, WARN), Step(name, rules.midnight(close_on), name)),
    )


def _closing(mode: str) -> str:
    return CLOSE if mode == "close" else WOULD_CLOSE


def _renewal(deal: Deal, rules: Rules) -> Clock | None:
    is_asked = deal.is_open and deal.stage != "closing" and deal.category not in _NO_RENEWAL
    if deal.type != "renewal" or deal.renewal_on is None or not is_asked:
        return None
    told_on = rules.day(deal.created_at)
    # One that was told of after its date has its whole window still before it.
    start = max(deal.renewal_on, told_on)
    until = None if deal.extension is None else deal.extension.until
    steps = _renewal_notices(deal, rules, start, told_on)
    after, suffix = date.min, ""
    if until is not None:
        after, suffix = until + _days(1), f"@{until}"
    if deal.is_expected_lost:
        at = rules.midnight(max(start + _days(1), after))
        steps.append(Step(WILL_CHURN, at, WILL_CHURN + suffix))
    mode = rules.policy.choice("renewal.autolose")
    if mode != "off":
        window = _days(rules.policy.number("renewal.late_window_days") + 1)
        name = _closing(mode)
        steps.append(Step(name, rules.midnight(max(start + window, after)), name + suffix))
    is_paused = until is not None and until >= rules.day(rules.now)
    return Clock(
        kind=RENEWAL,
        run=deal.renewal_on.isoformat(),
        started_at=rules.midnight(deal.renewal_on),
        since="renewal_date",
        steps=tuple(steps),
        paused_until=until if is_paused else None,
    )


def _renewal_notices(deal: Deal, rules: Rules, start: date, told_on: date) -> list[Step]:
    assert deal.renewal_on is not None
    steps = []
    for offset in rules.policy.settings["renewal.notice_days"]:
        day = (deal.renewal_on if offset < 0 else start) + _days(offset)
        is_over = day < told_on or (day == told_on and start > deal.renewal_on)
        if is_over or _is_extended(deal.extension, day, rules):
            continue
        steps.append(Step(NOTICE, rules.midnight(day), f"{NOTICE}{offset:+d}", offset))
    return steps


def _is_extended(extension: Extension | None, day: date, rules: Rules) -> bool:
    return extension is not None and rules.day(extension.granted_at) < day <= extension.until


def _acceptance(deal: Deal, rules: Rules) -> Clock | None:
    stay = deal.stay
    if stay is None or deal.type == "renewal":
        return None
    if stay.left_at is None and not deal.is_open:
        return None
    held = [m.at for m in deal.meetings if _counts_as_held(m, stay.left_at or rules.now)]
    start = max([stay.entered_at, *held[:1]])
    waiting = Clock(
        kind=ACCEPTANCE,
        run=start.isoformat(),
        started_at=start,
        since="meeting" if held and start == held[0] else "opened",
    )
    if stay.left_at is not None:
        return _ended(waiting, deal, stay, rules)
    # Nobody rings for a meeting that is moved, or that somebody tells of days later.
    tomorrow = rules.midnight(rules.day(rules.now) + _days(1))
    if not held:
        waits_for = _awaited(deal, rules)
        if waits_for is not None:
            return replace(
                waiting, look_at=min(waits_for, tomorrow), paused_until=rules.day(waits_for)
            )
    # What was told late is not missed before somebody could know of it.
    known = max(start, stay.recorded_at)
    return replace(
        waiting,
        look_at=tomorrow,
        deadline_at=_sla_end(start, deal, rules),
        steps=(Step(MISSED, _sla_end(known, deal, rules), MISSED),),
    )


def _counts_as_held(meeting: Meeting, by: datetime) -> bool:
    """One that is past and not told of counts: its people have the meeting behind them."""
    return meeting.is_qualification and meeting.state != "no_show" and meeting.at <= by


def _awaited(deal: Deal, rules: Rules) -> datetime | None:
    """When a qualification meeting is to be held, or one that nobody came to may still be planned
    again; None where nothing is waited for."""
    ahead = [m.at for m in deal.meetings if m.state == "planned" and m.at > rules.now]
    if ahead:
        return min(ahead)
    over = _rebook_ends(deal, rules)
    return over if over is not None and over > rules.now else None


def _ended(waiting: Clock, deal: Deal, stay: Stay, rules: Rules) -> Clock:
    assert stay.left_at is not None
    assert stay.to_stage is not None
    deadline = _sla_end(waiting.started_at, deal, rules)
    outcome = DECLINED
    if STAGE[stay.to_stage].rank in _ACCEPTED_RANKS:
        outcome = MET if stay.left_at <= deadline else MISSED
    return replace(
        waiting,
        deadline_at=deadline,
        ended_at=stay.left_at,
        outcome=outcome,
        minutes=_minutes(waiting.started_at, stay.left_at, deal, rules),
    )


def _sla_end(start: datetime, deal: Deal, rules: Rules) -> datetime:
    hours = rules.policy.number("accept.sla_hours")
    if rules.policy.is_on("accept.sla_business"):
        return _working(deal, rules).add(start, hours=hours)
    return start + timedelta(hours=hours)


def _minutes(start: datetime, end: datetime, deal: Deal, rules: Rules) -> int:
    if rules.policy.is_on("accept.sla_business"):
        return _working(deal, rules).minutes_between(start, end)
    return max(0, (end - start) // _MINUTE)


def _working(deal: Deal, rules: Rules) -> Calendar:
    return Calendar.of(rules.policy, deal.region or None, rules.calendar.timezone)


def _action(deal: Deal, rules: Rules) -> Clock | None:
    """Whoever accepts a deal acts on it, or hands it back."""
    accepted_at = None if deal.stay is None else deal.stay.accepted_at
    is_asked = deal.is_open and STAGE[deal.stage].rank > 0 and deal.type != "renewal"
    if accepted_at is None or not is_asked or deal.progress.at > accepted_at:
        return None
    day = rules.day(accepted_at) + _days(rules.policy.number("accept.act_days"))
    return Clock(
        kind=ACTION,
        run=accepted_at.isoformat(),
        started_at=accepted_at,
        since="accepted",
        steps=(Step(NOT_ACTED, rules.midnight(day), NOT_ACTED),),
    )


def _rebook_ends(deal: Deal, rules: Rules) -> datetime | None:
    """When a meeting nobody came to can no longer be planned again; None where the last one is
    none of those."""
    if not deal.meetings or deal.meetings[-1].state != "no_show":
        return None
    day = rules.day(deal.meetings[-1].at)
    return rules.midnight(day + _days(rules.policy.number("no_show.rebook_days") + 1))


def _no_show(deal: Deal, rules: Rules) -> Clock | None:
    if deal.stage != "pending_acceptance":
        return None
    ends = _rebook_ends(deal, rules)
    if ends is None:
        return None
    at = deal.meetings[-1].at
    return Clock(
        kind=NO_SHOW,
        run=at.isoformat(),
        started_at=at,
        since="meeting",
        steps=(Step(REBOOK_OVER, ends, REBOOK_OVER),),
    )
