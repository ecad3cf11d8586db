"""What the change feed answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field


class FeedNotice(BaseModel):
    """What somebody was told; the entry's `subject_id` is the notice's id."""

    kind: str
    user_external_id: str
    subject: str
    message: str
    opportunity_id: UUID | None
    details: dict[str, Any]


class FeedChange(BaseModel):
    """One entry. For `opportunity` it is a version with what changed; for `notice` what somebody
    was told; for every other subject (a reporting line, a policy, a quota, a plan type) it says
    that this record took effect."""

    sequence: int
    subject: str
    subject_id: UUID
    external_id: str | None
    version: int
    kind: str | None
    changes: dict[str, Any] | None
    actor: str | None
    actor_name: str | None
    notice: FeedNotice | None
    reason: str | None
    occurred_at: datetime | None
    recorded_at: datetime
    posted_at: datetime


class FeedPage(BaseModel):
    """Entries in order. `next_after` is what to ask for next, also when there are no entries yet;
    the reader is up to date where it equals `last_sequence`."""

    items: list[FeedChange]
    next_after: int = Field(description="`after` of the next request.")
    last_sequence: int = Field(description="The newest entry there is.")
