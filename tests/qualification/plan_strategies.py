"""Statements about command plans, as clients may send them, for properties."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from services.qualification.plans.sections import OVERVIEW_FIELDS, Sections, merge

TODAY = "2026-06-17"


def ids() -> Callable[[], str]:
    numbers = count(1)
    return lambda: str(UUID(int=next(numbers)))


def merged(sections: Sections, stated: dict[str, Any], make_id: Any = None) -> Sections:
    result, problems = merge(sections, stated, today=TODAY, make_id=make_id or ids())
    assert problems == []
    return result


texts = st.one_of(st.none(), st.sampled_from(["a", "b", "c d"]))
days = st.sampled_from(["2026-06-01", "2026-07-01", "2026-08-01"])
some_ids = st.sampled_from([str(UUID(int=n)) for n in range(1000, 1004)])
step_items = st.fixed_dictionaries(
    {"title": st.sampled_from(["review", "sign", "pilot"]), "due_on": days},
    optional={"id": some_ids, "owner": texts, "is_done": st.one_of(st.none(), st.booleans())},
)
note_items = st.fixed_dictionaries(
    {"dated_on": days, "text": st.sampled_from(["thin", "good"])},
    optional={
        "id": some_ids,
        "gaps_and_actions": st.lists(
            st.fixed_dictionaries({"what": st.just("call"), "who": texts, "due_on": days}),
            max_size=2,
        ),
    },
)


def unique(items: list[dict[str, Any]]) -> bool:
    """What tells them apart: their ids, or the texts of those without."""
    marks = [
        item.get("id") or item.get("title") or (item["dated_on"], item["text"]) for item in items
    ]
    return len(marks) == len(set(marks))


statements = st.fixed_dictionaries(
    {},
    optional={
        "overview": st.one_of(st.none(), st.dictionaries(st.sampled_from(OVERVIEW_FIELDS), texts)),
        "close_plan": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {},
                optional={
                    "steps": st.one_of(st.none(), st.lists(step_items, max_size=4).filter(unique)),
                    "risks": texts,
                    "help_needed": texts,
                },
            ),
        ),
        "manager_review": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {},
                optional={
                    "notes": st.one_of(st.none(), st.lists(note_items, max_size=3).filter(unique))
                },
            ),
        ),
    },
)
