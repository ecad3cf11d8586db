"""Audits on the wire: what is answered about one."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field


class AuditOut(BaseModel):
    """`equal` is null until the audit is done. Each difference names its table, its row and what
    was expected and found; all are counted, the first thousand are listed."""

    id: UUID
    status: Literal["queued", "running", "done", "failed"]
    equal: bool | None
    sequence: int | None = Field(description="What the ledger had taken in when it was compared.")
    opportunities: int | None = Field(description="How many have been compared.")
    difference_count: int
    differences: list[dict[str, Any]]
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
