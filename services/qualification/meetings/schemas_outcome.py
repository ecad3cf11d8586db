"""Outcomes, answers and Moments That Matter on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field, Strict

from services.kit.schemas import Day, ExternalId, Flag, Label, Note, PastInstant, StrictModel
from services.qualification.questions.schemas import Element

Score = Annotated[int, Strict(), Field(ge=0, le=3)]


class MomentPost(StrictModel):
    """An interaction that made a positive difference to somebody."""

    what: Note
    who: Label | None = None
    impact: Note | None = None


class AnswerPost(StrictModel):
    """What somebody answered: to a question of the catalogue, or freely about an element."""

    question_id: ExternalId | None = Field(None, description="A question's external id.")
    answer: Note
    element: Element | None = Field(None, description="The question's own, unless said otherwise.")
    score: Score | None = Field(
        None, description="How well the element is known by it; a score is never lowered."
    )
    contact_external_id: ExternalId | None = Field(None, description="Who said so.")


class OutcomePost(StrictModel):
    """What came of a meeting, told whole: what is left out is not so. Told again with a difference,
    it is the outcome from then on, and what was told before is kept."""

    held_at: PastInstant | None = Field(None, description="When it was planned, by default.")
    no_show: Flag = Field(False, description="Nobody came.")
    notes: Note | None = None
    moments_that_matter: Annotated[list[MomentPost], Field(max_length=50)] = []
    next_step: Label | None = None
    next_step_date: Day | None = None
    answers: Annotated[list[AnswerPost], Field(max_length=200)] = []


class Moment(BaseModel):
    what: str
    who: str | None
    impact: str | None


class Answer(BaseModel):
    """An answer. `carried_to` is the opportunity whose MEDDPPICC it went into."""

    question_id: str | None
    answer: str
    element: Element
    score: int | None
    contact_external_id: str | None
    carried_to: UUID | None


class Warned(BaseModel):
    code: Literal["score_kept", "champion_not_named", "not_carried"]
    pointer: str
    message: str


class Outcome(BaseModel):
    """What came of a meeting, as told last. `readiness_percent` is how well it had been prepared
    when it was told."""

    meeting_id: UUID
    version: int
    state: Literal["held", "no_show"]
    held_at: datetime | None
    rebook_until: date | None
    notes: str | None
    moments_that_matter: list[Moment]
    next_step: str | None
    next_step_date: date | None
    answers: list[Answer]
    warnings: list[Warned]
    readiness_percent: int
    policy_version: int
    recorded_at: datetime
    actor: str


class ToldAnswer(BaseModel):
    question_id: str | None
    answer: str
    element: Element
    score: int | None
    contact_external_id: str | None


class Told(BaseModel):
    """One telling of an outcome."""

    version: int
    state: Literal["held", "no_show"]
    held_at: datetime | None
    notes: str | None
    moments_that_matter: list[Moment]
    next_step: str | None
    next_step_date: date | None
    answers: list[ToldAnswer]
    readiness_percent: int
    policy_version: int
    recorded_at: datetime
    actor: str


class ToldPage(BaseModel):
    """Every telling, the first one first."""

    items: list[Told]
    next_cursor: str | None


class MomentShown(BaseModel):
    """A Moment That Matters and where it happened."""

    id: UUID
    meeting_id: UUID
    meeting_subject: str
    occurred_at: datetime
    what: str
    who: str | None
    impact: str | None
    lead_id: UUID | None
    opportunity_id: UUID | None
    account_external_id: str | None
    owner_external_id: str | None


class MomentPage(BaseModel):
    """Moments in the order of time."""

    items: list[MomentShown]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class MomentFilters:
    """The query parameters of the list of moments. Days are the company's."""

    account_external_id: Annotated[str | None, Query(max_length=255)] = None
    lead_id: Annotated[UUID | None, Query()] = None
    opportunity_id: Annotated[UUID | None, Query()] = None
    from_: Annotated[Day | None, Query(alias="from")] = None
    to: Annotated[Day | None, Query()] = None


def told_json(row: dict[str, Any]) -> dict[str, Any]:
    """One telling as its answer."""
    return {
        "version": row["version"],
        "state": row["state"],
        **row["content"],
        "readiness_percent": row["readiness_percent"],
        "policy_version": row["policy_version"],
        "recorded_at": row["recorded_at"],
        "actor": row["actor"],
    }
