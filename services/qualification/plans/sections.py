"""The sections of a command plan as data: merging, comparing, measuring.

Pure. Sections are the JSON that is stored: overview, close plan, manager review. MEDDPPICC is the
section in between; it is written on its own and only compared and measured here. What is wrong is
returned, not raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from services.qualification.evidence.domain import Problem
from services.workspace.policy_qualification import ELEMENTS

OVERVIEW_FIELDS: Final = (
    "why_now",
    "primary_value_driver",
    "solution",
    "primary_capability",
    "why_us",
    "why_do_anything",
)
_CLOSE_PLAN_TEXTS: Final = ("risks", "help_needed")
_STEP_FIELDS: Final = ("title", "due_on", "owner", "is_done", "done_on")
_NOTE_FIELDS: Final = ("dated_on", "text", "gaps_and_actions")
_EVIDENCE_FIELDS: Final = ("score", "evidence", "contact_external_id")

Sections = dict[str, Any]
MakeId = Callable[[], str]

EMPTY: Final[Sections] = {
    "overview": dict.fromkeys(OVERVIEW_FIELDS),
    "close_plan": {"steps": [], **dict.fromkeys(_CLOSE_PLAN_TEXTS)},
    "manager_review": {"notes": []},
}


class Place(NamedTuple):
    """Where in a plan a value stands; `item` is a step's or note's id, or an element's name."""

    section: str
    item: str | None
    field: str


class Difference(NamedTuple):
    """One value in two states of a plan; None where it is not there."""

    place: Place
    before: Any
    after: Any


def merge(
    sections: Sections, stated: Mapping[str, Any], *, today: str, make_id: MakeId
) -> tuple[Sections, list[Problem]]:
    """The sections with what was stated in them: an absent section or field stays, null clears it.
    A list that is stated is the whole list; its items keep what they leave out."""
    merged: Sections = {}
    problems: list[Problem] = []
    for name, empty in EMPTY.items():
        if name not in stated:
            merged[name] = sections[name]
        elif stated[name] is None:
            merged[name] = empty
        else:
            merged[name] = {**sections[name], **stated[name]}
    close_plan, review = merged["close_plan"], merged["manager_review"]
    if "steps" in (stated.get("close_plan") or {}):
        steps = _merge_items(
            sections["close_plan"]["steps"], close_plan["steps"] or (), _STEPS, make_id, problems
        )
        close_plan["steps"] = _settled(steps, close_plan["steps"] or (), today, problems)
    if "notes" in (stated.get("manager_review") or {}):
        notes = _merge_items(
            sections["manager_review"]["notes"], review["notes"] or (), _NOTES, make_id, problems
        )
        review["notes"] = _ordered(notes, "dated_on")
    return merged, problems


class _Kind(NamedTuple):
    """Items of a list: where they stand, what an empty one is, what they need, and by which fields
    one without an id is recognised."""

    pointer: str
    empty: dict[str, Any]
    required: tuple[str, ...]
    recognised_by: tuple[str, ...]


_STEPS: Final = _Kind(
    "/close_plan/steps",
    {**dict.fromkeys(_STEP_FIELDS), "is_done": False},
    ("title", "due_on"),
    ("title",),
)
_NOTES: Final = _Kind(
    "/manager_review/notes",
    {**dict.fromkeys(_NOTE_FIELDS), "gaps_and_actions": []},
    ("dated_on", "text"),
    ("dated_on", "text"),
)


def _merge_items(
    stored: Sequence[Mapping[str, Any]],
    stated: Sequence[Mapping[str, Any]],
    kind: _Kind,
    make_id: MakeId,
    problems: list[Problem],
) -> list[dict[str, Any]]:
    """Items of ours keep their ids, also where a client sends them without."""
    named = {item["id"] for item in stated if item.get("id") is not None}
    known = {item["id"]: item for item in stored}
    free = {_mark(item, kind): item["id"] for item in reversed(stored) if item["id"] not in named}
    merged: list[dict[str, Any]] = []
    seen: set[Any] = set()
    for place, item in enumerate(stated):
        id_, mark = item.get("id"), _mark(item, kind)
        if (id_ or mark) in seen:
            problems.append(_seen_before(f"{kind.pointer}/{place}/id", id_, kind))
        seen.add(id_ or mark)
        if id_ is None:
            id_ = free.get(mark) or make_id()
        values = {
            name: kind.empty[name] if value is None else value
            for name, value in item.items()
            if name != "id"
        }
        whole = {"id": id_, **kind.empty, **known.get(id_, {}), **values}
        problems += [
            Problem(f"{kind.pointer}/{place}/{name}", "missing", "is required")
            for name in kind.required
            if whole[name] is None
        ]
        merged.append(whole)
    return merged


def _mark(item: Mapping[str, Any], kind: _Kind) -> tuple[Any, ...]:
    """By which an item without an id is recognised."""
    return tuple(item.get(name) for name in kind.recognised_by)


def _seen_before(pointer: str, id_: str | None, kind: _Kind) -> Problem:
    if id_ is not None:
        return Problem(pointer, "duplicate_id", "is an earlier item's id")
    alike = " and ".join(kind.recognised_by)
    return Problem(
        pointer,
        "ambiguous_item",
        f"is needed: an earlier item without an id has the same {alike}, which is how such items"
        " are told apart",
    )


def _settled(
    steps: Sequence[dict[str, Any]],
    stated: Sequence[Mapping[str, Any]],
    today: str,
    problems: list[Problem],
) -> list[dict[str, Any]]:
    """Steps whose day of completion agrees with whether they are done."""
    for place, (step, said) in enumerate(zip(steps, stated, strict=True)):
        said_done, said_day = said.get("is_done"), said.get("done_on")
        if said_day is not None and said_done is None:
            step["is_done"] = True
        elif said_day is not None and said_done is False:
            problems.append(
                Problem(
                    f"{_STEPS.pointer}/{place}/done_on",
                    "step_not_done",
                    "is the day of a step that is done; this one is said not to be",
                )
            )
        if not step["is_done"]:
            step["done_on"] = None
        elif step["done_on"] is None:
            step["done_on"] = today
    return _ordered(steps, "due_on")


def _ordered(items: Sequence[dict[str, Any]], by: str) -> list[dict[str, Any]]:
    """By date, so that sending items in another order changes nothing."""
    return sorted(items, key=lambda item: (item[by] or "", item["id"]))


def flatten(sections: Sections, elements: Mapping[str, Any]) -> dict[Place, Any]:
    """Every value that says something, by its place, in the order of the plan."""
    return {
        place: value
        for place, value in _values(sections, elements)
        if value is not None and value != []
    }


def _values(sections: Sections, elements: Mapping[str, Any]) -> Iterator[tuple[Place, Any]]:
    for name in OVERVIEW_FIELDS:
        yield Place("overview", None, name), sections["overview"][name]
    for name in ELEMENTS:
        for field in _EVIDENCE_FIELDS:
            # A score of 0 is that of an element nobody wrote about.
            yield Place("meddppicc", name, field), elements.get(name, {}).get(field) or None
    for step in sections["close_plan"]["steps"]:
        for field in _STEP_FIELDS:
            yield Place("close_plan", step["id"], field), step[field]
    for name in _CLOSE_PLAN_TEXTS:
        yield Place("close_plan", None, name), sections["close_plan"][name]
    for note in sections["manager_review"]["notes"]:
        for field in _NOTE_FIELDS:
            yield Place("manager_review", note["id"], field), note[field]


def compare(before: Mapping[Place, Any], after: Mapping[Place, Any]) -> list[Difference]:
    """What differs between two flat plans, value by value."""
    places = list(after) + [place for place in before if place not in after]
    return [
        Difference(place, before.get(place), after.get(place))
        for place in places
        if before.get(place) != after.get(place)
    ]


def is_changed(before: Sections, after: Sections, section: str | None = None) -> bool:
    """Whether a save changes anything, or anything of one section."""
    different = compare(flatten(before, {}), flatten(after, {}))
    return any(section in (None, difference.place.section) for difference in different)


_MEASURED: Final = frozenset({*OVERVIEW_FIELDS, *_CLOSE_PLAN_TEXTS, "evidence", "title", "owner",
                              "text", "gaps_and_actions"})  # fmt: skip


def length(sections: Sections, elements: Mapping[str, Any]) -> int:
    """Characters of everything people wrote, dates and marks not counted."""
    return sum(
        _length(value)
        for place, value in flatten(sections, elements).items()
        if place.field in _MEASURED
    )


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    return sum(len(action["what"]) + len(action["who"] or "") for action in value)
