"""Resources on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from services.kit.schemas import ExternalId, Flag, Label, RecordId, StrictModel, Text

Address = Annotated[str, Text(2000)]


class ResourceFields(StrictModel):
    """All optional: an absent field is unchanged, null clears it."""

    id: RecordId | None = Field(None, description="Chosen for a new record; never changes.")
    title: Label | None = Field(None, description="The external id by default.")
    use_case: Label | None = Field(None, examples=["ci"])
    kind: Label | None = Field(None, examples=["white_paper", "video", "case_study"])
    url: Address | None = None
    persona: Label | None = Field(None, examples=["technology_leader"])
    buyer_stage: Label | None = None
    active: Flag | None = Field(None, description="True by default; others are not suggested.")


class ResourcePut(ResourceFields):
    """The external id is the path's; repeating it is allowed."""

    external_id: ExternalId | None = None


class ResourceItem(ResourceFields):
    """One resource of a batch."""

    external_id: ExternalId


class Resource(BaseModel):
    """Something to send a lead."""

    id: UUID
    external_id: str
    version: int
    title: str
    use_case: str | None
    kind: str | None
    url: str | None
    persona: str | None
    buyer_stage: str | None
    active: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ResourceFilters:
    """The query parameters of the list."""

    external_id: Annotated[ExternalId | None, Query()] = None
    use_case: Annotated[Label | None, Query(description="In any case of letters.")] = None
    persona: Annotated[Label | None, Query()] = None
    buyer_stage: Annotated[Label | None, Query()] = None
    kind: Annotated[Label | None, Query()] = None
    active: Annotated[bool | None, Query()] = None


class ResourcePage(BaseModel):
    """One page, oldest first."""

    items: list[Resource]
    next_cursor: str | None
