"""Preparations and reviews of meetings on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.kit.schemas import ExternalId, Label, Note, PastInstant, StrictModel, Text
from services.qualification.meetings.readiness import RESEARCHED_MAX

Link = Annotated[str, Text(2000)]
Line = Annotated[str, Text(500)]
Lines = Annotated[list[Line], Field(max_length=50)]
Check = Literal["customer_or_prospect", "past_contact", "site", "deck", "profile"]
PersonaKind = Literal["obstacle", "objection", "initiative", "metric"]
Phase = Literal["before", "after"]


class Tick(StrictModel):
    """What was found, and where."""

    note: Note | None = None
    link: Link | None = None


class ChecksPut(StrictModel):
    """Checks of the research; null takes the tick away."""

    customer_or_prospect: Tick | None = None
    past_contact: Tick | None = None
    site: Tick | None = None
    deck: Tick | None = None
    profile: Tick | None = None


class Researched(StrictModel):
    """Something of a persona that was looked into for this buyer."""

    persona: Label
    kind: PersonaKind
    text: Line
    note: Note | None = None


class CallPlanPut(StrictModel):
    """The persona-based call plan. `gaps` are those of the meeting's own, besides MEDDPPICC's."""

    gaps: Lines | None = None
    objectives: Lines | None = None
    researched: Annotated[list[Researched], Field(max_length=RESEARCHED_MAX)] | None = None


class AgendaItem(StrictModel):
    """One thing to talk about, with what carries it."""

    topic: Line
    question_ids: Annotated[list[ExternalId], Field(max_length=20)] = []
    statement: Note | None = None
    case_study: Line | None = None


class AgendaPut(StrictModel):
    items: Annotated[list[AgendaItem], Field(max_length=50)] | None = None
    objectives: Lines | None = None


class PreparationPut(StrictModel):
    """What was prepared: absent is unchanged, null clears. A list is the whole list."""

    checks: ChecksPut | None = None
    pre_call_questions: Lines | None = None
    call_plan: CallPlanPut | None = None
    agenda: AgendaPut | None = None


class AgendaSent(StrictModel):
    """The agenda went out; now, unless said otherwise."""

    sent_at: PastInstant | None = None
    to: Annotated[list[Label], Field(min_length=1, max_length=100)]


class ReviewPost(StrictModel):
    """A colleague's input; by default before the meeting, which is a call prep."""

    reviewer: ExternalId = Field(description="One of our own people, by external id.")
    phase: Phase | None = Field(None, description="Before, until the meeting was held.")
    input: Note | None = None
    critiques: Annotated[list[Note], Field(max_length=50)] = []


class CheckOut(BaseModel):
    """One check: answered from records, ticked by somebody, or open."""

    key: Check
    is_done: bool
    source: Literal["records", "person"] | None
    answer: str | None
    facts: dict[str, Any] | None
    note: str | None
    link: str | None
    checked_at: datetime | None
    checked_by: str | None


class Candidate(BaseModel):
    persona: str
    matched: str


class BuyerOut(BaseModel):
    """Somebody one will meet, and the persona that fits."""

    name: str | None
    title: str | None
    buying_role: str | None
    persona: str | None
    source: Literal["contact", "attendee", "lead", "title", "none"]
    reason: str
    candidates: list[Candidate]
    obstacles: list[str]
    objections: list[str]
    initiatives: list[str]
    metrics: list[str]


class StageOut(BaseModel):
    key: str
    name: str
    buyer_actions: list[str]
    selling_activities: list[str]


class QuestionOut(BaseModel):
    question_id: str
    text: str
    element: str
    reason: str


class GapOut(BaseModel):
    element: str
    score: int
    is_required: bool
    required_from: int | None


class ResearchedOut(BaseModel):
    persona: str
    kind: PersonaKind
    text: str
    note: str | None


class CallPlanOut(BaseModel):
    meddppicc_gaps: list[GapOut]
    gaps: list[str]
    objectives: list[str]
    researched: list[ResearchedOut]


class AgendaItemOut(BaseModel):
    topic: str
    question_ids: list[str]
    statement: str | None
    case_study: str | None


class Sending(BaseModel):
    sent_at: datetime
    to: list[str]


class AgendaOut(BaseModel):
    items: list[AgendaItemOut]
    objectives: list[str]
    sendings: list[Sending]
    sent_ahead_hours: str | None
    asked_ahead_hours: int
    is_in_time: bool | None


class Review(BaseModel):
    """A colleague's input to a meeting."""

    id: UUID
    meeting_id: UUID
    phase: Phase
    subject: str
    reviewer: str
    input: str | None
    critiques: list[str]
    recorded_at: datetime
    actor: str


class ReviewPage(BaseModel):
    items: list[Review]
    next_cursor: str | None


class MissingOut(BaseModel):
    key: str
    message: str


class Preparation(BaseModel):
    """A preparation: what records answer now, what people put down, and what is missing."""

    meeting_id: UUID
    version: int
    research: list[CheckOut]
    buyers: list[BuyerOut]
    buyer_stage: StageOut | None
    pre_call_questions: list[str]
    suggested_questions: list[QuestionOut]
    call_plan: CallPlanOut
    agenda: AgendaOut
    reviews: list[Review]
    readiness_percent: int
    missing: list[MissingOut]
    warnings: list[MissingOut]
    policy_version: int
