"""Suggested engagement on the wire. No decisions."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from services.qualification.engagement.schemas import KindKey, KindLine
from services.qualification.engagement.service_suggestions import Suggested

_SHOWN_MAX = 50


class Reason(BaseModel):
    code: Literal["point_of_entry_needed", "users_to_grow_from", "route_to_market"]
    message: str


class Suggestion(BaseModel):
    """A kind that suits the territory, for whom, why, and what to ask them."""

    kind: KindKey
    title: str
    serves: list[Literal["entry", "growth"]]
    organisation_count: int
    organisation_external_ids: list[str] = Field(description="At most 50.")
    reasons: list[Reason]
    questions: list[KindLine]
    activity_external_ids: list[str] = Field(
        description="Of this kind and territory, planned or running already; at most 50."
    )


class SuggestionList(BaseModel):
    """Those for most organisations first."""

    items: list[Suggestion]
    next_cursor: None


def suggestion_json(suggested: Suggested) -> dict[str, Any]:
    """A suggestion as its answer."""
    found = suggested.suggestion
    return {
        "kind": found.kind.key,
        "title": found.kind.title,
        "serves": found.serves,
        "organisation_count": len(found.organisations),
        "organisation_external_ids": found.organisations[:_SHOWN_MAX],
        "reasons": [reason._asdict() for reason in found.reasons],
        "questions": [line._asdict() for line in found.kind.questions],
        "activity_external_ids": suggested.activities[:_SHOWN_MAX],
    }
