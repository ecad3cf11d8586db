"""Notices on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from services.kit.schemas import Instant, RecordId, StrictModel, refuse

State = Literal["unread", "all"]


class Notice(BaseModel):
    """What somebody is told."""

    id: UUID
    kind: str = Field(examples=["stale_warning", "auto_closed", "renewal_due"])
    user_external_id: str
    subject: str
    message: str
    opportunity_id: UUID | None
    opportunity_external_id: str | None
    account_external_id: str | None
    details: dict[str, Any]
    created_at: datetime
    read_at: datetime | None


class NoticePage(BaseModel):
    """The newest first."""

    items: list[Notice]
    next_cursor: str | None


class NoticesRead(StrictModel):
    """Those named, or everything that came up to an instant; one of the two."""

    ids: list[RecordId] | None = Field(None, min_length=1, max_length=1000)
    up_to: Instant | None = None

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if (self.ids is None) == (self.up_to is None):
            raise refuse("ids_or_up_to", "give either ids or up_to")
        return self


class ReadAnswer(BaseModel):
    """How many had not been read before."""

    read: int
