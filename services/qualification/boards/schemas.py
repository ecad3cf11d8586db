"""What day lists and the team board look like on the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

SdrSection = Literal[
    "responses",
    "touches",
    "fresh",
    "unassigned",
    "woken",
    "nurture",
    "ready",
    "failed_hand_overs",
    "not_accepted",
    "meetings",
]
AeSection = Literal["to_accept", "stale", "leads", "failed_tests", "plans", "to_prepare"]


class Unmet(BaseModel):
    """What is missing, in which part of a test or plan."""

    part: str
    missing: str


class BoardItem(BaseModel):
    """One thing to do: what about, why, and what next. Working minutes are left until it is due,
    or have passed since."""

    user_external_id: str | None
    why: str
    next: str
    is_overdue: bool
    since: datetime | None
    due_at: datetime | None
    due_on: date | None
    minutes_left: int | None
    minutes_overdue: int | None
    hours_waiting: int | None
    kind: str | None
    note: str | None
    unmet: list[Unmet]
    lead_id: UUID | None
    lead_external_id: str | None
    lead_name: str | None
    lead_status: str | None
    lead_score: int | None
    company: str | None
    opportunity_id: UUID | None
    opportunity_external_id: str | None
    opportunity_name: str | None
    opportunity_stage: str | None
    meeting_id: UUID | None


class SdrBoardSection(BaseModel):
    """A section of an SDR's day: how much there is, how much of it overdue, and the first of it."""

    name: SdrSection
    count: int
    overdue: int
    items: list[BoardItem]


class AeBoardSection(BaseModel):
    """A section of a salesperson's day."""

    name: AeSection
    count: int
    overdue: int
    items: list[BoardItem]


class SdrBoard(BaseModel):
    """One day of whoever qualifies leads; `user_external_id` null is the whole company."""

    user_external_id: str | None
    on: date
    as_of: datetime
    policy_version: int
    sections: list[SdrBoardSection]


class AeBoard(BaseModel):
    """One day of whoever sells."""

    user_external_id: str | None
    on: date
    as_of: datetime
    policy_version: int
    sections: list[AeBoardSection]


class Load(BaseModel):
    """How much is in a section, and how much of it is overdue."""

    count: int
    overdue: int


class SdrLoad(BaseModel):
    """Of an SDR's sections."""

    responses: Load
    touches: Load
    fresh: Load
    woken: Load
    nurture: Load
    ready: Load
    failed_hand_overs: Load
    not_accepted: Load
    meetings: Load


class AeLoad(BaseModel):
    """Of a salesperson's sections."""

    to_accept: Load
    stale: Load
    leads: Load
    failed_tests: Load
    plans: Load
    to_prepare: Load


class Answered(BaseModel):
    """How leads were answered that began to wait in the days told: in time, late, and overdue now.
    The percentage is of all three."""

    met: int
    missed: int
    overdue: int
    met_percent: str | None
    is_goal_met: bool | None


class TeamMember(BaseModel):
    """One person's load; who is not active has left, and somebody else should take it."""

    user_external_id: str
    name: str
    role: str
    active: bool
    sdr: SdrLoad
    ae: AeLoad
    answered: Answered


class TeamTotal(BaseModel):
    """All of them together."""

    sdr: SdrLoad
    ae: AeLoad
    answered: Answered


class Team(BaseModel):
    """Everybody below a person, that person included; null is the whole company. `unassigned` are
    leads that were qualified and that nobody holds."""

    user_external_id: str | None
    on: date
    as_of: datetime
    policy_version: int
    answered_from: date
    goal_percent: int
    unassigned: int
    people: list[TeamMember]
    total: TeamTotal


def board_rows(board: dict[str, Any]) -> list[dict[str, Any]]:
    """A row an item, with its section first."""
    return [
        {"section": section["name"], **item}
        for section in board["sections"]
        for item in section["items"]
    ]


def team_rows(team: dict[str, Any]) -> list[dict[str, Any]]:
    """A row a person, and one for all of them."""
    total = {"user_external_id": None, "name": None, "role": None, "active": None, **team["total"]}
    return [
        *({"row": "person", **person} for person in team["people"]),
        {"row": "total", **total},
    ]
