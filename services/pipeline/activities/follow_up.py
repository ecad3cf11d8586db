"""The five steps of a follow-up: which of them an activity does, and how far a cycle is.

Connect, discover, document, appointment, follow-up documentation. A cycle begins with a connect and
is over with the documentation that is sent after it, or with the next connect. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from services.pipeline.activities.domain import DONE, INBOUND, LIVE_KINDS, NO_SHOW, PLANNED

CONNECT: Final = "connect"
DISCOVER: Final = "discover"
DOCUMENT: Final = "document"
APPOINTMENT: Final = "appointment"
DOCUMENTATION: Final = "follow_up_documentation"
STEPS: Final = (CONNECT, DISCOVER, DOCUMENT, APPOINTMENT, DOCUMENTATION)
"""In the order in which they are taken."""

BIT: Final[Mapping[str, int]] = {step: 1 << place for place, step in enumerate(STEPS)}

NEXT: Final[Mapping[str, str]] = {
    CONNECT: "Connect by email, phone or meeting.",
    DISCOVER: "Ask discovery questions, and say how interested they are or at which stage of the"
    " buyer's process.",
    DOCUMENT: "Write down what was said.",
    APPOINTMENT: "Agree on the next appointment, if possible.",
    DOCUMENTATION: "Send documentation that takes them further.",
}
NEW_CYCLE: Final = "The cycle is complete. Connect again."

_REACHED: Final = frozenset({"connected", "replied", "held"})
_WRITTEN: Final = frozenset({"email", "social"})
_NOTED: Final = frozenset({*LIVE_KINDS, "note"}) - {"calendar"}
"""What a calendar says beforehand is no record of what was said."""


def steps_of(row: Mapping[str, Any]) -> int:
    """The steps an activity does, as bits: the stated one, and what it is implies."""
    if row["state"] == PLANNED:
        return BIT[APPOINTMENT] if row["kind"] in LIVE_KINDS else 0
    if row["state"] != DONE:
        return 0
    found = 0 if row["step"] is None else BIT[row["step"]]
    if _is_connect(row):
        found |= BIT[CONNECT]
    if row["buyer_stage"] is not None or "interest" in (row["details"] or {}):
        found |= BIT[DISCOVER]
    is_noted = row["kind"] in _NOTED or (row["kind"] in _WRITTEN and found & BIT[CONNECT])
    if row["body"] is not None and is_noted:
        found |= BIT[DOCUMENT]
    if row["kind"] == "documentation" and row["direction"] != INBOUND:
        found |= BIT[DOCUMENTATION]
    return found


def _is_connect(row: Mapping[str, Any]) -> bool:
    """Somebody was there: spoke, came, or answered."""
    kind, outcome = row["kind"], (row["outcome"] or "").casefold()
    if outcome in _REACHED:
        return kind in LIVE_KINDS or kind in _WRITTEN
    if kind in _WRITTEN:
        return row["direction"] == INBOUND
    if kind == "call":
        return not outcome and (row["direction"] == INBOUND or bool(row["duration_minutes"]))
    return kind in LIVE_KINDS and outcome != NO_SHOW


class Doing(NamedTuple):
    """An activity as far as it counts here."""

    id: UUID
    kind: str
    occurred_at: datetime
    steps: int


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the cycle, and what did it. `state`: done, open, or skipped because a later one
    was taken."""

    step: str
    state: str
    activity: Doing | None = None


@dataclass(frozen=True, slots=True)
class Cycle:
    """Where an opportunity stands. `due_at` is None once the cycle is complete."""

    started_at: datetime | None
    steps: Sequence[Step]
    due_at: datetime | None
    completed_at: datetime | None = None
    next_step: str = field(default=CONNECT)

    @property
    def is_complete(self) -> bool:
        return self.completed_at is not None

    @property
    def advice(self) -> str:
        return NEW_CYCLE if self.is_complete else NEXT[self.next_step]

    def state_at(self, now: datetime) -> str:
        """complete, overdue, on_track, or not_started."""
        if self.is_complete:
            return "complete"
        if self.due_at is not None and self.due_at < now:
            return "overdue"
        return "on_track" if self.started_at is not None else "not_started"


def cycle_of(activities: Iterable[Doing], opened_at: datetime, days: int) -> Cycle:
    """The current cycle. Where nobody was reached yet, the days run from `opened_at`."""
    ordered = sorted(activities, key=lambda each: (each.occurred_at, each.id))
    connects = [each for each in ordered if each.steps & BIT[CONNECT]]
    if not connects:
        steps = [Step(step, "open") for step in STEPS]
        return Cycle(None, steps, opened_at + timedelta(days=days))
    started = connects[-1].occurred_at
    since = [each for each in ordered if each.occurred_at >= started]
    doers = {step: next((each for each in since if each.steps & BIT[step]), None) for step in STEPS}
    doers[CONNECT] = connects[-1]
    return _told(started, doers, days)


def following_step(done: Collection[str]) -> str:
    """What to do after these steps: the next of those that come after the last one taken, and
    connecting where none is left."""
    last = max((STEPS.index(step) for step in done), default=-1)
    return STEPS[last + 1] if last + 1 < len(STEPS) else CONNECT


def _told(started: datetime, doers: Mapping[str, Doing | None], days: int) -> Cycle:
    last = max(place for place, step in enumerate(STEPS) if doers[step] is not None)
    steps = []
    for place, step in enumerate(STEPS):
        doer = doers[step]
        state = "done" if doer is not None else "skipped" if place < last else "open"
        steps.append(Step(step, state, doer))
    sent = doers[DOCUMENTATION]
    if sent is not None:
        return Cycle(started, steps, None, sent.occurred_at)
    following = following_step([step for step in STEPS if doers[step] is not None])
    return Cycle(started, steps, started + timedelta(days=days), None, following)
