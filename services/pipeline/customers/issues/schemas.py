"""Known issues on the wire."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import AliasChoices, BaseModel, Field

from services.kit.schemas import ExternalId, Label, Note, PastInstant, RecordId, StrictModel


class KnownIssuePut(StrictModel):
    """All optional: an absent field is unchanged, null clears it."""

    id: RecordId | None = Field(None, description="Chosen for a new record; never changes.")
    external_id: ExternalId | None = None
    title: Label | None = Field(None, description="Required for a new issue.")
    problem: Note | None = Field(None, description="Required for a new issue.")
    answer: Note | None = Field(None, description="What helps; null while nobody knows.")


class KnownIssue(BaseModel):
    """A problem that comes up again, and its answer."""

    id: UUID
    external_id: str | None
    version: int
    title: str
    problem: str
    answer: str | None
    occurrences: int
    last_occurred_at: datetime | None
    created_at: datetime
    updated_at: datetime


class KnownIssuePage(BaseModel):
    """The most frequent first."""

    items: list[KnownIssue]
    next_cursor: str | None


class OccurrencePost(StrictModel):
    """The issue came up at an account."""

    account_external_id: ExternalId = Field(
        validation_alias=AliasChoices("account_external_id", "account")
    )
    note: Note | None = None
    occurred_at: PastInstant | None = Field(None, description="Now by default.")


class Occurrence(BaseModel):
    """That it came up. Never changed."""

    id: UUID
    issue_external_id: str
    account_external_id: str
    note: str | None
    actor: str
    occurred_at: datetime
    occurrences: int = Field(description="Of the issue, with this one.")


class AccountIssue(BaseModel):
    """A known issue as it came up at one account."""

    issue_id: UUID
    issue_external_id: str | None
    title: str
    answer: str | None
    occurrences: int = Field(description="At this account.")
    last_occurred_at: datetime
    last_note: str | None


class AccountIssuePage(BaseModel):
    """The most frequent first."""

    items: list[AccountIssue]
    next_cursor: str | None
