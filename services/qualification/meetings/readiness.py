"""How well a meeting is prepared: what a preparation consists of, what of it is there, and what is
missing and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

CHECKS: Final = ("customer_or_prospect", "past_contact", "site", "deck", "profile")
"""The research: the first two are answered from records, the others by whoever did them."""

PERSONA_KINDS: Final = ("obstacle", "objection", "initiative", "metric")
RESEARCHED_MAX: Final = 3

_WHY: Final = {
    "customer_or_prospect": "No account is known; name it, or note what you found out.",
    "past_contact": "Nothing is recorded that could have been looked at; note what you know.",
    "site": "Nobody noted what the company's site says of its goals, industry and customers.",
    "deck": "Nobody went through the deck for this meeting.",
    "profile": "Nobody held the professional profiles against the personas.",
    "persona": "Of no attendee the persona is known.",
    "pre_call_questions": "There are no pre-call questions: what do you want to find out yourself?",
}


class Missing(NamedTuple):
    """A part of the preparation that is not there, and why it counts as missing."""

    key: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What is there of a preparation."""

    answered: frozenset[str] = frozenset()
    ticked: frozenset[str] = frozenset()
    personas: Sequence[str] = ()
    pre_call_questions: Sequence[str] = ()
    call_plan: Mapping[str, Any] = field(default_factory=dict)
    agenda: Mapping[str, Any] = field(default_factory=dict)
    is_agenda_sent: bool = False


@dataclass(frozen=True, slots=True)
class Readiness:
    """Every part weighs the same."""

    percent: int
    missing: tuple[Missing, ...]


def readiness(prepared: Prepared) -> Readiness:
    """Whole percent, rounded down, so that only what is complete is at 100."""
    parts: dict[str, str | None] = {}
    for key in CHECKS:
        is_done = key in prepared.answered or key in prepared.ticked
        parts[key] = None if is_done else _WHY[key]
    parts["persona"] = None if prepared.personas else _WHY["persona"]
    parts["pre_call_questions"] = (
        None if prepared.pre_call_questions else _WHY["pre_call_questions"]
    )
    parts["call_plan"] = _call_plan(prepared.call_plan)
    parts["agenda"] = _agenda(prepared.agenda)
    parts["agenda_sent"] = (
        None if prepared.is_agenda_sent else "The agenda has not been sent to the buyer."
    )
    missing = tuple(Missing(key, why) for key, why in parts.items() if why is not None)
    return Readiness(100 * (len(parts) - len(missing)) // len(parts), missing)


def _call_plan(plan: Mapping[str, Any]) -> str | None:
    if not plan.get("objectives"):
        return "The call plan has no objectives."
    if not plan.get("researched"):
        return "No objective or obstacle of a persona was researched: choose one to three."
    return None


def _agenda(agenda: Mapping[str, Any]) -> str | None:
    items = agenda.get("items") or ()
    if not items:
        return "The agenda has no items."
    for place, item in enumerate(items, start=1):
        if not (item["question_ids"] or item["statement"] or item["case_study"]):
            return (
                f"Item {place} of the agenda, {item['topic']!r}, has no question, statement or case"
                " study."
            )
    if not agenda.get("objectives"):
        return "The agenda says nothing of what the meeting should lead to."
    return None


def hours_ahead(sent_at: datetime, scheduled_at: datetime) -> Decimal:
    """How long before the meeting, in hours to the tenth; negative where it was after."""
    seconds = Decimal((scheduled_at - sent_at).total_seconds())
    return (seconds / 3600).quantize(Decimal("0.1"))
