"""Who is below whom, against a model that looks at every line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit import clock
from services.kit.db import Database
from services.kit.ids import new_id
from services.workspace.users.domain import Hierarchy, Line
from services.workspace.users.repository import (
    LINES,
    USERS,
    subtree,
    user_names,
)
from tests.client import Api

START = datetime(2026, 1, 1, tzinfo=UTC)
PEOPLE = 7


class Told(NamedTuple):
    """A line as the model knows it: indices of people, days since START, None where not posted."""

    user: int
    manager: int | None
    day: int
    sequence: int | None


def naive_manager(lines: list[Told], user: int, day: int, sequence: int | None) -> int | None:
    known = [
        line
        for line in lines
        if line.user == user
        and line.day <= day
        and line.sequence is not None
        and (sequence is None or line.sequence <= sequence)
    ]
    latest = max(known, key=lambda line: (line.day, line.sequence), default=None)
    return None if latest is None else latest.manager


def naive_subtree(lines: list[Told], top: int, day: int, sequence: int | None) -> set[int]:
    below = {top}
    while True:
        more = {
            user for user in range(PEOPLE) if naive_manager(lines, user, day, sequence) in below
        } - below
        if not more:
            return below
        below |= more


@st.composite
def histories(draw: st.DrawFn) -> list[Told]:
    told = draw(
        st.lists(
            st.tuples(
                st.integers(0, PEOPLE - 1),
                st.none() | st.integers(0, PEOPLE - 1),
                st.integers(0, 5),
            ),
            max_size=20,
        )
    )
    posted = draw(st.integers(0, len(told)))
    return [
        Told(*line, number + 1 if number < posted else None) for number, line in enumerate(told)
    ]


async def record(database: Database, workspace_id: UUID, lines: list[Told]) -> list[UUID]:
    now = clock.now()
    people = [new_id() for _ in range(PEOPLE)]
    async with database.write(workspace_id) as session:
        await USERS.insert(
            session,
            [
                {
                    "id": id_, "external_id": str(id_), "name": "U", "role": "rep",
                    "plan_type": "net", "active": True, "version": 1, "created_at": now,
                    "updated_at": now,
                }
                for id_ in people
            ],
        )  # fmt: skip
        await LINES.insert(
            session,
            [
                {
                    "id": new_id(), "user_id": people[line.user],
                    "manager_id": None if line.manager is None else people[line.manager],
                    "effective_from": START + timedelta(days=line.day), "recorded_at": now,
                    "recorded_by": "test", "sequence": line.sequence,
                }
                for line in lines
            ],
        )  # fmt: skip
    return people


@settings(max_examples=40)
@given(
    lines=histories(),
    day=st.integers(-1, 6),
    sequence=st.none() | st.integers(0, 20),
)
async def test_subtree_is_what_the_lines_say(
    api: Api, lines: list[Told], day: int, sequence: int | None
) -> None:
    people = await record(api.database(), api.workspace_id, lines)
    at = START + timedelta(days=day)
    async with api.database().read(api.workspace_id) as session:
        for top in range(PEOPLE):
            below = await subtree(session, people[top], at=at, sequence=sequence)
            expected = naive_subtree(lines, top, day, sequence)
            assert below[0] == people[top]
            assert len(below) == len(set(below))
            assert {people.index(user_id) for user_id in below} == expected


async def test_names_are_of_this_workspace_only(api: Api, other_api: Api) -> None:
    people = await record(api.database(), api.workspace_id, [])
    async with api.database().read(api.workspace_id) as session:
        names = await user_names(session, [*people, new_id()])
    assert set(names) == set(people)
    assert names[people[0]].name == "U"
    async with other_api.database().read(other_api.workspace_id) as session:
        assert await user_names(session, people) == {}


def is_circular(lines: list[Line], at: datetime) -> bool:
    hierarchy = Hierarchy(lines)
    for line in lines:
        seen = set()
        user: UUID | None = line.user_id
        while user is not None and user not in seen:
            seen.add(user)
            user = hierarchy.manager_at(user, at)
        if user is not None:
            return True
    return False


@given(
    told=st.lists(
        st.tuples(st.integers(0, 4), st.none() | st.integers(0, 4), st.integers(0, 4)),
        max_size=12,
    )
)
def test_lines_without_a_circle_have_none_at_any_moment(
    told: list[tuple[int, int | None, int]],
) -> None:
    """A line is refused exactly when it makes a circle at some moment."""
    people = [UUID(int=number + 1) for number in range(5)]
    moments = [START + timedelta(days=day) for day in range(6)]
    accepted: list[Line] = []
    for user, manager, day in told:
        line = Line(
            people[user],
            None if manager is None else people[manager],
            START + timedelta(days=day),
        )
        hierarchy = Hierarchy([*accepted, line])
        circle = hierarchy.circle_of(line)
        is_one = any(is_circular([*accepted, line], moment) for moment in moments)
        assert (circle is not None) == is_one
        if circle is None:
            accepted.append(line)
        else:
            assert circle.chain[0] == circle.chain[-1]
            assert is_circular([*accepted, line], circle.since)
        hierarchy.remove(line)
        assert not any(
            hierarchy.manager_at(person, moment) != Hierarchy(accepted).manager_at(person, moment)
            for person in people
            for moment in moments
            if circle is not None
        )
