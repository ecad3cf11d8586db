"""The workspace on the wire."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field


class PolicyInForce(BaseModel):
    """Which policy decides now; `effective_from` null is since ever."""

    name: str
    version: int
    effective_from: datetime | None


class Workspace(BaseModel):
    """The caller's workspace. Currency, fiscal year and time zone are fixed when it is made."""

    id: UUID
    name: str
    slug: str
    currency: str
    fiscal_year_start_month: int = Field(ge=1, le=12)
    timezone: str
    policy: PolicyInForce
    created_at: datetime
