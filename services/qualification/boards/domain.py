"""What a day list says of each thing on it: why it is there, and what to do next.

Pure: no database, no clock. Sections and what is overdue are decided where they are counted
(`section`); here they get their words and their working time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from services.workspace.business_hours import Calendar

CRITERIA: Final = ("authority", "initiative", "fit", "timing")

_HOUR: Final = timedelta(hours=1)
_STATUS_WORDS: Final = {"mql": "an MQL", "pql": "a PQL"}


class Unmet(NamedTuple):
    """What an opportunity or lead still lacks, in one part of its test or plan."""

    part: str
    missing: str


class Advice(NamedTuple):
    """Why something is on the list, and what to do about it."""

    why: str
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of one thing on a list, whatever it is; None is not known or does not apply.
    `minutes` of working time are left (or passed, where it is overdue)."""

    now: datetime
    since: datetime | None = None
    due_at: datetime | None = None
    due_on: date | None = None
    kind: str | None = None
    note: str | None = None
    is_overdue: bool = False
    minutes: int | None = None
    unmet: Sequence[Unmet] = ()
    limit: int | None = None

    @property
    def hours(self) -> int:
        """Whole hours since it began."""
        return 0 if self.since is None else max(0, (self.now - self.since) // _HOUR)


def working_minutes(calendar: Calendar, now: datetime, due_at: datetime) -> int:
    """Working time until it is due, or since it was."""
    return calendar.minutes_between(min(now, due_at), max(now, due_at))


def unmet_of(criteria: Mapping[str, Any] | None) -> list[Unmet]:
    """The criteria of a test that did not pass, each with its reasons."""
    if criteria is None:
        return []
    return [
        Unmet(name, " ".join(reason["message"] for reason in criteria[name]["reasons"]))
        for name in CRITERIA
        if criteria[name]["result"] != "pass"
    ]


def advise(section: str, facts: Facts) -> Advice:
    """In sentences, as somebody reads them in the morning."""
    return _ADVICE[section](facts)


def _responses(facts: Facts) -> Advice:
    waits = "It asked to be contacted" if facts.kind == "request" else "It was qualified"
    time = (
        f"an answer is overdue by {facts.minutes} working minutes"
        if facts.is_overdue
        else f"{facts.minutes} working minutes are left to answer"
    )
    return Advice(f"{waits}, and {time}.", "Call it or write to it, and record the touch.")


def _touches(facts: Facts) -> Advice:
    late = " and has not had it" if facts.is_overdue else ""
    return Advice(
        f"It wants its next touch on {facts.due_on}{late}.",
        "Touch it with something it has not seen, best on a channel not used yet.",
    )


def _fresh(facts: Facts) -> Advice:
    return Advice(
        f"It became {_STATUS_WORDS[str(facts.kind)]}, and nobody has taken it up.",
        "Take it up: touch it, or set its status to accepted.",
    )


def _unassigned(facts: Facts) -> Advice:
    return Advice(
        f"It became {_STATUS_WORDS[str(facts.kind)]}, and nobody holds it.",
        "Take it: become its SDR, then touch it.",
    )


def _woken(facts: Facts) -> Advice:
    why = f" for {facts.note}" if facts.note else ""
    return Advice(
        f"It was put aside{why} until now.",
        "See whether its time has come: take it up, or put it aside to another day.",
    )


def _nurture(facts: Facts) -> Advice:
    return Advice(
        f"{facts.note!s} ({facts.kind}) is planned for {facts.due_on}.",
        "Do it, and say that it is done.",
    )


def _ready(facts: Facts) -> Advice:
    if facts.kind == "owner_missing":
        return Advice(
            "Its last test lets it be handed over, but nobody is named to get it.",
            "Name the salesperson who gets it, and hand it over.",
        )
    return Advice("Its last test lets it be handed over.", "Hand it over: convert the lead.")


def _failed_hand_over(facts: Facts) -> Advice:
    return Advice(
        f"Its opportunity could not be opened: {facts.note}",
        "Cure the reason, then convert it again; the opportunity keeps its id.",
    )


def _not_accepted(facts: Facts) -> Advice:
    return Advice(
        f"It was handed over {facts.hours} hours ago and is still not accepted; "
        f"{facts.limit} hours are agreed.",
        "Ask its owner to accept it, or to send it back with a reason.",
    )


def _meetings(facts: Facts) -> Advice:
    next_ = {
        "held": "Record what came of it and the next step.",
        "no_show": "Agree another date.",
    }.get(str(facts.kind), "Hold it, and record what came of it.")
    if facts.is_overdue:
        return Advice(
            f"The time of {facts.note} is over, and nobody has said what came of it.",
            "Say what came of it, or that nobody came.",
        )
    return Advice(f"{facts.note} is on this day.", next_)


def _to_accept(facts: Facts) -> Advice:
    late = ", which is over" if facts.is_overdue else ""
    return Advice(
        f"It has waited {facts.hours} hours to be accepted; {facts.limit} are agreed{late}.",
        "Accept it by moving it to discovery, or send it back unqualified with the reason.",
    )


def _stale(facts: Facts) -> Advice:
    step = (
        "no next step is dated" if facts.due_on is None else f"its next step was on {facts.due_on}"
    )
    return Advice(
        f"It has been at stage 0 for {facts.hours // 24} days, and {step}.",
        "Agree on a dated next step, or send it back unqualified.",
    )


def _leads(facts: Facts) -> Advice:
    if facts.kind == "qualifying":
        return Advice("You hold it, and it is being qualified.", "Make the acceptance test.")
    if facts.kind == "accepted":
        return Advice("You hold it, and it was taken up.", "Arrange the first qualifying meeting.")
    return Advice(
        f"You hold it, and it became {_STATUS_WORDS[str(facts.kind)]}.",
        "Take it up: touch it, or set its status to accepted.",
    )


def _failed_tests(facts: Facts) -> Advice:
    parts = ", ".join(part for part, _ in facts.unmet)
    verdict = "asks to send it back" if facts.kind == "unqualify" else "keeps it at stage 0"
    return Advice(
        f"Its last test {verdict}: {parts} not passed.",
        "Find out what is missing and test it again.",
    )


def _plans(facts: Facts) -> Advice:
    parts = ", ".join(dict.fromkeys(part for part, _ in facts.unmet))
    return Advice(f"Its command plan is behind: {parts}.", "Bring its command plan up to date.")


def _to_prepare(facts: Facts) -> Advice:
    if facts.kind == "not_begun":
        return Advice(f"Nobody has begun to prepare {facts.note}.", "Prepare it, send the agenda.")
    return Advice(f"The agenda of {facts.note} was not sent.", "Send the agenda to the buyer.")


_ADVICE: Final = {
    "responses": _responses,
    "touches": _touches,
    "fresh": _fresh,
    "unassigned": _unassigned,
    "woken": _woken,
    "nurture": _nurture,
    "ready": _ready,
    "failed_hand_overs": _failed_hand_over,
    "not_accepted": _not_accepted,
    "meetings": _meetings,
    "to_accept": _to_accept,
    "stale": _stale,
    "leads": _leads,
    "failed_tests": _failed_tests,
    "plans": _plans,
    "to_prepare": _to_prepare,
}
