"""What decides about a sequence of touches: how far it is, when the next one is due, and by what.

Pure: no database, no clock. A sequence begins with the first touch or with taking the lead up, and
begins anew whenever the lead comes back from an exit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final, Literal, NamedTuple, Self
from uuid import UUID

from services.workspace.business_hours import Calendar
from services.workspace.policy import Policy

CHANNELS: Final = (
    "email",
    "phone",
    "social",
    "video",
    "chat",
    "direct_mail",
    "event",
    "meeting",
)
"""In the order in which they are suggested where none was used more than another."""

OUTBOUND: Final = "outbound"
INBOUND: Final = "inbound"
FIRST_TOUCH_MOVES: Final = frozenset({"raw", "inquiry", "mql", "pql"})
"""Whoever is contacted for the first time is being worked: the status becomes accepted."""

PAUSED: Final = frozenset({"recycle", "disqualified", "qualified"})
WAITING: Final = frozenset({"mql", "pql"})
SUGGESTED_MAX: Final = 3

State = Literal[
    "not_started", "on_track", "due", "overdue", "complete", "silent", "answered", "paused"
]


@dataclass(frozen=True, slots=True)
class Rule:
    """How many touches, within how many days, over how many channels; and how many days of
    silence after them are an answer too."""

    count: int
    days: int
    channels: int
    silent_days: int

    @classmethod
    def of(cls, policy: Policy) -> Self:
        return cls(
            count=policy.number("touches.count"),
            days=policy.number("touches.days"),
            channels=policy.number("touches.channels"),
            silent_days=policy.number("touches.silent_days_to_recycle"),
        )


class Contact(NamedTuple):
    """A touch as far as it counts here."""

    occurred_at: datetime
    channel: str
    direction: str
    resource_external_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What happened to a lead. `begun_anew_at` is when it last became ready to be worked: as a new
    sign of interest or by coming back; `taken_up_at` when it was accepted since."""

    status: str
    status_since: datetime
    begun_anew_at: datetime | None
    taken_up_at: datetime | None
    touches: Sequence[Contact]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """How far a sequence is. Dates are days of the lead's region."""

    state: State
    started_at: datetime | None = None
    window: tuple[date, date] | None = None
    done: int = 0
    done_in_window: int = 0
    channels: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    next_touch_on: date | None = None
    last_touch_at: datetime | None = None
    answered_at: datetime | None = None
    silent_at: datetime | None = None


def cadence(history: History, rule: Rule, calendar: Calendar, now: datetime) -> Cadence:
    """`now` decides only between on_track, due and overdue, and between complete and silent."""
    begun = history.begun_anew_at
    touches = [touch for touch in history.touches if begun is None or touch.occurred_at >= begun]
    outbound = _in_order(touch for touch in touches if touch.direction == OUTBOUND)
    starts = [outbound[0].occurred_at] if outbound else []
    if history.taken_up_at is not None and (begun is None or history.taken_up_at >= begun):
        starts.append(history.taken_up_at)
    if not starts:
        return _not_begun(history, calendar, now)
    started = min(starts)
    window = window_of(started, rule, calendar)
    in_window = (
        window[0] <= calendar.local_day(touch.occurred_at) <= window[1] for touch in outbound
    )
    answers = [
        touch.occurred_at
        for touch in touches
        if touch.direction == INBOUND and touch.occurred_at >= started
    ]
    found = Cadence(
        state="paused",
        started_at=started,
        window=window,
        done=len(outbound),
        done_in_window=sum(in_window),
        channels=channels_used(outbound),
        repeated=repeated_resources(history.touches),
        last_touch_at=outbound[-1].occurred_at if outbound else None,
        answered_at=min(answers, default=None),
    )
    if history.status in PAUSED:
        return found
    if answers or history.status == "qualifying":
        return replace(found, state="answered")
    return _running(found, rule, calendar, now)


def _running(found: Cadence, rule: Rule, calendar: Calendar, now: datetime) -> Cadence:
    """Nobody answered yet: there is a next touch, or it is complete and waits."""
    is_complete = found.done >= rule.count and len(found.channels) >= rule.channels
    if is_complete and found.last_touch_at is not None:
        silent_at = found.last_touch_at + timedelta(days=rule.silent_days)
        return replace(
            found, state="silent" if now >= silent_at else "complete", silent_at=silent_at
        )
    assert found.window is not None
    plan = planned_days(found.window, rule.count, calendar)
    due = plan[min(found.done, rule.count - 1)]
    return replace(found, state=_punctuality(due, calendar.local_day(now)), next_touch_on=due)


def _not_begun(history: History, calendar: Calendar, now: datetime) -> Cadence:
    """A lead that waits for its first touch is due at once, on the first day anybody works."""
    repeated = repeated_resources(history.touches)
    if history.status in PAUSED:
        return Cadence(state="paused", repeated=repeated)
    if history.status == "qualifying":
        return Cadence(state="answered", repeated=repeated)
    if history.status not in WAITING:
        return Cadence(state="not_started", repeated=repeated)
    due = calendar.local_day(calendar.add(history.status_since, minutes=1))
    return Cadence(
        state=_punctuality(due, calendar.local_day(now)), next_touch_on=due, repeated=repeated
    )


def _punctuality(due: date, today: date) -> State:
    if due == today:
        return "due"
    return "overdue" if due < today else "on_track"


def window_of(started: datetime, rule: Rule, calendar: Calendar) -> tuple[date, date]:
    """The first and the last day in which the touches should be made."""
    first = calendar.local_day(started)
    return first, first + timedelta(days=rule.days - 1)


def planned_days(window: tuple[date, date], count: int, calendar: Calendar) -> list[date]:
    """A working day for each touch, spread evenly: the first on the first of them, the last on
    the last. Never empty: a window without a working day is worked on the next one."""
    days = calendar.working_days(*window) or [calendar.working_day_from(window[1])]
    if count == 1:
        return [days[0]]
    return [days[number * (len(days) - 1) // (count - 1)] for number in range(count)]


def _in_order(touches: Iterable[Contact]) -> list[Contact]:
    """As they happened; those of one instant by what they were, however they were told."""
    return sorted(
        touches,
        key=lambda touch: (touch.occurred_at, touch.channel, touch.resource_external_id or ""),
    )


def channels_used(touches: Iterable[Contact]) -> tuple[str, ...]:
    """Each once, in the order of first use."""
    return tuple(dict.fromkeys(touch.channel for touch in touches))


def repeated_resources(touches: Iterable[Contact]) -> tuple[str, ...]:
    """What was sent more than once, over all sequences: a lead remembers what it got."""
    sent = Counter(
        touch.resource_external_id
        for touch in _in_order(touches)
        if touch.direction == OUTBOUND and touch.resource_external_id is not None
    )
    return tuple(name for name, times in sent.items() if times > 1)


class ChannelAdvice(NamedTuple):
    channel: str
    reason: str


def suggest_channel(
    touches: Iterable[Contact], *, has_email: bool, has_phone: bool, unsubscribed: bool
) -> ChannelAdvice:
    """The channel used least in this sequence, of those by which the lead can be reached."""
    used = Counter(touch.channel for touch in touches if touch.direction == OUTBOUND)
    closed = set()
    if unsubscribed or not has_email:
        closed.add("email")
    if not has_phone:
        closed.add("phone")
    channel = min((name for name in CHANNELS if name not in closed), key=lambda name: used[name])
    if not used:
        return ChannelAdvice(channel, "Nothing was tried yet.")
    times = {0: "not used yet", 1: "used once"}.get(used[channel], f"used {used[channel]} times")
    return ChannelAdvice(channel, f"Least used in this sequence: {times}.")


@dataclass(frozen=True, slots=True)
class Resource:
    """What the catalogue has to send."""

    id: UUID
    external_id: str
    title: str
    url: str | None
    use_case: str | None
    persona: str | None


class Suggestion(NamedTuple):
    resource: Resource
    reason: str


def suggest_resources(
    catalogue: Iterable[Resource],
    *,
    used: frozenset[UUID],
    use_case: str | None,
    persona: str | None,
) -> list[Suggestion]:
    """Up to three that the lead has not got: for its use case first, then for its persona, then
    what is for anybody. What is only for others is not suggested."""
    ranked = []
    for resource in catalogue:
        fits = (_fits(resource.use_case, use_case), _fits(resource.persona, persona))
        if resource.id in used or (True not in fits and False in fits):
            continue
        rank = (not fits[0], not fits[1], False in fits, resource.title, resource.external_id)
        ranked.append((rank, Suggestion(resource, _why(resource, *fits))))
    ranked.sort(key=lambda entry: entry[0])
    return [suggestion for _, suggestion in ranked[:SUGGESTED_MAX]]


def _fits(offered: str | None, wanted: str | None) -> bool | None:
    """None where either says nothing."""
    if offered is None or wanted is None:
        return None
    return offered.casefold() == wanted.casefold()


def _why(resource: Resource, fits_case: bool | None, fits_persona: bool | None) -> str:
    found = []
    if fits_case:
        found.append(f"for the use case {resource.use_case}")
    if fits_persona:
        found.append(f"for a {resource.persona}")
    return f"Not sent yet; {' and '.join(found) or 'not made for another use case or persona'}."
