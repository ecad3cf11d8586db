"""Use case of the team board: how much everybody below a person has to do, how much of it is
overdue, and how many leads were answered in time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from services.kit.auth import Principal
from services.kit.db import ReadSession
from services.qualification.boards import repository
from services.qualification.boards.people import Person, members
from services.qualification.boards.plans import SECTION, count_plans
from services.qualification.boards.repository import Count
from services.qualification.boards.sections_ae import AE
from services.qualification.boards.sections_sdr import SDR
from services.qualification.boards.service import open_board, sdr_builds
from services.qualification.responses.reading import report

_SDR: Final = tuple(name for name in SDR if name != "unassigned")
_AE: Final = (*AE, SECTION)
_ANSWERED: Final = ("met", "missed", "overdue")
_PLACES: Final = Decimal("0.01")

Loads = dict[str, dict[str, int]]


async def team_board(
    session: ReadSession, principal: Principal, reference: str | None, on: date | None
) -> dict[str, Any]:
    """Everybody below a person, and of those who left whoever still holds something, so that the
    total is what the day lists hold. Raises PersonUnknownError, OutOfReachError."""
    board = await open_board(session, principal, reference, on)
    team = await members(session, board.people.ids)
    builds = [*sdr_builds(principal).values(), *AE.values()]
    counts = await repository.count_sections(session, board.look, builds)
    counts += await count_plans(session, board.look)
    answered = await report(
        session,
        principal,
        first_day=None,
        last_day=board.look.day.first_day,
        group_by="sdr",
    )
    by_name = {row["name"]: row for row in answered.groups}
    goal = answered.goal_percent
    busy = {count.user_id for count in counts}
    people = [
        _member(person, counts, by_name.get(person.external_id), goal)
        for person in team
        if person.active or person.id in busy
    ]
    return {
        **board.head(),
        "answered_from": answered.first_day,
        "goal_percent": goal,
        "unassigned": sum(count.count for count in counts if count.section == "unassigned"),
        "people": people,
        "total": _total(people, goal),
    }


def _member(
    person: Person, counts: Sequence[Count], answered: dict[str, Any] | None, goal: int
) -> dict[str, Any]:
    own = [count for count in counts if count.user_id == person.id]
    return {
        "user_external_id": person.external_id,
        "name": person.name,
        "role": person.role,
        "active": person.active,
        "sdr": _loads(_SDR, own),
        "ae": _loads(_AE, own),
        "answered": _answered({name: (answered or {}).get(name, 0) for name in _ANSWERED}, goal),
    }


def _loads(names: Iterable[str], counts: Iterable[Count]) -> Loads:
    loads = {name: {"count": 0, "overdue": 0} for name in names}
    for count in counts:
        if count.section in loads:
            loads[count.section]["count"] += count.count
            loads[count.section]["overdue"] += count.overdue
    return loads


def _answered(counts: dict[str, int], goal: int) -> dict[str, Any]:
    """In time, of all that were judged; what is overdue now is late already."""
    judged = sum(counts.values())
    percent = Decimal(100 * counts["met"]) / judged if judged else None
    return {
        **counts,
        "met_percent": None if percent is None else percent.quantize(_PLACES, ROUND_HALF_UP),
        "is_goal_met": None if percent is None else percent >= goal,
    }


def _total(people: Sequence[dict[str, Any]], goal: int) -> dict[str, Any]:
    """The sum of what the people above have."""
    total: dict[str, Any] = {"sdr": _loads(_SDR, ()), "ae": _loads(_AE, ())}
    for side, loads in total.items():
        for name, load in loads.items():
            for key in load:
                load[key] = sum(person[side][name][key] for person in people)
    counts = {name: sum(person["answered"][name] for person in people) for name in _ANSWERED}
    return {**total, "answered": _answered(counts, goal)}
