"""What signals, scores and fit look like on the wire. No decisions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, field_validator

from services.kit.answers import to_json
from services.kit.schemas import (
    Count,
    ExternalId,
    Label,
    PastInstant,
    StrictModel,
    refuse,
)
from services.qualification.leads.draft import Signal as ToldSignal
from services.qualification.leads.schemas import LeadStatus

_DETAILS_BYTES_MAX = 10_000
_DETAILS_DEPTH_MAX = 20


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


class SignalCreate(StrictModel):
    """Something a lead did. By its `external_id` it is heard once, however often it is told."""

    name: Label = Field(examples=["content_download"])
    external_id: ExternalId | None = None
    occurred_at: PastInstant | None = Field(None, description="Now by default.")
    value: Count | None = Field(
        None, description="What a measure of the product says, such as 7 active users."
    )
    details: dict[str, Any] | None = None

    @field_validator("details")
    @classmethod
    def _check_details(cls, details: dict[str, Any] | None) -> dict[str, Any] | None:
        level: list[Any] = [details]
        for _ in range(_DETAILS_DEPTH_MAX):
            level = [part for whole in level for part in _parts(whole)]
        if any(isinstance(part, dict | list) for part in level):
            raise refuse("too_deep", f"is nested deeper than {_DETAILS_DEPTH_MAX} levels")
        if details is not None and len(to_json(details)) > _DETAILS_BYTES_MAX:
            raise refuse("too_large", f"must be at most {_DETAILS_BYTES_MAX} bytes of JSON")
        return details

    def to_signal(self, now: datetime) -> ToldSignal:
        return ToldSignal(
            self.name, self.occurred_at or now, self.external_id, self.value, self.details
        )


class SignalItem(SignalCreate):
    """One signal of a batch."""

    lead_external_id: ExternalId


class Reason(BaseModel):
    """Something that counted, and for how many points."""

    code: str
    message: str
    points: int


class Signal(BaseModel):
    """What counted for a lead, or against it: a signal it sent, or what the product made of it
    (`silence`, `recycled`, `requalified`). `worth` is what the policy gives, `points` by how much
    the points of behaviour changed, which never go below zero."""

    id: UUID
    lead_id: UUID
    external_id: str | None
    name: str
    worth: int
    points: int
    score_before: int
    score_after: int
    status_before: LeadStatus
    status_after: LeadStatus
    reasons: list[Reason]
    value: int | None
    details: dict[str, Any] | None
    policy_version: int
    occurred_at: datetime
    recorded_at: datetime
    actor: str


class SignalPage(BaseModel):
    """A page of what counted, oldest record first."""

    items: list[Signal]
    next_cursor: str | None


class Kind(BaseModel):
    """What all signals of one name came to."""

    name: str
    count: int
    points: int
    last_occurred_at: datetime


class Score(BaseModel):
    """What a score is made of. `demographic` is read by the policy in force; the points in the
    score are those of the lead's last write."""

    lead_id: UUID
    score: int
    stated_score: int | None
    computed_score: int
    threshold: int
    behaviour_points: int
    behaviour: list[Kind]
    demographic_points: int
    demographic: list[Reason]
    unsubscribed: bool
    last_signal_at: datetime | None
    silent_days: int
    silent_points: int
    status: LeadStatus
    status_reason: str | None
    status_details: str | None
    policy_version: int


class FitDimension(BaseModel):
    """One side of the ideal customer profile. Only a match and a mismatch count."""

    name: str
    result: Literal["match", "mismatch", "unknown", "not_asked"]
    weight: int
    wanted: list[str]
    known: list[str]


class Fit(BaseModel):
    """How well a lead fits; `fit_score` is null where nothing that is asked for is known."""

    lead_id: UUID
    fit_score: int | None
    dimensions: list[FitDimension]
    policy_version: int


class ProfileDimension(BaseModel):
    wanted: list[str]
    weight: int


class Profile(BaseModel):
    """The ideal customer of the policy in force. A dimension without wishes is not asked for."""

    dimensions: dict[str, ProfileDimension]
    policy_name: str
    policy_version: int


def signal_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """A kept signal as its answer."""
    return {name: row[name] for name in Signal.model_fields}
