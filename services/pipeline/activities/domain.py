"""What decides about one activity: what its subject says, which details its kind has, which state it
is in and when it happened.

Pure: no database, no clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

PLANNED: Final = "planned"
DONE: Final = "done"
CANCELLED: Final = "cancelled"
NO_SHOW: Final = "no_show"

OUTBOUND: Final = "outbound"
INBOUND: Final = "inbound"

LIVE_KINDS: Final = ("call", "meeting", "demo", "calendar")
"""Both sides are there at once; also where only a calendar tells of it."""

REPORTED_KINDS: Final = (
    "call",
    "email",
    "meeting",
    "social",
    "calendar",
    "demo",
    "objection",
    "breakup_email",
    "documentation",
    "note",
)
UPTIER: Final = "uptier"
SEATS: Final = "seats"
OTHER: Final = "other"

_DEFAULT_DIRECTION: Final = {"breakup_email": OUTBOUND, "documentation": OUTBOUND}
_PLACE: Final = frozenset({"location", "attendees"})
_DETAILS: Final[Mapping[str, frozenset[str]]] = {
    "call": frozenset({"interest"}),
    "email": frozenset({"interest"}),
    "social": frozenset({"interest"}),
    "meeting": _PLACE | {"interest"},
    "calendar": _PLACE,
    "demo": _PLACE | {"interest", "what_was_shown"},
    "objection": frozenset({"objection", "response", "state"}),
    "documentation": frozenset({"resource", "url"}),
    "breakup_email": frozenset(),
    "note": frozenset(),
}

# A word ends where neither a letter nor a digit follows: "qual_call" counts, "quality" does not.
_QUALIFICATION: Final = re.compile(r"(?<![^\W_])qual(?:ification)?(?![^\W_])", re.IGNORECASE)
_PREPARATION: Final = re.compile(r"(?<![^\W_])prep\s+(?:w/|with(?![^\W_]))\s*\S", re.IGNORECASE)
_UPTIER: Final = re.compile(
    r"(?<![^\W_])(?:up-?\s?tier|upgrad|higher\s+tier)(?:s|e|es|ed|ing)?(?![^\W_])", re.IGNORECASE
)
_SEATS: Final = re.compile(
    r"(?<![^\W_])(?:seats?|licen[cs]es?|user\s+count|(?:more|additional|extra|add|adding)\s+users?)"
    r"(?![^\W_])",
    re.IGNORECASE,
)


class UnfitError(Exception):
    """A field that cannot be as stated. `name` is the field, or its path in the details."""

    def __init__(self, name: str, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.name = name
        self.code = code
        self.sentence = sentence


def is_qualification(subject: str | None) -> bool:
    """By the word *qual* or *qualification*, as calls are logged."""
    return subject is not None and _QUALIFICATION.search(subject) is not None


def is_preparation(subject: str | None) -> bool:
    """By "Prep w/" and a name."""
    return subject is not None and _PREPARATION.search(subject) is not None


def purpose_of(stated: str | None, subject: str | None, body: str | None) -> str:
    """What a qualification call with a customer is about; the subject speaks before the body."""
    if stated is not None:
        return stated
    for text in (subject or "", body or ""):
        if _UPTIER.search(text):
            return UPTIER
        if _SEATS.search(text):
            return SEATS
    return OTHER


def default_direction(kind: str) -> str | None:
    return _DEFAULT_DIRECTION.get(kind)


def merged_details(
    kind: str, current: Mapping[str, Any] | None, stated: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """The details with what is stated in place, None where there are none. A null takes one away.
    Raises UnfitError on what the kind does not have, and on an objection that names none."""
    merged = {**(current or {}), **(stated or {})}
    merged = {name: value for name, value in merged.items() if value is not None}
    strange = sorted(merged.keys() - _DETAILS[kind])
    if strange:
        known = ", ".join(sorted(_DETAILS[kind])) or "none"
        raise UnfitError(
            f"details/{strange[0]}", "not_of_this_kind", f"is no detail of {kind}; known: {known}"
        )
    if kind == "objection":
        if "objection" not in merged:
            raise UnfitError("details/objection", "missing", "say what the objection is")
        merged.setdefault("state", "open")
    return merged or None


@dataclass(frozen=True, slots=True)
class Timing:
    """The state an activity is in, when it happened or will, and what was agreed."""

    state: str
    occurred_at: datetime
    scheduled_for: datetime | None


class HappenedError(Exception):
    """It is stated to be planned, and it happened, or nobody came."""


def timing_of(
    current: Timing | None,
    stated: Mapping[str, Any],
    now: datetime,
    *,
    outcome: str | None,
    is_recorded: bool,
) -> Timing:
    """After a change; `current` None is a new one.

    Without a state an activity of the future is planned and any other done. What happened is not
    planned again: of a recorded statement the state is passed over, since calendars call every
    entry planned; else HappenedError. Raises UnfitError where the times contradict the state.
    """
    state = _state_of(current, stated, now, outcome, is_recorded=is_recorded)
    occurred, scheduled = stated.get("occurred_at"), stated.get("scheduled_for")
    if state == PLANNED:
        if occurred is not None and scheduled is not None and occurred != scheduled:
            raise UnfitError(
                "occurred_at", "different_times", "of a planned activity is its scheduled_for"
            )
        at = scheduled or occurred or (current.occurred_at if current else None)
        if at is None:
            raise UnfitError("scheduled_for", "missing", "a planned activity says when it will be")
        return Timing(state, at, at)
    agreed = current.scheduled_for if current is not None else None
    if "scheduled_for" in stated:
        agreed = scheduled
    if occurred is not None:
        if occurred > now:
            raise UnfitError(
                "occurred_at", "instant_in_the_future", "only what is planned is in the future"
            )
        return Timing(state, occurred, agreed)
    if current is not None and current.state == state:
        return Timing(state, current.occurred_at, agreed)
    begun = agreed or (current.occurred_at if current is not None else now)
    return Timing(state, min(begun, now), agreed)


def _state_of(
    current: Timing | None,
    stated: Mapping[str, Any],
    now: datetime,
    outcome: str | None,
    *,
    is_recorded: bool,
) -> str:
    named: str | None = stated.get("state")
    missed = outcome is not None and outcome.casefold() == NO_SHOW
    if current is None:
        if named is not None:
            return named
        if missed:
            return NO_SHOW
        at = stated.get("occurred_at") or stated.get("scheduled_for")
        return PLANNED if at is not None and at > now else DONE
    if named is None:
        return NO_SHOW if missed and current.state == PLANNED else current.state
    if named == PLANNED and current.state in (DONE, NO_SHOW):
        if not is_recorded:
            raise HappenedError
        return current.state
    return named
