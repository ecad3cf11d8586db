"""Payloads and answers of webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from services.kit.outgoing import literal_problem, networks
from services.kit.schemas import Count, Label, RecordId, StrictModel, Text, refuse
from services.kit.settings import get_settings

EventType = Literal[
    "opportunity.created",
    "opportunity.changed",
    "reporting_line.changed",
    "policy.changed",
    "quota.changed",
    "plan_type.changed",
    "notice.created",
    "figures.changed",
]
State = Literal["active", "disabled"]
Url = Annotated[str, Text(2000)]
REPLAY_MAX = 10_000


def _check_url(url: str) -> None:
    problem = literal_problem(url, networks(get_settings().webhook_networks))
    if problem is not None:
        raise refuse("address_refused", problem)


class WebhookCreate(StrictModel):
    """A receiver. It hears of what happens from now on, or from `after` in the change feed."""

    url: Url
    description: Label | None = None
    event_types: list[EventType] = Field(
        default_factory=list, max_length=20, description="Empty: everything."
    )
    after: Count | None = Field(None, description="Begin behind this sequence of the change feed.")

    @model_validator(mode="after")
    def _goes_outside(self) -> Self:
        _check_url(self.url)
        return self


class WebhookUpdate(StrictModel):
    """What is absent stays. `active` takes up where it stopped: nothing in between is lost."""

    url: Url = Field(default_factory=str)
    description: Label | None = None
    event_types: list[EventType] = Field(default_factory=list, max_length=20)
    state: State = Field(default_factory=lambda: "active")

    @model_validator(mode="after")
    def _goes_outside(self) -> Self:
        if "url" in self.model_fields_set:
            _check_url(self.url)
        return self


class Rotation(StrictModel):
    """A new secret; messages are signed with both for a while."""

    overlap_hours: Annotated[int, Field(ge=0, le=720)] = 24


class Replay(StrictModel):
    """What to send again: the deliveries named, or all that failed, or a stretch of the feed."""

    delivery_ids: list[RecordId] = Field(default_factory=list, max_length=1000)
    failed: bool = False
    from_sequence: Count | None = None
    to_sequence: Count | None = None

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        has_stretch = self.from_sequence is not None or self.to_sequence is not None
        if bool(self.delivery_ids) + self.failed + has_stretch != 1:
            raise refuse(
                "ambiguous_selection",
                "say one of delivery_ids, failed: true, or from_sequence and to_sequence",
            )
        if not has_stretch:
            return self
        first, last = self.from_sequence, self.to_sequence
        if first is None or last is None or not 0 <= last - first < REPLAY_MAX:
            raise refuse(
                "invalid_stretch",
                f"from_sequence and to_sequence must name at most {REPLAY_MAX} entries",
            )
        return self


class Replayed(BaseModel):
    """How many deliveries are due again."""

    deliveries: int


class Webhook(BaseModel):
    """A webhook. Its secret is shown when it is made and when it is rotated, never else."""

    id: UUID
    version: int
    url: str
    description: str | None
    event_types: list[EventType]
    state: State
    reason: str | None = Field(description="Why it is disabled.")
    position: int = Field(description="The sequence up to which the feed was taken.")
    waiting: int = Field(description="Deliveries that wait for another attempt.")
    failures: int = Field(description="Attempts in a row that failed.")
    previous_secret_until: datetime | None
    created_at: datetime
    updated_at: datetime


class WebhookWithSecret(Webhook):
    """With the secret (`whsec_…`) to verify signatures with, by Standard Webhooks."""

    secret: str


class WebhookPage(BaseModel):
    items: list[Webhook]
    next_cursor: str | None


class Attempt(BaseModel):
    """One attempt: a status, or why there was none."""

    at: datetime
    status: int | None
    error: str | None
    milliseconds: int


class Delivery(BaseModel):
    """One message and every attempt to deliver it."""

    id: UUID
    message_id: str
    event_type: str
    sequence: int
    subject_id: UUID | None
    state: Literal["pending", "delivered", "failed"]
    attempts: int
    due_at: datetime
    history: list[Attempt]
    created_at: datetime
    settled_at: datetime | None


class DeliveryPage(BaseModel):
    """Newest first."""

    items: list[Delivery]
    next_cursor: str | None


def webhook_json(row: Any, *, with_secret: bool = False) -> dict[str, Any]:
    """A stored webhook as its answer."""
    shape = WebhookWithSecret if with_secret else Webhook
    return {name: row[name] for name in shape.model_fields}
