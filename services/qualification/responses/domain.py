"""What decides about response timers: when one starts, what stops it, and whether it was in time.

Pure: no database, no clock. A timer is one wait of one lead for one answer. A change of holder ends
the wait of one and begins that of the next; it is no answer, so in time it counts neither way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from services.workspace.business_hours import Calendar
from services.workspace.policy import Policy

Kind = Literal["mql", "request"]
State = Literal["open", "overdue", "met", "missed", "unanswered"]

KEPT_MAX: Final = 10
"""Timers a lead keeps; those that still run are always kept."""

WAITING: Final = frozenset({"mql", "pql"})
ANSWERING: Final = frozenset({"accepted", "qualifying", "qualified", "recycle", "disqualified"})
TOUCH: Final = "touch"
ANSWERS: Final = ANSWERING | {TOUCH}
HOLDER_CHANGED: Final = "holder_changed"
WITHDRAWN: Final = "withdrawn"
MERGED: Final = "merged"
"""Also the reason of the move of a lead that takes status or holders from one it was merged with:
what was waiting for them goes on waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """One wait. Holders, region and source are those at its start, so that a later change does
    not move it from one person's figures to another's."""

    id: UUID
    lead_id: UUID
    kind: str
    started_at: datetime
    due_at: datetime
    sdr_id: UUID | None
    owner_id: UUID | None
    region: str | None
    source: str | None
    calendar: str
    policy_version: int
    stopped_at: datetime | None = None
    stopped_by: str | None = None
    stopped_actor: str | None = None
    responder_id: UUID | None = None
    business_minutes: int | None = None
    is_met: bool | None = None

    @property
    def is_open(self) -> bool:
        return self.stopped_at is None


@dataclass(frozen=True, slots=True)
class Event:
    """What may stop a timer: what it was, when it happened, who recorded it and who answered."""

    name: str
    at: datetime
    actor: str
    responder_id: UUID | None


def due_at(kind: Kind, started: datetime, calendar: Calendar, policy: Policy) -> datetime:
    """By when it must be answered: working hours for an MQL or PQL, working days for a request."""
    if kind == "mql":
        return calendar.add(started, hours=policy.number("sla.mql_business_hours"))
    return calendar.add(started, days=policy.number("sla.request_business_days"))


def stop(timer: Timer, event: Event, calendar: Calendar) -> Timer:
    """The timer as it ended. What is told to have come before its start ended it at once. No
    working minute elapsed is in time, however late it was on the clock."""
    at = max(event.at, timer.started_at)
    minutes = calendar.minutes_between(timer.started_at, at)
    in_time = at <= timer.due_at or minutes == 0
    return replace(
        timer,
        stopped_at=at,
        stopped_by=event.name,
        stopped_actor=event.actor,
        responder_id=event.responder_id if event.name in ANSWERS else None,
        business_minutes=minutes,
        is_met=None if in_time and event.name not in ANSWERS else in_time,
    )


def can_stop(timer: Timer, event: Event) -> bool:
    """An answer ends a wait that began before it. It also ends one that was answered later, since
    what is told last may have happened first; but it does not undo a change of holder."""
    if timer.stopped_at is None:
        return timer.started_at <= event.at
    return (
        event.name in ANSWERS
        and timer.stopped_by in ANSWERS
        and timer.started_at <= event.at < timer.stopped_at
    )


def state_of(timer: Timer, now: datetime) -> State:
    if timer.stopped_at is None:
        return "overdue" if timer.due_at < now else "open"
    if timer.is_met is None:
        return "unanswered"
    return "met" if timer.is_met else "missed"


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a change of a lead means for its timers: `stops` ends all that run, or only those of
    MQLs; `restarts` begins a new one for each that it ended; `starts` begins one for an MQL."""

    stops: str | None = None
    only_mql: bool = False
    restarts: bool = False
    starts: bool = False


NOTHING: Final = Consequence()


def consequence(before: str | None, after: str, *, has_changed_hands: bool) -> Consequence:
    """`before` and `after` are the lead's status; None: the lead is new."""
    if after in ANSWERING and before != after:
        return NOTHING if before is None else Consequence(stops=after)
    starts = after in WAITING and before not in WAITING
    if has_changed_hands:
        return Consequence(stops=HOLDER_CHANGED, restarts=True, starts=starts)
    if before in WAITING and after not in WAITING:
        return Consequence(stops=WITHDRAWN, only_mql=True)
    return Consequence(starts=starts) if starts else NOTHING
