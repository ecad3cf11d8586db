"""Measurements of use on the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, model_validator

from services.kit.schemas import Count, ExternalId, Label, PastDay, StrictModel, Text, refuse

FEATURES_MAX = 100
Feature = Annotated[str, Text(60)]


def _few(value: dict[str, int]) -> dict[str, int]:
    if len(value) > FEATURES_MAX:
        raise refuse("too_many_features", f"has {len(value)} features; at most {FEATURES_MAX}")
    return value


class ReadingPost(StrictModel):
    """What was measured on a day; at least one of users, seats and features."""

    measured_on: PastDay | None = Field(None, description="Today by default.")
    active_users: Count | None = None
    seats_used: Count | None = None
    features: Annotated[dict[Feature, Count], AfterValidator(_few)] | None = Field(
        None, description="How much each is used, by name.", examples=[{"code_review": 34}]
    )
    tier: Label | None = Field(None, description="The tier the product reports.")

    @model_validator(mode="after")
    def _measures(self) -> Self:
        if self.active_users is None and self.seats_used is None and self.features is None:
            raise refuse("nothing_measured", "needs active_users, seats_used or features")
        return self


class ReadingItem(ReadingPost):
    """One measurement of a batch."""

    subscription_external_id: ExternalId


class Reading(BaseModel):
    """A measurement as it is kept."""

    id: UUID
    subscription_id: UUID
    measured_on: date
    active_users: int | None
    seats_used: int | None
    features: dict[str, int]
    tier: str | None
    recorded_at: datetime


class ReadingPage(BaseModel):
    """The newest first."""

    items: list[Reading]
    next_cursor: str | None
