"""Command plans on the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from services.kit.schemas import Day, Flag, Label, PastDay, RecordId, Text
from services.qualification.evidence.schemas import (
    Colour,
    Evidence,
    Merged,
    Prose,
    ReadOnly,
    Reason,
    Staleness,
)

STEPS_MAX = 100
NOTES_MAX = 500
ACTIONS_MAX = 50


class OverviewPut(Merged):
    """Six answers, each needed for the overview to be complete."""

    why_now: Prose | None = None
    primary_value_driver: Prose | None = None
    solution: Prose | None = None
    primary_capability: Prose | None = None
    why_us: Prose | None = None
    why_do_anything: Prose | None = None


class StepPut(Merged):
    """One step. With an `id` it changes that step, and what is absent stays; without one it is the
    stored step of the same title, else a new one, which needs `title` and `due_on`."""

    id: RecordId | None = None
    title: Annotated[str, Text(500)] | None = None
    due_on: Day | None = None
    owner: Label | None = Field(None, description="A user's external id, or anybody's name.")
    is_done: Flag | None = None
    done_on: PastDay | None = Field(None, description="Today where a step is done without it.")


class ClosePlanPut(Merged):
    """`steps` is the whole list: a step that is not in it is gone."""

    steps: list[StepPut] | None = Field(None, max_length=STEPS_MAX)
    risks: Prose | None = None
    help_needed: Prose | None = None


class ActionPut(Merged):
    """What is missing or to be done, by whom and until when."""

    what: Annotated[str, Text(2000, lines=True)]
    who: Label | None = None
    due_on: Day | None = None

    def stated(self) -> dict[str, Any]:
        """Whole: actions have no identity of their own."""
        return {"what": self.what, "who": self.who, "due_on": self.due_on}


class NotePut(Merged):
    """A manager's note. With an `id` it changes that note; without one it is the stored note of the
    same day and text, else a new one."""

    id: RecordId | None = None
    dated_on: PastDay | None = None
    text: Prose | None = None
    gaps_and_actions: list[ActionPut] | None = Field(None, max_length=ACTIONS_MAX)


class ManagerReviewPut(Merged):
    """`notes` is the whole list: a note that is not in it is gone."""

    notes: list[NotePut] | None = Field(None, max_length=NOTES_MAX)


class PlanPut(Merged):
    """What is stated of the plan. MEDDPPICC is written on its own path."""

    overview: OverviewPut | None = None
    close_plan: ClosePlanPut | None = None
    manager_review: ManagerReviewPut | None = None
    opportunity_id: ReadOnly = None
    version: ReadOnly = None
    saved_at: ReadOnly = None
    author: ReadOnly = None
    author_name: ReadOnly = None
    meddppicc: ReadOnly = None
    owner_external_id: ReadOnly = None
    is_exempt: ReadOnly = None
    is_complete: ReadOnly = None
    requirements: ReadOnly = None
    staleness: ReadOnly = None
    last_met_at: ReadOnly = None
    characters: ReadOnly = None
    policy_version: ReadOnly = None

    def sections(self) -> dict[str, Any]:
        """The statements as the JSON that is stored."""
        told: dict[str, Any] = _json(self.stated())
        return told


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _json(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_json(each) for each in value]
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


class Overview(BaseModel):
    """Null where nothing is written."""

    why_now: str | None
    primary_value_driver: str | None
    solution: str | None
    primary_capability: str | None
    why_us: str | None
    why_do_anything: str | None


class Step(BaseModel):
    id: UUID
    title: str
    due_on: date
    owner: str | None
    is_done: bool
    done_on: date | None


class ClosePlan(BaseModel):
    """Steps by due date."""

    steps: list[Step]
    risks: str | None
    help_needed: str | None


class Action(BaseModel):
    what: str
    who: str | None
    due_on: date | None


class Note(BaseModel):
    id: UUID
    dated_on: date
    text: str
    gaps_and_actions: list[Action]


class ManagerReview(BaseModel):
    """Notes by date."""

    notes: list[Note]


class Requirement(BaseModel):
    """A section the owner must fill in: by which rules, and what of it is missing."""

    section: str
    rules: list[Reason]
    is_met: bool
    missing: list[str]


class Characters(BaseModel):
    """How long the plan is, all sections together, and how long it may be."""

    used: int
    limit: int


class Place(BaseModel):
    """Where a value stands; `item` is a step's or note's id, or an element's name."""

    section: str
    item: str | None
    field: str


class Sections(BaseModel):
    """The sections that are written here."""

    overview: Overview
    close_plan: ClosePlan
    manager_review: ManagerReview


class CommandPlan(Sections):
    """The command plan of an opportunity. `version` counts saves of the plan and of MEDDPPICC; 0:
    nobody wrote anything yet. `requirements` are those of the stage it is at."""

    opportunity_id: UUID
    version: int
    saved_at: datetime | None
    author: str | None
    author_name: str | None
    meddppicc: Evidence
    owner_external_id: str | None
    is_exempt: bool
    is_complete: bool
    requirements: list[Requirement]
    staleness: Staleness
    last_met_at: datetime | None
    characters: Characters
    policy_version: int


class PlanSave(BaseModel):
    """Who saved a version, when, and what that changed."""

    version: int
    author: str
    author_name: str | None
    saved_at: datetime
    policy_version: int
    changes: list[Place]


class PlanSavePage(BaseModel):
    """Versions, newest first."""

    items: list[PlanSave]
    next_cursor: str | None


class ElementThen(BaseModel):
    """An element as it was."""

    score: int
    evidence: str | None
    contact_external_id: str | None
    author: str | None
    changed_at: datetime | None


class EvidenceThen(BaseModel):
    """MEDDPPICC as it was, coloured by the policy of then."""

    version: int
    elements: dict[str, ElementThen]
    total: int
    total_max: int
    percent: int
    colour: Colour


class PlanVersion(Sections):
    """The whole plan as one save left it."""

    version: int
    author: str | None
    author_name: str | None
    saved_at: datetime | None
    policy_version: int | None
    changes: list[Place]
    meddppicc: EvidenceThen


class Difference(Place):
    """One value in both versions; null is: not there. `label` is the step's title or the note's
    day."""

    label: str | None
    before: Any
    after: Any


class Comparison(BaseModel):
    """Value by value, in the order of the plan."""

    opportunity_id: UUID
    from_: int = Field(alias="from")
    to: int
    changes: list[Difference]


class PlanStanding(BaseModel):
    """How the plan of one open opportunity stands."""

    opportunity_id: UUID
    opportunity_external_id: str | None
    name: str
    account_name: str | None
    owner_external_id: str | None
    stage: str
    stage_number: int
    segment: str
    amount: str | None
    net_arr: str
    currency: str
    version: int
    saved_at: datetime | None
    percent: int
    colour: Colour
    gaps: list[str]
    required_sections: list[str]
    missing: list[str]
    is_complete: bool
    is_exempt: bool
    is_stale: bool
    stale_since: datetime | None
    stale_reasons: list[str]


class PlanStandingPage(BaseModel):
    """One page, oldest opportunity first."""

    items: list[PlanStanding]
    next_cursor: str | None
