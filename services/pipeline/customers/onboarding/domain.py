"""What decides about onboarding: the plan, what a statement makes of it, what is due next. Pure.

A plan's steps and trainings are plain JSON, with days as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

Step = dict[str, Any]
STEPS_MAX: Final = 50
TRAININGS_MAX: Final = 200
_DONE: Final = ("done_on", "done_by")


def plan_for(start: date, template: Iterable[Mapping[str, Any]]) -> list[Step]:
    """The steps of a subscription that starts on this day."""
    return [
        step(each["name"], each["role"], start + timedelta(days=each["due_after_days"]))
        for each in template
    ]


def step(name: str, role: str, due_on: date) -> Step:
    return {
        "name": name,
        "role": role,
        "due_on": due_on.isoformat(),
        "done_on": None,
        "done_by": None,
        "note": None,
    }


def is_over(start: date, today: date, template: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the last step would have been due already: nobody plans what is past."""
    last = max((each["due_after_days"] for each in template), default=-1)
    return start + timedelta(days=last) < today


def next_due(steps: Iterable[Step]) -> date | None:
    """The first day on which an open step is due; None where all are done."""
    days = [each["due_on"] for each in steps if each["done_on"] is None]
    return date.fromisoformat(min(days)) if days else None


@dataclass(frozen=True, slots=True)
class Doer:
    """Who states something, and on which day."""

    name: str
    today: date


def merged_steps(
    steps: Sequence[Step], stated: Iterable[Mapping[str, Any]], doer: Doer
) -> tuple[list[Step], list[str]]:
    """The steps with what is stated about each, and the names of new ones that lack their role or
    day. Stated once more, nothing changes: who did it and when stays."""
    found = {each["name"]: dict(each) for each in steps}
    lacking = []
    for each in stated:
        name = each["name"]
        current = found.get(name)
        if current is None:
            if each.get("role") is None or each.get("due_on") is None:
                lacking.append(name)
                continue
            current = found[name] = step(name, each["role"], each["due_on"])
        _state(current, each, doer)
    return list(found.values()), lacking


def _state(current: Step, stated: Mapping[str, Any], doer: Doer) -> None:
    if stated.get("role") is not None:
        current["role"] = stated["role"]
    if stated.get("due_on") is not None:
        current["due_on"] = stated["due_on"].isoformat()
    if "note" in stated:
        current["note"] = stated["note"]
    is_done = stated.get("done")
    if is_done is False:
        current.update(dict.fromkeys(_DONE))
    elif is_done or stated.get("done_on") is not None:
        was_done = current["done_on"] is not None
        if stated.get("done_on") is not None:
            current["done_on"] = stated["done_on"].isoformat()
        elif not was_done:
            current["done_on"] = doer.today.isoformat()
        if stated.get("done_by") is not None:
            current["done_by"] = stated["done_by"]
        elif not was_done:
            current["done_by"] = doer.name


def merged_trainings(
    trainings: Sequence[Mapping[str, Any]], stated: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """With those stated: a training is known by its name and day. In the order they were held."""
    found = {(each["name"], each["held_on"]): dict(each) for each in trainings}
    for each in stated:
        held_on = each["held_on"].isoformat()
        known = found.setdefault(
            (each["name"], held_on),
            {"name": each["name"], "held_on": held_on, "attendees": None, "contacts": []},
        )
        known.update({name: each[name] for name in ("attendees", "contacts") if name in each})
    return sorted(found.values(), key=lambda each: (each["held_on"], each["name"]))
