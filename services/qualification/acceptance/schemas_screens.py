"""What screens by budget, authority, need and timeline look like on the wire. No decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.kit.schemas import Note, StrictModel
from services.qualification.acceptance.repository import StoredScreen
from services.qualification.acceptance.screening import POINTS_MAX, TOPICS, open_topics

Answer = Literal["pass", "fail", "unknown"]
Topic = Literal["budget", "authority", "need", "timeline"]


class TopicCreate(StrictModel):
    """What was found out about one topic; `unknown` where it was not asked or not answered."""

    result: Answer = Field(default_factory=lambda: "unknown")
    evidence: Note | None = None


class ScreenCreate(StrictModel):
    """Budget, authority, need and timeline; what is left out is unknown."""

    budget: TopicCreate = Field(default_factory=TopicCreate)
    authority: TopicCreate = Field(default_factory=TopicCreate)
    need: TopicCreate = Field(default_factory=TopicCreate)
    timeline: TopicCreate = Field(default_factory=TopicCreate)

    def answers(self) -> dict[str, Any]:
        return {name: getattr(self, name).model_dump() for name in TOPICS}


class TopicAnswer(BaseModel):
    result: Answer
    evidence: str | None


class Screen(BaseModel):
    """Advice for whoever works the lead: it decides nothing. `score` counts the topics that pass,
    `open` names those nobody knows about yet."""

    id: UUID
    lead_id: UUID
    lead_version: int
    budget: TopicAnswer
    authority: TopicAnswer
    need: TopicAnswer
    timeline: TopicAnswer
    score: int
    score_max: int
    open: list[Topic]
    screened_at: datetime
    screened_by: str


class ScreenPage(BaseModel):
    """One page, oldest screen first."""

    items: list[Screen]
    next_cursor: str | None


def screen_json(made: StoredScreen) -> dict[str, Any]:
    """A stored screen as its answer."""
    return {
        "id": made.id,
        "lead_id": made.lead_id,
        "lead_version": made.lead_version,
        **{name: made.answers[name] for name in TOPICS},
        "score": made.score,
        "score_max": POINTS_MAX,
        "open": open_topics(made.answers),
        "screened_at": made.screened_at,
        "screened_by": made.screened_by,
    }
