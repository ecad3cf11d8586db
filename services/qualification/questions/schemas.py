"""The catalogues on the wire. Reading and checking of single fields; no decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field, Strict

from services.kit.schemas import ExternalId, Flag, Label, Note, StrictModel
from services.qualification.questions.domain import BuyerStage as StoredStage
from services.qualification.questions.domain import Choice
from services.qualification.questions.domain import Persona as StoredPersona
from services.qualification.questions.domain import Question as StoredQuestion

Element = Literal[
    "metrics",
    "economic_buyer",
    "decision_criteria",
    "decision_process",
    "paper_process",
    "identify_pain",
    "champion",
    "competition",
    "partner",
]
Origin = Literal["shipped", "changed", "team"]
Key = Annotated[str, Strict(), Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
"""How an entry of a catalogue is named, such as `security_leader`."""
Texts = Annotated[list[Label], Field(max_length=50)]
Keys = Annotated[list[Key], Field(max_length=50)]
Position = Annotated[int, Strict(), Field(ge=1, le=1000)]


class QuestionPut(StrictModel):
    """Absent is unchanged; null is as shipped, or empty for a question of the team's own."""

    text: Note | None = None
    element: Element | None = None
    personas: Keys | None = Field(None, description="Empty: a question for everybody.")
    use_cases: Texts | None = None
    buyer_stages: Keys | None = None
    active: Flag | None = Field(None, description="False retires the question.")


class QuestionItem(QuestionPut):
    """One question of a batch."""

    external_id: ExternalId


class PersonaPut(StrictModel):
    """Absent is unchanged; null is as shipped. A list replaces the shipped one."""

    name: Label | None = None
    description: Note | None = None
    obstacles: Texts | None = None
    objections: Texts | None = None
    initiatives: Texts | None = None
    metrics: Texts | None = None
    titles: Texts | None = Field(None, description="Words of a job title that suggest it.")
    active: Flag | None = Field(None, description="False retires the persona.")


class BuyerStagePut(StrictModel):
    """Absent is unchanged; null is as shipped. A list replaces the shipped one."""

    name: Label | None = None
    position: Position | None = None
    buyer_actions: Texts | None = None
    selling_activities: Texts | None = None
    active: Flag | None = Field(None, description="False retires the stage.")


class Question(BaseModel):
    """A discovery question. Where an opportunity was named, `reason` says why it comes here."""

    external_id: str
    version: int
    text: str
    element: Element
    personas: list[str]
    use_cases: list[str]
    buyer_stages: list[str]
    origin: Origin
    score: int | None
    is_required: bool | None
    is_answered: bool | None
    reason: str | None


class QuestionPage(BaseModel):
    items: list[Question]
    next_cursor: str | None


class Persona(BaseModel):
    """A buyer persona."""

    key: str
    version: int
    name: str
    description: str | None
    obstacles: list[str]
    objections: list[str]
    initiatives: list[str]
    metrics: list[str]
    titles: list[str]
    origin: Origin


class PersonaList(BaseModel):
    items: list[Persona]
    next_cursor: None


class BuyerStage(BaseModel):
    """A stage of the buyer's process."""

    key: str
    version: int
    name: str
    position: int
    buyer_actions: list[str]
    selling_activities: list[str]
    origin: Origin


class BuyerProcess(BaseModel):
    items: list[BuyerStage]
    next_cursor: None


class Candidate(BaseModel):
    persona: str
    matched: str


class PersonaSuggestion(BaseModel):
    """Which persona somebody is likely to be, and what says so."""

    title: str | None
    persona: str | None
    source: Literal["contact", "lead", "title", "none"]
    reason: str
    candidates: list[Candidate]


@dataclass(frozen=True, slots=True)
class QuestionFilters:
    """The query parameters of the list."""

    persona: Annotated[str | None, Query(max_length=64)] = None
    element: Annotated[Element | None, Query()] = None
    use_case: Annotated[str | None, Query(max_length=255)] = None
    buyer_stage: Annotated[str | None, Query(max_length=64)] = None
    opportunity_id: Annotated[UUID | None, Query()] = None


def question_json(question: StoredQuestion, choice: Choice | None = None) -> dict[str, Any]:
    """A question as its answer; `choice` where it was chosen for an opportunity."""
    return {
        "external_id": question.external_id,
        "version": question.version,
        "text": question.text,
        "element": question.element,
        "personas": list(question.personas),
        "use_cases": list(question.use_cases),
        "buyer_stages": list(question.buyer_stages),
        "origin": question.origin,
        "score": None if choice is None else choice.gap.score,
        "is_required": None if choice is None else choice.gap.is_required,
        "is_answered": None if choice is None else choice.is_answered,
        "reason": None if choice is None else choice.reason,
    }


def persona_json(persona: StoredPersona) -> dict[str, Any]:
    return {
        "key": persona.key,
        "version": persona.version,
        "name": persona.name,
        "description": persona.description,
        "obstacles": list(persona.obstacles),
        "objections": list(persona.objections),
        "initiatives": list(persona.initiatives),
        "metrics": list(persona.metrics),
        "titles": list(persona.titles),
        "origin": persona.origin,
    }


def stage_json(stage: StoredStage) -> dict[str, Any]:
    return {
        "key": stage.key,
        "version": stage.version,
        "name": stage.name,
        "position": stage.position,
        "buyer_actions": list(stage.buyer_actions),
        "selling_activities": list(stage.selling_activities),
        "origin": stage.origin,
    }
